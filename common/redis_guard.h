/* SPDX-License-Identifier: Apache-2.0
 *
 * A guard before hiredis's parser. hiredis 0.14 aborts the process when a reply
 * comes that nobody asked for, and makes room for a list as long as its header
 * says. The guard counts what is awaited and lets such a reply not be made, upon
 * which hiredis gives the connection up. A reply is made in an arena, not of dozens
 * of allocations. For redis.c only.
 */
#ifndef HEARBACK_COMMON_REDIS_GUARD_H
#define HEARBACK_COMMON_REDIS_GUARD_H

#include "common/arena.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>

struct redis_guard {
    size_t awaited;                      /* replies that hiredis has callbacks for */
    bool tripped;                        /* a reply was refused */
    struct arena arena;                  /* of the reply that is being read */
    redisReplyObjectFunctions functions; /* of the reader: lives as long as its connection */
};

/* For a new connection. Replies may be of up to `bytes_max`. */
void redis_guard_set(struct redis_guard *guard, redisReader *reader, size_t bytes_max);
void redis_guard_close(struct redis_guard *guard);
/* What the whole reply, just read, is made of: now the caller's. */
struct arena redis_guard_take(struct redis_guard *guard);

#endif
