/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds the bench and turns it.
 */
#define _GNU_SOURCE /* epoll_create1 */
#include "tests/component/engine/rig.h"

#include "common/mem.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

static void on_connected(void *self)
{
    struct rig *rig = self;
    rig->connects++;
    for (struct script *const *at = scripts_all; *at != NULL; at++) {
        span load[] = {span_text("SCRIPT"), span_text("LOAD"), span_text((*at)->text)};
        redis_send(rig->redis, load, COUNT_OF(load), NULL, NULL);
    }
}

static void on_lost(void *self)
{
    struct rig *rig = self;
    rig->lost_connections++;
    ledger_close_view(rig->ledger);
}

static void on_view_lost(void *self)
{
    struct rig *rig = self;
    rig->lost_views++;
}

static void fill_config(struct rig *rig, const char *redis_address)
{
    struct config *config = &rig->config;
    config->redis.address = mem_must_copy_text(redis_address);
    config->redis.timeout_ms = 2000;
    config->worker = (struct config_worker){.items_max = RIG_POOL,
                                            .items_per_record_max = RIG_POOL,
                                            .items_per_key_max = RIG_POOL,
                                            .items_per_destination_max = RIG_POOL,
                                            .calls_max = 4,
                                            .lease_ms = RIG_LEASE_MS,
                                            .reply_bytes_max = 1 << 20,
                                            .restore_wait_ms = 60000};
    config->retry = (struct config_retry){
        .base_ms = 1000, .cap_ms = 60000, .give_up_after_ms = (int64_t)60 * 60 * 1000};
    config->breaker = (struct config_breaker){
        .failures = 5, .refusals = 5, .open_ms = 15000, .open_max_ms = 60000};
}

void rig_open(struct rig *rig, const char *redis_address, const char *owner,
              struct clock_fake *time)
{
    rig_open_journal(rig, redis_address, owner, time, NULL);
}

void rig_open_journal(struct rig *rig, const char *redis_address, const char *owner,
                      struct clock_fake *time, const struct outbox *journal)
{
    *rig = (struct rig){.time = time, .clock = clock_faked(time)};
    struct redis_hooks hooks = {.connected = on_connected, .lost = on_lost, .self = rig};
    scripts_init();
    fill_config(rig, redis_address);
    span_to_text(span_text(owner), rig->owner, sizeof(rig->owner));
    rig->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_true(rig->epoll_fd >= 0);
    fake_outbox_init(&rig->outbox);
    rig->redis = redis_new(&rig->config.redis, &rig->clock, rig->epoll_fd, 0, hooks);
    rig->ledger = ledger_new(
        rig->redis, journal != NULL ? *journal : fake_outbox_interface(&rig->outbox), &rig->clock);
    ledger_on_lost(rig->ledger, on_view_lost, rig);
    for (int64_t t = kit_begin(); rig->connects == 0;) {
        assert_true(kit_waits(t));
        (void)rig_turn(rig);
    }
    rig_settle(rig);
}

void rig_close(struct rig *rig)
{
    if (rig->stages != NULL && stages_count(rig->stages) > 0) {
        print_error("items are left: nothing is freed\n");
        return; /* the test has failed before */
    }
    if (rig->stages != NULL) {
        stages_free(&rig->stages);
        order_close(&rig->order);
        pool_close(&rig->pool);
        timers_cancel(&rig->timers, &rig->to.probe);
        destination_close(&rig->to);
        for (size_t i = 0; i < rig->load_count; i++) {
            arena_close(&rig->loads[i].job.arena);
        }
    }
    ledger_close_view(rig->ledger); /* what it has begun to say anew ends; no more is begun */
    rig->outbox.by_itself = true;
    for (int64_t t = kit_begin(); ledger_in_flight(rig->ledger) > 0;) {
        assert_true(kit_waits(t));
        (void)rig_turn(rig);
    }
    redis_free(&rig->redis);
    ledger_free(&rig->ledger);
    timers_close(&rig->timers);
    fake_outbox_close(&rig->outbox);
    (void)close(rig->epoll_fd);
    mem_free_text(&rig->config.redis.address);
}

/* ---- the stage driver -------------------------------------------------------------------- */

static void on_left(void *self, struct load *load)
{
    struct rig *rig = self;
    if (load->open > 0) {
        return;
    }
    assert_true(load->made_all || load->spoiled);
    *(load->spoiled ? &rig->spoiled : &rig->settled) += 1;
}

static bool wanted(void *self, const struct load *load)
{
    const struct rig *rig = self;
    (void)load;
    return !rig->unwanted;
}

static void on_would(void *self, const struct item *item, const char *stage, const char *what)
{
    struct rig *rig = self;
    struct buf line;
    buf_init(&line, sizeof(rig->would));
    buf_add_text(&line, rig->would);
    buf_add(&line, item->effect_id);
    buf_addf(&line, ": %s: %s;", stage, what);
    span_to_text(buf_span(&line), rig->would, sizeof(rig->would));
    buf_close(&line);
}

