/* SPDX-License-Identifier: Apache-2.0
 *
 * What befalls the modelled network before the vendor.
 */
#ifndef HEARBACK_TESTS_SIM_CALLS_LINK_H
#define HEARBACK_TESTS_SIM_CALLS_LINK_H

#include <stdbool.h>
#include <stdint.h>

/* What is wrong with the vendor, until something else is. */
enum outage {
    OUTAGE_NONE,
    OUTAGE_REFUSES, /* no connection */
    OUTAGE_503,
    OUTAGE_401,
    OUTAGE_403,        /* to everything */
    OUTAGE_403_WRITES, /* to what changes something: it may still be read */
    OUTAGE_SILENT,     /* requests go out, answers never come */
    OUTAGE_KINDS,
};

void calls_link_break(enum outage how);

/* The calls of all workers that went out so far, and how many were out at a time. */
struct calls_count {
    int64_t sent;
    int64_t posts; /* of these, that came to the vendor */
    int out;
    int out_most;
};

struct calls_count *calls_link_count(void); /* out_most may be set back */

void calls_link_down(int64_t for_ms);     /* nothing answers, or 503 */
void calls_link_no_login(int64_t for_ms); /* 401 */
void calls_link_heal(void);               /* and from now on the weather is fair */

#endif
