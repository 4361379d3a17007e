/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a request was not published: one list for status, words and metric label.
 * Whoever is told 503 is asked to come again; nothing was lost.
 */
#ifndef HEARBACK_PRODUCER_REFUSAL_H
#define HEARBACK_PRODUCER_REFUSAL_H

#include <stddef.h>

#define REFUSAL_RETRY_AFTER_S 5

enum refusal {
    REFUSAL_NONE, /* published and acknowledged */
    REFUSAL_PATH,
    REFUSAL_METHOD,
    REFUSAL_SLOW,
    REFUSAL_TOO_LARGE,
    REFUSAL_ENCODING,
    REFUSAL_HEADERS,
    REFUSAL_QUERY,
    REFUSAL_UNSIGNED,
    REFUSAL_SIGNATURE,
    REFUSAL_JSON,
    REFUSAL_MEMORY,
    REFUSAL_AWAY,
    REFUSAL_WAITING_FULL,
    REFUSAL_QUEUE_FULL,
    REFUSAL_LATE,
    REFUSAL_FAILED,
    REFUSAL_DRAINING,
    REFUSAL_COUNT,
};

struct refusal_row {
    const char *reason; /* the metric's label */
    unsigned status;
    const char *text; /* told to the sender */
};

/* Static. */
const struct refusal_row *refusal_row(enum refusal refusal);

#endif
