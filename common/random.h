/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that nobody can guess: owner tokens, epoch ids, seeds of jitter. A file
 * of its own, so that a program that replays a history can bring its own and draw
 * the same bytes each time.
 */
#ifndef HEARBACK_COMMON_RANDOM_H
#define HEARBACK_COMMON_RANDOM_H

#include <stddef.h>

/* Ends the process when the system has none to give. */
void random_fill(void *out, size_t bytes);

#endif
