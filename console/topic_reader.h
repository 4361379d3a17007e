/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a topic from its beginning, or from a time on, to where it ended when the
 * reading began. A consumer of its own with its own assignment: it joins no group
 * and commits nothing. Blocks its thread.
 */
#ifndef HEARBACK_CONSOLE_TOPIC_READER_H
#define HEARBACK_CONSOLE_TOPIC_READER_H

#include "common/kafka.h"

#define TOPIC_READER_PARTITIONS_MAX 4096
#define TOPIC_READER_PATIENCE_MS    15000 /* without a word from Kafka */

struct topic_reader {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    char topic[256];
    int32_t partitions;
    int32_t open;                /* partitions that are not at their end */
    int64_t *ends;               /* by partition; -1: read to the end */
    rd_kafka_message_t *message; /* given last */
};

/* A consumer for assignments by hand, as the reader's; `client` names it in Kafka's logs. */
MUST_USE struct err topic_reader_consumer(const struct config_kafka *config, const char *client,
                                          rd_kafka_t **out);

/* `since_ms` 0: from the beginning. ERR_RETRY: Kafka is away or the topic missing, as the text
 * says. The caller closes it in any case. */
MUST_USE struct err topic_reader_open(struct topic_reader *reader,
                                      const struct config_kafka *config, const char *topic,
                                      int64_t since_ms);
void topic_reader_close(struct topic_reader *reader);

/* The next record, borrowed until the next call; NULL when all is read. ERR_RETRY: Kafka stopped
 * answering, so what was read is not all. */
MUST_USE struct err topic_reader_next(struct topic_reader *reader, const rd_kafka_message_t **out);

#endif
