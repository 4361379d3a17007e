/* SPDX-License-Identifier: Apache-2.0
 *
 * Redis's own form of a command (RESP 2): a list of texts with their lengths, so
 * that any bytes may stand in them. By hand, since the library takes an allocation
 * or two for each.
 */
#ifndef HEARBACK_COMMON_REDIS_RESP_H
#define HEARBACK_COMMON_REDIS_RESP_H

#include "common/buf.h"

/* Appends the command: its name and its arguments. Must fit into the buffer. */
void redis_write(struct buf *out, const span *args, size_t count);

#endif
