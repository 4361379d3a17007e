/* SPDX-License-Identifier: Apache-2.0
 *
 * The system's clock and the one that tests move. Any thread for the first,
 * one for the second.
 */
#define _GNU_SOURCE /* CLOCK_BOOTTIME: a suspended machine's leases run out too */
#include "common/clock.h"

#include "common/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    CHECK(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_mono_ms(void *self)
{
    (void)self;
    return read_ms(CLOCK_BOOTTIME);
}

static int64_t system_wall_ms(void *self)
{
    (void)self;
    return read_ms(CLOCK_REALTIME);
}

const struct clock *clock_system(void)
{
    static const struct clock clock = {.mono_ms = system_mono_ms, .wall_ms = system_wall_ms};
    return &clock;
}

void clock_format(int64_t wall_ms, char *out, size_t room)
{
    int64_t ms = wall_ms % 1000;
    time_t seconds = (time_t)((wall_ms - ms) / 1000);
    struct tm parts;
    CHECK(room >= 25 && gmtime_r(&seconds, &parts) != NULL);
    size_t len = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out + len, room - len, ".%03dZ", (int)(ms < 0 ? 0 : ms));
}

static int64_t fake_mono_ms(void *self)
{
    const struct clock_fake *fake = self;
    return fake->mono;
}

static int64_t fake_wall_ms(void *self)
{
    const struct clock_fake *fake = self;
    return fake->wall;
}

struct clock clock_faked(struct clock_fake *fake)
{
    return (struct clock){.mono_ms = fake_mono_ms, .wall_ms = fake_wall_ms, .self = fake};
}

void clock_fake_move(struct clock_fake *fake, int64_t ms)
{
    fake->mono += ms;
    fake->wall += ms;
}
