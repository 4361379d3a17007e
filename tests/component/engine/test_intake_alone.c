/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that were in flight at crashes, met again. A suspect is alone from its
 * first item to its last, the rest of the intake goes on living meanwhile, and a
 * convicted one is never run.
 */
#include "tests/component/engine/alone_bench.h"

#include <stdio.h>
#include <string.h>

static int64_t counted(const char *metric, const char *help)
{
    return metric_value(metric_counter(metric, help, NULL, NULL));
}

#define SUSPECTS                                                                                   \
    counted("hearback_crash_suspects_total",                                                       \
            "Records run alone: they were in flight at two crashes.")
#define CONVICTED                                                                                  \
    counted("hearback_crash_convicted_total",                                                      \
            "Records made dead letters for crashing the worker alone.")

/* Another record of the same place, of a topic that was made anew since. */
static void crashed_once_upon_a_time(const struct bench *bench, int offset)
{
    char field[CRASH_FIELD_MAX];
    (void)snprintf(field, sizeof(field), "%s/0/%d/1700000000000" CRASH_ALONE, alone_name, offset);
    (void)redis_say(bench->redis, "HSET", bench->key, field, "9", NULL);
}

/* ---- tests ------------------------------------------------------------------------------- */

static void test_each_by_its_past(void **state)
{
    struct bench *bench = *state;
    SHOP_NEEDS_KAFKA(&bench->common);
    int64_t suspects = SUSPECTS;
    int64_t convicted = CONVICTED;
    alone_crashed(bench, 5, "", "2");
    alone_crashed(bench, 9, "", "1");           /* no suspect yet */
    alone_crashed(bench, 13, CRASH_ALONE, "2"); /* convicted */
    alone_crashed(bench, 17, "", "1");
    alone_crashed(bench, 17, CRASH_ALONE, "1");
    alone_crashed(bench, 18, "", "300");
    (void)redis_say(bench->redis, "HSET", bench->key, "elsewhere/0/3/5", "2", "junk", "2", NULL);
    crashed_once_upon_a_time(bench, 20);
    alone_begin(bench);
    UNTIL(&bench->shop, alone_low(&bench->shop) == RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        bool alone = i == 5 || i == 17 || i == 18;
        assert_int_equal(notes[i].made, i == 13 ? 0 : 1);
        assert_int_equal(notes[i].was_alone, alone);
        if (alone) {
            alone_check(i);
        }
        for (int before = 0; before < i && i != 13 && alone; before++) {
            assert_true(notes[before].when < notes[i].when);
        }
    }
    assert_true(notes[4].company > 1); /* the others are not made to wait for each other */
    assert_int_equal(SUSPECTS - suspects, 3);
    assert_int_equal(CONVICTED - convicted, 1);
    const struct fake_record *letter = fake_outbox_last(&bench->shop.lane.rig.outbox, TOPIC_DEAD);
    assert_non_null(letter);
    assert_true(kit_matches(buf_span(&letter->headers), "*offset=13\n*reason=crashed_alone\n"
                                                        "detail=the worker crashed 2 times while "
                                                        "this was the only record open, and 0 *"));
    assert_true(span_is(buf_span(&letter->value), "{}"));
    alone_end(&bench->shop);
    /* What was settled is forgotten; what is somebody else's is left. */
    char old[CRASH_FIELD_MAX];
    (void)snprintf(old, sizeof(old), "%s/0/20/1700000000000" CRASH_ALONE, alone_name);
    assert_string_equal(redis_say(bench->redis, "HGET", bench->key, old, NULL), "9");
    assert_string_equal(redis_say(bench->redis, "HGET", bench->key, "elsewhere/0/3/5", NULL), "2");
    assert_string_equal(redis_say(bench->redis, "HLEN", bench->key, NULL), "3"); /* and no more */
}

