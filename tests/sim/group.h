/* SPDX-License-Identifier: Apache-2.0
 *
 * The modelled consumer group, and in group_consumer.c librdkafka's consumer
 * before it: cooperative rebalances, sessions that run out, offsets that are
 * committed some time after they were stored, and only by whom the coordinator
 * holds for their owner.
 */
#ifndef HEARBACK_TESTS_SIM_GROUP_H
#define HEARBACK_TESTS_SIM_GROUP_H

#include "tests/sim/broker.h"
#include "tests/sim/proc.h"

#include <librdkafka/rdkafka.h>

#define GROUP_SESSION_MS 6000 /* kafka.session_timeout */

enum group_change { GROUP_ASSIGN, GROUP_REVOKE, GROUP_LOST };

/* A rebalance on its way to the application. */
struct change {
    struct change *next;
    enum group_change what;
    bool partitions[PLAN_PARTITIONS_MAX];
    int64_t seen_ms; /* not before */
};

/* A consumer, as it sees itself. */
struct member {
    struct owner owner;
    void (*rebalanced)(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                       rd_kafka_topic_partition_list_t *partitions, void *opaque);
    void *opaque;
    rd_kafka_t *rk;
    bool joined; /* the coordinator counts it in */
    bool closed; /* it left */
    bool lost;   /* while its lost partitions are told */
    bool fenced; /* it was put out, and does not know yet */
    bool assigned[PLAN_PARTITIONS_MAX];
    bool paused[PLAN_PARTITIONS_MAX];
    int64_t next[PLAN_PARTITIONS_MAX];    /* the offset it reads next */
    int64_t fetches[PLAN_PARTITIONS_MAX]; /* nothing has come before */
    int64_t stored[PLAN_PARTITIONS_MAX];  /* -1: nothing */
    int64_t ended[PLAN_PARTITIONS_MAX];   /* the end that was told last */
    int32_t turn;                         /* the partition that is read first next */
    int64_t polled_ms;                    /* when rebalances were served last, */
    int64_t unpolled_ms;                  /* and the longest time that they were not */
    struct change *changes;
};

/* The modelled topic's message of that place, to be destroyed like any. */
rd_kafka_message_t *group_message(int32_t partition, int64_t offset);

/* For the consumer. */
void group_join(struct member *member);
void group_leave(struct member *member);
void group_commit(struct member *member, int32_t partition); /* what is stored, if it may */
void group_let_go(struct member *member, int32_t partition); /* unassigned after a revoke */
int64_t group_committed(int32_t partition);                  /* 0 at the beginning */

/* For the faults. */
void group_shuffle(void); /* a rebalance without a cause */
void group_rewind(void);  /* only while nobody is in it: all offsets back to the beginning */
bool group_empty(void);

#endif
