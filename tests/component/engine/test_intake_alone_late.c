/* SPDX-License-Identifier: Apache-2.0
 *
 * Suspects among the records that are read again because something of them is due.
 */
#include "consumer/engine/later_keys.h"
#include "tests/component/engine/alone_bench.h"

#include <stdio.h>
#include <string.h>

static rd_kafka_message_t *read_again(struct bench *bench, int64_t offset)
{
    struct shop *shop = &bench->shop;
    rd_kafka_message_t *message = NULL;
    struct origin place = {.topic = span_text(alone_name), .offset = offset};
    assert_false(failed(record_fetch_start(bench->fetch, &place)));
    UNTIL(shop, record_fetch_turn(bench->fetch, &message) == FETCHED_RECORD);
    return message;
}

static bool open_again(struct bench *bench, int64_t offset)
{
    char key[96];
    char digest_text[LETTER_DIGEST_ROOM];
    (void)snprintf(key, sizeof(key), "%s.%d", alone_name, (int)offset);
    letter_digest(span_text(key + 1), digest_text);
    return intake_open_late(bench->shop.intake, read_again(bench, offset), span_text(digest_text));
}

static void test_one_that_is_read_again(void **state)
{
    struct bench *bench = *state;
    SHOP_NEEDS_KAFKA(&bench->common);
    held[6] = true;
    alone_begin(bench);
    struct shop *shop = &bench->shop;
    bench->fetch = record_fetch_new(&shop->lane.rig.config.kafka, &shop->lane.rig.clock);
    UNTIL(shop, alone_low(shop) == 6 && shop->intake->loads == 1 && notes[RECORDS - 1].made == 1);
    alone_crashed(bench, 3, "", "2");
    alone_crashed(bench, 4, CRASH_ALONE, "2");
    suspects_stale(&shop->intake->suspects);
    UNTIL(shop, suspects_known(&shop->intake->suspects));
    /* It must wait, and while it is expected again nobody fills its place. */
    assert_false(open_again(bench, 3));
    assert_int_equal(shop->late_closed, 0);
    shop_append(&bench->common, alone_name, 0, "more", "{}", NULL);
    shop_flush(&bench->common);
    for (int i = 0; i < 50; i++) {
        shop_turn(shop);
    }
    assert_int_equal(shop->intake->loads, 1);
    held[6] = false;
    UNTIL(shop, shop->intake->loads == 0);
    held[3] = true;
    assert_true(open_again(bench, 3));
    UNTIL(shop, notes[3].made == 2);
    assert_true(notes[3].was_alone);
    assert_int_equal(notes[3].company, 1);
    assert_false(open_again(bench, 4)); /* the convicted one too */
    alone_rebalance(shop, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS);
    UNTIL(shop, shop->late_closed == 1);
    assert_int_equal(shop->late_buried, 0);
    assert_false(open_again(bench, 4)); /* it is nobody's */
    alone_rebalance(shop, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
    UNTIL(shop, alone_low(shop) == RECORDS + 1);
    assert_true(open_again(bench, 4));
    UNTIL(shop, shop->late_closed == 2);
    assert_int_equal(shop->late_buried, 1);
    assert_int_equal(notes[4].made, 1); /* the first time */
    UNTIL(shop, strstr(redis_say(bench->redis, "HGETALL", bench->key, NULL), "/0/4") == NULL);
    record_fetch_free(&bench->fetch);
    alone_end(shop);
}

static int64_t letters_of(const struct shop *shop)
{
    int64_t count = 0;
    for (const struct fake_record *r = shop->lane.rig.outbox.first; r != NULL; r = r->next) {
        count += span_is(span_text(r->topic), TOPIC_DEAD) ? 1 : 0;
    }
    return count;
}

/* Two of its items are due, and it is a dead letter instead: once, and due no more. */
static void test_a_convicted_one_that_is_due(void **state)
{
    struct bench *bench = *state;
    SHOP_NEEDS_KAFKA(&bench->common);
    alone_begin(bench);
    struct shop *shop = &bench->shop;
    struct origin place = {.topic = span_text(alone_name)};
    struct later_keys keys;
    UNTIL(shop, alone_low(shop) == RECORDS && shop->intake->loads == 0);
    alone_crashed(bench, 4, CRASH_ALONE, "2");
    suspects_stale(&shop->intake->suspects);
    UNTIL(shop, suspects_known(&shop->intake->suspects));
    later_keys_make(alone_name, &place, &keys);
    (void)redis_say(bench->redis, "HSET", keys.entries, "one", "{\"offset\":4}", "two",
                    "{\"offset\":4}", NULL);
    (void)redis_say(bench->redis, "ZADD", keys.due, "1", "one", "1", "two", NULL);
    UNTIL(shop, strcmp(redis_say(bench->redis, "ZCARD", keys.due, NULL), "0") == 0);
    assert_string_equal(redis_say(bench->redis, "HLEN", keys.entries, NULL), "0");
    for (int64_t t = kit_begin(); clock_mono_ms(clock_system()) - t < 2500;) {
        shop_turn(shop); /* it is asked twice what is due */
    }
    assert_int_equal(letters_of(shop), 1);
    assert_int_equal(notes[4].made, 1); /* the first time */
    assert_string_equal(redis_say(bench->redis, "HGETALL", bench->key, NULL), "[]");
    alone_end(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE_TEST(test_one_that_is_read_again),
        ALONE_TEST(test_a_convicted_one_that_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
