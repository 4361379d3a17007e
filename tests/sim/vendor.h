/* SPDX-License-Identifier: Apache-2.0
 *
 * The modelled Jira: tickets and comments in memory, a search whose index lags.
 * It reads real requests and writes real replies; when a request has its effect,
 * and whether its answer arrives, is the network's (calls_link.c).
 */
#ifndef HEARBACK_TESTS_SIM_VENDOR_H
#define HEARBACK_TESTS_SIM_VENDOR_H

#include "consumer/engine/calls.h"
#include "tests/sim/plan.h"

#define VENDOR_ISSUES_MAX (PLAN_THEMES_MAX + 58) /* a clone is found out at once */

enum vendor_kind { VENDOR_SEARCH, VENDOR_CREATE, VENDOR_COMMENTS, VENDOR_COMMENT };

struct vendor_request {
    enum vendor_kind kind;
    int theme;
    int issue;                     /* of comments and comment */
    int64_t start;                 /* of comments */
    int told[PLAN_INTERVIEWS_MAX]; /* of create; of comment the first */
    size_t told_count;
};

/* Reads it. What cannot be read is a fault of the worker's, and violates. */
void vendor_read(const struct transfer *transfer, struct vendor_request *out);
const char *vendor_stage(enum vendor_kind kind);

/* Does it, now; the status, and the reply's body. */
int vendor_do(const struct vendor_request *request, struct buf *body);

#endif
