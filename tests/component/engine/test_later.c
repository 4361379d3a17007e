/* SPDX-License-Identifier: Apache-2.0
 *
 * Items that go on later, with a real Kafka and a Redis of the test's own: they
 * wait in the ledger while their records are settled, and go on once, in their
 * time, with whoever has their partition then. The wall clock is moved.
 */
#include "tests/component/engine/shop.h"

#include "common/metrics.h"

#include <stdio.h>
#include <string.h>

#define DAY     (INT64_C(24) * 3600 * 1000)
#define ITEMS   50
#define RECORDS 4

static char worker_name[64];
static int planned[RECORDS][ITEMS];
static int reminded[RECORDS][ITEMS];
static int64_t wait_ms; /* from now */
static bool put_off;    /* when its time has come it is put off once more */
static bool holds;      /* when its time has come it does not end */
static bool journal;    /* the ledger's, to the changelog */
static int64_t went_on; /* wall ms of the last that was reminded */

static int *count_of(int counts[RECORDS][ITEMS], const struct item *item)
{
    int64_t number = 0;
    span id = item->effect_id;
    size_t dash = 0;
    while (id.at[dash] != '-') {
        dash++;
    }
    assert_true(span_number(span_of(id.at + dash + 1, id.len - dash - 1), 0, ITEMS - 1, &number));
    return &counts[item->job->record.offset][number];
}

static struct err ask_plan(struct item *item, struct call *call)
{
    (*count_of(planned, item))++;
    item_memo_set(item, "word", span_text("remembered"));
    call->kind = CALL_STEP;
    call->step = step_later(1, item->now_ms + wait_ms, "planned");
    return NO_ERROR;
}

static struct err ask_still(struct item *item, struct call *call)
{
    assert_true(span_is(item_memo_text(item, "word"), "remembered"));
    call->kind = CALL_STEP;
    if (holds) {
        call->step = step_again(50, "held");
    } else if (put_off) {
        put_off = false;
        call->step = step_later(1, item->now_ms + 2 * DAY, "not_yet");
    } else {
        (*count_of(reminded, item))++;
        went_on = item->now_ms;
        call->step = step_done("reminded");
    }
    return NO_ERROR;
}

/* The value is how many items there are. */
static struct err itemise(struct job *job, struct item *next, bool *made)
{
    int64_t count = 0;
    assert_true(span_number(job->record.value, 1, ITEMS, &count));
    *made = job->made < (size_t)count;
    if (*made) {
        next->effect_id = span_text(
            arena_printf(&next->arena, SPAN_FMT "-%zu", SPAN_ARG(job->record.key), job->made));
        next->order_key = next->effect_id;
    }
    return NO_ERROR;
}

static const struct stage stages[] = {
    {.name = "plan", .to = &shop_nobody, .ask = ask_plan, .doubt = STAGE_READ},
    {.name = "still", .to = &shop_nobody, .ask = ask_still, .doubt = STAGE_READ},
};
static const struct worker reminder = {.name = worker_name,
                                       .topic = worker_name,
                                       .help = "for tests",
                                       .stages = stages,
                                       .stage_count = COUNT_OF(stages),
                                       .itemise = itemise,
                                       .fragment = shop_fragment,
                                       .digest = shop_digest};

/* ---- the bench --------------------------------------------------------------------------- */

static int open_bench(void **state)
{
    static struct shop_bench bench;
    memset(planned, 0, sizeof(planned));
    memset(reminded, 0, sizeof(reminded));
    wait_ms = 7 * DAY;
    put_off = false;
    holds = false;
    journal = false;
    went_on = 0;
    (void)shop_bench_open(&bench, 1);
    span_to_text(span_text(bench.name), worker_name, sizeof(worker_name));
    *state = &bench;
    return 0;
}

static int close_bench(void **state)
{
    shop_bench_close(*state);
    return 0;
}

static void open_shop(struct shop *shop, const struct shop_bench *bench, const char *owner)
{
    shop_open(shop, (struct shop_place){.kafka = bench->kafka,
                                        .redis = bench->server.address,
                                        .owner = owner,
                                        .worker = &reminder,
                                        .journal = journal});
}

/* How many entries Redis holds, and at most how many are due by then; "" for all. */
static int entries(const struct shop_bench *bench, const char *suffix)
{
    char key[256];
    redisContext *redis = redis_ask_open(bench->server.address, NULL);
    (void)snprintf(key, sizeof(key), "hearback:later:{%s/%s/0}%s", worker_name, worker_name,
                   suffix);
    const char *text = redis_say(redis, suffix[0] == 0 ? "ZCARD" : "HLEN", key, NULL);
    int64_t count = 0;
    assert_true(span_number(span_text(text), 0, 1 << 20, &count));
    redisFree(redis);
    return (int)count;
}

