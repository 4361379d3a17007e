/* SPDX-License-Identifier: Apache-2.0
 *
 * The publisher. Its thread is the only caller of rd_kafka_poll and so the only
 * one in which delivery reports run; it owns the deadlines. Senders' threads only
 * take places and enqueue. What travels with a message is the place's id.
 */
#include "producer/publish.h"

#include "common/clock.h"
#include "common/kafka.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "producer/waiting.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define POLL_MS          100 /* the longest wait for librdkafka: deadlines are this exact */
#define MARGIN_MS_MAX    500 /* between our answer and the sender's patience */
#define MARGIN_PART      10  /* but a tenth of a short deadline */
#define MESSAGE_MS_LEAST 20

_Static_assert(sizeof(void *) >= sizeof(uint64_t), "an id must fit an opaque pointer");

struct publisher {
    const struct config *config;
    publisher_settled settled;
    rd_kafka_t *rk;
    struct waiting *waiting;
    int64_t patience_ms;
    pthread_t thread;
    atomic_bool open;
    atomic_bool draining;
    atomic_bool gives_up;
    atomic_bool broken;
    atomic_bool stops;
    atomic_llong stop_by_ms;
    struct metric *published;
    struct metric *acknowledged_late;
    struct metric *suspended;
    struct metric *latency;
};

static int64_t now_ms(void)
{
    return clock_mono_ms(clock_system());
}

static void tell(struct publisher *publisher, void *who, enum refusal refusal)
{
    if (who != NULL) {
        metric_add(publisher->suspended, -1);
        publisher->settled(who, refusal);
    }
}

static enum refusal refusal_of(rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return REFUSAL_NONE;
    }
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        return REFUSAL_TOO_LARGE;
    }
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        return REFUSAL_QUEUE_FULL;
    }
    return code == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT ? REFUSAL_LATE : REFUSAL_FAILED;
}

static void note_failure(struct publisher *publisher, rd_kafka_resp_err_t code)
{
    LOG(LOG_WARN, "publish_failed", L_TEXT("why", rd_kafka_err2str(code)), L_INT("code", code));
    char why[256] = "";
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(publisher->rk, why, sizeof(why));
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR && !atomic_exchange(&publisher->broken, true)) {
        LOG(LOG_ERROR, "kafka_fatal", L_TEXT("why", why), L_INT("code", fatal));
    }
}

/* The delivery report. */
static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct publisher *publisher = opaque;
    uint64_t id = (uint64_t)(uintptr_t)message->_private;
    (void)rk;
    enum refusal refusal = refusal_of(message->err);
    void *who = waiting_settle(publisher->waiting, id);
    if (refusal == REFUSAL_NONE) {
        int64_t micros = rd_kafka_message_latency(message);
        metric_add(who != NULL ? publisher->published : publisher->acknowledged_late, 1);
        metric_observe(publisher->latency, (double)(micros < 0 ? 0 : micros) / 1e6);
    } else {
        note_failure(publisher, message->err);
    }
    tell(publisher, who, refusal);
}

static void tell_overdue(struct publisher *publisher)
{
    bool all = atomic_load(&publisher->gives_up);
    int64_t due_ms = all ? INT64_MAX : now_ms();
    for (void *who = waiting_overdue(publisher->waiting, due_ms); who != NULL;
         who = waiting_overdue(publisher->waiting, due_ms)) {
        tell(publisher, who, all ? REFUSAL_DRAINING : REFUSAL_LATE);
    }
}

static int poll_ms(struct publisher *publisher)
{
    int64_t due_ms = waiting_next_due(publisher->waiting);
    int64_t now = now_ms();
    if (due_ms >= now + POLL_MS) {
        return POLL_MS;
    }
    return due_ms <= now ? 0 : (int)(due_ms - now);
}

static bool may_leave(struct publisher *publisher)
{
    return atomic_load(&publisher->stops) && waiting_count(publisher->waiting) == 0 &&
           (rd_kafka_outq_len(publisher->rk) == 0 ||
            now_ms() >= atomic_load(&publisher->stop_by_ms));
}

static void *run(void *opaque)
{
    struct publisher *publisher = opaque;
    while (!may_leave(publisher)) {
        tell_overdue(publisher);
        (void)rd_kafka_poll(publisher->rk, poll_ms(publisher));
    }
    return NULL;
}

static int64_t patience_of(int64_t deadline_ms)
{
    int64_t margin = deadline_ms / MARGIN_PART;
    return deadline_ms - (margin > MARGIN_MS_MAX ? MARGIN_MS_MAX : margin);
}

static void make_metrics(struct publisher *publisher)
{
    publisher->published = metric_counter(
        "hearback_door_published_total",
        "Requests that the broker acknowledged before they were answered", NULL, NULL);
    publisher->acknowledged_late = metric_counter(
        "hearback_door_acknowledged_late_total",
        "Records acknowledged after their sender was told to come again", NULL, NULL);
    publisher->suspended = metric_gauge("hearback_door_suspended",
                                        "Requests that wait for the broker now", NULL, NULL);
    publisher->latency =
        metric_histogram("hearback_door_publish_seconds",
                         "From handing a record to librdkafka to the broker's word", NULL, NULL);
}

