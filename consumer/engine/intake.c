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
}

/* librdkafka's own queue is small for good: it cannot be changed later. See intake_watch.c. */
static struct err make_consumer(struct intake *intake)
{
    char group[128];
    const struct intake_parts *parts = &intake->parts;
    char kilobytes[24];
    char messages[24];
    const struct config_kafka *config = &intake->parts.config->kafka;
    const char *instance = config->instance_id;
    bool is_static = instance != NULL && instance[0] != 0 && parts->replay == NULL;
    const char *options[] = {"enable.partition.eof",
                             "true",
                             "queued.max.messages.kbytes",
                             kilobytes,
                             "queued.min.messages",
                             messages,
                             is_static ? "group.instance.id" : NULL,
                             instance,
                             NULL};
    struct kafka_role role = {.client_id = "hearback-worker",
                              .options = options,
                              .rebalanced = intake_rebalanced,
                              .opaque = intake};
    /* Who observes, or replays, must not move the offsets of those who work. */
    const char *suffix = parts->replay != NULL ? ".replay" : parts->dry ? ".observe" : "";
    (void)snprintf(group, sizeof(group), "hearback.%s%s", parts->worker->name, suffix);
    (void)snprintf(kilobytes, sizeof(kilobytes), "%lld",
                   (long long)(config->prefetch_bytes / 1024));
    (void)snprintf(messages, sizeof(messages), "%lld",
                   (long long)(config->prefetch_bytes / INTAKE_RECORD_MIN));
    return kafka_consumer_new(config, group, &role, &intake->consumer);
}

static void make_metrics(struct intake *intake)
{
    intake->metric_records =
        metric_counter("hearback_records_total", "Records read from Kafka.", NULL, NULL);
    intake->metric_skipped = metric_counter("hearback_records_skipped_total",
                                            "Records passed over: settled before.", NULL, NULL);
    intake->metric_catching_up =
        metric_gauge("hearback_catching_up", "1 while the worker is far behind.", NULL, NULL);
    metric_set(intake->metric_catching_up, 0);
    intake->metric_lost = metric_counter(
        "hearback_partitions_lost_total",
        "Partitions that went without this worker being asked: it was silent for too "
        "long.",
        NULL, NULL);
    intake->metric_waiting = metric_gauge(
        "hearback_items_without_room",
        "Items not begun: their record, key or destination has its share of the pool.", NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(intake->topics); i++) {
        struct intake_topic *topic = &intake->topics[i];
        topic->metric_partitions =
            metric_gauge("hearback_partitions", "Partitions assigned to this worker, by topic.",
                         "topic", topic->name);
        topic->metric_lag =
            metric_gauge("hearback_lag_records",
                         "Records of this worker's partitions that are not settled, by topic.",
                         "topic", topic->name);
    }
}

struct err intake_new(struct intake_parts parts, struct intake **out, int *event_fd)
{
    struct intake *intake = mem_must_alloc(sizeof(*intake));
    intake->parts = parts;
    intake->digest = parts.worker->digest(parts.config);
    intake->unmade_last = &intake->unmade;
    intake->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (intake->event_fd < 0) {
        mem_free(intake);
        FAIL(ERR_FATAL, errno, "no descriptor for Kafka");
    }
    name_topics(intake);
    intake_alone_init(intake);
    struct err err = make_consumer(intake);
    if (failed(err)) {
        (void)close(intake->event_fd);
        mem_free(intake);
        return err;
    }
    static const uint64_t one = 1;
    intake->queue = rd_kafka_queue_get_consumer(intake->consumer);
    rd_kafka_queue_io_event_enable(intake->queue, intake->event_fd, &one, sizeof(one));
    make_metrics(intake);
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
    stash_close(&intake->stash);
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
    suspects_close(&intake->suspects);
    (void)close(intake->event_fd);
    mem_free(intake);
}

size_t intake_loads(const struct intake *intake)
{
    return intake->loads;
}

bool intake_waits(const struct intake *intake)
{
    return intake->stash.count > 0 && ledger_is_open(intake->parts.ledger);
}

bool intake_shrank(struct intake *intake)
{
    bool shrank = intake->shrank;
    intake->shrank = false;
    return shrank;
}

/* ---- opening what was taken -------------------------------------------------------------- */

static bool has_room(struct intake *intake)
{
    struct pool *pool = intake->parts.pool;
    size_t low = pool->count / 8;
    size_t high = pool->count / 4;
    size_t spare = pool->count - pool->used;
    intake->full = intake->full ? spare < high : spare < low;
    return !intake->full && intake->loads < pool->count * 4 &&
           intake->load_bytes < INTAKE_OPEN_BYTES;
}

/* What a run of records came to, counted once and not record by record. */
struct tally {
    int64_t read;
    int64_t skipped;
};

/* A replay has an end. */
static bool is_beyond(const struct intake *intake, const struct partition *partition,
                      int64_t offset)
{
    return intake->parts.replay != NULL && offset >= partition->until;
}

/* A replay may have asked for what is settled, too. */
static bool is_walk(const struct intake *intake)
{
    const struct replay *replay = intake->parts.replay;
    return replay != NULL && (replay->again_skipped || replay->again_dead || replay->redo);
}

/* The oldest record that was taken. False when it must wait: for its segment of seen bits, for a
 * suspect, or for room. */
