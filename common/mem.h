/* SPDX-License-Identifier: Apache-2.0
 *
 * All allocation goes through here. mem_must_* is for what is small or made at
 * start: running out there ends the process with a message. mem_try is for what
 * input sizes: it may answer NULL, which the caller turns into ERR_RETRY.
 * mem_fail_after is the seam of the torture tests.
 */
#ifndef HEARBACK_COMMON_MEM_H
#define HEARBACK_COMMON_MEM_H

#include <stddef.h>

/* Zeroed memory, never NULL; the caller owns it and gives it to mem_free. */
void *mem_must_alloc(size_t bytes);
void *mem_must_array(size_t count, size_t bytes_each);
char *mem_must_copy_text(const char *text);

/* Uninitialised memory or NULL. */
void *mem_try_alloc(size_t bytes);
/* Like realloc: NULL leaves the old block alone. */
void *mem_try_grow(void *block, size_t bytes);

void mem_free(void *block);

/* Blocks of one size that come and go by the thousand: a few are kept to be used again, for each
 * thread apart, because the allocator takes long over this size. */
#define MEM_BLOCK_BYTES 2080
void *mem_try_block(void); /* NULL as mem_try_alloc; what is in it is anything */
void mem_free_block(void *block);
void mem_free_text(char **text); /* nulls the pointer */

/* Tests only: the n-th mem_try_* from now answers NULL, once. 0 switches it off. */
void mem_fail_after(unsigned long n);

#endif
