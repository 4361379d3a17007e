/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the changelog once, from its beginning or from a place in it to where it
 * ends when it is read. A consumer of its own, without a group's commits, that
 * lives only that long. One thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_CHANGELOG_READER_H
#define HEARBACK_CONSUMER_ENGINE_CHANGELOG_READER_H

#include "common/kafka.h"
#include "consumer/engine/changelog_place.h"
#include "consumer/engine/ledger.h"

#define CHANGELOG_READ_MAX 256

struct changelog_reader {
    rd_kafka_t *rk; /* NULL: closed */
    rd_kafka_queue_t *queue;
    rd_kafka_message_t *messages[CHANGELOG_READ_MAX]; /* of the lines given last */
    size_t message_count;
    char cluster[64];              /* Kafka's id for itself */
    struct changelog_place begins; /* when it was opened: the first offset of each partition, */
    struct changelog_place ends;   /* and the one behind its last */
    struct changelog_place read;   /* how far it was read */
    int32_t ended;
    bool at_end[CHANGELOG_PARTITIONS_MAX];
};

/* Learns what there is. ERR_RETRY: Kafka or the topic is not there. Blocks for the metadata, five
 * seconds at most. */
MUST_USE struct err changelog_reader_open(struct changelog_reader *reader,
                                          const struct config_kafka *config);
void changelog_reader_close(struct changelog_reader *reader);

/* Begins to read, `from` the beginning when NULL. */
MUST_USE struct err changelog_reader_start(struct changelog_reader *reader,
                                           const struct changelog_place *from);
/* At most CHANGELOG_READ_MAX lines into `lines`, whose spans live until the next call, and how many
 * into *count. False: nothing is there now. Never blocks. */
bool changelog_reader_next(struct changelog_reader *reader, struct ledger_line *lines,
                           size_t *count);
bool changelog_reader_at_end(const struct changelog_reader *reader);

#endif
