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
    void *block = calloc(1, bytes == 0 ? 1 : bytes);
    CHECK(block != NULL);
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

void mem_free(void *block)
{
    free(block);
}

void mem_free_text(char **text)
{
    free(TAKE(*text));
}
