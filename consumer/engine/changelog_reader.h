/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the changelog once, from its beginning to where it ended when it was read.
 * A consumer of its own, without a group's commits, that lives only that long.
 * One thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_CHANGELOG_READER_H
#define HEARBACK_CONSUMER_ENGINE_CHANGELOG_READER_H

#include "common/kafka.h"
#include "consumer/engine/ledger.h"

#define CHANGELOG_PARTITIONS_MAX 512

struct changelog_reader {
    rd_kafka_t *rk; /* NULL: closed */
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *message; /* of the line given last */
    int32_t partitions;
    int32_t ended;
    bool at_end[CHANGELOG_PARTITIONS_MAX];
};

enum changelog_read { CHANGELOG_LINE, CHANGELOG_OTHER, CHANGELOG_NOTHING };

/* ERR_RETRY: Kafka or the topic is not there. Blocks for the metadata, five seconds at most. */
MUST_USE struct err changelog_reader_open(struct changelog_reader *reader,
                                          const struct config_kafka *config);
void changelog_reader_close(struct changelog_reader *reader);

/* CHANGELOG_LINE fills in *line, whose spans live until the next call; CHANGELOG_OTHER: something
 * was taken that is no line; CHANGELOG_NOTHING: nothing is there now. Never blocks. */
enum changelog_read changelog_reader_next(struct changelog_reader *reader,
                                          struct ledger_line *line);
bool changelog_reader_at_end(const struct changelog_reader *reader);

#endif