static bool open_oldest(struct intake *intake, struct tally *tally)
{
    rd_kafka_message_t *m = stash_first(&intake->stash);
    struct partition *partition = intake_partition_of(intake, m);
    if (partition == NULL || !partition->assigned) {
        rd_kafka_message_destroy(stash_take(&intake->stash));
        return true;
    }
    if (m->offset != partition->window.next) {
        intake_jumped(intake, partition, m->offset);
    }
    if (is_beyond(intake, partition, m->offset)) {
        intake_ended(intake, m);
        rd_kafka_message_destroy(stash_take(&intake->stash));
        return true;
    }
    int64_t at_ms = rd_kafka_message_timestamp(m, NULL);
    enum seen_answer seen =
        is_walk(intake) ? SEEN_NO : seen_ask(&partition->seen, m->offset, at_ms);
    if (seen == SEEN_LOADING ||
        (seen == SEEN_NO &&
         (intake_must_wait(intake, m) || window_full(&partition->window) || !has_room(intake)))) {
        return false;
    }
    (void)stash_take(&intake->stash);
    tally->read++;
    partition->at_end = partition->at_end && m->offset < partition->end_offset;
    partition->read_ms = at_ms > partition->read_ms ? at_ms : partition->read_ms;
    if (seen == SEEN_YES) {
        tally->skipped++;
        intake_settled_before(partition, m->offset);
        window_pass(&partition->window, m->offset);
        partition->dirty = true;
        rd_kafka_message_destroy(m);
    } else {
        intake_open(intake, partition, m);
        if (intake->unmade->next == NULL) { /* else all in one pass, later */
            intake_pump(intake);
        }
    }
    return true;
}

static void open_stash(struct intake *intake)
{
    struct tally tally = {0};
    intake_pump(intake);
    while (intake->stash.count > 0 && tally.read - tally.skipped < INTAKE_OPEN_MAX &&
           open_oldest(intake, &tally)) {
    }
    intake_pump(intake);
    if (tally.read > 0) {
        metric_add(intake->metric_records, tally.read);
        metric_add(intake->metric_skipped, tally.skipped);
    }
}

/* ---- consuming --------------------------------------------------------------------------- */

static struct err judge_error(struct intake *intake, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        intake_ended(intake, m);
        return NO_ERROR;
    }
    if (m->err == RD_KAFKA_RESP_ERR__FATAL || m->err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
        bool fenced =
            m->err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
            rd_kafka_fatal_error(intake->consumer, NULL, 0) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
        LOG(LOG_ERROR, "consumer_dead", L_TEXT("found", rd_kafka_message_errstr(m)),
            L_TEXT("expected", fenced ? "to be the only process with this kafka.instance_id"
                                      : "a member of the group"),
            L_TEXT("do", fenced ? "give each process an instance_id of its own; another one has "
                                  "taken this one's partitions, and this one ends"
                                : "nothing: the process ends and is started again"));
        FAIL(ERR_FATAL, (int)m->err,
             fenced ? "another process has this kafka.instance_id"
                    : "the consumer has failed for good");
    }
    LOG(LOG_WARN, "consumer_error", L_TEXT("found", rd_kafka_message_errstr(m)),
        L_TEXT("expected", "records; librdkafka goes on by itself"));
    return NO_ERROR;
}

static struct err consume(struct intake *intake, size_t most, bool *more)
{
    rd_kafka_message_t **batch = intake->batch;
    intake->polled_ms = clock_mono_ms(intake->parts.clock);
    ssize_t count = rd_kafka_consume_batch_queue(intake->queue, 0, batch, most);
    struct err err = NO_ERROR;
    for (ssize_t i = 0; i < count; i++) {
        if (batch[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            struct err found = judge_error(intake, batch[i]);
            err = failed(err) ? err : found;
            rd_kafka_message_destroy(batch[i]);
        } else {
            intake->taken_bytes += (int64_t)batch[i]->len;
            intake->taken_records++;
            stash_put(&intake->stash, batch[i]);
        }
    }
    *more = count > 0 && (size_t)count == most;
    intake->caught_up = !*more && most >= INTAKE_BATCH;
    return err;
}

static void watch_shortage(struct intake *intake, bool takes, int64_t now)
{
    if (takes || intake->stopping) {
        intake->short_since_ms = now;
        intake_pause(intake, false);
    } else if (now - intake->short_since_ms >= INTAKE_PAUSE_AFTER_MS) {
        intake_pause(intake, true);
    }
}

/* How many records to take now. In the steady state they are taken as they can be opened; while
 * catching up they are taken as they come, so that librdkafka goes on reading. */
static size_t batch_wanted(const struct intake *intake, bool takes)
{
    int64_t most = intake->parts.config->kafka.prefetch_catching_up_bytes;
    if (intake->catching_up && !intake->stopping && !intake->paused && intake->stash.bytes < most) {
        return INTAKE_BATCH_MAX;
    }
    return takes && intake->stash.count == 0 ? INTAKE_BATCH : 0;
}

struct err intake_turn(struct intake *intake, bool *more)
{
    *more = false;
    if (!intake->joined) {
        return NO_ERROR;
    }
    bool open = ledger_is_open(intake->parts.ledger);
    int64_t now = clock_mono_ms(intake->parts.clock);
    bool holds = intake_holds(intake);
    if (open) {
        open_stash(intake);
    }
    intake->caught_up = false;
    bool takes = !intake->stopping && open && !holds && has_room(intake);
    watch_shortage(intake, takes, now);
    size_t most = batch_wanted(intake, takes);
    if (most > 0) {
        TRY(consume(intake, most, more));
    } else if (now - intake->polled_ms >= INTAKE_IDLE_POLL_MS) {
        bool one_more = false; /* the next one can wait as long again */
        TRY(consume(intake, 1, &one_more));
    }
    if (open) {
        open_stash(intake);
    }
    intake_watch(intake, now);
    return NO_ERROR;
}
