/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of suspects share: a topic of forty records on a real Kafka, a
 * Redis in which the crash reports lie, and a worker that notes in what company
 * each record runs. One bench a process, one thread.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_ALONE_BENCH_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_ALONE_BENCH_H

#include "consumer/engine/crash.h"
#include "consumer/engine/record_fetch.h"
#include "tests/component/engine/shop.h"

#define RECORDS 40

struct note {
    int made;         /* items of the record */
    size_t company;   /* records open when the first was made, itself counted */
    bool was_alone;   /* by intent */
    int64_t when;     /* the how-manieth item of all */
    size_t disturbed; /* items of others made while it was alone */
};

extern struct note notes[RECORDS + 1];
extern bool held[RECORDS + 1]; /* the record's item does not end */
extern char alone_name[64];    /* of the worker and of its topic */

struct bench {
    struct shop_bench common;
    redisContext *redis;
    char key[CRASH_KEY_MAX];
    struct shop shop;
    struct record_fetch *fetch; /* outlives the records it read */
};

#define UNTIL(shop, condition)                                                                     \
    do {                                                                                           \
        for (int64_t t_ = kit_begin(); !(condition); shop_turn(shop)) {                            \
            assert_true(kit_waits(t_));                                                            \
        }                                                                                          \
    } while (0)

/* For cmocka: Redis, the topic and its records. */
int alone_open(void **state);
int alone_close(void **state);
#define ALONE_TEST(test) cmocka_unit_test_setup_teardown(test, alone_open, alone_close)

/* A report of it lies in Redis; `how` is "" or CRASH_ALONE. */
void alone_crashed(const struct bench *bench, int offset, const char *how, const char *times);
/* The worker begins, and ends. */
void alone_begin(struct bench *bench);
void alone_end(struct shop *shop);
/* As of the group: the partition is given or taken away. */
void alone_rebalance(struct shop *shop, rd_kafka_resp_err_t what);
/* The lowest unsettled offset; -1: the partition is not ours. */
int64_t alone_low(const struct shop *shop);
/* It ran once, with nobody beside it. */
void alone_check(int offset);

#endif
