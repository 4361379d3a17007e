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

/* ---- reading a time ---------------------------------------------------------------------- */

/* Exactly `digits` digits at the front of `rest`, which then stands behind them. */
static bool take_digits(span *rest, size_t digits, int64_t *out)
{
    if (rest->len < digits || rest->at[0] == '-' ||
        !span_number(span_of(rest->at, digits), 0, INT64_MAX, out)) {
        return false;
    }
    *rest = span_of(rest->at + digits, rest->len - digits);
    return true;
}

static bool take_char(span *rest, const char *any_of)
{
    if (rest->len == 0 || rest->at[0] == 0 || strchr(any_of, rest->at[0]) == NULL) {
        return false;
    }
    *rest = span_of(rest->at + 1, rest->len - 1);
    return true;
}

/* Days from 1970-01-01, by counting from March so that the leap day ends the year. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = year / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool date_exists(int64_t year, int64_t month, int64_t day)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1970 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (leap && month == 2 ? 1 : 0);
}

static bool take_date(span *rest, int64_t *days)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    bool read = take_digits(rest, 4, &year) && take_char(rest, "-") &&
                take_digits(rest, 2, &month) && take_char(rest, "-") && take_digits(rest, 2, &day);
    if (!read || !date_exists(year, month, day)) {
        return false;
    }
    *days = days_of(year, month, day);
    return true;
}

static bool take_time(span *rest, int64_t *ms)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t digit = 0;
    bool read = take_digits(rest, 2, &hour) && take_char(rest, ":") &&
                take_digits(rest, 2, &minute) && take_char(rest, ":") &&
                take_digits(rest, 2, &second);
    if (!read || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    *ms = ((hour * 60 + minute) * 60 + second) * 1000;
    if (take_char(rest, ".,")) {
        bool any = false;
        for (int64_t worth = 100; take_digits(rest, 1, &digit); worth /= 10) {
            *ms += digit * worth;
            any = true;
        }
        return any;
    }
    return true;
}

static bool take_offset(span *rest, int64_t *ms)
{
    int64_t hour = 0;
    int64_t minute = 0;
    *ms = 0;
    if (rest->len == 0 || take_char(rest, "Zz")) {
        return true;
    }
    bool west = rest->at[0] == '-';
    if (!take_char(rest, "+-") || !take_digits(rest, 2, &hour)) {
        return false;
    }
    (void)take_char(rest, ":");
    if (!take_digits(rest, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *ms = (hour * 60 + minute) * 60000 * (west ? -1 : 1);
    return true;
}

bool clock_parse(span text, int64_t *wall_ms)
{
    int64_t days = 0;
    int64_t ms = 0;
    int64_t offset_ms = 0;
    bool read = take_date(&text, &days) && take_char(&text, "Tt ") && take_time(&text, &ms) &&
                take_offset(&text, &offset_ms) && text.len == 0;
    if (read) {
        *wall_ms = days * 86400000 + ms - offset_ms;
    }
    return read;
}

/* ---- the clock that tests move ----------------------------------------------------------- */

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
