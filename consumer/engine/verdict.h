/* SPDX-License-Identifier: Apache-2.0
 *
 * What the end of an HTTP call means, in one table: from the library's code and
 * the status to a decision. A vendor that means something else says so in its
 * destination (worker.h).
 */
#ifndef HEARBACK_CONSUMER_ENGINE_VERDICT_H
#define HEARBACK_CONSUMER_ENGINE_VERDICT_H

#include "consumer/engine/breaker.h"
#include "consumer/worker.h"

enum verdict {
    VERDICT_READ,    /* 2xx: the stage reads the answer */
    VERDICT_AGAIN,   /* nothing happened there: try again later */
    VERDICT_UNCLEAR, /* it may have happened: doubt for an effect, again for a question */
    VERDICT_DEAD,    /* this request will never work */
    VERDICT_FAULT,   /* the destination, or our settings of it */
};

/* `transport` is the CURLcode, `reached`: at least the connection stood; `status` counts only when
 * transport is CURLE_OK. */
enum verdict verdict_of(int transport, bool reached, int status);

/* What that says of the destination as such. */
enum breaker_outcome verdict_outcome(int transport, bool reached, int status);

/* A static word for logs, metrics and dead letters: "http_503", "timed_out", "refused"… */
const char *verdict_reason(int transport, int status);

/* Milliseconds the peer asks to wait, 0 when it does not; at most an hour. Retry-After in seconds
 * or as a date; X-RateLimit-Reset as a time or in Unix seconds; RateLimit-Reset in seconds; on a
 * 429 also t= of RateLimit or Beta-RateLimit. */
int64_t verdict_wait_ms(const struct reply *reply, int64_t wall_ms);

#endif
