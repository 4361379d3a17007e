/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that were taken from librdkafka and are not opened yet, in the order
 * they came. In the steady state a batch of them at most; while the worker
 * catches up as many as kafka.prefetch_catching_up allows. One thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_STASH_H
#define HEARBACK_CONSUMER_ENGINE_STASH_H

#include "common/err.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct stash {
    rd_kafka_message_t **ring;
    size_t room; /* a power of two */
    size_t first;
    size_t count;
    int64_t bytes; /* what they hold, roughly */
};

/* Destroys what is in it. */
void stash_close(struct stash *stash);
void stash_put(struct stash *stash, rd_kafka_message_t *message); /* owns it from here */
/* The oldest, NULL when there is none. */
rd_kafka_message_t *stash_first(const struct stash *stash);
/* Takes the oldest out. */
rd_kafka_message_t *stash_take(struct stash *stash);
/* Destroys those that `drops` says; the others keep their order. */
void stash_drop(struct stash *stash, bool (*drops)(void *self, const rd_kafka_message_t *message),
                void *self);

#endif
