/* SPDX-License-Identifier: Apache-2.0
 *
 * An outbox without a broker: it keeps what it was given, in order, and
 * acknowledges when told, or by itself once a turn. It may refuse.
 */
#ifndef HEARBACK_TESTS_FAKES_OUTBOX_H
#define HEARBACK_TESTS_FAKES_OUTBOX_H

#include "common/buf.h"
#include "consumer/engine/outbox.h"

struct fake_record {
    struct fake_record *next;
    char topic[64];
    struct buf key;
    struct buf value;
    bool tombstone;
    struct buf headers; /* name=value\n */
    bool answered;
    void (*acked)(void *owner, bool durable);
    void *owner;
};

struct fake_outbox {
    struct fake_record *first; /* everything ever sent, in order */
    struct fake_record **last;
    size_t sent;
    size_t unanswered;
    bool by_itself;      /* fake_outbox_turn acknowledges everything, */
    const char *but_not; /* except what goes to this topic */
};

void fake_outbox_init(struct fake_outbox *outbox);
void fake_outbox_close(struct fake_outbox *outbox);
struct outbox fake_outbox_interface(struct fake_outbox *outbox);

/* Acknowledges, or refuses, the oldest that is owed an answer; false when there is none. */
bool fake_outbox_answer(struct fake_outbox *outbox, bool durable);
/* True when something was acknowledged. */
bool fake_outbox_turn(struct fake_outbox *outbox);
/* The record number `index` ever sent; NULL beyond the end. */
const struct fake_record *fake_outbox_at(const struct fake_outbox *outbox, size_t index);
/* The last record of this topic, NULL when there is none. */
const struct fake_record *fake_outbox_last(const struct fake_outbox *outbox, const char *topic);

#endif
