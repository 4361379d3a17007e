/* SPDX-License-Identifier: Apache-2.0
 *
 * Records by their place.
 */
#include "console/finder.h"

#include "common/clock.h"
#include "console/topic_reader.h"

#define ASK_MS  10000
#define READ_ON 1000 /* offsets that are read over rather than sought */

struct err finder_open(struct finder *finder, const struct config_kafka *config)
{
    *finder = (struct finder){0};
    TRY(topic_reader_consumer(config, "hearback-console", &finder->rk));
    finder->queue = rd_kafka_queue_get_consumer(finder->rk);
    return NO_ERROR;
}

static void drop_message(struct finder *finder)
{
    rd_kafka_message_t *message = TAKE(finder->message);
    if (message != NULL) {
        rd_kafka_message_destroy(message);
    }
}

void finder_close(struct finder *finder)
{
    drop_message(finder);
    if (finder->queue != NULL) {
        rd_kafka_queue_destroy(TAKE(finder->queue));
    }
    if (finder->rk != NULL) {
        (void)rd_kafka_consumer_close(finder->rk);
        rd_kafka_destroy(TAKE(finder->rk));
    }
}

static bool is_here(const struct finder *finder, const struct letter_place *place)
{
    return finder->topic[0] != 0 && span_is(place->topic, finder->topic) &&
           finder->partition == place->partition;
}

static struct err assign(struct finder *finder, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, finder->topic, finder->partition)->offset = offset;
    rd_kafka_resp_err_t code = rd_kafka_assign(finder->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    drop_message(finder);
    finder->next = offset;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        finder->topic[0] = 0;
        FAIL(ERR_RETRY, (int)code, "a partition cannot be assigned");
    }
    return NO_ERROR;
}

/* Nothing is assigned yet: what offsets are there? */
static struct err ask_offsets(struct finder *finder, const struct letter_place *place)
{
    span_to_text(place->topic, finder->topic, sizeof(finder->topic));
    finder->partition = place->partition;
    finder->low = 0;
    finder->high = 0;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        finder->rk, finder->topic, finder->partition, &finder->low, &finder->high, ASK_MS);
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        finder->high = 0;
    } else if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        finder->topic[0] = 0;
        FAIL(ERR_RETRY, (int)code, "Kafka does not say what a partition holds");
    }
    finder->next = -1; /* not assigned */
    return NO_ERROR;
}

/* Reads until the offset, or what comes behind it, is in finder->message; none at the end. */
static struct err read_to(struct finder *finder, int64_t offset)
{
    int64_t until = clock_mono_ms(clock_system()) + TOPIC_READER_PATIENCE_MS;
    while (finder->message == NULL || finder->message->offset < offset) {
        int64_t left = until - clock_mono_ms(clock_system());
        drop_message(finder);
        if (left <= 0) {
            finder->topic[0] = 0;
            FAIL(ERR_RETRY, (int)RD_KAFKA_RESP_ERR__TIMED_OUT, "Kafka stopped answering");
        }
        finder->message = rd_kafka_consume_queue(finder->queue, (int)left);
        const rd_kafka_message_t *message = finder->message;
        if (message == NULL) {
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            drop_message(finder);
            finder->next = -1;
            return NO_ERROR;
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            drop_message(finder);
            continue;
        }
        until = clock_mono_ms(clock_system()) + TOPIC_READER_PATIENCE_MS;
        finder->next = message->offset + 1;
    }
    return NO_ERROR;
}

struct err finder_get(struct finder *finder, const struct letter_place *place,
                      const rd_kafka_message_t **out)
{
    *out = NULL;
    if (!is_here(finder, place)) {
        drop_message(finder);
        TRY(ask_offsets(finder, place));
    }
    if (place->offset < finder->low || place->offset >= finder->high) {
        return NO_ERROR;
    }
    bool held = finder->message != NULL && finder->message->offset == place->offset;
    bool ahead = finder->next >= 0 && finder->next <= place->offset &&
                 place->offset - finder->next <= READ_ON;
    if (!held && !ahead) {
        TRY(assign(finder, place->offset));
    }
    TRY(read_to(finder, place->offset));
    if (finder->message != NULL && finder->message->offset == place->offset) {
        *out = finder->message;
    }
    return NO_ERROR;
}
