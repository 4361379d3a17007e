/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetches single records by their place. Asked in the order of the places it reads
 * on through a partition instead of starting over for each. Blocks its thread.
 */
#ifndef HEARBACK_CONSOLE_FINDER_H
#define HEARBACK_CONSOLE_FINDER_H

#include "common/kafka.h"
#include "common/letter.h"

struct finder {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    char topic[256]; /* of the assignment; "" without one */
    int32_t partition;
    int64_t low; /* of the partition, when it was assigned */
    int64_t high;
    int64_t next;                /* the offset that is read next */
    rd_kafka_message_t *message; /* read last, and given out or beyond what was asked for */
};

MUST_USE struct err finder_open(struct finder *finder, const struct config_kafka *config);
void finder_close(struct finder *finder);
/* The record, borrowed until the next call; NULL when there is none at that place any more.
 * ERR_RETRY: Kafka does not say. */
MUST_USE struct err finder_get(struct finder *finder, const struct letter_place *place,
                               const rd_kafka_message_t **out);

#endif
