/* SPDX-License-Identifier: Apache-2.0
 *
 * From Kafka to items: consumes, passes over what was seen, keeps a window of
 * open offsets a partition, makes items from each record's cursor as there is
 * room, and stores the lowest unsettled offset. Rebalances come in here.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_INTAKE_H
#define HEARBACK_CONSUMER_ENGINE_INTAKE_H

#include "consumer/engine/replay.h"
#include "consumer/engine/seen.h"
#include "consumer/engine/stages.h"
#include "consumer/engine/window.h"

struct intake_topic;

struct partition {
    struct intake_topic *topic;
    int32_t id;
    struct partition *next; /* all there are, of all topics */
    bool assigned;
    uint64_t generation;
    struct window window;
    int64_t stored;
    struct seen seen;
    bool dirty;         /* something settled since offsets were stored */
    bool at_end;        /* its end was reached, and nothing came since */
    int64_t end_offset; /* where that was: all below it came before */
    int64_t read_ms;    /* the newest timestamp read */
    uint64_t barred;    /* the pass in which nothing behind an earlier record may be made */
    int64_t until;      /* of a replay: the first offset it does not read */
    bool replayed;      /* a replay has read it to there */
};

struct intake;

struct intake_parts {
    const struct config *config;
    const struct worker *worker;
    const struct clock *clock;
    struct redis *redis;
    struct ledger *ledger;
    struct stages *stages;
    struct pool *pool;
    struct order *order;
    size_t destination_count;
    struct outbox outbox;
    bool dry;                    /* no marks, no letters: what would be done is only told */
    const struct replay *replay; /* NULL: the work of the group */
    /* A load that intake_open_late opened is closed; `buried`: its record is a dead letter. */
    void (*late_closed)(void *self, const struct record *record, bool buried);
    void *self;
};

MUST_USE struct err intake_new(struct intake_parts parts, struct intake **out, int *event_fd);
/* Leaves the group (storing what is settled) and frees; no load is open any more, or `abandon`. */
void intake_free(struct intake **at, bool abandon);

/* The topic is there: join the group. */
MUST_USE struct err intake_join(struct intake *intake);
/* Consumes and makes items. ERR_FATAL: this consumer can go on no more. `*more`: call again. */
MUST_USE struct err intake_turn(struct intake *intake, bool *more);
/* Takes no more records; rebalances are still served. */
void intake_stop(struct intake *intake);
/* Once a turn, at its end. */
void intake_store(struct intake *intake);

/* For later entries (later.c). */
/* Wall time up to which all our partitions were read: what was said before was heard. */
int64_t intake_read_until_ms(const struct intake *intake);
/* Topic (static) and partition number `index` of those that are assigned; false beyond the last. */
bool intake_place(const struct intake *intake, size_t index, struct origin *place);
/* Opens the record once more for the effects whose digests are in `only` (copied; see struct job).
 * Takes the message. False when its partition is not ours any more, or it must wait (for a
 * suspect, or as one): ask again later. */
bool intake_open_late(struct intake *intake, rd_kafka_message_t *message, span only);

/* A replay has read all it was asked for, and all of it is settled. */
bool intake_replayed(const struct intake *intake);

/* For the stage driver's hooks. */
void intake_left(void *self, struct load *load);
bool intake_wants(void *self, const struct load *load);
bool intake_crowded(struct intake *intake, struct work *work, struct destination *to);
/* True once after partitions went: what belonged to them is to be given back. */
bool intake_shrank(struct intake *intake);
size_t intake_loads(const struct intake *intake);
/* Records were read and wait for Redis to say whether they are settled. */
bool intake_waits(const struct intake *intake);

#endif
