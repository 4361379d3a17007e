/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds a worker's engine from its parts and takes it down in reverse.
 */
#define _GNU_SOURCE /* epoll_create1 */
#include "consumer/engine/engine_inside.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

static void make_owner(struct engine *engine, uint64_t *seed)
{
    unsigned char bytes[16];
    random_fill(bytes, sizeof(bytes));
    random_fill(seed, sizeof(*seed));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(engine->owner + i * 2, 3, "%02x", bytes[i]);
    }
}

static struct err open_destinations(struct engine *engine)
{
    for (size_t i = 0; i < engine->worker->stage_count; i++) {
        const struct destination_kind *kind = engine->worker->stages[i].to;
        bool known = kind == NULL;
        for (size_t d = 0; d < engine->destination_count && !known; d++) {
            known = engine->destinations[d].kind == kind;
        }
        if (!known) {
            CHECK(engine->destination_count < ENGINE_DESTINATIONS_MAX);
            struct destination *to = &engine->destinations[engine->destination_count++];
            TRY(destination_open(to, kind, engine->config));
        }
    }
    return NO_ERROR;
}

static void on_redis_connected(void *self)
{
    struct engine *engine = self;
    restore_connected(engine->restore);
}

static void on_redis_lost(void *self)
{
    struct engine *engine = self;
    restore_disconnected(engine->restore);
}

static void on_ledger_open(void *self)
{
    struct engine *engine = self;
    stages_opened(engine->stages);
}

static void left(void *self, struct load *load)
{
    struct engine *engine = self;
    intake_left(engine->intake, load);
}

static bool wanted(void *self, const struct load *load)
{
    const struct engine *engine = self;
    return intake_wants(engine->intake, load);
}

static bool crowded(void *self, struct work *work, struct destination *to)
{
    const struct engine *engine = self;
    return intake_crowded(engine->intake, work, to);
}

static void would(void *self, const struct item *item, const char *stage, const char *what)
{
    const struct engine *engine = self;
    if (engine->replay != NULL && engine->replay->would != NULL) {
        engine->replay->would(item, stage, what);
    }
}

static struct err build_ledger(struct engine *engine)
{
    int outbox_fd = -1;
    struct redis_hooks hooks = {
        .connected = on_redis_connected, .lost = on_redis_lost, .self = engine};
    scripts_init();
    TRY(kafka_outbox_new(&engine->config->kafka, &engine->outbox, &outbox_fd));
    TRY(loop_watch(engine, outbox_fd, LOOP_OUTBOX));
    engine->redis = redis_new(&engine->config->redis, engine->clock, engine->epoll_fd,
                              (uint64_t)LOOP_REDIS << 32, hooks);
    engine->ledger =
        ledger_new(engine->redis, kafka_outbox_interface(engine->outbox), engine->clock);
    engine->restore = restore_new((struct restore_parts){.config = engine->config,
                                                         .clock = engine->clock,
                                                         .redis = engine->redis,
                                                         .ledger = engine->ledger,
                                                         .timers = &engine->timers,
                                                         .outbox = engine->outbox,
                                                         .owner = engine->owner,
                                                         .opened = on_ledger_open,
                                                         .self = engine});
    return NO_ERROR;
}

static void build_stages(struct engine *engine, uint64_t seed)
{
    pool_init(&engine->pool, (size_t)engine->config->worker.items_max);
    order_init(&engine->order, (size_t)engine->config->worker.items_max);
    engine->stages = stages_new((struct stages_parts){
        .config = engine->config,
        .worker = engine->worker,
        .clock = engine->clock,
        .timers = &engine->timers,
        .ledger = engine->ledger,
        .caller = calls_interface(engine->calls),
        .outbox = kafka_outbox_interface(engine->outbox),
        .pool = &engine->pool,
        .order = &engine->order,
        .destinations = engine->destinations,
        .destination_count = engine->destination_count,
        .owner = engine->owner,
        .budget_time = {ledger_ask_time, engine->ledger},
        .budget_percent = engine->replay == NULL ? 100 : engine->config->budgets.replay_percent,
        .seed = seed,
        .dry = engine->dry,
        .would = would,
        .left = left,
        .wanted = wanted,
        .crowded = crowded,
        .self = engine});
}

