/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker whose pool is used up, with a real Kafka and Redis: it takes no more
 * records, yet a second member of the group gets its part at once; a long wait
 * pauses the partitions, also those assigned meanwhile; and what was paused when it
 * went is read when it comes back. Calls are answered when the test says so.
 */
#include "tests/component/engine/shop.h"
#include "tests/fakes/c11_threads.h"

#include <poll.h>
#include <stdio.h>

#define POOL       60
#define PARTITIONS 8
#define EACH       8 /* records a partition: a few more than the pool holds */
#define RECORDS    (PARTITIONS * EACH)
/* What a second one has at least, with one partition of the retry topic among nine. */
#define PART     3
#define LONG_MS  11000 /* the wait after which partitions are paused, and a little */
#define QUIET_MS 1000  /* ten of the polls that are made while there is no room */

static char worker_name[64];
static int answers[RECORDS];

/* ---- a worker that makes one call a record ----------------------------------------------- */

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    *made = job->made == 0;
    if (*made) {
        next->effect_id = arena_copy(&next->arena, job->record.key);
        next->order_key = next->effect_id;
    }
    return NO_ERROR;
}

static struct err ask(struct item *item, struct call *call)
{
    (void)item;
    call->kind = CALL_HTTP;
    call->method = "GET";
    call->path = span_text("/");
    return NO_ERROR;
}

static struct step answered(struct item *item, const struct reply *reply)
{
    int64_t id = 0;
    (void)reply;
    assert_true(span_number(item->effect_id, 0, RECORDS - 1, &id));
    answers[id]++;
    return step_done("done");
}

static const struct stage stages[] = {
    {.name = "call", .to = &shop_nobody, .ask = ask, .answered = answered, .doubt = STAGE_READ},
};
static const struct worker caller = {.name = worker_name,
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
    *state = &bench;
    memset(answers, 0, sizeof(answers));
    if (!shop_bench_open(&bench, PARTITIONS)) {
        return 0;
    }
    (void)snprintf(worker_name, sizeof(worker_name), "%s", bench.name);
    for (int i = 0; i < RECORDS; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%d", i);
        shop_append(&bench, bench.name, i % PARTITIONS, key, "{}", NULL);
    }
    shop_flush(&bench);
    return 0;
}

static int close_bench(void **state)
{
    shop_bench_close(*state);
    return 0;
}

static void set_pool(struct config *config)
{
    config->worker.items_max = POOL;
    config->worker.calls_max = POOL;
}

static void open_shop(struct shop *shop, const struct shop_bench *bench, const char *owner)
{
    shop_open(shop, (struct shop_place){.kafka = bench->kafka,
                                        .redis = bench->server.address,
                                        .owner = owner,
                                        .worker = &caller,
                                        .adjust = set_pool});
}

static void answer_all(struct shop *shop)
{
    struct fake_caller *calls = &shop->lane.rig.caller;
    while (calls->open_count > 0) {
        fake_caller_answer(calls, calls->open[0], (struct fake_answer){.status = 200});
    }
}

/* Answers what is out, begins nothing new, and leaves. */
static void leave(struct shop *shop)
{
    intake_stop(shop->intake);
    answer_all(shop);
    shop_close(shop);
}

/* Of the worker's own topic. */
static int has(const struct shop *shop)
{
    int count = 0;
    for (const struct partition *p = shop->intake->partitions; p != NULL; p = p->next) {
        count += p->assigned && !p->topic->retry ? 1 : 0;
    }
    return count;
}

static int settled(const struct shop *shop)
{
    int64_t count = 0;
    for (const struct partition *p = shop->intake->partitions; p != NULL; p = p->next) {
        count += p->assigned && !p->topic->retry ? window_low(&p->window) : 0;
    }
    return (int)count;
}

static void say(const struct shop *shop)
{
    for (const struct partition *p = shop == NULL ? NULL : shop->intake->partitions; p != NULL;
         p = p->next) {
        print_error("%s[%d]%s settled to %lld, ", p->topic->retry ? "retry" : "source", (int)p->id,
                    p->assigned ? "" : " (gone)", (long long)window_low(&p->window));
    }
    print_error("\n");
}

static void turn(struct shop *one, struct shop *other)
{
    shop_turn(one);
    if (other != NULL) {
        shop_turn(other);
    }
}

