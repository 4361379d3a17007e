/* SPDX-License-Identifier: Apache-2.0
 *
 * Full jitter: anything between nothing and the doubled step, so that many who
 * failed together do not come back together. Pure but for the random state.
 */
#include "consumer/engine/backoff.h"

#define BACKOFF_DOUBLINGS_MAX 30

void backoff_seed(struct backoff_random *random, uint64_t seed)
{
    random->state = seed == 0 ? UINT64_C(0x9E3779B97F4A7C15) : seed;
}

uint64_t backoff_draw(struct backoff_random *random)
{
    uint64_t x = random->state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random->state = x;
    return x;
}

int64_t backoff_ms(struct backoff_random *random, const struct config_retry *retry,
                   unsigned attempt, int64_t floor_ms)
{
    CHECK(attempt > 0);
    unsigned doublings = attempt - 1 > BACKOFF_DOUBLINGS_MAX ? BACKOFF_DOUBLINGS_MAX : attempt - 1;
    int64_t step = retry->base_ms;
    for (unsigned i = 0; i < doublings && step < retry->cap_ms; i++) {
        step *= 2;
    }
    step = step > retry->cap_ms ? retry->cap_ms : step;
    int64_t wait = 1 + (int64_t)(backoff_draw(random) % (uint64_t)(step > 0 ? step : 1));
    return wait < floor_ms ? floor_ms + wait / 4 : wait;
}
