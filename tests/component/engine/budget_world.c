/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes and the vendor's model.
 */
#include "tests/component/engine/budget_world.h"

#include "common/mem.h"

#include <stdio.h>

const uint8_t world_salt[BUDGET_SALT_BYTES] = "a credential's digest";

/* ---- the model --------------------------------------------------------------------------- */

void world_arrive(struct world *world, int64_t at_ms, int64_t cost)
{
    struct model *model = &world->model;
    CHECK(model->count < model->room);
    /* In order of arrival: the network may let one overtake another. */
    size_t i = model->count++;
    for (; i > 0 && model->arrivals[i - 1].at_ms > at_ms; i--) {
        model->arrivals[i] = model->arrivals[i - 1];
    }
    model->arrivals[i] = (struct arrival){.at_ms = at_ms, .cost = cost};
}

/* The most that any window held. */
int64_t world_fullest(const struct world *world, int64_t window_ms)
{
    const struct model *model = &world->model;
    int64_t most = 0;
    int64_t held = 0;
    size_t oldest = 0;
    for (size_t i = 0; i < model->count; i++) {
        held += model->arrivals[i].cost;
        while (model->arrivals[oldest].at_ms <= model->arrivals[i].at_ms - window_ms) {
            held -= model->arrivals[oldest++].cost;
        }
        most = held > most ? held : most;
    }
    return most;
}

int64_t world_arrived(const struct world *world, int64_t from_ms, int64_t to_ms)
{
    const struct model *model = &world->model;
    int64_t sum = 0;
    for (size_t i = 0; i < model->count; i++) {
        bool in = model->arrivals[i].at_ms >= from_ms && model->arrivals[i].at_ms < to_ms;
        sum += in ? model->arrivals[i].cost : 0;
    }
    return sum;
}

/* ---- processes --------------------------------------------------------------------------- */

int64_t world_draw(struct world *world, int64_t below)
{
    return below <= 0 ? 0 : (int64_t)(backoff_draw(&world->random) % (uint64_t)below);
}

static int64_t cost_of(const struct world *world)
{
    return world->limit.cost_max;
}

static void spend(struct process *p)
{
    struct world *world = p->world;
    while (p->wants > 0 && budget_take(&p->budget, cost_of(world))) {
        p->wants--;
        world_arrive(world, world->now_ms + world_draw(world, world->jitter_ms + 1),
                     cost_of(world));
    }
    budget_want(&p->budget, p->wants * cost_of(world));
}

static void on_ready(void *self)
{
    spend(self);
}

/* Redis's time as the process learns it: of a moment between question and answer. */
static void ask_time(void *self, void (*told)(void *owner, int64_t time_us), void *owner)
{
    struct process *p = self;
    struct world *world = p->world;
    int64_t way = world_draw(world, 12) + p->slow_ms;
    assert_null(p->told);
    p->told = told;
    p->told_owner = owner;
    p->told_at_ms = world->now_ms + way;
    p->told_us =
        (1790000000000 + world->now_ms + world->redis_ahead_ms + world_draw(world, way + 1)) * 1000;
}

static void tell_time(struct process *p)
{
    if (p->told != NULL && p->world->now_ms >= p->told_at_ms && !p->cut_off && !p->unheard) {
        void (*told)(void *, int64_t) = p->told;
        p->told = NULL;
        told(p->told_owner, p->told_us);
    }
}

static void open_budget(struct process *p)
{
    struct world *world = p->world;
    struct budget_name name = {.destination = "vendor", .class = "POST", .salt = world_salt};
    budgets_init(&p->budgets, &world->config, p->rig.ledger, &p->rig.clock, &p->rig.timers);
    p->budgets.owner = p->rig.owner;
    p->budgets.time = (struct budget_time){ask_time, p};
    budget_open(&p->budget, &p->budgets,
                budget_rule_of(&world->config, &world->kind, "POST", false), &name);
    p->budget.ready = on_ready;
    p->budget.self = p;
}

void world_view(struct process *p)
{
    char epoch[32];
    (void)snprintf(epoch, sizeof(epoch), "{\"id\":\"%d\"}", p->world->epoch);
    rig_view(&p->rig, p->world->plain, epoch);
}

struct process *world_join(struct world *world, int64_t wall_ahead_ms)
{
    CHECK(world->process_count < PROCESSES_MAX);
    struct process *p = &world->processes[world->process_count];
    char owner[32];
    (void)snprintf(owner, sizeof(owner), "p%zu", world->process_count++);
    p->world = world;
    p->time = (struct clock_fake){.mono = 1000000 + world_draw(world, 100000000),
                                  .wall = 1790000000000 + world->now_ms + wall_ahead_ms};
    rig_open(&p->rig, world->server.address, owner, &p->time);
    p->rig.config.redis.timeout_ms = MINUTE; /* being slow is not being away */
    world_view(p);
    open_budget(p);
    p->there = true;
    return p;
}

