/* SPDX-License-Identifier: Apache-2.0
 *
 * The changelog's reader: manual assignment, and an end-of-partition event from
 * each partition says that all of it was seen.
 */
#include "consumer/engine/changelog_reader.h"

#include "common/log.h"

#define READER_METADATA_MS 5000

static struct err make_consumer(struct changelog_reader *reader, const struct config_kafka *config)
{
    static const char *const options[] = {"enable.partition.eof",
                                          "true",
                                          "enable.auto.commit",
                                          "false",
                                          "queued.min.messages",
                                          "200000",
                                          "queued.max.messages.kbytes",
                                          "65536",
                                          NULL};
    struct kafka_role role = {.client_id = "hearback-restore", .options = options};
    return kafka_consumer_new(config, "hearback-restore", &role, &reader->rk);
}

static struct err find_partitions(struct changelog_reader *reader)
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
    reader->partitions = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (reader->partitions == 0 || reader->partitions > CHANGELOG_PARTITIONS_MAX) {
        FAIL(ERR_RETRY, 0,
             "the changelog is missing or has over 512 partitions; "
             "see hearback topics --create");
    }
    return NO_ERROR;
}

static struct err assign_all(struct changelog_reader *reader)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(reader->partitions);
    for (int32_t i = 0; i < reader->partitions; i++) {
        rd_kafka_topic_partition_list_add(list, TOPIC_CHANGELOG, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "the changelog cannot be assigned");
    }
    reader->queue = rd_kafka_queue_get_consumer(reader->rk);
    return NO_ERROR;
}

struct err changelog_reader_open(struct changelog_reader *reader, const struct config_kafka *config)
{
    *reader = (struct changelog_reader){0};
    TRY(make_consumer(reader, config));
    TRY(find_partitions(reader));
    return assign_all(reader);
}

static void drop_message(struct changelog_reader *reader)
{
    rd_kafka_message_t *message = TAKE(reader->message);
    if (message != NULL) {
        rd_kafka_message_destroy(message);
    }
}

void changelog_reader_close(struct changelog_reader *reader)
{
    drop_message(reader);
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
    return reader->ended == reader->partitions;
}

static void note_event(struct changelog_reader *reader, const rd_kafka_message_t *message)
{
    if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        LOG(LOG_WARN, "restore_kafka", L_TEXT("found", rd_kafka_err2str(message->err)),
            L_TEXT("expected", "the changelog's records; reading goes on"));
    } else if (!reader->at_end[message->partition]) {
        reader->at_end[message->partition] = true;
        reader->ended++;
    }
}

enum changelog_read changelog_reader_next(struct changelog_reader *reader, struct ledger_line *line)
{
    drop_message(reader);
    rd_kafka_message_t *message = rd_kafka_consume_queue(reader->queue, 0);
    if (message == NULL) {
        return CHANGELOG_NOTHING;
    }
    reader->message = message;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_event(reader, message);
        return CHANGELOG_OTHER;
    }
    span key = span_of(message->key, message->key_len);
    span value = message->payload == NULL ? SPAN_NONE : span_of(message->payload, message->len);
    if (!ledger_line_parse(key, value, line)) {
        LOG(LOG_ERROR, "changelog_unreadable", L_SPAN("found", key),
            L_TEXT("expected", "a key of kind S or H; the record is passed over"));
        return CHANGELOG_OTHER;
    }
    return CHANGELOG_LINE;
}