/* Wall ms, as Redis holds it; 0 without an entry. */
static int64_t due_of(const struct shop_bench *bench, const char *effect)
{
    char key[256];
    redisContext *redis = redis_ask_open(bench->server.address, NULL);
    (void)snprintf(key, sizeof(key), "hearback:later:{%s/%s/0}", worker_name, worker_name);
    int64_t due = 0;
    (void)span_number(span_text(redis_say(redis, "ZSCORE", key, effect, NULL)), 0, INT64_MAX, &due);
    redisFree(redis);
    return due;
}

static void until_no_entry(struct shop *shop, const struct shop_bench *bench)
{
    for (int64_t t = kit_begin(); entries(bench, "") > 0; shop_turn(shop)) {
        assert_true(kit_waits(t));
    }
    assert_int_equal(entries(bench, ":entries"), 0);
}

/* Turns for as long as `later` needs to ask twice. */
static void turn_a_while(struct shop *shop)
{
    int64_t until = clock_mono_ms(clock_system()) + 2500;
    while (clock_mono_ms(clock_system()) < until) {
        shop_turn(shop);
    }
}

/* ---- the tests --------------------------------------------------------------------------- */

static void test_goes_on_in_its_time(void **state)
{
    struct shop_bench *bench = *state;
    struct shop shop;
    SHOP_NEEDS_KAFKA(bench);
    shop_append(bench, worker_name, 0, "a", "3", NULL);
    shop_append(bench, worker_name, 0, "b", "1", NULL);
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    shop_until_low(&shop, worker_name, 0, 2); /* the records are settled meanwhile */
    assert_int_equal(entries(bench, ""), 4);
    assert_int_equal(stages_count(shop.stages), 0);
    shop.lane.wall_ahead_ms = 7 * DAY - 60000;
    turn_a_while(&shop);
    assert_int_equal(reminded[0][0] + reminded[0][1] + reminded[0][2] + reminded[1][0], 0);
    shop.lane.wall_ahead_ms = 7 * DAY + 1000;
    until_no_entry(&shop, bench);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(planned[0][i], 1);
        assert_int_equal(reminded[0][i], 1);
    }
    assert_int_equal(reminded[1][0], 1);
    assert_int_equal(shop.pool.used, 0);
    shop_close(&shop);
}

/* Turns until it was asked what is due, at the moment at which the clock is held. */
static void until_asked(struct shop *shop)
{
    struct metric *waiting =
        metric_gauge("hearback_later_waiting",
                     "Items of this worker's partitions that wait for their time.", NULL, NULL);
    metric_set(waiting, -1);
    for (int64_t t = kit_begin(); metric_value(waiting) < 0; shop_turn(shop)) {
        assert_true(kit_waits(t));
    }
}

static void move_held(struct shop *shop, int64_t ms)
{
    clock_fake_move(&shop->lane.time, ms);
    until_asked(shop);
}

