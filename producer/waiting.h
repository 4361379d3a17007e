/* SPDX-License-Identifier: Apache-2.0
 *
 * Who waits for the broker. A fixed number of places; whoever takes one gets an
 * id that is never used again, and that is what travels through librdkafka: a
 * report for somebody long answered finds nobody. All wait equally long, so the
 * first to come is the first to be overdue. Thread-safe.
 */
#ifndef HEARBACK_PRODUCER_WAITING_H
#define HEARBACK_PRODUCER_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAITING_NOBODY 0

struct waiting;

struct waiting *waiting_new(size_t places);
/* Nobody may be waiting. */
void waiting_free(struct waiting **waiting);

/* The id of a place for `who` until due_ms, which never goes back; WAITING_NOBODY when all are
 * taken. */
uint64_t waiting_take(struct waiting *waiting, void *who, int64_t due_ms);
/* Gives the place up: `who` for exactly one caller, NULL for all others. */
void *waiting_settle(struct waiting *waiting, uint64_t id);
/* The first that is due at now_ms, as by waiting_settle; NULL when none is. */
void *waiting_overdue(struct waiting *waiting, int64_t now_ms);
/* When the first is due; INT64_MAX when nobody waits. */
int64_t waiting_next_due(struct waiting *waiting);
size_t waiting_count(struct waiting *waiting);

#endif
