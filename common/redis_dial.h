/* SPDX-License-Identifier: Apache-2.0
 *
 * A second, bare connection to Redis, made ahead of time for a process that will
 * have no time when it needs it: a descriptor, connected and let in, and nothing
 * of a client around it. What travels on it is its owner's affair. Blocks for as
 * long as connecting takes, so it is for once in a while.
 */
#ifndef HEARBACK_COMMON_REDIS_DIAL_H
#define HEARBACK_COMMON_REDIS_DIAL_H

#include "common/config.h"

/* A descriptor that does not block, or -1. The password was sent, its answer is not waited for:
 * it is the first thing to be read. */
int redis_dial(const struct config_redis *config, int64_t timeout_ms);

#endif
