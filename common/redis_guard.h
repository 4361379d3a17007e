/* SPDX-License-Identifier: Apache-2.0
 *
 * A guard before hiredis's parser. hiredis 0.14 aborts the process when a reply
 * comes that nobody asked for, and makes room for a list as long as its header
 * says. The guard counts what is awaited and lets such a reply not be made, upon
 * which hiredis gives the connection up. For redis.c only.
 */
#ifndef HEARBACK_COMMON_REDIS_GUARD_H
#define HEARBACK_COMMON_REDIS_GUARD_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

struct redis_guard {
    size_t awaited;                      /* replies that hiredis has callbacks for */
    bool tripped;                        /* a reply was refused */
    redisReplyObjectFunctions functions; /* of the reader: lives as long as its connection */
};

/* For a new connection. */
void redis_guard_set(struct redis_guard *guard, redisReader *reader);

#endif
