/* SPDX-License-Identifier: Apache-2.0
 *
 * A day of the vendor's outage: day.c runs it, day_plan.c says what comes in and
 * how the worker is configured, day_watch.c looks at metrics, log and calls as an
 * operator would. One history a process, one thread.
 */
#ifndef HEARBACK_TESTS_SIM_DAY_H
#define HEARBACK_TESTS_SIM_DAY_H

#include "tests/sim/calls_link.h"
#include "tests/sim/plan.h"

#define DAY_MINUTE   (INT64_C(60) * 1000)
#define DAY_HOUR     (60 * DAY_MINUTE)
#define DAY_BREAKS   (30 * DAY_MINUTE)            /* it is well until then, */
#define DAY_MENDED   (DAY_BREAKS + 24 * DAY_HOUR) /* and from then on */
#define DAY_ARRIVALS (DAY_MENDED + 10 * DAY_MINUTE)

/* The plan's numbers that the checks need. */
#define DAY_POOL        512 /* worker.items_max */
#define DAY_OPEN_MAX_MS DAY_MINUTE
#define DAY_POST_PER_S  96 /* Jira's 100, less budgets.margin */
#define DAY_FAILURES    5  /* breaker.failures and breaker.refusals */
#define DAY_CALLS_MAX   32
#define DAY_LAZY_MS     1000 /* while nothing happens */

const char *day_name(enum outage outage);

/* day_plan.c */
void day_plan(void);
void day_configure(void);
void day_be_lazy(bool lazy);

/* day_watch.c */
void day_watch_begin(enum outage outage);
/* Looks, now: before, in and after the outage. */
void day_watch_well(void);
void day_watch_broken(void);
void day_watch_mended(void);
/* The outage is over as of now; what it came to. */
void day_watch_judge_outage(void);
/* True when there is nothing left to catch up with. */
bool day_watch_caught_up(void);
/* Everything is at rest; says how the day was. */
void day_watch_judge_end(void);

#endif
