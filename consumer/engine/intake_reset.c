/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a partition is read from is not where the group had come to: its offset
 * is gone, or is out of the range of what the topic holds, and
 * auto.offset.reset=earliest has fired. librdkafka does that without a word; here
 * it is found by the first record that comes, and said loudly. Also said:
 * partitions that the topic did not have when the worker joined. One thread.
 */
#include "consumer/engine/intake_inside.h"

static void count(const char *reason)
{
    metric_add(metric_counter("hearback_offsets_reset_total",
                              "Partitions that were not read on from where their group had come "
                              "to, by reason.",
                              "reason", reason),
               1);
}

static void say_gone(const struct intake *intake, const struct partition *partition, int64_t offset)
{
    int64_t low = RD_KAFKA_OFFSET_INVALID;
    int64_t high = RD_KAFKA_OFFSET_INVALID;
    rd_kafka_resp_err_t err = rd_kafka_get_watermark_offsets(
        intake->consumer, partition->topic->name, partition->id, &low, &high);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR || low <= partition->window.next) {
        return; /* offsets that no record has, such as the marks of transactions */
    }
    count("records_gone");
    LOG(LOG_ERROR, "offsets_reset", L_TEXT("reason", "records_gone"),
        L_TEXT("topic", partition->topic->name), L_INT("partition", partition->id),
        L_INT("found", offset), L_INT("expected", partition->window.next),
        L_INT("lost", offset - partition->window.next),
        L_TEXT("do", "these records were deleted before this worker read them: raise the topic's "
                     "retention.ms above the longest time that the worker may be behind, and have "
                     "the vendor send again what it can"));
}

static void say_back(struct intake *intake, struct partition *partition, int64_t offset)
{
    count("began_anew");
    LOG(LOG_ERROR, "offsets_reset", L_TEXT("reason", "began_anew"),
        L_TEXT("topic", partition->topic->name), L_INT("partition", partition->id),
        L_INT("found", offset), L_INT("expected_from", partition->window.next),
        L_TEXT("do",
               "nothing when the topic was made anew or the group was set back: all of it is "
               "read, and what is settled is passed over; else the brokers have lost records: "
               "check replication and min.insync.replicas"));
    intake_begin(intake, partition);
}

void intake_jumped(struct intake *intake, struct partition *partition, int64_t offset)
{
    if (partition->window.next < 0) {
        return; /* the group has no offset; see intake_settled_before */
    }
    if (offset < partition->window.next) {
        say_back(intake, partition, offset);
    } else {
        say_gone(intake, partition, offset);
    }
    partition->window.next = offset; /* said once */
}

void intake_settled_before(const struct partition *partition, int64_t offset)
{
    if (partition->window.next >= 0) {
        return;
    }
    count("expired");
    LOG(LOG_ERROR, "offsets_reset", L_TEXT("reason", "expired"),
        L_TEXT("topic", partition->topic->name), L_INT("partition", partition->id),
        L_INT("found", offset),
        L_TEXT("expected", "the group's offset: records of this partition were settled before"),
        L_TEXT("do",
               "nothing is lost: all of it is read, and what is settled is passed over; raise "
               "the brokers' offsets.retention.minutes above the longest time that the worker "
               "is stopped"));
}

void intake_count_partitions(struct intake *intake)
{
    for (size_t i = 0; i < COUNT_OF(intake->topics); i++) {
        struct intake_topic *topic = &intake->topics[i];
        struct err err = kafka_topic_partitions(intake->consumer, topic->name, INTAKE_METADATA_MS,
                                                &topic->partition_count);
        topic->partition_count = failed(err) ? 0 : topic->partition_count;
    }
}

void intake_check_added(const struct partition *partition)
{
    struct intake_topic *topic = partition->topic;
    if (topic->partition_count == 0 || partition->id < topic->partition_count) {
        return;
    }
    LOG(LOG_WARN, "partitions_added", L_TEXT("topic", topic->name),
        L_INT("found", partition->id + 1), L_INT("expected", topic->partition_count),
        L_TEXT("do", "nothing is lost, but keys have moved to other partitions: until what was "
                     "written before is read, only the leases keep records of one key apart, in "
                     "any order. Add partitions while the lag is zero"));
    topic->partition_count = partition->id + 1;
}
