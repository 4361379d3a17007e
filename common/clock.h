/* SPDX-License-Identifier: Apache-2.0
 *
 * Time is an interface so that tests and the simulation move it. Leases,
 * time-outs and back-off use the monotonic clock (which runs on while the
 * process is stopped); due times and what vendors read use wall time.
 */
#ifndef HEARBACK_COMMON_CLOCK_H
#define HEARBACK_COMMON_CLOCK_H

#include "common/span.h"

struct clock {
    int64_t (*mono_ms)(void *self);
    int64_t (*wall_ms)(void *self); /* since the Unix epoch */
    void *self;
};

/* The machine's clock. Static, never freed. */
const struct clock *clock_system(void);

static inline int64_t clock_mono_ms(const struct clock *clock)
{
    return clock->mono_ms(clock->self);
}

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->self);
}

/* RFC 3339 with milliseconds in UTC, e.g. 2026-05-27T02:07:11.363Z; `room` at least 25. */
void clock_format(int64_t wall_ms, char *out, size_t room);
/* An RFC 3339 time from 1970 on; without an offset it is UTC. *wall_ms is only set when it is one.
 */
bool clock_parse(span text, int64_t *wall_ms);

/* A clock that only moves when told. */
struct clock_fake {
    int64_t mono;
    int64_t wall;
};
struct clock clock_faked(struct clock_fake *fake);
void clock_fake_move(struct clock_fake *fake, int64_t ms);

#endif
