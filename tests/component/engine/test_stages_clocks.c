/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks that jump, and views that are young. A wall clock that is set forward or
 * back by an hour neither ends a wait nor lengthens it, loses no lease, and makes
 * no view older. What a lease says of calls under way is believed only when the
 * view is older than they can be.
 */
#include "tests/component/engine/errand.h"

#include <string.h>

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define LEASE  "hearback:order:{errand/k}"

/* For how long nobody else can have sent anything, as the first stage is told. */
static int64_t told_alone(struct bench *bench)
{
    struct work *work = rig_admit(&bench->rig, "a", "k");
    rig_settle(&bench->rig);
    (void)bench_call(&bench->rig, "GET /find/a");
    return work->item.alone_ms;
}

static void finish(struct bench *bench)
{
    vendor_serve(&bench->vendor, &bench->rig, HOUR);
    assert_int_equal(bench->rig.settled, 1);
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
}

static void test_free_lease_in_a_young_view(void **state)
{
    struct bench *bench = *state;
    (void)redis_say(bench->plain, "HSET", LEASE, "o", "", "n", "5", NULL);
    assert_int_equal(told_alone(bench), -RIG_TIMEOUT);
    finish(bench);
}

static void test_free_lease_in_a_view_of_some_seconds(void **state)
{
    struct bench *bench = *state;
    clock_fake_move(&bench->time, 4 * SECOND);
    (void)redis_say(bench->plain, "HSET", LEASE, "o", "", "n", "5", NULL);
    assert_int_equal(told_alone(bench), 4 * SECOND - RIG_TIMEOUT);
    finish(bench);
}

static void test_free_lease_in_an_old_view(void **state)
{
    struct bench *bench = *state;
    clock_fake_move(&bench->time, 2 * RIG_TIMEOUT);
    (void)redis_say(bench->plain, "HSET", LEASE, "o", "", "n", "5", NULL);
    assert_int_equal(told_alone(bench), 0);
    finish(bench);
}

static void test_absent_lease_in_an_old_view(void **state)
{
    struct bench *bench = *state;
    clock_fake_move(&bench->time, 2 * RIG_TIMEOUT);
    assert_int_equal(told_alone(bench), -RIG_TIMEOUT);
    finish(bench);
}

static void jump(struct bench *bench, int64_t ms)
{
    bench->time.wall += ms;
    rig_settle(&bench->rig);
}

/* The item waits for five minutes while the wall clock jumps to and fro. */
static void test_wall_clock_jumps_while_an_item_waits(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *work = rig_admit(rig, "a", "k");
    rig_settle(rig);
    fake_caller_answer(&rig->caller, bench_call(rig, "GET /find/a"),
                       (struct fake_answer){.status = 429, .header = "Retry-After: 300"});
    rig_settle(rig);
    static const int64_t jumps[] = {HOUR, -2 * HOUR, 25 * HOUR};
    for (size_t i = 0; i < COUNT_OF(jumps); i++) {
        jump(bench, jumps[i]);
        assert_int_equal(rig->caller.open_count, 0);
        assert_string_equal(bench_lease(bench, "k", "o"), "me");
        rig_move(rig, 99 * SECOND);
        assert_int_equal(rig->caller.open_count, 0);
    }
    rig_move(rig, 3 * SECOND + RIG_TIMEOUT);
    (void)bench_call(rig, "GET /find/a"); /* not an hour later */
    assert_in_range(work->item.view_ms, 300 * SECOND, 320 * SECOND);
    finish(bench);
}

/* And while the effect's call is out: the lease is renewed by the monotonic clock. */
static void test_wall_clock_jumps_while_a_call_is_out(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct rig other;
    rig_open(&other, bench->server.address, "she", &bench->time);
    rig_stages(&other, &errand);
    rig_view(&other, bench->plain, "{\"id\":\"one\"}");
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    vendor_answer(&bench->vendor, rig, bench_call(rig, "GET /find/a"));
    rig_settle(rig);
    (void)bench_call(rig, "POST /create/a");
    (void)rig_admit(&other, "a", "k");
    rig_settle(&other);
    static const int64_t jumps[] = {HOUR, -2 * HOUR};
    for (size_t i = 0; i < COUNT_OF(jumps); i++) {
        jump(bench, jumps[i]);
        for (int s = 0; s < 20; s++) {
            rig_move(rig, 5 * SECOND);
            rig_move(&other, 1);
        }
        assert_int_equal(other.caller.open_count, 0);
        assert_string_equal(bench_lease(bench, "k", "o"), "me");
    }
    vendor_serve(&bench->vendor, rig, HOUR);
    vendor_serve(&bench->vendor, &other, HOUR);
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
    assert_int_equal(vendor_told(&bench->vendor, "a"), 1);
    rig_close(&other);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_free_lease_in_a_young_view),
        ON_A_BENCH(test_free_lease_in_a_view_of_some_seconds),
        ON_A_BENCH(test_free_lease_in_an_old_view),
        ON_A_BENCH(test_absent_lease_in_an_old_view),
        ON_A_BENCH(test_wall_clock_jumps_while_an_item_waits),
        ON_A_BENCH(test_wall_clock_jumps_while_a_call_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
