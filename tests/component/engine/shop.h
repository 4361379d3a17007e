/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's whole engine but its loop: a lane with intake and stage driver, on
 * a real Kafka and a Redis of the test's own, with calls that the test answers.
 * And the bench that the tests of the intake share: a topic of the test's own.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_SHOP_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_SHOP_H

#include "consumer/engine/intake_inside.h"
#include "consumer/engine/later.h"
#include "tests/component/engine/lane.h"

#define SHOP_DESTINATIONS 2
#define SHOP_POOL         64

struct shop_place {
    const char *kafka;
    const char *redis;
    const char *owner;
    const struct worker *worker;
    void (*adjust)(struct config *config); /* may be NULL */
    const struct replay *replay;           /* NULL: the work of the group */
    bool journal;                          /* what the ledger says goes to the changelog */
};

struct shop {
    struct lane lane;
    struct intake *intake;
    struct later *later;
    int intake_fd;
    struct stages *stages;
    struct pool pool;
    struct order order;
    struct destination to[SHOP_DESTINATIONS];
    size_t destination_count;
    int late_closed; /* records that were read again */
    int late_buried; /* of which as a dead letter */
};

/* A destination at no address: its calls are the fake caller's. */
struct err shop_open_nothing(const struct config *config, struct destination_settings *out);
extern const struct destination_kind shop_nobody;
/* For workers of which nobody reads these. */
void shop_fragment(const struct item *item, struct buf *out);
uint64_t shop_digest(const struct config *config);

/* Joins the group and returns. */
void shop_open(struct shop *shop, struct shop_place place);
void shop_turn(struct shop *shop);
void shop_turns(struct shop *shop, int times);
/* Answers open calls with 200: those of which the path begins so, `most` at most. Returns how many.
 */
int shop_answer(struct shop *shop, const char *prefix, int most);
/* Drains and leaves. */
void shop_close(struct shop *shop);

/* Turns until the partition is ours and its lowest unsettled offset is at least `low`. */
void shop_until_low(struct shop *shop, const char *topic, int32_t id, int64_t low);
/* What the broker has as the group's offset. */
int64_t shop_committed(struct shop *shop, const char *topic, int32_t id);

/* ---- the bench ---- */

struct shop_bench {
    struct redis_server server;
    const char *kafka;   /* NULL: the test is skipped */
    char name[64];       /* of the worker and of its topic */
    char retry[64 + 16]; /* its retry topic */
    rd_kafka_t *producer;
    int64_t at_ms; /* the records' timestamp; 0: when they are written */
};

/* A header of a record; the last one's name is NULL. */
struct shop_header {
    const char *name;
    const char *value;
};

/* Starts Redis and makes the topics, of so many partitions. False: skip. */
bool shop_bench_open(struct shop_bench *bench, int partitions);
void shop_bench_close(struct shop_bench *bench);
void shop_topic(const struct shop_bench *bench, const char *name, int partitions);
/* To the partition; `value` NULL: a tombstone, `headers` NULL: none. */
void shop_append(const struct shop_bench *bench, const char *topic, int32_t partition,
                 const char *key, const char *value, const struct shop_header *headers);
/* Waits until the broker has all of it. */
void shop_flush(const struct shop_bench *bench);

#define SHOP_NEEDS_KAFKA(bench)                                                                    \
    do {                                                                                           \
        if ((bench)->kafka == NULL) {                                                              \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#endif