void world_quit(struct process *p)
{
    p->cut_off = p->unheard = false;
    p->slow_ms = 0;
    budget_close(&p->budget);
    rig_settle(&p->rig);
    budget_close(&p->budget);
    rig_close(&p->rig);
    p->there = false;
}

static void hear_late(struct process *p)
{
    (void)redis_turn(p->rig.redis);
    if (p->asked_ms > 0 && p->world->now_ms - p->asked_ms >= p->slow_ms) {
        rig_hear_once(&p->rig);
        p->asked_ms = 0;
    }
    ledger_confirm(p->rig.ledger);
    redis_ready(p->rig.redis, false, true);
    if (p->asked_ms == 0 && redis_in_flight(p->rig.redis) > 0) {
        p->asked_ms = p->world->now_ms;
    }
}

void world_hear(struct process *p)
{
    tell_time(p);
    if (p->slow_ms > 0) {
        hear_late(p);
        return;
    }
    if (p->cut_off) {
        return;
    }
    if (p->unheard) { /* what it says goes out, what is said to it stays on the way */
        redis_ready(p->rig.redis, false, true);
        return;
    }
    while (rig_turn(&p->rig) || redis_in_flight(p->rig.redis) > 0) {
    }
}

/* Moves everything to the next moment at which something may happen, `most_ms` at most. */
static bool runs(const struct process *p)
{
    return p->there && p->world->now_ms >= p->stopped_until_ms;
}

int64_t world_step(struct world *world, int64_t most_ms)
{
    int64_t ms = most_ms;
    for (size_t i = 0; i < world->process_count; i++) {
        struct process *p = &world->processes[i];
        int64_t next = runs(p) ? timers_next_ms(&p->rig.timers, p->time.mono) : -1;
        next = next >= 0 ? next + world_draw(world, p->late_ms + 1) : ms;
        ms = next < ms ? next : ms;
        if (p->told != NULL && p->told_at_ms > world->now_ms) {
            ms = p->told_at_ms - world->now_ms < ms ? p->told_at_ms - world->now_ms : ms;
        }
        if (p->slow_ms > 0 && p->asked_ms > 0) {
            int64_t left = p->asked_ms + p->slow_ms - world->now_ms;
            ms = left < ms ? left : ms;
        }
    }
    ms = ms < 1 ? 1 : ms;
    world->now_ms += ms;
    for (size_t i = 0; i < world->process_count; i++) {
        struct process *p = &world->processes[i];
        if (p->there) {
            clock_fake_move(&p->time, ms);
        }
        if (runs(p)) {
            timers_run(&p->rig.timers, p->time.mono);
            world_hear(p);
        }
    }
    return ms;
}

/* Lets time pass; each process gets `wants` calls more whenever it has fewer. */
void world_pass(struct world *world, int64_t ms, int64_t wants)
{
    while (ms > 0) {
        for (size_t i = 0; i < world->process_count; i++) {
            struct process *p = &world->processes[i];
            if (runs(p) && p->wants < wants) {
                p->wants = wants;
                spend(p);
                world_hear(p);
            }
        }
        ms -= world_step(world, ms);
    }
}

void world_check(const struct world *world, const char *what)
{
    int64_t most = world_fullest(world, world->limit.window_ms);
    if (most > world->limit.most) {
        print_error("%s: a window held %lld, the limit is %lld\n", what, (long long)most,
                    (long long)world->limit.most);
        fail();
    }
}

struct world *world_begin(const struct form *form, uint64_t seed)
{
    struct world *world = mem_must_alloc(sizeof(*world));
    kit_quiet();
    assert_true(redis_server_start(&world->server, NULL));
    world->plain = redis_ask_open(world->server.address, NULL);
    assert_non_null(world->plain);
    world->limit = (struct limit){.class = "POST",
                                  .most = form->most,
                                  .window_ms = form->window_ms,
                                  .cost_max = form->cost_max,
                                  .setting = LIMIT_FIXED};
    world->kind = (struct destination_kind){.limits = &world->limit, .limit_count = 1};
    world->config.budgets = (struct config_budgets){.margin_percent = 4, .reserve_percent = 5};
    world->model.room = 200000;
    world->model.arrivals = mem_must_array(world->model.room, sizeof(struct arrival));
    backoff_seed(&world->random, seed);
    return world;
}

void world_end(struct world *world)
{
    for (size_t i = 0; i < world->process_count; i++) {
        if (world->processes[i].there) {
            world_quit(&world->processes[i]);
        }
    }
    redisFree(world->plain);
    redis_server_close(&world->server);
    mem_free(world->model.arrivals);
    mem_free(world);
}

/* How much of the limit was used between two times. */
double world_used(const struct world *world, int64_t from_ms)
{
    double whole = (double)world->limit.most * (double)(world->now_ms - from_ms) /
                   (double)world->limit.window_ms;
    return (double)world_arrived(world, from_ms, world->now_ms) / whole;
}

int64_t world_enough(const struct world *world)
{
    return world->limit.most / world->limit.cost_max + 1;
}
