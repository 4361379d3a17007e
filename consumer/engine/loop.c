/* SPDX-License-Identifier: Apache-2.0
 *
 * The one place where a worker waits. A turn's order is fixed:
 *   1 signals             so that a stop is seen before more work is taken
 *   2 Kafka               records and rebalances come in, items are made
 *   3 Redis and outbox    what is owed by the ledger is handed out
 *   4 finished transfers  answers become steps
 *   5 due timers          sleepers wake
 *   6 new calls           whatever can run, runs; scripts and requests go out
 *   7 store offsets       of what the turn settled
 *   8 readiness
 * then it waits for the first descriptor or timer, a second at most: a consumer
 * that only waits for its descriptor is expelled from a quiet topic.
 */
#include "consumer/engine/engine_inside.h"

#include "common/log.h"
#include "common/stop.h"
#include "consumer/engine/crash.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#define LOOP_WAIT_MAX_MS    1000
#define LOOP_BUSY_WAIT_MS   20 /* with records waiting for room: the intake polls every 100 ms */
#define LOOP_EVENTS         64
#define LOOP_TOPIC_CHECK_MS 1000
#define LOOP_METADATA_MS    500
#define LOOP_TOPIC_NAME     256

struct err loop_watch(struct engine *engine, int fd, enum loop_tag tag)
{
    /* librdkafka writes to its eventfds when a queue is no more empty: an edge, which needs no
     * reading. What is read of them each turn is the queue itself, whole. */
    uint32_t edge = tag == LOOP_KAFKA || tag == LOOP_OUTBOX ? EPOLLET : 0;
    struct epoll_event event = {.events = EPOLLIN | edge,
                                .data.u64 = (uint64_t)tag << 32 | (uint32_t)fd};
    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        FAIL(ERR_FATAL, errno, "a descriptor cannot be watched");
    }
    return NO_ERROR;
}

static void handle_event(struct engine *engine, const struct epoll_event *event)
{
    int fd = (int)(uint32_t)event->data.u64;
    bool broken = (event->events & (EPOLLERR | EPOLLHUP)) != 0;
    switch ((enum loop_tag)(event->data.u64 >> 32)) {
    case LOOP_REDIS:
        redis_ready(engine->redis, broken || (event->events & EPOLLIN) != 0,
                    (event->events & EPOLLOUT) != 0);
        return;
    case LOOP_CALL:
        calls_ready(engine->calls, fd, event->events);
        return;
    case LOOP_STOP:
    case LOOP_KAFKA:
    case LOOP_OUTBOX:
        return; /* read in the turn */
    }
}

static void begin_stop(struct engine *engine)
{
    int64_t deadline = engine->config->worker.drain_deadline_ms;
    engine->stopping = true;
    engine->drain_until_ms = clock_mono_ms(engine->clock) + deadline;
    LOG(LOG_INFO, "draining", L_INT("items", stages_count(engine->stages)),
        L_INT("deadline_ms", deadline));
    intake_stop(engine->intake);
}

/* Whoever asks twice does not want to wait: as if the deadline had come. */
static void cut_short(struct engine *engine)
{
    int64_t now = clock_mono_ms(engine->clock);
    if (now < engine->drain_until_ms) {
        engine->drain_until_ms = now;
        LOG(LOG_WARN, "drain_cut_short", L_INT("items", stages_count(engine->stages)),
            L_TEXT("found", "a second signal to end"),
            L_TEXT("expected", "one, and patience until worker.drain_deadline"));
    }
}

static struct err check_topics(struct engine *engine)
{
    char retry[LOOP_TOPIC_NAME];
    const char *names[] = {engine->worker->topic, retry, TOPIC_CHANGELOG, TOPIC_DEAD, NULL};
    struct buf why;
    (void)snprintf(retry, sizeof(retry), "%s%s", TOPIC_RETRY_PREFIX, engine->worker->name);
    buf_init(&why, 4096);
    struct err err = kafka_check_topics(kafka_outbox_handle(engine->outbox), &engine->config->kafka,
                                        names, LOOP_METADATA_MS, &why);
    if (err.class == ERR_CONFIG) {
        LOG_ERR(LOG_ERROR, "topics_unfit", err, L_TEXT("found", buf_text(&why)),
                L_TEXT("expected", "topics with the settings that hearback topics --create gives "
                                   "them; the process ends"));
    } else if (failed(err) && !engine->said_kafka_away) {
        engine->said_kafka_away = true;
        LOG_ERR(LOG_WARN, "kafka_away", err, L_TEXT("address", engine->config->kafka.bootstrap),
                L_TEXT("found", buf_text(&why)),
                L_TEXT("expected", "Kafka with its topics (hearback topics --create makes them); "
                                   "trying again until it is there"));
    }
    buf_close(&why);
    return err;
}

/* What is due after the topic has dropped its record is said loudly; without an answer (a cluster
 * that does not let us ask) it cannot be. */
static void ask_retention(struct engine *engine)
{
    int64_t kept_ms = 0;
    struct err err = kafka_topic_retention(kafka_outbox_handle(engine->outbox),
                                           engine->worker->topic, LOOP_METADATA_MS, &kept_ms);
    if (failed(err)) {
        LOG_ERR(LOG_WARN, "retention_unknown", err, L_TEXT("topic", engine->worker->topic),
                L_TEXT("expected", "to be told retention.ms: entries due after it are not found "
                                   "out beforehand"));
        return;
    }
    stages_set_retention(engine->stages, kept_ms < 0 ? 0 : kept_ms);
    LOG(LOG_INFO, "topics_fit", L_TEXT("topic", engine->worker->topic),
        L_INT("retention_ms", kept_ms));
}

