/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine's inner half on a bench: the real Redis connection, ledger and (if
 * wanted) stage driver, with the test's own clock, outbox and caller. A turn has
 * the loop's order. Several rigs may share a Redis and a clock: several workers.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_RIG_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_RIG_H

#include "consumer/engine/stages.h"
#include "tests/component/engine/kit.h"
#include "tests/fakes/caller.h"
#include "tests/fakes/outbox.h"

#define RIG_LOADS_MAX 256
#define RIG_POOL      32
#define RIG_LEASE_MS  30000
#define RIG_TIMEOUT   10000

struct rig {
    struct config config;
    struct clock_fake *time; /* shared by rigs */
    struct clock clock;
    char owner[16];
    int epoll_fd;
    struct redis *redis;
    struct timers timers;
    struct fake_outbox outbox;
    struct fake_caller caller;
    struct ledger *ledger;
    int connects;
    int lost_connections;
    int lost_views;

    /* The stage driver, when rig_stages was called. */
    struct stages *stages;
    struct pool pool;
    struct order order;
    struct destination to;
    struct load loads[RIG_LOADS_MAX];
    size_t load_count;
    size_t settled;  /* loads wholly settled */
    size_t spoiled;  /* loads given back */
    bool unwanted;   /* the partition is gone */
    bool dry;        /* before rig_stages: nothing is changed, .would says what would be */
    char would[512]; /* "effect: stage: what;" each */
};

/* Connects to Redis and loads the scripts. The view is closed. */
void rig_open(struct rig *rig, const char *redis_address, const char *owner,
              struct clock_fake *time);
/* The same with a ledger that journals there. */
void rig_open_journal(struct rig *rig, const char *redis_address, const char *owner,
                      struct clock_fake *time, const struct outbox *journal);
/* Everything must have ended. */
void rig_close(struct rig *rig);
void rig_stages(struct rig *rig, const struct worker *worker);

/* One turn; true when something happened in it. */
bool rig_turn(struct rig *rig);
/* Redis answers all that it was asked so far, and nothing that is asked because of that. */
void rig_hear_once(struct rig *rig);
/* Turns until nothing happens any more and Redis owes nothing. */
void rig_settle(struct rig *rig);
/* Moves the clock, from timer to timer, and settles after each. */
void rig_move(struct rig *rig, int64_t ms);
/* Writes the epoch to Redis and opens the view under it. */
void rig_view(struct rig *rig, redisContext *redis, const char *epoch);

/* Makes a load with one item of this effect and key, and admits it. */
struct work *rig_admit(struct rig *rig, const char *effect, const char *key);

#endif
