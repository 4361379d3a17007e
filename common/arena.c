/* SPDX-License-Identifier: Apache-2.0
 *
 * The arena: a list of chunks, the newest in front; large requests get a chunk
 * of their own. One owner, one thread.
 */
#include "common/arena.h"

#include "common/mem.h"
#include "common/own.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#define ARENA_CHUNK_BYTES 2048
#define ARENA_TEXT_FEW    256 /* a longer text is formatted twice */

struct arena_chunk {
    struct arena_chunk *next;
    size_t used;
    size_t room;
    max_align_t bytes[];
};

struct arena_cleanup {
    struct arena_cleanup *next;
    void (*fn)(void *);
    void *what;
};

void arena_init(struct arena *arena, size_t bytes_max)
{
    *arena = (struct arena){.max = bytes_max};
}

void arena_close(struct arena *arena)
{
    for (struct arena_cleanup *c = TAKE(arena->cleanups); c != NULL; c = c->next) {
        c->fn(c->what);
    }
    struct arena_chunk *chunk = TAKE(arena->chunks);
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        if (chunk->room == ARENA_CHUNK_BYTES) {
            mem_free_block(chunk);
        } else {
            mem_free(chunk);
        }
        chunk = next;
    }
    arena->used = 0;
}

_Static_assert(sizeof(struct arena_chunk) + ARENA_CHUNK_BYTES <= MEM_BLOCK_BYTES,
               "a chunk is a block");

static struct arena_chunk *add_chunk(struct arena *arena, size_t bytes)
{
    size_t room = bytes > ARENA_CHUNK_BYTES / 2 ? bytes : ARENA_CHUNK_BYTES;
    struct arena_chunk *chunk =
        room == ARENA_CHUNK_BYTES ? mem_try_block() : mem_try_alloc(sizeof(*chunk) + room);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->used = 0;
    chunk->room = room;
    if (room > ARENA_CHUNK_BYTES && arena->chunks != NULL) {
        chunk->next = arena->chunks->next; /* the front chunk still has room for small ones */
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    if (bytes > arena->max - arena->used) {
        return NULL;
    }
    size_t align = sizeof(max_align_t);
    size_t need = (bytes + align - 1) / align * align;
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->room - chunk->used < need) {
        chunk = add_chunk(arena, need);
        if (chunk == NULL) {
            return NULL;
        }
    }
    void *at = (char *)chunk->bytes + chunk->used;
    chunk->used += need;
    arena->used += bytes;
    return at;
}

span arena_copy(struct arena *arena, span bytes)
{
    uint8_t *copy = arena_alloc(arena, bytes.len + 1);
    if (copy == NULL) {
        return SPAN_NONE;
    }
    if (bytes.len > 0) {
        memcpy(copy, bytes.at, bytes.len);
    }
    copy[bytes.len] = 0;
    return span_of(copy, bytes.len);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char few[ARENA_TEXT_FEW];
    va_start(args, format);
    int need = vsnprintf(few, sizeof(few), format, args);
    va_end(args);
    CHECK(need >= 0);
    char *text = arena_alloc(arena, (size_t)need + 1);
    if (text == NULL) {
        return NULL;
    }
    if ((size_t)need < sizeof(few)) {
        memcpy(text, few, (size_t)need + 1);
        return text;
    }
    va_start(args, format);
    (void)vsnprintf(text, (size_t)need + 1, format, args);
    va_end(args);
    return text;
}

struct err arena_on_close(struct arena *arena, void (*fn)(void *), void *what)
{
    struct arena_cleanup *cleanup = arena_alloc(arena, sizeof(*cleanup));
    if (cleanup == NULL) {
        fn(what);
        FAIL(ERR_RETRY, ENOMEM, "the event's arena is full");
    }
    *cleanup = (struct arena_cleanup){.next = arena->cleanups, .fn = fn, .what = what};
    arena->cleanups = cleanup;
    return NO_ERROR;
}
