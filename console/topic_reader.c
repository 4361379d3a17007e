/* SPDX-License-Identifier: Apache-2.0
 *
 * A topic from one end to the other.
 */
#include "console/topic_reader.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdio.h>

#define ASK_MS 10000

struct err topic_reader_consumer(const struct config_kafka *config, const char *client,
                                 rd_kafka_t **out)
{
    static const char *const options[] = {"enable.partition.eof",
                                          "true",
                                          "enable.auto.commit",
                                          "false",
                                          "queued.max.messages.kbytes",
                                          "65536",
                                          "queued.min.messages",
                                          "100000",
                                          NULL};
    struct kafka_role role = {.client_id = client, .options = options};
    return kafka_consumer_new(config, client, &role, out);
}

static struct err find_partitions(struct topic_reader *reader)
{
    const struct rd_kafka_metadata *metadata = NULL;
    /* All topics: naming one would create it on a careless broker. */
    rd_kafka_resp_err_t code = rd_kafka_metadata(reader->rk, 1, NULL, &metadata, ASK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "Kafka does not answer");
    }
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (strcmp(topic->topic, reader->topic) == 0 && topic->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            reader->partitions = topic->partition_cnt;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    if (reader->partitions == 0) {
        FAIL(ERR_RETRY, (int)RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
             "the topic is missing; `hearback topics --create` makes it");
    }
    if (reader->partitions > TOPIC_READER_PARTITIONS_MAX) {
        FAIL(ERR_RETRY, 0, "the topic has over 4096 partitions");
    }
    return NO_ERROR;
}

/* Where each partition is read from; those without anything to read are left out of the list. */
static struct err find_ends(struct topic_reader *reader, rd_kafka_topic_partition_list_t *starts)
{
    reader->ends = mem_must_array((size_t)reader->partitions, sizeof(int64_t));
    for (int i = starts->cnt - 1; i >= 0; i--) {
        int64_t low = 0;
        int64_t high = 0;
        rd_kafka_topic_partition_t *start = &starts->elems[i];
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            reader->rk, reader->topic, start->partition, &low, &high, ASK_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            FAIL(ERR_RETRY, (int)code, "Kafka does not say where the topic ends");
        }
        reader->ends[start->partition] = high;
        if (start->offset == RD_KAFKA_OFFSET_INVALID) { /* it has no time: from the beginning */
            start->offset = low;
        }
        if (low >= high || start->offset == RD_KAFKA_OFFSET_END || start->offset >= high) {
            reader->ends[start->partition] = -1;
            (void)rd_kafka_topic_partition_list_del_by_idx(starts, i);
        }
    }
    return NO_ERROR;
}

static struct err find_times(struct topic_reader *reader, rd_kafka_topic_partition_list_t *starts,
                             int64_t since_ms)
{
    for (int i = 0; i < starts->cnt; i++) {
        starts->elems[i].offset = since_ms;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(reader->rk, starts, ASK_MS);
    for (int i = 0; i < starts->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = starts->elems[i].err;
        if (starts->elems[i].offset < 0) { /* nothing is that young */
            starts->elems[i].offset = RD_KAFKA_OFFSET_END;
        }
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "Kafka does not say where a time begins in the topic");
    }
    return NO_ERROR;
}

static struct err begin(struct topic_reader *reader, rd_kafka_topic_partition_list_t *starts,
                        int64_t since_ms)
{
    for (int32_t i = 0; i < reader->partitions; i++) {
        (void)rd_kafka_topic_partition_list_add(starts, reader->topic, i);
    }
    if (since_ms > 0) {
        TRY(find_times(reader, starts, since_ms));
    }
    TRY(find_ends(reader, starts));
    reader->open = starts->cnt;
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, starts);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "the topic cannot be assigned");
    }
    return NO_ERROR;
}

struct err topic_reader_open(struct topic_reader *reader, const struct config_kafka *config,
                             const char *topic, int64_t since_ms)
{
    *reader = (struct topic_reader){0};
    (void)snprintf(reader->topic, sizeof(reader->topic), "%s", topic);
    TRY(topic_reader_consumer(config, "hearback-console", &reader->rk));
    reader->queue = rd_kafka_queue_get_consumer(reader->rk);
    TRY(find_partitions(reader));
    rd_kafka_topic_partition_list_t *starts = rd_kafka_topic_partition_list_new(reader->partitions);
    struct err err = begin(reader, starts, since_ms);
    rd_kafka_topic_partition_list_destroy(starts);
    return err;
}

static void drop_message(struct topic_reader *reader)
{
    rd_kafka_message_t *message = TAKE(reader->message);
    if (message != NULL) {
        rd_kafka_message_destroy(message);
    }
}

void topic_reader_close(struct topic_reader *reader)
{
    drop_message(reader);
    if (reader->queue != NULL) {
        rd_kafka_queue_destroy(TAKE(reader->queue));
    }
    if (reader->rk != NULL) {
        (void)rd_kafka_consumer_close(reader->rk);
        rd_kafka_destroy(TAKE(reader->rk));
    }
    mem_free(TAKE(reader->ends));
}

static void end_partition(struct topic_reader *reader, int32_t partition)
{
    if (reader->ends[partition] >= 0) {
        reader->ends[partition] = -1;
        reader->open--;
    }
}

/* Is it a record that was there when the reading began? Notes the ends. */
static bool is_wanted(struct topic_reader *reader, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        end_partition(reader, message->partition);
        return false;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false; /* it goes on, or the patience ends */
    }
    int64_t end = reader->ends[message->partition];
    if (message->offset + 1 >= end) {
        end_partition(reader, message->partition);
    }
    return message->offset < end;
}

struct err topic_reader_next(struct topic_reader *reader, const rd_kafka_message_t **out)
{
    *out = NULL;
    drop_message(reader);
    int64_t until = clock_mono_ms(clock_system()) + TOPIC_READER_PATIENCE_MS;
    while (reader->open > 0) {
        int64_t left = until - clock_mono_ms(clock_system());
        if (left <= 0) {
            FAIL(ERR_RETRY, (int)RD_KAFKA_RESP_ERR__TIMED_OUT,
                 "Kafka stopped answering before all was read");
        }
        reader->message = rd_kafka_consume_queue(reader->queue, (int)left);
        if (reader->message != NULL && is_wanted(reader, reader->message)) {
            *out = reader->message;
            return NO_ERROR;
        }
        drop_message(reader);
    }
    return NO_ERROR;
}
