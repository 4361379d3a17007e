/* SPDX-License-Identifier: Apache-2.0
 *
 * The allocator's front door. Thread-safe; the failure seam is set by tests
 * before they start and counts atomically.
 */
#include "common/mem.h"

#include "common/err.h"
#include "common/own.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MEM_SMALL_BYTES 1024

static atomic_ulong fail_countdown;

static bool fails_now(void)
{
    unsigned long left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    if (left == 0) {
        return false;
    }
    return atomic_fetch_sub_explicit(&fail_countdown, 1, memory_order_relaxed) == 1;
}

void mem_fail_after(unsigned long n)
{
    atomic_store(&fail_countdown, n);
}

void *mem_must_alloc(size_t bytes)
{
    if (bytes > MEM_SMALL_BYTES) {
        void *large = calloc(1, bytes);
        CHECK(large != NULL);
        return large;
    }
    void *block = malloc(bytes == 0 ? 1 : bytes); /* glibc's calloc passes its quick lists by */
    CHECK(block != NULL);
    memset(block, 0, bytes);
    return block;
}

void *mem_must_array(size_t count, size_t bytes_each)
{
    CHECK(bytes_each == 0 || count <= SIZE_MAX / bytes_each);
    return mem_must_alloc(count * bytes_each);
}

char *mem_must_copy_text(const char *text)
{
    size_t len = strlen(text);
    char *copy = mem_must_alloc(len + 1);
    memcpy(copy, text, len);
    return copy;
}

void *mem_try_alloc(size_t bytes)
{
    return fails_now() ? NULL : malloc(bytes == 0 ? 1 : bytes);
}

void *mem_try_grow(void *block, size_t bytes)
{
    return fails_now() ? NULL : realloc(block, bytes == 0 ? 1 : bytes);
}

/* ---- blocks ------------------------------------------------------------------------------ */

#ifndef __has_feature
#define __has_feature(feature) 0 /* gcc says it with a macro */
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define MEM_BLOCKS_KEPT 0 /* or it would not see that they are used after they were freed */
#else
#define MEM_BLOCKS_KEPT 512
#endif

struct spare {
    struct spare *next;
};

static _Thread_local struct spare *spares;
static _Thread_local size_t spare_count;

void *mem_try_block(void)
{
    if (spares == NULL) {
        return mem_try_alloc(MEM_BLOCK_BYTES);
    }
    if (fails_now()) {
        return NULL;
    }
    struct spare *block = spares;
    spares = block->next;
    spare_count--;
    return block;
}

void mem_free_block(void *block)
{
    if (block == NULL || spare_count + 1 > MEM_BLOCKS_KEPT) {
        free(block);
        return;
    }
    struct spare *spare = block;
    spare->next = spares;
    spares = spare;
    spare_count++;
}

void mem_free(void *block)
{
    free(block);
}

void mem_free_text(char **text)
{
    free(TAKE(*text));
}