/* Not a moment before its time, and three seconds behind it at most. */
static void test_exact_to_a_few_seconds(void **state)
{
    struct shop_bench *bench = *state;
    struct shop shop;
    SHOP_NEEDS_KAFKA(bench);
    shop_append(bench, worker_name, 0, "a", "1", NULL);
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    shop_until_low(&shop, worker_name, 0, 1);
    const struct partition *p = intake_partition(shop.intake, worker_name, 0);
    for (int64_t t = kit_begin(); !p->at_end; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    struct metric *fired = metric_counter(
        "hearback_later_fired_total", "Items that went on when their time had come.", NULL, NULL);
    int64_t before = metric_value(fired);
    int64_t due = due_of(bench, "a-0");
    shop.lane.held = true;
    shop.lane.time.wall = due - 2001;
    move_held(&shop, 1000);
    move_held(&shop, 1000); /* a millisecond is left */
    turn_a_while(&shop);
    assert_int_equal(reminded[0][0], 0);
    assert_int_equal(metric_value(fired), before); /* nor was its record read */
    for (int i = 0; i < 3; i++) {
        move_held(&shop, 1000);
    }
    until_no_entry(&shop, bench);
    assert_int_equal(reminded[0][0], 1);
    assert_in_range(went_on, due, due + 3000);
    shop_close(&shop);
}

/* A page of them is due at once: it is read once. */
static void test_a_page_is_due(void **state)
{
    struct shop_bench *bench = *state;
    struct shop shop;
    SHOP_NEEDS_KAFKA(bench);
    shop_append(bench, worker_name, 0, "page", "50", NULL);
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    shop_until_low(&shop, worker_name, 0, 1);
    assert_int_equal(entries(bench, ":entries"), ITEMS);
    shop.lane.wall_ahead_ms = 8 * DAY;
    until_no_entry(&shop, bench);
    for (int i = 0; i < ITEMS; i++) {
        assert_int_equal(reminded[0][i], 1);
    }
    shop_close(&shop);
}

static void test_put_off_again(void **state)
{
    struct shop_bench *bench = *state;
    struct shop shop;
    SHOP_NEEDS_KAFKA(bench);
    shop_append(bench, worker_name, 0, "a", "1", NULL);
    shop_flush(bench);
    put_off = true;
    open_shop(&shop, bench, "me");
    shop_until_low(&shop, worker_name, 0, 1);
    shop.lane.wall_ahead_ms = 8 * DAY;
    for (int64_t t = kit_begin(); put_off; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    turn_a_while(&shop);
    assert_int_equal(entries(bench, ""), 1); /* the entry is another one now, not dropped */
    assert_int_equal(reminded[0][0], 0);
    shop.lane.wall_ahead_ms = 11 * DAY;
    until_no_entry(&shop, bench);
    assert_int_equal(reminded[0][0], 1);
    shop_close(&shop);
}

/* Whoever has the partition next goes on; what was under way is given back, not dropped. */
static void test_the_next_owner_goes_on(void **state)
{
    struct shop_bench *bench = *state;
    struct shop shop;
    SHOP_NEEDS_KAFKA(bench);
    shop_append(bench, worker_name, 0, "a", "2", NULL);
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    shop_until_low(&shop, worker_name, 0, 1);
    shop.lane.wall_ahead_ms = 8 * DAY;
    holds = true;
    for (int64_t t = kit_begin(); stages_count(shop.stages) < 2; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    shop_close(&shop);
    assert_int_equal(entries(bench, ""), 2);
    holds = false;
    open_shop(&shop, bench, "she");
    shop.lane.wall_ahead_ms = 8 * DAY;
    until_no_entry(&shop, bench);
    assert_int_equal(planned[0][0], 1);
    assert_int_equal(reminded[0][0], 1);
    assert_int_equal(reminded[0][1], 1);
    shop_close(&shop);
}

/* Redis is emptied, and restored from what the changelog says. */
static void empty_and_restore(struct shop *shop, const struct shop_bench *bench)
{
    int opened = shop->lane.opened;
    lane_settle(&shop->lane); /* the changelog has it all */
    redisContext *redis = redis_ask_open(bench->server.address, NULL);
    assert_string_equal(redis_say(redis, "FLUSHALL", NULL), "OK");
    redisFree(redis);
    for (int64_t t = kit_begin(); shop->lane.opened == opened; shop_turn(shop)) {
        assert_true(kit_waits(t));
    }
}

static void assert_went_on_once(int items)
{
    for (int i = 0; i < items; i++) {
        assert_int_equal(planned[0][i], 1);
        assert_int_equal(reminded[0][i], 1);
    }
}

/* What was planned and then lost with Redis is due as before; what went on is not due again. */
static void test_outlives_redis(void **state)
{
    struct shop_bench *bench = *state;
    struct shop shop;
    SHOP_NEEDS_KAFKA(bench);
    shop_append(bench, worker_name, 0, "a", "3", NULL);
    shop_flush(bench);
    journal = true;
    open_shop(&shop, bench, "me");
    shop_until_low(&shop, worker_name, 0, 1);
    int64_t due = due_of(bench, "a-1");
    assert_true(due > 0);
    empty_and_restore(&shop, bench);
    assert_int_equal(entries(bench, ""), 3);
    assert_int_equal(entries(bench, ":entries"), 3);
    assert_int_equal(due_of(bench, "a-1"), due);
    shop.lane.wall_ahead_ms = 7 * DAY - 60000;
    turn_a_while(&shop);
    assert_int_equal(reminded[0][0] + reminded[0][1] + reminded[0][2], 0);
    shop.lane.wall_ahead_ms = 7 * DAY + 1000;
    until_no_entry(&shop, bench);
    assert_went_on_once(3);
    empty_and_restore(&shop, bench);
    assert_int_equal(entries(bench, ""), 0);
    assert_int_equal(entries(bench, ":entries"), 0);
    shop.lane.wall_ahead_ms = 8 * DAY;
    turn_a_while(&shop);
    assert_went_on_once(3);
    shop_close(&shop);
}

/* An entry that was not dropped (the process ended between the two) is, and nothing happens. */
static void test_settled_before_it_is_due(void **state)
{
    struct shop_bench *bench = *state;
    struct shop shop;
    char key[256];
    SHOP_NEEDS_KAFKA(bench);
    shop_append(bench, worker_name, 0, "a", "1", NULL);
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    shop_until_low(&shop, worker_name, 0, 1);
    redisContext *redis = redis_ask_open(bench->server.address, NULL);
    (void)snprintf(key, sizeof(key), "hearback:effect:{%s/a-0}:a-0", worker_name);
    assert_string_equal(redis_say(redis, "SET", key, "{\"s\":\"done\",\"r\":\"x\"}", NULL), "OK");
    redisFree(redis);
    shop.lane.wall_ahead_ms = 8 * DAY;
    until_no_entry(&shop, bench);
    assert_int_equal(reminded[0][0], 0);
    shop_close(&shop);
}

/* Its record is gone from the topic: a dead letter of the place, and the entry goes. */
static void test_the_record_is_gone(void **state)
{
    struct shop_bench *bench = *state;
    struct shop shop;
    char due[256];
    char rest[300];
    SHOP_NEEDS_KAFKA(bench);
    shop_append(bench, worker_name, 0, "a", "1", NULL);
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    shop_until_low(&shop, worker_name, 0, 1);
    redisContext *redis = redis_ask_open(bench->server.address, NULL);
    (void)snprintf(due, sizeof(due), "hearback:later:{%s/%s/0}", worker_name, worker_name);
    (void)snprintf(rest, sizeof(rest), "%s:entries", due);
    assert_string_equal(redis_say(redis, "ZADD", due, "1000", "lost-0", NULL), "1");
    assert_string_equal(redis_say(redis, "HSET", rest, "lost-0", "{\"offset\":77}", NULL), "1");
    for (int64_t t = kit_begin(); entries(bench, "") > 1; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    redisFree(redis);
    const struct fake_record *letter = fake_outbox_last(&shop.lane.rig.outbox, TOPIC_DEAD);
    assert_non_null(letter);
    assert_non_null(strstr(letter->headers.len == 0 ? "" : (const char *)letter->headers.at,
                           "reason=later_record_gone\n"));
    assert_int_equal(kit_logged("dead_letter"), 1);
    assert_int_equal(entries(bench, ""), 1); /* the other one waits on */
    shop_close(&shop);
}

/* Nothing is due by a time up to which the partitions were not read. */
static void test_not_before_it_was_read(void **state)
{
    struct shop_bench *bench = *state;
    struct shop shop;
    SHOP_NEEDS_KAFKA(bench);
    shop_append(bench, worker_name, 0, "a", "1", NULL);
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    shop_until_low(&shop, worker_name, 0, 1);
    struct partition *p = intake_partition(shop.intake, worker_name, 0);
    for (int64_t t = kit_begin(); !p->at_end; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    shop_turn(&shop);
    int64_t now = clock_wall_ms(&shop.lane.rig.clock);
    assert_true(intake_read_until_ms(shop.intake) > now - 5000);
    shop.lane.wall_ahead_ms = 8 * DAY;
    p->at_end = false; /* as if more had come than was taken so far */
    p->end_offset = INT64_MAX;
    turn_a_while(&shop);
    assert_int_equal(intake_read_until_ms(shop.intake), p->read_ms);
    assert_int_equal(reminded[0][0], 0);
    shop_append(bench, worker_name, 0, "b", "1", NULL); /* read, and the end behind it */
    shop_flush(bench);
    for (int64_t t = kit_begin(); reminded[0][0] == 0; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    shop_close(&shop);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_goes_on_in_its_time),
        ON_A_BENCH(test_exact_to_a_few_seconds),
        ON_A_BENCH(test_a_page_is_due),
        ON_A_BENCH(test_put_off_again),
        ON_A_BENCH(test_the_next_owner_goes_on),
        ON_A_BENCH(test_outlives_redis),
        ON_A_BENCH(test_settled_before_it_is_due),
        ON_A_BENCH(test_the_record_is_gone),
        ON_A_BENCH(test_not_before_it_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
