/* SPDX-License-Identifier: Apache-2.0
 *
 * A time as an operator writes it on the command line: how long ago ("2h",
 * "1d12h"), a day, or RFC 3339. Pure, any thread.
 */
#ifndef HEARBACK_CONSOLE_WHEN_H
#define HEARBACK_CONSOLE_WHEN_H

#include "common/clock.h"

/* For messages: what is accepted. */
#define WHEN_EXPECTED                                                                              \
    "how long ago (30s, 15m, 2h, 7d, 1d12h), a day in UTC (2026-05-27) or RFC 3339 "               \
    "(2026-05-27T02:07:11Z)"

/* True when the text is one; *wall_ms is then that time, never before 1970. */
bool when_parse(const char *text, int64_t now_ms, int64_t *wall_ms);
/* As "3d", "2h", "5m", "41s": the age of something, in its largest unit. `room` at least 16. */
void when_age(int64_t ms, char *out, size_t room);

#endif
