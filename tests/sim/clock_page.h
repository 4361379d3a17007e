/* SPDX-License-Identifier: Apache-2.0
 *
 * How the simulation tells its redis-server what time it is: a page of memory
 * that both map, with the milliseconds since 1970 in it. See redis_clock.c.
 */
#ifndef HEARBACK_TESTS_SIM_CLOCK_PAGE_H
#define HEARBACK_TESTS_SIM_CLOCK_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

#define CLOCK_PAGE_VARIABLE "HEARBACK_SIM_CLOCK" /* names the file */

struct clock_page {
    atomic_llong wall_ms; /* 0: the machine's own time */
};

#endif