#define UNTIL(one, other, what)                                                                    \
    do {                                                                                           \
        for (int64_t until_ = kit_begin(); !(what); turn(one, other)) {                            \
            if (!kit_waits(until_)) {                                                              \
                say(one);                                                                          \
                say(other);                                                                        \
                fail_msg("not in time: %s", #what);                                                \
            }                                                                                      \
        }                                                                                          \
    } while (false)

/* A worker that holds as many records as it can, and has all partitions. */
static void fill(struct shop *shop, const struct shop_bench *bench)
{
    open_shop(shop, bench, "first");
    UNTIL(shop, NULL, shop->intake->full && has(shop) == PARTITIONS);
}

static void expect_once(void)
{
    for (int i = 0; i < RECORDS; i++) {
        if (answers[i] != 1) {
            fail_msg("record %d was answered %d times", i, answers[i]);
        }
    }
}

/* ---- tests ------------------------------------------------------------------------------- */

static void test_no_more_is_taken(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    fill(&shop, bench);
    size_t loads = intake_loads(shop.intake);
    for (int64_t t = kit_begin(); kit_begin() - t < QUIET_MS;) {
        shop_turn(&shop);
    }
    assert_in_range(shop.pool.used, POOL - POOL / 8 + 1, POOL);
    assert_int_equal(intake_loads(shop.intake), loads);
    answer_all(&shop);
    UNTIL(&shop, NULL, (answer_all(&shop), settled(&shop) == RECORDS));
    expect_once();
    shop_close(&shop);
}

/* Nothing was answered, and nothing is: the second one has its part all the same. */
static void test_rebalances_are_served(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop first;
    struct shop second;
    fill(&first, bench);
    open_shop(&second, bench, "second");
    UNTIL(&first, &second, has(&second) >= PART);
    UNTIL(&first, &second, has(&first) + has(&second) == PARTITIONS);
    assert_in_range(first.pool.used, POOL - POOL / 8, POOL); /* calls cannot be taken back */
    assert_false(first.intake->paused);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(answers[i], 0);
    }
    /* Answers about partitions that went are late, and count. */
    UNTIL(&first, &second,
          (answer_all(&first), answer_all(&second), settled(&first) + settled(&second) == RECORDS));
    expect_once();
    shop_close(&second);
    shop_close(&first);
}

static void test_what_is_assigned_meanwhile_is_paused(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop first;
    struct shop second;
    fill(&first, bench);
    open_shop(&second, bench, "second");
    UNTIL(&first, &second, has(&second) >= PART);
    UNTIL(&first, &second, first.intake->full); /* again, of those it has kept */
    assert_false(first.intake->paused);
    first.lane.ahead_ms += LONG_MS;
    UNTIL(&first, &second, first.intake->paused);
    assert_int_equal(kit_logged("consuming_paused"), 1);
    leave(&second);
    UNTIL(&first, NULL, has(&first) == PARTITIONS);
    int64_t taken = first.intake->taken_records;
    for (int64_t t = kit_begin(); kit_begin() - t < QUIET_MS;) {
        shop_turn(&first);
    }
    assert_int_equal(first.intake->taken_records, taken);
    UNTIL(&first, NULL, (answer_all(&first), settled(&first) == RECORDS));
    assert_false(first.intake->paused);
    assert_int_equal(kit_logged("consuming_resumed"), 1);
    expect_once();
    shop_close(&first);
}

/* librdkafka remembers that a partition was paused, even of one that went and came back. */
static void test_what_went_paused_comes_back_read(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop first;
    struct shop second;
    fill(&first, bench);
    first.lane.ahead_ms += LONG_MS;
    UNTIL(&first, NULL, first.intake->paused);
    open_shop(&second, bench, "second");
    UNTIL(&first, &second, has(&second) >= PART);
    UNTIL(&first, &second, (answer_all(&first), !first.intake->paused));
    leave(&second);
    UNTIL(&first, NULL, (answer_all(&first), settled(&first) == RECORDS));
    expect_once();
    shop_close(&first);
}

int main(void)
{
    c11_threads_seen();
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_no_more_is_taken),
        ON_A_BENCH(test_rebalances_are_served),
        ON_A_BENCH(test_what_is_assigned_meanwhile_is_paused),
        ON_A_BENCH(test_what_went_paused_comes_back_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
