/* SPDX-License-Identifier: Apache-2.0
 *
 * The changelog's reader: manual assignment, and an end-of-partition event from
 * each partition says that all of it was seen. Messages are kept until the next
 * read, so that a line is not copied on its way to Redis.
 */
#include "consumer/engine/changelog_reader.h"

#include "common/log.h"

#include <stdio.h>

#define READER_METADATA_MS 5000

/* librdkafka 2.0.2 stops fetching for up to a second when its queue is full: one queue of this size
 * a second is the most that a restore can read. */
#define READER_QUEUE_KBYTES   "65536"
#define READER_QUEUE_MESSAGES "200000"

static struct err make_consumer(struct changelog_reader *reader, const struct config_kafka *config)
{
    static const char *const options[] = {"enable.partition.eof",
                                          "true",
                                          "enable.auto.commit",
                                          "false",
                                          "queued.min.messages",
                                          READER_QUEUE_MESSAGES,
                                          "queued.max.messages.kbytes",
                                          READER_QUEUE_KBYTES,
                                          NULL};
    struct kafka_role role = {.client_id = "hearback-restore", .options = options};
    return kafka_consumer_new(config, "hearback-restore", &role, &reader->rk);
}

static struct err find_partitions(struct changelog_reader *reader, int32_t *count)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reader->rk, TOPIC_CHANGELOG, NULL);
    if (topic == NULL) {
        FAIL(ERR_RETRY, 0, "no handle for the changelog");
    }
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(reader->rk, 0, topic, &metadata, READER_METADATA_MS);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "Kafka does not say what partitions the changelog has");
    }
    *count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (*count == 0 || *count > CHANGELOG_PARTITIONS_MAX) {
        FAIL(ERR_RETRY, 0,
             "the changelog is missing or has over 512 partitions; "
             "see hearback topics --create");
    }
    return NO_ERROR;
}

static rd_kafka_topic_partition_list_t *list_of(const struct changelog_place *place)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(place->partitions);
    for (int32_t i = 0; i < place->partitions; i++) {
        rd_kafka_topic_partition_list_add(list, TOPIC_CHANGELOG, i)->offset = place->next[i];
    }
    return list;
}

static struct changelog_place everywhere(int32_t partitions, int64_t offset)
{
    struct changelog_place place = {.partitions = partitions};
    for (int32_t i = 0; i < partitions; i++) {
        place.next[i] = offset;
    }
    return place;
}

/* All partitions' first or next offset at once: the protocol's question for the offset of a time
 * takes the two special values in the time's place. */
static struct err ask_offsets(const struct changelog_reader *reader, struct changelog_place *place)
{
    rd_kafka_topic_partition_list_t *list = list_of(place);
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(reader->rk, list, READER_METADATA_MS);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = list->elems[i].err;
        place->next[list->elems[i].partition] = list->elems[i].offset;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[i].offset < 0) {
            code = RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE;
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "Kafka does not say where the changelog begins and ends");
    }
    return NO_ERROR;
}

static void learn_cluster(struct changelog_reader *reader)
{
    char *id = rd_kafka_clusterid(reader->rk, READER_METADATA_MS);
    (void)snprintf(reader->cluster, sizeof(reader->cluster), "%s", id == NULL ? "" : id);
    if (id != NULL) {
        rd_kafka_mem_free(reader->rk, id);
    }
}

struct err changelog_reader_open(struct changelog_reader *reader, const struct config_kafka *config)
{
    int32_t partitions = 0;
    *reader = (struct changelog_reader){0};
    TRY(make_consumer(reader, config));
    TRY(find_partitions(reader, &partitions));
    learn_cluster(reader);
    reader->begins = everywhere(partitions, RD_KAFKA_OFFSET_BEGINNING);
    reader->ends = everywhere(partitions, RD_KAFKA_OFFSET_END);
    TRY(ask_offsets(reader, &reader->begins));
    return ask_offsets(reader, &reader->ends);
}

struct err changelog_reader_start(struct changelog_reader *reader,
                                  const struct changelog_place *from)
{
    CHECK(from == NULL || from->partitions == reader->begins.partitions);
    reader->read = from == NULL ? reader->begins : *from;
    rd_kafka_topic_partition_list_t *list = list_of(&reader->read);
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "the changelog cannot be assigned");
    }
    reader->queue = rd_kafka_queue_get_consumer(reader->rk);
    return NO_ERROR;
}

static void drop_messages(struct changelog_reader *reader)
{
    for (size_t i = 0; i < reader->message_count; i++) {
        rd_kafka_message_destroy(reader->messages[i]);
    }
    reader->message_count = 0;
}

void changelog_reader_close(struct changelog_reader *reader)
{
    drop_messages(reader);
    if (reader->queue != NULL) {
        rd_kafka_queue_destroy(TAKE(reader->queue));
    }
    if (reader->rk != NULL) {
        (void)rd_kafka_consumer_close(reader->rk);
        rd_kafka_destroy(TAKE(reader->rk));
    }
}

bool changelog_reader_at_end(const struct changelog_reader *reader)
{
    return reader->ended == reader->begins.partitions;
}

static void note_event(struct changelog_reader *reader, const rd_kafka_message_t *message)
{
    if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        LOG(LOG_WARN, "restore_kafka", L_TEXT("found", rd_kafka_err2str(message->err)),
            L_TEXT("expected", "the changelog's records; reading goes on"));
        return;
    }
    reader->read.next[message->partition] = message->offset;
    if (!reader->at_end[message->partition]) {
        reader->at_end[message->partition] = true;
        reader->ended++;
    }
}

/* False when the message is no line. */
static bool take(struct changelog_reader *reader, const rd_kafka_message_t *message,
                 struct ledger_line *line)
{
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_event(reader, message);
        return false;
    }
    reader->read.next[message->partition] = message->offset + 1;
    span key = span_of(message->key, message->key_len);
    span value = message->payload == NULL ? SPAN_NONE : span_of(message->payload, message->len);
    if (!ledger_line_parse(key, value, line)) {
        LOG(LOG_ERROR, "changelog_unreadable", L_INT("partition", message->partition),
            L_INT("offset", message->offset),
            L_TEXT("expected", "a key of kind S, H or Z; the record is passed over"));
        return false;
    }
    return true;
}

bool changelog_reader_next(struct changelog_reader *reader, struct ledger_line *lines,
                           size_t *count)
{
    *count = 0;
    drop_messages(reader);
    ssize_t taken =
        rd_kafka_consume_batch_queue(reader->queue, 0, reader->messages, CHANGELOG_READ_MAX);
    reader->message_count = taken < 0 ? 0 : (size_t)taken;
    for (size_t i = 0; i < reader->message_count; i++) {
        *count += take(reader, reader->messages[i], &lines[*count]) ? 1 : 0;
    }
    return reader->message_count > 0;
}