/* The time that budgets go by, answered at once. */
static void ask_time(void *self, void (*told)(void *owner, int64_t time_us), void *owner)
{
    const struct rig *rig = self;
    told(owner, clock_wall_ms(&rig->clock) * 1000);
}

void rig_stages(struct rig *rig, const struct worker *worker)
{
    const struct destination_kind *kind = NULL;
    for (size_t i = 0; i < worker->stage_count; i++) {
        kind = worker->stages[i].to != NULL ? worker->stages[i].to : kind;
    }
    assert_false(failed(destination_open(&rig->to, kind, &rig->config)));
    pool_init(&rig->pool, RIG_POOL);
    order_init(&rig->order, RIG_POOL);
    rig->stages = stages_new((struct stages_parts){.config = &rig->config,
                                                   .worker = worker,
                                                   .clock = &rig->clock,
                                                   .timers = &rig->timers,
                                                   .ledger = rig->ledger,
                                                   .caller = fake_caller_interface(&rig->caller),
                                                   .outbox = fake_outbox_interface(&rig->outbox),
                                                   .pool = &rig->pool,
                                                   .order = &rig->order,
                                                   .destinations = &rig->to,
                                                   .destination_count = 1,
                                                   .owner = rig->owner,
                                                   .budget_time = {ask_time, rig},
                                                   .seed = 7,
                                                   .dry = rig->dry,
                                                   .would = on_would,
                                                   .left = on_left,
                                                   .wanted = wanted,
                                                   .self = rig});
}

struct work *rig_admit(struct rig *rig, const char *effect, const char *key)
{
    assert_true(rig->load_count < RIG_LOADS_MAX);
    struct load *load = &rig->loads[rig->load_count];
    struct work *work = pool_take(&rig->pool);
    assert_non_null(work);
    *load = (struct load){.open = 1, .made_all = true};
    arena_init(&load->job.arena, 1 << 20);
    load->job.record = (struct record){.topic = "hearback.interviews",
                                       .partition = 3,
                                       .offset = (int64_t)rig->load_count,
                                       .key = span_text("study")};
    load->job.origin = (struct origin){.topic = span_text("hearback.interviews"),
                                       .partition = 3,
                                       .offset = load->job.record.offset};
    rig->load_count++;
    work->item.job = &load->job;
    work->item.effect_id = arena_copy(&work->item.arena, span_text(effect));
    work->item.order_key = arena_copy(&work->item.arena, span_text(key));
    work->load = load;
    stages_admit(rig->stages, work);
    return work;
}

/* ---- turns ------------------------------------------------------------------------------- */

static bool hear_redis(struct rig *rig)
{
    struct epoll_event event;
    int wait_ms = redis_in_flight(rig->redis) > 0 || !redis_connected(rig->redis) ? 5 : 0;
    if (epoll_wait(rig->epoll_fd, &event, 1, wait_ms) != 1) {
        return false;
    }
    bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    redis_ready(rig->redis, broken || (event.events & EPOLLIN) != 0,
                (event.events & EPOLLOUT) != 0);
    return true;
}

bool rig_turn(struct rig *rig)
{
    bool did = hear_redis(rig);
    (void)redis_turn(rig->redis);
    did = fake_outbox_turn(&rig->outbox) || did;
    timers_run(&rig->timers, rig->time->mono);
    did = (rig->stages != NULL && stages_run(rig->stages)) || did;
    ledger_confirm(rig->ledger);
    return did;
}

static void on_ping(void *self, const struct redis_reply *reply)
{
    assert_int_not_equal(reply->kind, REDIS_LOST);
    *(bool *)self = true;
}

void rig_hear_once(struct rig *rig)
{
    bool all = false;
    int64_t began = kit_begin();
    span ping = span_text("PING");
    redis_send(rig->redis, &ping, 1, on_ping, &all);
    redis_ready(rig->redis, false, true);
    while (!all) {
        assert_true(kit_waits(began));
        redis_ready(rig->redis, true, false);
        (void)redis_turn(rig->redis);
    }
}

void rig_settle(struct rig *rig)
{
    int64_t began = kit_begin();
    while (rig_turn(rig) || redis_in_flight(rig->redis) > 0) {
        assert_true(kit_waits(began));
    }
}

void rig_move(struct rig *rig, int64_t ms)
{
    rig_settle(rig);
    while (ms > 0) {
        int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
        step = step < 0 || step > ms ? ms : step < 1 ? 1 : step;
        clock_fake_move(rig->time, step);
        rig_settle(rig);
        ms -= step;
    }
}

void rig_view(struct rig *rig, redisContext *redis, const char *epoch)
{
    assert_string_equal(redis_say(redis, "SET", LEDGER_EPOCH_KEY, epoch, NULL), "OK");
    ledger_open(rig->ledger, span_text(epoch), 0);
    if (rig->stages != NULL) {
        stages_opened(rig->stages);
    }
    rig_settle(rig);
}
