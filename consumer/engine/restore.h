/* SPDX-License-Identifier: Apache-2.0
 *
 * Decides whether the view in Redis may be believed, and makes it anew from the
 * changelog when not. The view counts when its epoch is there and names the
 * Redis process that answers now (its run_id): a Redis that was emptied has no
 * epoch, one that was restarted or replaced may have lost its last writes. What
 * such data lacks at most, its mark says (mark.h); without one the view is restored
 * whole. One worker restores, under a lock; the others wait for the epoch.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_RESTORE_H
#define HEARBACK_CONSUMER_ENGINE_RESTORE_H

#include "consumer/engine/ledger.h"
#include "consumer/engine/timers.h"

struct restore;

struct restore_parts {
    const struct config *config;
    const struct clock *clock;
    struct redis *redis;
    struct ledger *ledger;
    struct timers *timers;
    struct kafka_outbox *outbox; /* NULL: this process moves no mark on */
    const char *owner;           /* this process */
    void (*opened)(void *self);  /* the ledger is open */
    void *self;
};

struct restore *restore_new(struct restore_parts parts);
/* The connection to Redis must go next: what is still in flight has nobody to tell. */
void restore_free(struct restore **at);

/* The connection to Redis stands, or is gone. */
void restore_connected(struct restore *restore);
void restore_disconnected(struct restore *restore);
/* Reads what the changelog holds. Returns milliseconds until it wants to be called again, -1 when
 * it does not: the reader's queue is not in the loop's epoll, it lives too briefly. */
int64_t restore_turn(struct restore *restore);
/* What the closed ledger is waiting for, e.g. "restoring: 43 %". Lives as long as the restore; any
 * thread may read the text. */
const char *restore_tells(const struct restore *restore);

#endif
