/* SPDX-License-Identifier: Apache-2.0
 *
 * The intake's life and its turns: consuming as there is room, and passing over
 * what was seen. One thread.
 */
#define _GNU_SOURCE /* eventfd */
#include "consumer/engine/intake_inside.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define INTAKE_DESTROYS_SAFELY 0x02030000 /* rd_kafka_version() */

static void name_topics(struct intake *intake)
{
    const struct worker *worker = intake->parts.worker;
    struct intake_topic *retry = &intake->topics[INTAKE_RETRY];
    span_to_text(span_text(worker->topic), intake->topics[INTAKE_SOURCE].name, INTAKE_TOPIC_NAME);
    int len = snprintf(retry->name, INTAKE_TOPIC_NAME, "%s%s", TOPIC_RETRY_PREFIX, worker->name);
    CHECK(len > 0 && len < INTAKE_TOPIC_NAME);
    retry->retry = true;
    for (size_t i = 0; i < COUNT_OF(intake->topics); i++) {
        intake->topics[i].metric_partitions =
            metric_gauge("hearback_partitions", "Partitions assigned to this worker, by topic.",
                         "topic", intake->topics[i].name);
    }
}

struct err intake_new(struct intake_parts parts, struct intake **out, int *event_fd)
{
    struct intake *intake = mem_must_alloc(sizeof(*intake));
    char group[128];
    static const char *const options[] = {"enable.partition.eof", "true", NULL};
    struct kafka_role role = {.client_id = "hearback-worker",
                              .options = options,
                              .rebalanced = intake_rebalanced,
                              .opaque = intake};
    /* Who observes, or replays, must not move the offsets of those who work. */
    const char *suffix = parts.replay != NULL ? ".replay" : parts.dry ? ".observe" : "";
    (void)snprintf(group, sizeof(group), "hearback.%s%s", parts.worker->name, suffix);
    intake->parts = parts;
    intake->digest = parts.worker->digest(parts.config);
    intake->unmade_last = &intake->unmade;
    intake->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (intake->event_fd < 0) {
        mem_free(intake);
        FAIL(ERR_FATAL, errno, "no descriptor for Kafka");
    }
    struct err err = kafka_consumer_new(&parts.config->kafka, group, &role, &intake->consumer);
    if (failed(err)) {
        (void)close(intake->event_fd);
        mem_free(intake);
        return err;
    }
    static const uint64_t one = 1;
    intake->queue = rd_kafka_queue_get_consumer(intake->consumer);
    rd_kafka_queue_io_event_enable(intake->queue, intake->event_fd, &one, sizeof(one));
    intake->metric_records =
        metric_counter("hearback_records_total", "Records read from Kafka.", NULL, NULL);
    intake->metric_skipped = metric_counter("hearback_records_skipped_total",
                                            "Records passed over: settled before.", NULL, NULL);
    name_topics(intake);
    *out = intake;
    *event_fd = intake->event_fd;
    return NO_ERROR;
}

void intake_free(struct intake **at, bool abandon)
{
    struct intake *intake = TAKE(*at);
    if (intake == NULL) {
        return;
    }
    for (; intake->pending_count > 0; intake->pending_count--) {
        rd_kafka_message_destroy(intake->pending[intake->pending_first++]);
    }
    CHECK(abandon || intake->loads == 0);
    rd_kafka_queue_io_event_enable(intake->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(intake->queue);
    (void)rd_kafka_consumer_close(intake->consumer);
    /* The process ends. Open records still point into librdkafka; and before 2.3 it aborts when it
     * is destroyed between JoinGroup and its first part (confluentinc/librdkafka#4312). */
    bool aborts = rd_kafka_version() < INTAKE_DESTROYS_SAFELY && intake->joined && !intake->met;
    if (abandon || aborts) {
        return;
    }
    rd_kafka_destroy(intake->consumer);
    while (intake->partitions != NULL) {
        struct partition *partition = intake->partitions;
        intake->partitions = partition->next;
        window_close(&partition->window);
        seen_close(&partition->seen);
        mem_free(partition);
    }
    (void)close(intake->event_fd);
    mem_free(intake);
}

size_t intake_loads(const struct intake *intake)
{
    return intake->loads;
}

bool intake_waits(const struct intake *intake)
{
    return intake->pending_count > 0 && ledger_is_open(intake->parts.ledger);
}

bool intake_shrank(struct intake *intake)
{
    bool shrank = intake->shrank;
    intake->shrank = false;
    return shrank;
}

/* ---- consuming --------------------------------------------------------------------------- */

/* False when the record must wait for its segment of seen bits. */
static bool take_record(struct intake *intake, rd_kafka_message_t *m)
{
    struct partition *partition = intake_partition_of(intake, m);
    if (partition == NULL || !partition->assigned) {
        rd_kafka_message_destroy(m);
        return true;
    }
    if (m->offset < partition->window.next) {
        LOG(LOG_WARN, "offsets_went_back", L_TEXT("topic", partition->topic->name),
            L_INT("partition", m->partition), L_INT("found", m->offset),
            L_INT("expected_from", partition->window.next));
        intake_begin(intake, partition);
    }
    const struct replay *replay = intake->parts.replay;
    if (replay != NULL && m->offset >= partition->until) {
        intake_ended(intake, m);
        rd_kafka_message_destroy(m);
        return true;
    }
    int64_t at_ms = rd_kafka_message_timestamp(m, NULL);
    bool walk = replay != NULL && (replay->again_skipped || replay->again_dead || replay->redo);
    enum seen_answer seen = walk ? SEEN_NO : seen_ask(&partition->seen, m->offset, at_ms);
    if (seen == SEEN_LOADING) {
        return false;
    }
    metric_add(intake->metric_records, 1);
    partition->at_end = partition->at_end && m->offset < partition->end_offset;
    partition->read_ms = at_ms > partition->read_ms ? at_ms : partition->read_ms;
    if (seen == SEEN_YES) {
        metric_add(intake->metric_skipped, 1);
        window_open(&partition->window, m->offset);
        window_settle(&partition->window, m->offset);
        partition->dirty = true;
        rd_kafka_message_destroy(m);
        return true;
    }
    intake_open(intake, partition, m);
    return true;
}

static struct err judge_error(struct intake *intake, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        intake_ended(intake, m);
        return NO_ERROR;
    }
    if (m->err == RD_KAFKA_RESP_ERR__FATAL || m->err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
        LOG(LOG_ERROR, "consumer_dead", L_TEXT("found", rd_kafka_message_errstr(m)),
            L_TEXT("expected", "a member of the group; the process ends and starts again"));
        FAIL(ERR_FATAL, (int)m->err, "the consumer has failed for good");
    }
    LOG(LOG_WARN, "consumer_error", L_TEXT("found", rd_kafka_message_errstr(m)),
        L_TEXT("expected", "records; librdkafka goes on by itself"));
    return NO_ERROR;
}

