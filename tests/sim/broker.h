/* SPDX-License-Identifier: Apache-2.0
 *
 * The modelled Kafka: topics are arrays, what was appended stays. Interviews have
 * the plan's partitions; the changelog is spread over some by its key, as the
 * producer does; dead letters are one list.
 */
#ifndef HEARBACK_TESTS_SIM_BROKER_H
#define HEARBACK_TESTS_SIM_BROKER_H

#include "consumer/engine/outbox.h"
#include "tests/sim/plan.h"

struct broker_record {
    int32_t partition;
    int64_t offset;
    int64_t at_ms; /* simulated time */
    int interview; /* of an interview's record; -1: bytes that are none */
    span key;
    span value;                        /* .at NULL: a tombstone */
    bool superseded;                   /* a later line has its key */
    uint64_t hash;                     /* of the key, of a line */
    const struct broker_record *older; /* the line before it in its bucket */
};

/* Appends the plan's delivery, now. */
void broker_deliver(const struct plan_delivery *delivery);
int64_t broker_end(int32_t partition);
const struct broker_record *broker_interview(int32_t partition, int64_t offset);

/* What a worker sends, when the broker takes it. The line when it is the changelog's, else NULL. */
const struct broker_record *broker_append(const struct outbox_record *record);
size_t broker_lines(int32_t partition);
const struct broker_record *broker_line(int32_t partition, size_t index);
/* The changelog's last line of that key ("S:…" or "H:…"), NULL without one. */
const struct broker_record *broker_last(span key);
/* Every key's last line, one after the other: start with NULL. */
const struct broker_record *broker_next_last(const struct broker_record *before);

/* The broker takes nothing for a while. */
void broker_slow(int64_t for_ms);
int64_t broker_takes_ms(void); /* when it does: now, or later */
void broker_heal(void);

#endif
