/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap of events, the generators, and the trace.
 */
#include "tests/sim/world.h"

#include "common/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct event {
    int64_t at_ms;
    uint64_t serial;
    void (*happen)(void *self);
    void *self;
};

static struct {
    uint64_t seed;
    bool trace;
    int64_t now;
    uint64_t serial;
    uint64_t random[WORLD_STREAMS];
    struct event *heap;
    size_t count;
    size_t room;
} world;

void world_begin(uint64_t seed, bool trace)
{
    world.seed = seed;
    world.trace = trace;
    for (size_t i = 0; i < WORLD_STREAMS; i++) {
        world.random[i] = seed * WORLD_STREAMS + i;
    }
    if (trace) {
        (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a history may end in an abort */
    }
}

uint64_t world_seed(void)
{
    return world.seed;
}

int64_t world_now(void)
{
    return world.now;
}

/* ---- events ------------------------------------------------------------------------------ */

static bool before(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->serial < b->serial;
}

void world_at(int64_t at_ms, void (*happen)(void *self), void *self)
{
    if (world.count == world.room) {
        world.room = world.room == 0 ? 256 : world.room * 2;
        world.heap = mem_try_grow(world.heap, world.room * sizeof(*world.heap));
        CHECK(world.heap != NULL);
    }
    struct event event = {.at_ms = at_ms < world.now ? world.now : at_ms,
                          .serial = ++world.serial,
                          .happen = happen,
                          .self = self};
    size_t slot = world.count++;
    while (slot > 0 && before(&event, &world.heap[(slot - 1) / 2])) {
        world.heap[slot] = world.heap[(slot - 1) / 2];
        slot = (slot - 1) / 2;
    }
    world.heap[slot] = event;
}

int64_t world_next(void)
{
    return world.count == 0 ? INT64_MAX : world.heap[0].at_ms;
}

static struct event take_first(void)
{
    struct event first = world.heap[0];
    struct event last = world.heap[--world.count];
    size_t slot = 0;
    for (;;) {
        size_t child = slot * 2 + 1;
        if (child >= world.count) {
            break;
        }
        if (child + 1 < world.count && before(&world.heap[child + 1], &world.heap[child])) {
            child++;
        }
        if (!before(&world.heap[child], &last)) {
            break;
        }
        world.heap[slot] = world.heap[child];
        slot = child;
    }
    world.heap[slot] = last;
    return first;
}

void world_move(int64_t to_ms)
{
    CHECK(to_ms >= world.now);
    world.now = to_ms;
}

void world_happen(void)
{
    CHECK(world.count > 0 && world.heap[0].at_ms <= world.now);
    struct event event = take_first();
    event.happen(event.self);
}

/* ---- chance ------------------------------------------------------------------------------ */

/* splitmix64: any seed does, zero too. */
static uint64_t draw(enum world_stream stream)
{
    uint64_t z = world.random[stream] += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint64_t world_draw(enum world_stream stream, uint64_t below)
{
    return below == 0 ? 0 : draw(stream) % below;
}

int64_t world_between(enum world_stream stream, int64_t min, int64_t max)
{
    return max <= min ? min : min + (int64_t)world_draw(stream, (uint64_t)(max - min) + 1);
}

bool world_chance(enum world_stream stream, int per_mille)
{
    return per_mille > 0 && world_draw(stream, 1000) < (uint64_t)per_mille;
}

/* ---- the trace --------------------------------------------------------------------------- */

bool world_traces(void)
{
    return world.trace;
}

void world_trace(const char *format, ...)
{
    if (!world.trace) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)printf("%8.3f ", (double)world.now / 1000.0);
    (void)vprintf(format, args);
    (void)putchar('\n');
    va_end(args);
}

void world_violated(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)printf("seed %" PRIu64 " at %.3f s: VIOLATED: ", world.seed, (double)world.now / 1000.0);
    (void)vprintf(format, args);
    (void)putchar('\n');
    va_end(args);
    (void)fflush(stdout);
    _Exit(1);
}