static void late_closed(void *self, const struct record *record, bool buried)
{
    struct engine *engine = self;
    later_closed(engine->later, record, buried);
}

static struct err build_intake(struct engine *engine)
{
    int event_fd = -1;
    struct intake_parts parts = {.config = engine->config,
                                 .worker = engine->worker,
                                 .clock = engine->clock,
                                 .redis = engine->redis,
                                 .ledger = engine->ledger,
                                 .stages = engine->stages,
                                 .pool = &engine->pool,
                                 .order = &engine->order,
                                 .destination_count = engine->destination_count,
                                 .outbox = kafka_outbox_interface(engine->outbox),
                                 .dry = engine->dry,
                                 .replay = engine->replay,
                                 .late_closed = late_closed,
                                 .self = engine};
    TRY(intake_new(parts, &engine->intake, &event_fd));
    if (!engine->dry && engine->replay == NULL) { /* what is due is the group's to do */
        engine->later = later_new((struct later_parts){.config = engine->config,
                                                       .worker = engine->worker,
                                                       .clock = engine->clock,
                                                       .ledger = engine->ledger,
                                                       .outbox = parts.outbox,
                                                       .intake = engine->intake,
                                                       .pool = &engine->pool});
    }
    return loop_watch(engine, event_fd, LOOP_KAFKA);
}

static struct err build(struct engine *engine)
{
    uint64_t seed = 0;
    make_owner(engine, &seed);
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll_fd < 0) {
        FAIL(ERR_FATAL, errno, "no descriptor for the loop");
    }
    TRY(loop_watch(engine, engine->stop_fd, LOOP_STOP));
    TRY(open_destinations(engine));
    TRY(calls_new(engine->epoll_fd, LOOP_CALL, engine->config->worker.calls_max, &engine->calls));
    TRY(build_ledger(engine));
    build_stages(engine, seed);
    return build_intake(engine);
}

struct err engine_new(const struct engine_setup *setup, struct engine **out)
{
    struct engine *engine = mem_must_alloc(sizeof(*engine));
    engine->config = setup->config;
    engine->worker = setup->worker;
    engine->clock = setup->clock;
    engine->ops = setup->ops;
    engine->stop_fd = setup->stop_fd;
    engine->replay = setup->replay;
    engine->dry = setup->replay != NULL ? setup->replay->dry
                                        : strcmp(setup->config->worker.mode, "observe") == 0;
    engine->epoll_fd = -1;
    *out = engine;
    struct err err = build(engine);
    if (failed(err)) {
        engine_free(out);
    }
    return err;
}

void engine_free(struct engine **at)
{
    struct engine *engine = TAKE(*at);
    if (engine == NULL) {
        return;
    }
    intake_free(&engine->intake, engine->abandoned);
    if (engine->abandoned) {
        return; /* the process ends: calls under way, and what they point to, end with it */
    }
    if (engine->stages != NULL) {
        stages_free(&engine->stages);
        order_close(&engine->order);
        pool_close(&engine->pool);
    }
    later_free(&engine->later);
    restore_free(&engine->restore);
    redis_free(&engine->redis);
    ledger_free(&engine->ledger);
    kafka_outbox_free(&engine->outbox);
    calls_free(&engine->calls);
    for (size_t i = 0; i < engine->destination_count; i++) {
        destination_close(&engine->destinations[i]);
    }
    timers_cancel(&engine->timers, &engine->topic_check);
    timers_close(&engine->timers);
    if (engine->epoll_fd >= 0) {
        (void)close(engine->epoll_fd);
    }
    mem_free(engine);
}
