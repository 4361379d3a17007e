/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a destination may be called. Closed until it fails so many times in a
 * row, or is at fault as such (a login that does not work, or nothing but refusals:
 * stages_calls.c counts those); then open, with one call as a probe after a while
 * that doubles; the probe's success closes it.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_BREAKER_H
#define HEARBACK_CONSUMER_ENGINE_BREAKER_H

#include "common/config.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };

/* What a call came to, as far as the destination is concerned. */
enum breaker_outcome {
    BREAKER_SUCCESS,   /* it did what was asked, or answered it */
    BREAKER_UNHEARD,   /* nothing was heard of it, for a reason that says nothing of it */
    BREAKER_NEITHER,   /* it is there, and said nothing of the request: too many, a conflict */
    BREAKER_REFUSED,   /* this request, for good */
    BREAKER_FORBIDDEN, /* likewise, or everything: a permission */
    BREAKER_FAILED,    /* no answer, or that of something broken */
    BREAKER_AT_FAULT,  /* a login, an address, a certificate: no request can work */
};

struct breaker {
    const struct config_breaker *config;
    enum breaker_state state;
    int64_t failures; /* in a row */
    bool broken;      /* failures opened it, not refusals or a fault */
    int64_t open_ms;  /* how long it opens next time */
    int64_t probe_at_ms;
};

void breaker_init(struct breaker *breaker, const struct config_breaker *config);
/* May a call start now? `*probe`: it is the one that decides. */
bool breaker_admits(struct breaker *breaker, int64_t now_ms, bool *probe);
/* Milliseconds until it may be asked again; 0: now; -1: when the probe is back. */
int64_t breaker_wait_ms(const struct breaker *breaker, int64_t now_ms);
/* The outcome of a call that was admitted. True when it closed, or opened from closed. While it is
 * not closed, the outcome of calls sent before it opened changes nothing. */
bool breaker_tell(struct breaker *breaker, bool probe, enum breaker_outcome outcome,
                  int64_t now_ms);
/* The admitted call was never made. */
void breaker_unused(struct breaker *breaker, bool probe);

#endif
