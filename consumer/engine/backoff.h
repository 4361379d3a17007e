/* SPDX-License-Identifier: Apache-2.0
 *
 * How long to wait before the next attempt: exponential with full jitter, and
 * never less than what the peer asked for.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_BACKOFF_H
#define HEARBACK_CONSUMER_ENGINE_BACKOFF_H

#include "common/config.h"

struct backoff_random { /* xorshift; a seed of its own, so that tests repeat */
    uint64_t state;
};

void backoff_seed(struct backoff_random *random, uint64_t seed);
uint64_t backoff_draw(struct backoff_random *random);

/* `attempt` counts failures, from 1; `floor_ms` is the peer's wish or 0. */
int64_t backoff_ms(struct backoff_random *random, const struct config_retry *retry,
                   unsigned attempt, int64_t floor_ms);

#endif
