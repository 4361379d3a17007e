/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to happen when: a heap of timers embedded in their owners, on the
 * monotonic clock. Removing one from the middle needs no search.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_TIMERS_H
#define HEARBACK_CONSUMER_ENGINE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t due_ms;
    void (*fire)(void *self);
    void *self;
    size_t slot; /* 1-based place in the heap, 0: not set */
};

struct timers {
    struct timer **heap;
    size_t count;
    size_t room;
};

void timers_close(struct timers *timers);
/* Sets or moves the timer. */
void timers_set(struct timers *timers, struct timer *timer, int64_t due_ms);
void timers_cancel(struct timers *timers, struct timer *timer);
static inline bool timer_is_set(const struct timer *timer)
{
    return timer->slot != 0;
}

/* Milliseconds from now until the first is due, 0 when one is, -1 when there is none. */
int64_t timers_next_ms(const struct timers *timers, int64_t now_ms);
/* Fires what is due, each unset before it fires. */
void timers_run(struct timers *timers, int64_t now_ms);

#endif
