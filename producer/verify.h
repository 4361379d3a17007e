/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this request from who it says it is? An HMAC over the raw body, compared in
 * constant time with what a header says. Two secrets may be live while one is
 * being changed; both are always computed, so time does not tell which fits.
 */
#ifndef HEARBACK_PRODUCER_VERIFY_H
#define HEARBACK_PRODUCER_VERIFY_H

#include "common/config.h"
#include "producer/request.h"

enum verify_result {
    VERIFY_GOOD,     /* proven, or the source's proof is none */
    VERIFY_UNSIGNED, /* no signature header at all */
    VERIFY_BAD,      /* a signature that does not fit, or several that differ */
};

enum verify_result verify_request(const struct config_source *source,
                                  const struct request *request);

/* Does `given`, a signature as a header carries it, fit `body`? A prefix is optional. */
bool verify_signature(const struct config_source *source, span body, span given);

#endif
