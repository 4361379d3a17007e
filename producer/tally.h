/* SPDX-License-Identifier: Apache-2.0
 *
 * The door's counters: answers by status, refusals by reason, handshakes.
 */
#ifndef HEARBACK_PRODUCER_TALLY_H
#define HEARBACK_PRODUCER_TALLY_H

#include "common/metrics.h"
#include "producer/visit.h"

#define TALLY_STATUS_MAX 600

struct tally {
    struct metric *requests[TALLY_STATUS_MAX]; /* NULL where we never answer so */
    struct metric *refused[REFUSAL_COUNT];
    struct metric *handshakes;
};

void tally_init(struct tally *tally);
void tally_answer(struct tally *tally, const struct answer *answer);
/* A connection that was cut without an answer. */
void tally_cut(struct tally *tally, enum refusal refusal);

#endif
