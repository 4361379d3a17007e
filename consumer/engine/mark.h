/* SPDX-License-Identifier: Apache-2.0
 *
 * The mark: what the data in Redis says of itself. Workers renew it while the
 * view is open; it is rolled back with the data, so whatever data survives says
 * how far into the changelog it reaches, and how old it is. A hash:
 *   e       the epoch's id that it belongs to
 *   c       Kafka's cluster id: offsets of another cluster say nothing
 *   at      wall ms when a worker renewed it last, for the age in days
 *   age     ms for which this view is known to have been there: see ledger_view_age_ms
 *   0, 1 …  of each partition of the changelog, the place (changelog_place.h)
 * Why that place is right stands in mark.c. One thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_MARK_H
#define HEARBACK_CONSUMER_ENGINE_MARK_H

#include "consumer/engine/changelog_reader.h"
#include "consumer/engine/timers.h"

#define MARK_KEY "hearback:mark"

/* As read. */
struct mark {
    char epoch[32]; /* "": there is none */
    char cluster[64];
    int64_t at_ms;
    int64_t age_ms;
    struct changelog_place place;
};

/* `reply` is HGETALL's. */
void mark_read(struct mark *mark, const struct redis_reply *reply);
/* NULL when what is missing from this data stands behind the mark's place; else why not. */
const char *mark_unfit(const struct mark *mark, const struct changelog_reader *reader,
                       int64_t wall_ms);
/* The fields of a new mark as texts, name and value in turn, into `room`; spans into `out`.
 * Returns their number. */
size_t mark_fields(const struct mark *mark, struct buf *room, span *out, size_t out_max);

/* ---- who renews it ---- */

struct marks;

struct marks_parts {
    const struct clock *clock;
    struct redis *redis;
    struct ledger *ledger;
    struct timers *timers;
    struct kafka_outbox *outbox; /* NULL: the place is not moved on */
};

struct marks *marks_new(struct marks_parts parts);
void marks_free(struct marks **at);
/* The view was opened. */
void marks_opened(struct marks *marks, span epoch);

#endif
