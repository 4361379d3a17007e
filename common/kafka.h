/* SPDX-License-Identifier: Apache-2.0
 *
 * librdkafka, set up our way: every option we rely on is written out in
 * kafka.c, and its own log lines go to ours. Topic names and settings are one
 * table, from which topics are created and checked.
 */
#ifndef HEARBACK_COMMON_KAFKA_H
#define HEARBACK_COMMON_KAFKA_H

#include "common/config.h"
#include "common/own.h"

#include <librdkafka/rdkafka.h>

#define TOPIC_INTERVIEWS "hearback.interviews"
#define TOPIC_CHANGELOG  "hearback.changelog"
#define TOPIC_DEAD       "hearback.dead"
/* And a worker's name: records that this worker is to take up again. */
#define TOPIC_RETRY_PREFIX "hearback.retry."

/* For how long the changelog must keep what says that a key was taken back. */
#define TOPIC_CHANGELOG_TOMBSTONES_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

struct topic {
    const char *name;
    bool compacted;            /* keeps the last value a key */
    int64_t retention_ms;      /* after that a record goes; -1: never */
    int64_t message_bytes_max; /* 0: what kafka.message_bytes_max says */
    int64_t partitions;        /* 0: what kafka.partitions says */
    bool is_changelog;         /* or kafka.changelog_partitions */
    const char *key;           /* what the record key is, for the schemas */
    const char *help;
};

/* All topics that Hearback uses, `count` of them. Static. */
const struct topic *kafka_topics(size_t *count);

/* What the caller adds to the common options; pairs of name and value, NULL last. */
struct kafka_role {
    const char *client_id;
    const char *const *options;
    void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque);
    void (*rebalanced)(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                       rd_kafka_topic_partition_list_t *partitions, void *opaque);
    void *opaque; /* given to both */
};

/* An idempotent producer with acks=all. ERR_CONFIG names the option librdkafka refused. */
MUST_USE struct err kafka_producer_new(const struct config_kafka *config,
                                       const struct kafka_role *role, rd_kafka_t **out);
/* A cooperative-sticky consumer with automatic commit of explicitly stored offsets. */
MUST_USE struct err kafka_consumer_new(const struct config_kafka *config, const char *group,
                                       const struct kafka_role *role, rd_kafka_t **out);

SCOPED_FREE(kafka_free, rd_kafka_t *, rd_kafka_destroy)

/* Asks the cluster once. ERR_RETRY: not there yet, or a topic in `names` (NULL last; NULL: all of
 * the table) is missing, said in `why`. ERR_CONFIG: a topic's settings cannot carry what we need.
 */
MUST_USE struct err kafka_check_topics(rd_kafka_t *rk, const struct config_kafka *config,
                                       const char *const *names, int timeout_ms, struct buf *why);
/* How many partitions the topic has. ERR_RETRY: Kafka does not answer, or has no such topic. */
MUST_USE struct err kafka_topic_partitions(rd_kafka_t *rk, const char *name, int timeout_ms,
                                           int32_t *out);
/* For how long it keeps records; -1: for ever. ERR_RETRY: Kafka does not tell. */
MUST_USE struct err kafka_topic_retention(rd_kafka_t *rk, const char *name, int timeout_ms,
                                          int64_t *out);
/* Creates what is missing; `said` tells what was done, a line a topic. */
MUST_USE struct err kafka_create_topics(rd_kafka_t *rk, const struct config_kafka *config,
                                        int timeout_ms, struct buf *said);

#endif