static bool has_room(struct intake *intake)
{
    struct pool *pool = intake->parts.pool;
    size_t low = pool->count / 8;
    size_t high = pool->count / 4;
    size_t spare = pool->count - pool->used;
    intake->full = intake->full ? spare < high : spare < low;
    if (intake->full || intake->unmade != NULL || intake->loads >= pool->count * 4) {
        return false;
    }
    for (const struct partition *p = intake->partitions; p != NULL; p = p->next) {
        if (p->assigned && window_full(&p->window)) {
            return false;
        }
    }
    return true;
}

static void open_pending(struct intake *intake)
{
    while (intake->pending_count > 0 &&
           take_record(intake, intake->pending[intake->pending_first])) {
        intake->pending_first++;
        intake->pending_count--;
    }
    memmove(intake->pending, intake->pending + intake->pending_first,
            intake->pending_count * sizeof(intake->pending[0]));
    intake->pending_first = 0;
}

static struct err consume(struct intake *intake, size_t most, bool *more)
{
    rd_kafka_message_t *batch[INTAKE_BATCH];
    intake->polled_ms = clock_mono_ms(intake->parts.clock);
    ssize_t count = rd_kafka_consume_batch_queue(intake->queue, 0, batch, most);
    struct err err = NO_ERROR;
    for (ssize_t i = 0; i < count; i++) {
        if (batch[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            struct err found = judge_error(intake, batch[i]);
            err = failed(err) ? err : found;
            rd_kafka_message_destroy(batch[i]);
        } else {
            intake->pending[intake->pending_count++] = batch[i];
        }
    }
    *more = count > 0 && (size_t)count == most;
    intake->caught_up = !*more && most == INTAKE_BATCH;
    return err;
}

static void watch_shortage(struct intake *intake, bool takes)
{
    int64_t now = clock_mono_ms(intake->parts.clock);
    if (takes || intake->stopping) {
        intake->short_since_ms = now;
        intake_pause(intake, false);
    } else if (now - intake->short_since_ms >= INTAKE_PAUSE_AFTER_MS) {
        intake_pause(intake, true);
    }
}

struct err intake_turn(struct intake *intake, bool *more)
{
    uint64_t ignored = 0;
    *more = false;
    (void)!read(intake->event_fd, &ignored, sizeof(ignored)); /* first: it fires on empty to full */
    if (!intake->joined) {
        return NO_ERROR;
    }
    bool open = ledger_is_open(intake->parts.ledger);
    if (open) {
        open_pending(intake);
        intake_pump(intake);
    }
    intake->caught_up = false;
    bool takes = !intake->stopping && open && has_room(intake);
    watch_shortage(intake, takes);
    if (intake->pending_count == 0 && takes) {
        TRY(consume(intake, INTAKE_BATCH, more));
    } else if (intake->pending_count < INTAKE_BATCH &&
               clock_mono_ms(intake->parts.clock) - intake->polled_ms >= INTAKE_IDLE_POLL_MS) {
        TRY(consume(intake, 1, more));
        *more = false;
    }
    if (open) {
        open_pending(intake);
        intake_pump(intake);
    }
    return NO_ERROR;
}