static void on_topic_check(void *self)
{
    struct engine *engine = self;
    struct err err = check_topics(engine);
    if (err.class == ERR_CONFIG) {
        engine->fatal = err;
        return;
    }
    engine->topics_there = !failed(err);
    if (engine->topics_there) {
        ask_retention(engine);
    } else {
        timers_set(&engine->timers, &engine->topic_check,
                   clock_mono_ms(engine->clock) + LOOP_TOPIC_CHECK_MS);
    }
}

static bool may_join(const struct engine *engine)
{
    return engine->topics_there && ledger_is_open(engine->ledger) && !engine->joined &&
           !engine->stopping;
}

/* Joins the group when the topics and the ledger are there. */
static struct err join_when_ready(struct engine *engine)
{
    if (!may_join(engine)) {
        return NO_ERROR;
    }
    TRY(intake_join(engine->intake));
    engine->joined = true;
    LOG(LOG_INFO, "joined", L_TEXT("worker", engine->worker->name),
        L_TEXT("topic", engine->worker->topic));
    return NO_ERROR;
}

static void tell_readiness(struct engine *engine)
{
    if (engine->ops == NULL) {
        return;
    }
    const char *reason = NULL;
    if (engine->stopping) {
        reason = "draining";
    } else if (!engine->topics_there) {
        reason = "waiting for Kafka and its topics";
    } else if (!ledger_is_open(engine->ledger)) {
        reason = restore_tells(engine->restore);
    }
    ops_ready(engine->ops, reason);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return b >= 0 && b < a ? b : a;
}

static void begin(struct engine *engine)
{
    engine->began = true;
    engine->topic_check.fire = on_topic_check;
    engine->topic_check.self = engine;
    on_topic_check(engine);
}

/* What the turn asked of Redis leaves together. True when that ended the connection. */
static bool write_redis(struct engine *engine)
{
    bool connected = redis_connected(engine->redis);
    redis_uncork(engine->redis);
    return connected && !redis_connected(engine->redis);
}

static struct err turn(struct engine *engine, int64_t *wait_ms)
{
    bool more = false;
    int64_t wait = LOOP_WAIT_MAX_MS;
    if (!engine->began) {
        begin(engine);
    }
    redis_cork(engine->redis);
    if (stop_asked(engine->stop_fd)) {
        engine->stopping ? cut_short(engine) : begin_stop(engine);
    }
    TRY(join_when_ready(engine));
    if (engine->replay != NULL && !engine->stopping && engine_replayed(engine)) {
        begin_stop(engine);
    }
    TRY(intake_turn(engine->intake, &more));
    if (intake_shrank(engine->intake)) {
        stages_sweep(engine->stages);
    }
    wait = sooner(wait, redis_turn(engine->redis));
    TRY(kafka_outbox_turn(engine->outbox));
    wait = sooner(wait, restore_turn(engine->restore));
    if (engine->later != NULL && !engine->stopping) {
        wait = sooner(wait, later_turn(engine->later));
    }
    (void)calls_turn(engine->calls, clock_mono_ms(engine->clock));
    timers_run(&engine->timers, clock_mono_ms(engine->clock));
    bool ran = stages_run(engine->stages);
    wait = sooner(wait, calls_begin(engine->calls, clock_mono_ms(engine->clock)));
    ledger_confirm(engine->ledger);
    intake_store(engine->intake);
    tell_readiness(engine);
    bool lost = write_redis(engine);
    int64_t now = clock_mono_ms(engine->clock);
    wait = sooner(wait, timers_next_ms(&engine->timers, now));
    if (stages_count(engine->stages) > 0 || intake_waits(engine->intake)) {
        wait = sooner(wait, LOOP_BUSY_WAIT_MS);
    }
    *wait_ms = more || ran || lost || may_join(engine) ? 0 : wait;
    return engine->fatal;
}

bool engine_replayed(const struct engine *engine)
{
    return engine->joined && intake_replayed(engine->intake);
}

struct err engine_turn(struct engine *engine, int64_t *wait_ms)
{
    struct err err = turn(engine, wait_ms);
    engine->abandoned = engine->abandoned || failed(err);
    return err;
}

bool engine_ended(struct engine *engine)
{
    if (!engine->stopping) {
        return false;
    }
    bool idle = stages_count(engine->stages) == 0 && intake_loads(engine->intake) == 0 &&
                ledger_in_flight(engine->ledger) == 0 &&
                kafka_outbox_in_flight(engine->outbox) == 0;
    if (!idle && clock_mono_ms(engine->clock) >= engine->drain_until_ms) {
        LOG(LOG_WARN, "drain_deadline", L_INT("items", stages_count(engine->stages)),
            L_TEXT("expected", "no item under way by the deadline; whoever takes over asks first"));
        engine->abandoned = true;
    }
    if (idle || engine->abandoned) {
        LOG(LOG_INFO, "drained", L_INT("abandoned", engine->abandoned ? 1 : 0));
        return true;
    }
    return false;
}

struct err engine_run(struct engine *engine)
{
    struct epoll_event events[LOOP_EVENTS];
    int64_t wait_ms = 0;
    while (!engine_ended(engine)) {
        crash_turn(clock_mono_ms(engine->clock), redis_connected(engine->redis));
        int count = epoll_wait(engine->epoll_fd, events, LOOP_EVENTS, (int)wait_ms);
        if (count < 0 && errno != EINTR) {
            FAIL(ERR_FATAL, errno, "the loop cannot wait");
        }
        for (int i = 0; i < count; i++) {
            handle_event(engine, &events[i]);
        }
        TRY(engine_turn(engine, &wait_ms));
    }
    return NO_ERROR;
}
