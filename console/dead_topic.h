/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback.dead, read as a whole: its open letters, and the copies of records that
 * it holds. Blocks its thread.
 */
#ifndef HEARBACK_CONSOLE_DEAD_TOPIC_H
#define HEARBACK_CONSOLE_DEAD_TOPIC_H

#include "common/kafka.h"
#include "console/letters.h"

#define DEAD_HEADERS_MAX 64 /* of a record; more are not looked at */

/* A message of the topic as a letter; spans are borrowed from the message. */
enum letter_read dead_topic_letter(const rd_kafka_message_t *message, struct letter *letter);

/* Hears all there is, from the filter's since_ms on. ERR_RETRY: Kafka is away, or not all was read.
 */
MUST_USE struct err dead_topic_hear(const struct config_kafka *config, struct letters *letters);

/* A record whose copy is looked for. */
struct dead_copy {
    const struct letter *of; /* a letter of one of its items */
    void *owner;             /* the caller's */
    bool found;
    int32_t partition; /* of hearback.dead; the newest copy's */
    int64_t offset;
};

/* Looks for all of them at once; they are sorted on the way. */
MUST_USE struct err dead_topic_copies(const struct config_kafka *config, struct dead_copy *copies,
                                      size_t count);

#endif
