/* SPDX-License-Identifier: Apache-2.0
 *
 * The timer heap. One thread.
 */
#include "consumer/engine/timers.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/own.h"

static void put(struct timers *timers, size_t slot, struct timer *timer)
{
    timers->heap[slot - 1] = timer;
    timer->slot = slot;
}

static void sift_up(struct timers *timers, struct timer *timer)
{
    size_t slot = timer->slot;
    while (slot > 1 && timers->heap[slot / 2 - 1]->due_ms > timer->due_ms) {
        put(timers, slot, timers->heap[slot / 2 - 1]);
        slot /= 2;
    }
    put(timers, slot, timer);
}

static void sift_down(struct timers *timers, struct timer *timer)
{
    size_t slot = timer->slot;
    for (;;) {
        size_t child = slot * 2;
        if (child > timers->count) {
            break;
        }
        if (child < timers->count &&
            timers->heap[child]->due_ms < timers->heap[child - 1]->due_ms) {
            child++;
        }
        if (timers->heap[child - 1]->due_ms >= timer->due_ms) {
            break;
        }
        put(timers, slot, timers->heap[child - 1]);
        slot = child;
    }
    put(timers, slot, timer);
}

void timers_close(struct timers *timers)
{
    mem_free(TAKE(timers->heap));
    timers->count = 0;
    timers->room = 0;
}

void timers_set(struct timers *timers, struct timer *timer, int64_t due_ms)
{
    timers_cancel(timers, timer);
    if (timers->count == timers->room) {
        timers->room = timers->room == 0 ? 64 : timers->room * 2;
        timers->heap = mem_try_grow(timers->heap, timers->room * sizeof(struct timer *));
        CHECK(timers->heap != NULL); /* a few KiB, bounded by the items and calls */
    }
    timer->due_ms = due_ms;
    timers->count++;
    put(timers, timers->count, timer);
    sift_up(timers, timer);
}

void timers_cancel(struct timers *timers, struct timer *timer)
{
    if (timer->slot == 0) {
        return;
    }
    struct timer *last = timers->heap[timers->count - 1];
    size_t slot = timer->slot;
    timers->count--;
    timer->slot = 0;
    if (last != timer) {
        put(timers, slot, last);
        sift_up(timers, last);
        sift_down(timers, last);
    }
}

int64_t timers_next_ms(const struct timers *timers, int64_t now_ms)
{
    if (timers->count == 0) {
        return -1;
    }
    int64_t left = timers->heap[0]->due_ms - now_ms;
    return left < 0 ? 0 : left;
}

void timers_run(struct timers *timers, int64_t now_ms)
{
    while (timers->count > 0 && timers->heap[0]->due_ms <= now_ms) {
        struct timer *timer = timers->heap[0];
        timers_cancel(timers, timer);
        timer->fire(timer->self);
    }
}
