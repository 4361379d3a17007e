/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that share a budget, and a plain model of the vendor that keeps every
 * call's arrival. The processes are real but for their clocks: each has its own,
 * beginning anywhere; the scripts run on a real Redis. Time is moved from timer to
 * timer.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_BUDGET_WORLD_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_BUDGET_WORLD_H

#include "consumer/engine/backoff.h"
#include "consumer/engine/budget_ask.h"
#include "tests/component/engine/rig.h"

#define SECOND        INT64_C(1000)
#define MINUTE        (60 * SECOND)
#define PROCESSES_MAX 5

/* A vendor's limit. */
struct form {
    const char *name;
    int64_t most;
    int64_t window_ms;
    int64_t cost_max;
};

struct arrival {
    int64_t at_ms;
    int64_t cost;
};

struct model {
    struct arrival *arrivals;
    size_t count;
    size_t room;
};

struct world;

struct process {
    struct world *world;
    struct rig rig;
    struct clock_fake time;
    struct budgets budgets;
    struct budget budget;
    int64_t wants; /* calls waiting */
    bool there;
    bool cut_off;                               /* Redis does not hear it */
    bool unheard;                               /* Redis hears it, but does not answer */
    int64_t slow_ms;                            /* Redis answers it so much later */
    int64_t asked_ms;                           /* then: since when it waits; 0: it does not */
    int64_t stopped_until_ms;                   /* it gets no processor */
    int64_t late_ms;                            /* its loop comes late by up to so much */
    void (*told)(void *owner, int64_t time_us); /* who asked Redis for its time */
    void *told_owner;
    int64_t told_at_ms; /* when the answer comes */
    int64_t told_us;
};

struct world {
    struct redis_server server;
    redisContext *plain;
    struct limit limit;
    struct destination_kind kind;
    struct config config;
    struct model model;
    struct backoff_random random;
    struct process processes[PROCESSES_MAX];
    size_t process_count;
    int64_t now_ms;
    int64_t jitter_ms;
    int64_t redis_ahead_ms; /* Redis's clock */
    int epoch;
};

extern const uint8_t world_salt[BUDGET_SALT_BYTES];

struct world *world_begin(const struct form *form, uint64_t seed);
void world_end(struct world *world);
int64_t world_draw(struct world *world, int64_t below);

/* A new process, whose wall clock is ahead by so much. */
struct process *world_join(struct world *world, int64_t wall_ahead_ms);
void world_quit(struct process *process);
/* Redis answers it. */
void world_hear(struct process *process);
/* The restored view under the world's present epoch. */
void world_view(struct process *process);

/* Moves everything to the next moment at which something may happen, `most_ms` at most. */
int64_t world_step(struct world *world, int64_t most_ms);
/* Lets time pass; each process gets calls whenever it has fewer than `wants`. */
void world_pass(struct world *world, int64_t ms, int64_t wants);
/* Calls that are more than anybody may send in a window. */
int64_t world_enough(const struct world *world);

void world_arrive(struct world *world, int64_t at_ms, int64_t cost);
/* The most that any window held. */
int64_t world_fullest(const struct world *world, int64_t window_ms);
int64_t world_arrived(const struct world *world, int64_t from_ms, int64_t to_ms);
/* Fails when a window holds more than the limit. */
void world_check(const struct world *world, const char *what);
/* How much of the limit was used since then: 1 is all of it. */
double world_used(const struct world *world, int64_t from_ms);

#endif
