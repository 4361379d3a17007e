/* SPDX-License-Identifier: Apache-2.0
 *
 * Manual assignment of one partition at one offset, until its record, another
 * one behind it, or the partition's end comes in. An answer that does not come
 * is asked for anew.
 */
#include "consumer/engine/record_fetch.h"

#include "common/log.h"
#include "common/mem.h"

#define FETCH_PATIENCE_MS 30000

struct record_fetch {
    const struct config_kafka *config;
    const struct clock *clock;
    rd_kafka_t *rk; /* NULL: not needed so far */
    rd_kafka_queue_t *queue;
    bool busy;
    char topic[256];
    int32_t partition;
    int64_t offset;
    int64_t asked_ms;
};

struct record_fetch *record_fetch_new(const struct config_kafka *config, const struct clock *clock)
{
    struct record_fetch *fetch = mem_must_alloc(sizeof(*fetch));
    fetch->config = config;
    fetch->clock = clock;
    return fetch;
}

void record_fetch_free(struct record_fetch **at)
{
    struct record_fetch *fetch = TAKE(*at);
    if (fetch == NULL) {
        return;
    }
    if (fetch->rk != NULL) {
        rd_kafka_queue_destroy(fetch->queue);
        (void)rd_kafka_consumer_close(fetch->rk);
        rd_kafka_destroy(fetch->rk);
    }
    mem_free(fetch);
}

bool record_fetch_busy(const struct record_fetch *fetch)
{
    return fetch->busy;
}

static struct err make_consumer(struct record_fetch *fetch)
{
    /* One record is wanted, so nothing is to be read far ahead. */
    static const char *const options[] = {"enable.partition.eof",
                                          "true",
                                          "enable.auto.commit",
                                          "false",
                                          "auto.offset.reset",
                                          "error",
                                          "queued.max.messages.kbytes",
                                          "4096",
                                          "queued.min.messages",
                                          "1",
                                          NULL};
    struct kafka_role role = {.client_id = "hearback-fetch", .options = options};
    if (fetch->rk == NULL) {
        TRY(kafka_consumer_new(fetch->config, "hearback-fetch", &role, &fetch->rk));
        fetch->queue = rd_kafka_queue_get_consumer(fetch->rk);
    }
    return NO_ERROR;
}

static struct err assign(struct record_fetch *fetch)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, fetch->topic, fetch->partition)->offset = fetch->offset;
    rd_kafka_resp_err_t code = rd_kafka_assign(fetch->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    fetch->asked_ms = clock_mono_ms(fetch->clock);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "a record's partition cannot be assigned");
    }
    return NO_ERROR;
}

struct err record_fetch_start(struct record_fetch *fetch, const struct origin *place)
{
    CHECK(!fetch->busy && place->topic.len < sizeof(fetch->topic));
    TRY(make_consumer(fetch));
    span_to_text(place->topic, fetch->topic, sizeof(fetch->topic));
    fetch->partition = place->partition;
    fetch->offset = place->offset;
    TRY(assign(fetch));
    fetch->busy = true;
    return NO_ERROR;
}

static enum fetched end(struct record_fetch *fetch, enum fetched how)
{
    (void)rd_kafka_assign(fetch->rk, NULL);
    fetch->busy = false;
    return how;
}

/* What is left of an earlier assignment, or of another place, is none of ours. */
static bool is_ours(const struct record_fetch *fetch, const rd_kafka_message_t *m)
{
    return m->partition == fetch->partition && m->rkt != NULL &&
           strcmp(rd_kafka_topic_name(m->rkt), fetch->topic) == 0;
}

enum fetched record_fetch_turn(struct record_fetch *fetch, rd_kafka_message_t **out)
{
    if (!fetch->busy) {
        return FETCHED_NOTHING;
    }
    rd_kafka_message_t *m = rd_kafka_consume_queue(fetch->queue, 0);
    if (m == NULL) {
        bool late = clock_mono_ms(fetch->clock) - fetch->asked_ms >= FETCH_PATIENCE_MS;
        if (late && failed(assign(fetch))) {
            LOG(LOG_WARN, "fetch_failed", L_TEXT("topic", fetch->topic),
                L_INT("partition", fetch->partition), L_INT("offset", fetch->offset));
        }
        return FETCHED_NOTHING;
    }
    bool ours = is_ours(fetch, m);
    /* The end of the partition, when it lies before the place: one behind it is an earlier
     * assignment's. */
    bool ended = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    bool gone = (ended && m->offset <= fetch->offset) ||
                m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    if (ours && m->err == RD_KAFKA_RESP_ERR_NO_ERROR && m->offset == fetch->offset) {
        *out = m;
        return end(fetch, FETCHED_RECORD);
    }
    gone = gone || (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && m->offset > fetch->offset);
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR && !gone && !ended) {
        LOG(LOG_WARN, "fetch_error", L_TEXT("found", rd_kafka_message_errstr(m)),
            L_TEXT("expected", "a record to be read again; librdkafka goes on by itself"));
    }
    rd_kafka_message_destroy(m);
    return ours && gone ? end(fetch, FETCHED_GONE) : FETCHED_NOTHING;
}
