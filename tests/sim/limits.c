/* SPDX-License-Identifier: Apache-2.0
 *
 * The arrivals of the last while, in rings. A sliding window is stricter than
 * Jira's own token bucket, which forgives bunches that this does not.
 */
#include "tests/sim/limits.h"

#include "common/own.h"
#include "tests/sim/vendor.h"

#include <inttypes.h>

#define LIMITS_RING 100

/* The last arrivals; as many as the largest limit. */
struct ring {
    int64_t at_ms[LIMITS_RING];
    int64_t count;
};

static const struct {
    const char *method;
    int64_t most; /* in a second */
} methods[] = {{"POST", 100}, {"GET", 100}, {"PUT", 50}, {"DELETE", 50}};

static struct ring called[COUNT_OF(methods)];
static struct ring written[VENDOR_ISSUES_MAX];

/* Was the arrival so many before this one less than that long ago? */
static bool too_many(const struct ring *ring, int64_t most, int64_t window_ms)
{
    return ring->count >= most &&
           ring->at_ms[(ring->count - most) % LIMITS_RING] + window_ms > world_now();
}

static void note(struct ring *ring)
{
    ring->at_ms[ring->count++ % LIMITS_RING] = world_now();
}

void limits_arrive(const char *method, int issue)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (strcmp(methods[i].method, method) != 0) {
            continue;
        }
        if (too_many(&called[i], methods[i].most, 1000)) {
            world_violated("more than %" PRId64 " %s in a second", methods[i].most, method);
        }
        note(&called[i]);
    }
    if (issue < 0) {
        return;
    }
    struct ring *writes = &written[issue];
    if (too_many(writes, 20, 2000) || too_many(writes, 100, 30000)) {
        world_violated("more than 20 writes in 2 s, or 100 in 30 s, on issue %d", issue);
    }
    note(writes);
}