static void test_forgotten_only_when_the_letter_is_durable(void **state)
{
    struct bench *bench = *state;
    SHOP_NEEDS_KAFKA(&bench->common);
    alone_crashed(bench, 0, CRASH_ALONE, "2");
    alone_begin(bench);
    struct fake_outbox *outbox = &bench->shop.lane.rig.outbox;
    outbox->by_itself = false;
    UNTIL(&bench->shop, fake_outbox_last(outbox, TOPIC_DEAD) != NULL);
    for (int i = 0; i < 50; i++) {
        shop_turn(&bench->shop);
    }
    assert_int_equal(alone_low(&bench->shop), 0);
    assert_string_not_equal(redis_say(bench->redis, "HGETALL", bench->key, NULL), "[]");
    size_t sent = outbox->sent;
    while (fake_outbox_answer(outbox, false) && outbox->sent == sent) {
    }
    UNTIL(&bench->shop, outbox->sent > sent); /* again */
    assert_int_equal(alone_low(&bench->shop), 0);
    outbox->by_itself = true;
    UNTIL(&bench->shop, alone_low(&bench->shop) == RECORDS);
    UNTIL(&bench->shop, strcmp(redis_say(bench->redis, "HGETALL", bench->key, NULL), "[]") == 0);
    /* It is seen before it is forgotten: nobody runs it again. */
    assert_int_equal(notes[0].made, 0);
    alone_end(&bench->shop);
}

static void test_it_waits_for_the_others_and_they_for_it(void **state)
{
    struct bench *bench = *state;
    SHOP_NEEDS_KAFKA(&bench->common);
    alone_crashed(bench, 5, "", "2");
    held[3] = held[5] = true;
    alone_begin(bench);
    struct shop *shop = &bench->shop;
    UNTIL(shop, notes[3].made == 1 && alone_low(shop) == 3 && shop->intake->loads == 1);
    for (int64_t t = kit_begin(); clock_mono_ms(clock_system()) - t < 1500;) {
        shop_turn(shop);
        /* Kafka is polled all the while, or the worker would be expelled. */
        assert_true(shop->lane.time.mono - shop->intake->polled_ms < 1000);
        assert_true(shop->intake->stash.count < INTAKE_BATCH);
    }
    assert_int_equal(notes[5].made + notes[6].made, 0);
    held[3] = false;
    UNTIL(shop, notes[5].made == 1);
    for (int64_t t = kit_begin(); clock_mono_ms(clock_system()) - t < 1500;) {
        shop_turn(shop);
        assert_true(shop->lane.time.mono - shop->intake->polled_ms < 1000);
        assert_int_equal(shop->intake->loads, 1);
    }
    shop->intake->short_since_ms -= INTAKE_PAUSE_AFTER_MS; /* a long wait */
    UNTIL(shop, kit_logged("consuming_paused") > 0);
    held[5] = false;
    UNTIL(shop, alone_low(shop) == RECORDS);
    alone_check(5);
    alone_end(shop);
}

static void test_neither_wait_is_for_ever(void **state)
{
    struct bench *bench = *state;
    SHOP_NEEDS_KAFKA(&bench->common);
    alone_crashed(bench, 5, "", "2");
    alone_crashed(bench, 7, "", "3");
    held[3] = held[7] = true;
    alone_begin(bench);
    struct shop *shop = &bench->shop;
    UNTIL(shop, notes[3].made == 1 && shop->intake->waiting_since_ms != 0);
    assert_int_equal(notes[5].made, 0);
    shop->intake->waiting_since_ms -= INTAKE_ALONE_MS;
    UNTIL(shop, notes[5].made == 1);
    assert_false(notes[5].was_alone);
    UNTIL(shop, shop->intake->waiting_since_ms != 0);
    shop->intake->waiting_since_ms -= INTAKE_ALONE_MS; /* it crashed once more: twice the time */
    for (int i = 0; i < 20; i++) {
        shop_turn(shop);
    }
    assert_int_equal(notes[7].made, 0);
    held[3] = false;
    UNTIL(shop, notes[7].made == 1);
    assert_true(notes[7].was_alone);
    shop->intake->alone_until_ms -= 2 * INTAKE_ALONE_MS - 60000;
    for (int i = 0; i < 20; i++) {
        shop_turn(shop);
    }
    assert_int_equal(notes[8].made, 0);
    shop->intake->alone_until_ms -= 60000;
    UNTIL(shop, notes[RECORDS - 1].made == 1); /* the others go on beside it */
    assert_int_equal(alone_low(shop), 7);
    assert_int_equal(kit_logged("suspect_not_alone"), 2);
    held[7] = false;
    UNTIL(shop, alone_low(shop) == RECORDS);
    alone_end(shop);
}

