/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver: takes an item through its worker's table. It owns what the
 * table does not say: the lease, what is written down before and after an effect,
 * the slot among a destination's calls, retry, doubt, and the dead letter. It
 * knows no vendor and no Kafka consumer, and runs as well against models.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_STAGES_H
#define HEARBACK_CONSUMER_ENGINE_STAGES_H

#include "consumer/engine/backoff.h"
#include "consumer/engine/ledger.h"
#include "consumer/engine/work.h"

struct stages;

struct stages_parts {
    const struct config *config;
    const struct worker *worker;
    const struct clock *clock;
    struct timers *timers;
    struct ledger *ledger;
    struct caller caller;
    struct outbox outbox;
    struct pool *pool;
    struct order *order;
    struct destination *destinations; /* those the worker's stages name */
    size_t destination_count;
    const char *owner;              /* this process: random, new with every start */
    struct budget_time budget_time; /* nothing: the wall clock */
    int64_t budget_percent;         /* of each rate limit that this process may use; 0: all of it */
    uint64_t seed;
    int64_t retention_ms; /* how long the worker's topic keeps records; 0: not known, or for ever */
    /* Nothing is changed anywhere: questions are asked, scripts only read, and what would be done
     * is told instead. */
    bool dry;
    /* In a dry run, what became of an item: "send POST" at an effect, or how it would end. May be
     * NULL. */
    void (*would)(void *self, const struct item *item, const char *stage, const char *what);
    /* An item of the load is settled (or given back, when that is spoiled), and counts no more
     * among those that are open. */
    void (*left)(void *self, struct load *load);
    /* May work for this load start or go on? False once its partition is gone. */
    bool (*wanted)(void *self, const struct load *load);
    /* The item has come to another destination than before. True when there is no room for it: it
     * was taken back and is no more. May be NULL. */
    bool (*crowded)(void *self, struct work *work, struct destination *to);
    void *self;
};

struct stages *stages_new(struct stages_parts parts);
void stages_free(struct stages **at); /* no item is left */

/* A made item joins its order key's queue. The stages own it from here. */
void stages_admit(struct stages *stages, struct work *work);
/* Runs what can run. Returns true when something did. */
bool stages_run(struct stages *stages);
/* The ledger was opened: what waited for it runs. */
void stages_opened(struct stages *stages);
/* How long the worker's topic keeps records, when that is known later; see stages_parts. */
void stages_set_retention(struct stages *stages, int64_t retention_ms);
/* Gives back what is not wanted any more as soon as it stands between two steps. */
void stages_sweep(struct stages *stages);
/* Takes an item out that stands between two steps, with no answer owed. */
void stages_take_back(struct stages *stages, struct work *work);
/* Items that are here, at whatever step. */
size_t stages_count(const struct stages *stages);

#endif
