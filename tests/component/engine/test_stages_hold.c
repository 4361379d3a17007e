/* SPDX-License-Identifier: Apache-2.0
 *
 * Too many effects of a kind: held at the limit, for every process, whatever
 * happens to Redis, until somebody releases them; and nothing else is.
 */
#include "tests/component/engine/errand.h"

#include "common/metrics.h"

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define HOLD   "hearback:hold:{things}"

static void admit(struct rig *rig, int count, const char *prefix)
{
    for (int i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s%d", prefix, i);
        (void)rig_admit(rig, name, name);
    }
    rig_settle(rig);
}

static int created(const struct bench *bench)
{
    int count = 0;
    for (size_t i = 0; i < bench->vendor.count; i++) {
        count += bench->vendor.effects[i].created;
    }
    return count;
}

static int64_t gauge(void)
{
    return metric_value(metric_gauge("hearback_held",
                                     "1 while effects of a kind are held: there were too many. See "
                                     "hearback hold.",
                                     "kind", "things"));
}

static void release(struct bench *bench)
{
    assert_string_equal(redis_say(bench->plain, "DEL", HOLD, HOLD ":counted", NULL), "2");
}

static void test_held_and_released(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.limits.tickets_per_hour = 3;
    admit(rig, 8, "a");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(created(bench), 3);
    assert_int_equal(kit_logged("held"), 1);
    assert_int_equal(gauge(), 1);
    assert_int_equal(stages_count(rig->stages), 5);
    /* The others' stages go on: these two are found, so nothing is to be made. */
    (void)rig_admit(rig, "x", "x");
    rig_settle(rig);
    fake_caller_answer(&rig->caller, bench_call(rig, "GET /find/x"),
                       (struct fake_answer){.status = 200, .body = "{\"found\":true}"});
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(vendor_told(&bench->vendor, "x"), 1);
    /* It does not end by itself, and nobody gives up. */
    rig->config.retry.give_up_after_ms = MINUTE;
    vendor_serve(&bench->vendor, rig, 30 * HOUR);
    assert_int_equal(created(bench), 3);
    assert_null(fake_outbox_last(&rig->outbox, TOPIC_DEAD));
    release(bench);
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(created(bench), 6); /* and held again */
    assert_int_equal(kit_logged("released"), 1);
    release(bench);
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(created(bench), 8);
    assert_int_equal(rig->settled, 9);
    assert_int_equal(gauge(), 0);
}

/* While it is held one item asks, not all of them. */
static void test_asking_is_cheap(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.limits.tickets_per_hour = 1;
    admit(rig, 25, "a");
    vendor_serve(&bench->vendor, rig, 10 * SECOND);
    struct metric *scripts = metric_counter("hearback_ledger_scripts_total",
                                            "Scripts run on the view in Redis.", NULL, NULL);
    int64_t before = metric_value(scripts);
    rig_move(rig, 10 * SECOND);
    assert_in_range(metric_value(scripts) - before, 8, 11 + 24 * 2); /* and leases are renewed */
    release(bench);
    rig->config.limits.tickets_per_hour = 100;
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 25);
}

/* The same effect counts once, however often it is tried; an hour later it counts no more. */
static void test_what_is_counted(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.limits.tickets_per_hour = 2;
    rig->config.breaker.failures = 1000;
    admit(rig, 1, "a");
    for (int i = 0; i < 6; i++) {
        while (fake_caller_find(&rig->caller, "POST /create/a0") == NULL) {
            if (rig->caller.open_count > 0) {
                vendor_answer(&bench->vendor, rig, rig->caller.open[0]);
            }
            rig_move(rig, SECOND);
        }
        fake_caller_answer(&rig->caller, rig->caller.open[0],
                           (struct fake_answer){.transport = 7, .unreached = true});
        rig_settle(rig);
    }
    assert_string_equal(redis_say(bench->plain, "ZCARD", HOLD ":counted", NULL), "1");
    vendor_serve(&bench->vendor, rig, 10 * MINUTE);
    admit(rig, 1, "b");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(created(bench), 2);
    rig_move(rig, HOUR + 1);
    admit(rig, 2, "c");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(created(bench), 4);
    assert_string_equal(redis_say(bench->plain, "EXISTS", HOLD, NULL), "0");
}

/* 0: any number. */
static void test_off(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    admit(rig, 20, "a");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(created(bench), 20);
    assert_string_equal(redis_say(bench->plain, "EXISTS", HOLD ":counted", NULL), "0");
}

/* Redis is emptied and restored from the changelog: what was held is held. */
static void test_a_hold_outlives_redis(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.limits.tickets_per_hour = 3;
    admit(rig, 6, "a");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(created(bench), 3);
    bench_restore(bench, rig, "{\"id\":\"two\"}");
    assert_string_equal(redis_say(bench->plain, "EXISTS", HOLD, NULL), "1");
    vendor_serve(&bench->vendor, rig, HOUR);
    assert_int_equal(created(bench), 3);
    assert_string_equal(redis_say(bench->plain, "DEL", HOLD, NULL), "1");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(created(bench), 6);
    assert_int_equal(rig->settled, 6);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_held_and_released),     ON_A_BENCH(test_asking_is_cheap),
        ON_A_BENCH(test_what_is_counted),       ON_A_BENCH(test_off),
        ON_A_BENCH(test_a_hold_outlives_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