static void test_its_partition_goes_and_comes_back_with_another_past(void **state)
{
    struct bench *bench = *state;
    SHOP_NEEDS_KAFKA(&bench->common);
    alone_crashed(bench, 5, "", "2");
    held[5] = true;
    alone_begin(bench);
    struct shop *shop = &bench->shop;
    UNTIL(shop, notes[5].made == 1);
    alone_rebalance(shop, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS);
    UNTIL(shop, shop->intake->loads == 0);
    assert_null(shop->intake->alone);
    assert_string_not_equal(redis_say(bench->redis, "HGETALL", bench->key, NULL), "[]");
    alone_crashed(bench, 5, CRASH_ALONE, "2"); /* whoever had it meanwhile crashed of it */
    alone_crashed(bench, 8, "", "2");
    alone_rebalance(shop, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
    UNTIL(shop, alone_low(shop) == RECORDS);
    assert_int_equal(notes[5].made, 1); /* not run again */
    alone_check(8);
    UNTIL(shop, strcmp(redis_say(bench->redis, "HGETALL", bench->key, NULL), "[]") == 0);
    alone_end(shop);
}

static void test_the_key_is_something_else(void **state)
{
    struct bench *bench = *state;
    SHOP_NEEDS_KAFKA(&bench->common);
    (void)redis_say(bench->redis, "SET", bench->key, "nonsense", NULL);
    alone_begin(bench);
    UNTIL(&bench->shop, alone_low(&bench->shop) == RECORDS);
    assert_int_equal(kit_logged("crashes_unknown"), 1);
    alone_end(&bench->shop);
}

/* The retry topic's records have a past of their own. */
static void test_of_the_retry_topic(void **state)
{
    struct bench *bench = *state;
    SHOP_NEEDS_KAFKA(&bench->common);
    char field[CRASH_FIELD_MAX];
    (void)snprintf(field, sizeof(field), "%s/0/0/%lld" CRASH_ALONE, bench->common.retry,
                   (long long)bench->common.at_ms);
    (void)redis_say(bench->redis, "HSET", bench->key, field, "2", NULL);
    shop_append(&bench->common, bench->common.retry, 0, "k", "{}", NULL);
    shop_flush(&bench->common);
    alone_begin(bench);
    shop_until_low(&bench->shop, alone_name, 0, RECORDS);
    shop_until_low(&bench->shop, bench->common.retry, 0, 1);
    assert_int_equal(notes[0].made, 1); /* that of the same number in the other topic */
    const struct fake_record *letter = fake_outbox_last(&bench->shop.lane.rig.outbox, TOPIC_DEAD);
    assert_non_null(letter);
    assert_true(kit_matches(buf_span(&letter->headers), "*reason=crashed_alone\n*"));
    alone_end(&bench->shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE_TEST(test_each_by_its_past),
        ALONE_TEST(test_forgotten_only_when_the_letter_is_durable),
        ALONE_TEST(test_it_waits_for_the_others_and_they_for_it),
        ALONE_TEST(test_neither_wait_is_for_ever),
        ALONE_TEST(test_its_partition_goes_and_comes_back_with_another_past),
        ALONE_TEST(test_the_key_is_something_else),
        ALONE_TEST(test_of_the_retry_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
