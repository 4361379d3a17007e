/* SPDX-License-Identifier: Apache-2.0
 *
 * A caller without a network: it keeps the calls that were started, and the test
 * says what came of each, whenever it likes.
 */
#ifndef HEARBACK_TESTS_FAKES_CALLER_H
#define HEARBACK_TESTS_FAKES_CALLER_H

#include "consumer/engine/calls.h"

#define FAKE_CALLS_MAX 256

struct fake_caller {
    struct transfer *open[FAKE_CALLS_MAX]; /* in the order started */
    size_t open_count;
    size_t started;
    size_t most_open; /* the highest open_count so far */
};

struct fake_answer {
    int status;
    const char *header; /* "name: value", or NULL */
    const char *body;   /* or NULL */
    int transport;      /* CURLcode; then nothing above counts */
    bool unreached;     /* with transport: the request was certainly not seen */
    bool withheld;      /* with transport: it was not sent, for want of the right to */
};

struct caller fake_caller_interface(struct fake_caller *caller);

/* The open call whose method and path are `what` ("POST /create?x"), NULL when there is none. */
struct transfer *fake_caller_find(struct fake_caller *caller, const char *what);
/* Ends the call. */
void fake_caller_answer(struct fake_caller *caller, struct transfer *transfer,
                        struct fake_answer answer);

#endif
