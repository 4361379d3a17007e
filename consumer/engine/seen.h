/* SPDX-License-Identifier: Apache-2.0
 *
 * One bit an offset: this record was wholly settled, under these rules and this
 * field map. A replay skips such records without reading them. The bits are a
 * short cut and not journaled: where they are lost, the ledger is asked item by
 * item. A segment's guard (its lowest marked offset's timestamp, and the newest)
 * tells a topic that was made anew. One of these a partition; one thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_SEEN_H
#define HEARBACK_CONSUMER_ENGINE_SEEN_H

#include "consumer/engine/ledger.h"

#define SEEN_SEGMENT 65536 /* offsets in one key */
#define SEEN_PENDING 32    /* marks that go out together */
#define SEEN_NAME    512

enum seen_answer { SEEN_NO, SEEN_YES, SEEN_LOADING };

struct seen_record {
    int64_t offset;
    int64_t at_ms;
};

/* The bits of SEEN_SEGMENT offsets, as far as Redis has told them. */
struct seen_segment {
    int64_t number; /* -1: none */
    bool loading;
    uint64_t round; /* answers to an earlier question are ignored */
    uint8_t *bits;  /* NULL: nothing was marked in this segment */
    int64_t guard_offset;
    int64_t guard_ms;
    int64_t newest_ms;
};

struct seen {
    struct redis *redis;
    struct ledger *ledger;
    char name[SEEN_NAME]; /* worker/topic/partition */
    uint64_t digest;
    uint64_t round;
    struct seen_segment here;
    struct seen_segment ahead; /* asked for before it is needed */
    struct seen_record pending[SEEN_PENDING];
    size_t pending_count;
};

/* `name`: worker/topic/partition. */
void seen_init(struct seen *seen, struct redis *redis, struct ledger *ledger, uint64_t digest,
               const char *name);
void seen_close(struct seen *seen);

/* SEEN_LOADING: the segment was asked for; ask again when Redis has answered. */
enum seen_answer seen_ask(struct seen *seen, int64_t offset, int64_t at_ms);
/* The record is settled; the bit is sent with others, by seen_flush or when there are enough. */
void seen_mark(struct seen *seen, int64_t offset, int64_t at_ms);
void seen_flush(struct seen *seen);

#endif
