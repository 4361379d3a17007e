/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory by lifetime: what belongs to one event is taken from its arena and
 * goes with it, all at once. Foreign objects (a json-c tree, a Kafka message)
 * hang on it by a cleanup handler. Allocations are capped in sum.
 */
#ifndef HEARBACK_COMMON_ARENA_H
#define HEARBACK_COMMON_ARENA_H

#include "common/err.h"
#include "common/span.h"

struct arena_chunk;
struct arena_cleanup;

struct arena {
    struct arena_chunk *chunks;
    struct arena_cleanup *cleanups;
    size_t used; /* bytes handed out */
    size_t max;
};

void arena_init(struct arena *arena, size_t bytes_max);
/* Runs the cleanup handlers, newest first, and frees everything; usable again after. */
void arena_close(struct arena *arena);

/* Aligned for any type, uninitialised. NULL when the cap is reached or memory ran out. */
void *arena_alloc(struct arena *arena, size_t bytes);
/* A copy with a NUL behind it; .at is NULL on failure. */
span arena_copy(struct arena *arena, span bytes);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/* `fn(what)` runs at arena_close. On failure `what` is released at once. ERR_RETRY. */
MUST_USE struct err arena_on_close(struct arena *arena, void (*fn)(void *), void *what);

#endif
