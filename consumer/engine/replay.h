/* SPDX-License-Identifier: Apache-2.0
 *
 * What a replay is asked to do: which records are read again, and how their
 * items are taken. A replay has the worker's ledger and leases and neither its
 * group nor its offsets, so that the workers go on beside it.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_REPLAY_H
#define HEARBACK_CONSUMER_ENGINE_REPLAY_H

#include "consumer/worker.h"

struct replay_edge {
    enum { REPLAY_OPEN, REPLAY_OFFSET, REPLAY_TIME } kind;
    int64_t at; /* offset, or wall ms */
};

struct replay {
    struct replay_edge from; /* the first record read; REPLAY_OPEN: the first there is */
    struct replay_edge to;   /* the first not read; REPLAY_OPEN: what is there when it begins */
    int32_t partition;       /* -1: all */
    span key;                /* of the record, or an order key of its items; .len 0: all */
    bool dry;                /* tell what would be done, change nothing */
    bool again_dead;         /* dead letters run again */
    bool again_skipped;      /* records that are wholly settled are walked all the same */
    bool redo;               /* what is done is repeated where that harms nobody */
    /* In a dry run, for every item; see stages.h. May be NULL. */
    void (*would)(const struct item *item, const char *stage, const char *what);
};

#endif
