/* SPDX-License-Identifier: Apache-2.0
 *
 * Items whose time has come. The ledger keeps, a partition at a time, what is to
 * go on when; whoever has the partition asks once a second what is due, reads the
 * record again and lets its items go on where they stopped. Nothing is due before
 * this worker has read its own partitions up to that time: what was said meanwhile
 * ("it no longer holds") must have been heard first. One thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_LATER_H
#define HEARBACK_CONSUMER_ENGINE_LATER_H

#include "consumer/engine/intake.h"

struct later;

struct later_parts {
    const struct config *config;
    const struct worker *worker;
    const struct clock *clock;
    struct ledger *ledger;
    struct outbox outbox;
    struct intake *intake;
    struct pool *pool;
};

struct later *later_new(struct later_parts parts);
void later_free(struct later **at); /* no question to the ledger is under way */

/* Returns milliseconds until it wants to be called again. */
int64_t later_turn(struct later *later);
/* A record that was read again is closed: all its items are settled or given back, or (`buried`)
 * it is a dead letter, whole, and nothing is to be made of it any more. */
void later_closed(struct later *later, const struct record *record, bool buried);

#endif
