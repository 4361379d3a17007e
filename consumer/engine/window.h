/* SPDX-License-Identifier: Apache-2.0
 *
 * The open offsets of one partition: a ring, settled out of order. What may be
 * stored with Kafka is the lowest unsettled offset, which is the next to read.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_WINDOW_H
#define HEARBACK_CONSUMER_ENGINE_WINDOW_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

#define WINDOW_SPAN_MAX 65536 /* offsets between the lowest unsettled and the newest */

struct window {
    int64_t *ring; /* an offset; settled ones are stored as their complement, ~offset */
    size_t room;   /* a power of two */
    size_t first;
    size_t count;
    int64_t next; /* one above the newest offset opened, -1 before the first */
};

void window_close(struct window *window);
/* Offsets come in ascending order, with gaps. */
void window_open(struct window *window, int64_t offset);
void window_settle(struct window *window, int64_t offset);
/* As opening and settling at once, without a place in the ring. */
void window_pass(struct window *window, int64_t offset);
/* The lowest unsettled offset; one above the newest when all are settled; -1 before the first. */
int64_t window_low(const struct window *window);
bool window_full(const struct window *window);

#endif