static void free_publisher(struct publisher *publisher)
{
    if (publisher->rk != NULL) {
        (void)rd_kafka_purge(publisher->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(publisher->rk);
    }
    waiting_free(&publisher->waiting);
    mem_free(publisher);
}

struct err publisher_start(const struct config *config, publisher_settled settled,
                           struct publisher **out)
{
    struct publisher *publisher = mem_must_alloc(sizeof(*publisher));
    char timeout[24];
    *out = NULL;
    publisher->config = config;
    publisher->settled = settled;
    publisher->patience_ms = patience_of(config->ingest.answer_deadline_ms);
    publisher->waiting = waiting_new((size_t)config->ingest.suspended_max);
    make_metrics(publisher);
    /* A record that nobody waits for any more should not linger. */
    int64_t message_ms =
        publisher->patience_ms < MESSAGE_MS_LEAST ? MESSAGE_MS_LEAST : publisher->patience_ms;
    (void)snprintf(timeout, sizeof(timeout), "%lld", (long long)message_ms);
    const char *const options[] = {"message.timeout.ms", timeout, NULL};
    struct kafka_role role = {.client_id = "hearback-ingest",
                              .options = options,
                              .delivered = delivered,
                              .opaque = publisher};
    struct err err = kafka_producer_new(&config->kafka, &role, &publisher->rk);
    if (!failed(err) && pthread_create(&publisher->thread, NULL, run, publisher) != 0) {
        err = (struct err){
            .class = ERR_FATAL, .text = "the publisher's thread does not start", .where = ERR_HERE};
    }
    if (failed(err)) {
        free_publisher(publisher);
        return err;
    }
    *out = publisher;
    return NO_ERROR;
}

void publisher_stop(struct publisher **publisher, int timeout_ms)
{
    struct publisher *gone = TAKE(*publisher);
    if (gone == NULL) {
        return;
    }
    atomic_store(&gone->stop_by_ms, now_ms() + timeout_ms);
    atomic_store(&gone->stops, true);
    CHECK(pthread_join(gone->thread, NULL) == 0);
    free_publisher(gone);
}

struct err publisher_check(struct publisher *publisher, int timeout_ms, struct buf *why)
{
    static const char *const names[] = {TOPIC_INTERVIEWS, NULL};
    TRY(kafka_check_topics(publisher->rk, &publisher->config->kafka, names, timeout_ms, why));
    atomic_store(&publisher->open, true);
    return NO_ERROR;
}

void publisher_drain(struct publisher *publisher)
{
    atomic_store(&publisher->draining, true);
}

void publisher_give_up(struct publisher *publisher)
{
    atomic_store(&publisher->gives_up, true);
}

bool publisher_broken(const struct publisher *publisher)
{
    return atomic_load(&publisher->broken);
}

enum refusal publisher_reserve(struct publisher *publisher, void *who, uint64_t *id)
{
    *id = WAITING_NOBODY;
    if (atomic_load(&publisher->draining)) {
        return REFUSAL_DRAINING;
    }
    if (!atomic_load(&publisher->open) || atomic_load(&publisher->broken)) {
        return REFUSAL_AWAY;
    }
    *id = waiting_take(publisher->waiting, who, now_ms() + publisher->patience_ms);
    if (*id == WAITING_NOBODY) {
        return REFUSAL_WAITING_FULL;
    }
    metric_add(publisher->suspended, 1);
    return REFUSAL_NONE;
}

static rd_kafka_headers_t *headers_of(const struct record *record)
{
    const struct {
        const char *name;
        span value;
    } all[] = {
        {"ce_specversion", span_text("1.0")},
        {"ce_id", span_text(record->id)},
        {"ce_type", span_text(record->type)},
        {"ce_source", span_text(record->source)},
        {"ce_time", span_text(record->time)},
        {"content-type", record->content_type},
        {"traceparent", span_text(record->traceparent)},
    };
    rd_kafka_headers_t *headers = rd_kafka_headers_new(COUNT_OF(all));
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        CHECK(rd_kafka_header_add(headers, all[i].name, -1, all[i].value.at,
                                  (ssize_t)all[i].value.len) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    return headers;
}

/* The API copies value and key, but takes pointers without const. */
static void *mutable_bytes(span bytes)
{
    return (void *)(uintptr_t)bytes.at;
}

static rd_kafka_resp_err_t enqueue(rd_kafka_t *rk, uint64_t id, const struct record *record)
{
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = record->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {mutable_bytes(record->key), record->key.len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {mutable_bytes(record->value), record->value.len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->wall_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)id},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers_of(record)},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(rk, parts, COUNT_OF(parts));
    if (error == NULL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    rd_kafka_headers_destroy(parts[COUNT_OF(parts) - 1].u.headers); /* taken only on success */
    return code;
}

void publisher_send(struct publisher *publisher, uint64_t id, const struct record *record)
{
    rd_kafka_resp_err_t code = enqueue(publisher->rk, id, record);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_failure(publisher, code);
        tell(publisher, waiting_settle(publisher->waiting, id), refusal_of(code));
    }
}
