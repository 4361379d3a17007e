/* SPDX-License-Identifier: Apache-2.0
 *
 * All that the server's threads share: the vendors, faults and journal, under
 * one lock. A request goes through sandbox_begin (journal and faults), perhaps a
 * wait, sandbox_serve (the effect) and sandbox_settle (what was answered).
 * Control calls go to sandbox_control instead. Tests move the clock.
 */
#ifndef HEARBACK_TESTS_SANDBOX_SANDBOX_H
#define HEARBACK_TESTS_SANDBOX_SANDBOX_H

#include "tests/sandbox/faults.h"
#include "tests/sandbox/journal.h"
#include "tests/sandbox/vendor.h"

#include <pthread.h>

struct sandbox {
    const struct options *options;
    const struct clock *clock;
    pthread_mutex_t lock;
    pthread_cond_t released; /* faults were cleared, or the server stops */
    bool stopping;
    uint64_t release_count; /* how often faults were cleared */
    struct faults faults;
    struct journal journal;
    void *selves[VENDOR_COUNT];
};

/* Borrows options and clock. ERR_CONFIG. */
MUST_USE struct err sandbox_new(struct sandbox **out, const struct options *options,
                                const struct clock *clock);
void sandbox_free(struct sandbox **sandbox);

/* Returns the request's number in the journal. */
uint64_t sandbox_begin(struct sandbox *sandbox, struct request *req, struct hit *hit);
void sandbox_serve(struct sandbox *sandbox, struct request *req, const struct hit *hit,
                   struct answer *answer);
void sandbox_settle(struct sandbox *sandbox, uint64_t seq, unsigned status, const char *fault);

/* Waits by the sandbox's clock. False when it ended early: faults cleared, or stopping. */
bool sandbox_wait(struct sandbox *sandbox, int64_t ms);
void sandbox_release(struct sandbox *sandbox, bool stopping);

/* control.c: /sandbox/… */
void sandbox_control(struct sandbox *sandbox, struct request *req, struct answer *answer);

#endif
