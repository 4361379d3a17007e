/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of the command line.
 */
#include "console/when.h"

#include "common/own.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    char letter;
    int64_t ms;
} units[] = {{'w', 7 * INT64_C(86400000)},
             {'d', INT64_C(86400000)},
             {'h', 3600000},
             {'m', 60000},
             {'s', 1000}};

static int64_t unit_ms(uint8_t letter)
{
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if ((uint8_t)units[i].letter == letter) {
            return units[i].ms;
        }
    }
    return 0;
}

/* "1d12h": each a number of at most six digits and its unit. */
static bool duration(span text, int64_t *ms)
{
    *ms = 0;
    if (text.len == 0) {
        return false;
    }
    while (text.len > 0) {
        int64_t number = 0;
        size_t digits = 0;
        while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9') {
            digits++;
        }
        if (digits == text.len || !span_number(span_of(text.at, digits), 0, 999999, &number)) {
            return false;
        }
        int64_t unit = unit_ms(text.at[digits]);
        if (unit == 0) {
            return false;
        }
        *ms += number * unit;
        text = span_of(text.at + digits + 1, text.len - digits - 1);
        if (*ms > INT64_C(100) * 366 * 86400000) {
            return false;
        }
    }
    return true;
}

static bool day(span text, int64_t *wall_ms)
{
    char whole[24];
    char date[11];
    if (text.len != 10) {
        return false;
    }
    span_to_text(text, date, sizeof(date));
    (void)snprintf(whole, sizeof(whole), "%sT00:00:00Z", date);
    return clock_parse(span_text(whole), wall_ms);
}

bool when_parse(const char *text, int64_t now_ms, int64_t *wall_ms)
{
    int64_t ago = 0;
    span given = span_trim(span_text(text));
    if (duration(given, &ago)) {
        *wall_ms = ago > now_ms ? 0 : now_ms - ago;
        return true;
    }
    if (!day(given, wall_ms) && !clock_parse(given, wall_ms)) {
        return false;
    }
    *wall_ms = *wall_ms < 0 ? 0 : *wall_ms;
    return true;
}

void when_age(int64_t ms, char *out, size_t room)
{
    ms = ms < 0 ? 0 : ms;
    for (size_t i = 1; i < COUNT_OF(units); i++) { /* weeks say too little */
        if (ms >= units[i].ms || i + 1 == COUNT_OF(units)) {
            (void)snprintf(out, room, "%" PRId64 "%c", ms / units[i].ms, units[i].letter);
            return;
        }
    }
}
