/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated world: its time, what happens when, chance, and the trace. One
 * seed is one history in one process of its own; everything here is that
 * history's and is never freed. Time moves only from event to event and from one
 * worker's turn to the next, so a seed is the same history each time, byte for
 * byte. One thread.
 */
#ifndef HEARBACK_TESTS_SIM_WORLD_H
#define HEARBACK_TESTS_SIM_WORLD_H

#include "common/buf.h"
#include "common/err.h"
#include "common/span.h"

/* Wall time at the beginning of every history. */
#define WORLD_WALL_MS INT64_C(1800000000000)

/* Chance has two streams, so that a longer plan does not change what the network does. */
enum world_stream { WORLD_PLAN, WORLD_EDGE, WORLD_STREAMS };

void world_begin(uint64_t seed, bool trace);
uint64_t world_seed(void);
int64_t world_now(void); /* milliseconds since the history began */

/* `happen(self)` at that time, behind what was asked for the same time before. */
void world_at(int64_t at_ms, void (*happen)(void *self), void *self);
/* When the next event is; INT64_MAX without one. */
int64_t world_next(void);
/* Moves time there, and lets the first event of that time happen, if there is one. */
void world_move(int64_t to_ms);
void world_happen(void);

/* 0 … below-1, min … max, and true so many times in a thousand. */
uint64_t world_draw(enum world_stream stream, uint64_t below);
int64_t world_between(enum world_stream stream, int64_t min, int64_t max);
bool world_chance(enum world_stream stream, int per_mille);

/* A line of the trace, with the time before it; nothing without --trace. */
bool world_traces(void);
void world_trace(const char *format, ...) PRINTF_LIKE(1, 2);

/* An invariant does not hold: says so, and ends the history. */
_Noreturn void world_violated(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
