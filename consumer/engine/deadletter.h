/* SPDX-License-Identifier: Apache-2.0
 *
 * The dead letter of a record that yields no items at all. (An item's dead
 * letter is a phase of the stage driver.)
 */
#ifndef HEARBACK_CONSUMER_ENGINE_DEADLETTER_H
#define HEARBACK_CONSUMER_ENGINE_DEADLETTER_H

#include "consumer/engine/outbox.h"
#include "consumer/worker.h"

struct deadletter {
    const struct worker *worker;
    const struct job *job;
    rd_kafka_message_t *message; /* for its headers; NULL: it has none */
    const char *reason;
    const char *detail;
};

/* Appends it, whole; `acked` is called as for outbox.send. Everything is copied. */
void deadletter_record(struct outbox outbox, struct deadletter dead,
                       void (*acked)(void *owner, bool durable), void *owner);

#endif
