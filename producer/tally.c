/* SPDX-License-Identifier: Apache-2.0
 *
 * Every series is made at start, so that a rate can be taken from the first
 * event on. Any thread counts.
 */
#include "producer/tally.h"

#include <stdio.h>

void tally_init(struct tally *tally)
{
    for (size_t i = 0; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row((enum refusal)i);
        char code[16];
        (void)snprintf(code, sizeof(code), "%u", row->status);
        CHECK(row->status < TALLY_STATUS_MAX);
        tally->requests[row->status] = metric_counter("hearback_door_requests_total",
                                                      "Requests answered, by status", "code", code);
        if (i != REFUSAL_NONE) {
            tally->refused[i] = metric_counter("hearback_door_refused_total",
                                               "Requests that were not published, by reason",
                                               "reason", row->reason);
        }
    }
    tally->handshakes = metric_counter("hearback_door_handshakes_total",
                                       "Vendors' checks of the address, answered", NULL, NULL);
}

void tally_answer(struct tally *tally, const struct answer *answer)
{
    CHECK(answer->status < TALLY_STATUS_MAX && tally->requests[answer->status] != NULL);
    metric_add(tally->requests[answer->status], 1);
    if (answer->refusal != REFUSAL_NONE) {
        metric_add(tally->refused[answer->refusal], 1);
    }
    if (answer->handshake) {
        metric_add(tally->handshakes, 1);
    }
}

void tally_cut(struct tally *tally, enum refusal refusal)
{
    if (refusal != REFUSAL_NONE) {
        metric_add(tally->refused[refusal], 1);
    }
}
