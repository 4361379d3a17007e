/* SPDX-License-Identifier: Apache-2.0
 *
 * What a vendor says of its rates, through the stage driver: whom a refusal holds
 * back.
 */
#define _GNU_SOURCE /* memmem */
#include "tests/component/engine/limited.h"

#include <string.h>

#define TOO_MANY(of) ((struct fake_answer){.status = 429, .header = "Retry-After: 60", .body = of})

/* Reads and writes have a rate, deletions have none that is known. */
static const struct limit rates[] = {
    {.class = "GET", .most = 100, .window_ms = 1000, .setting = LIMIT_FIXED},
    {.class = "POST", .most = 100, .window_ms = 1000, .setting = LIMIT_FIXED},
    {.by_key = true, .most = 20, .window_ms = 2000, .setting = LIMIT_FIXED},
};

/* ---- whom a refusal holds back ----------------------------------------------------------- */

static struct transfer *open_call(struct rig *rig, const char *key)
{
    for (size_t i = 0; i < rig->caller.open_count; i++) {
        struct transfer *t = rig->caller.open[i];
        if (memmem(t->path.at, t->path.len, key, strlen(key)) != NULL) {
            return t;
        }
    }
    return NULL;
}

static void answer(struct rig *rig, const char *key, struct fake_answer with)
{
    struct transfer *t = open_call(rig, key);
    assert_non_null(t);
    fake_caller_answer(&rig->caller, t, with);
    rig_settle(rig);
}

/* A write on one issue is refused; behind it come another on that issue, one on another, a read and
 * a deletion. `passing`: those of them that go out within seconds, by their keys; the rest goes
 * when the time is over that the vendor named. */
static void refuse(struct bench *bench, const char *of, const char *const *passing,
                   size_t passing_count)
{
    static const char *const behind[] = {"w2.one", "w3.two", "r4.three", "d5.four"};
    struct rig *rig = &bench->rig;
    limited_bench(bench, rates, COUNT_OF(rates));
    rig->to.calls_max = 8;
    limited_admit(rig, "w1.one");
    rig_move(rig, 2 * SECOND);
    answer(rig, "one", TOO_MANY(of));
    for (size_t i = 0; i < COUNT_OF(behind); i++) {
        limited_admit(rig, behind[i]);
    }
    rig_move(rig, 5 * SECOND);
    assert_int_equal(rig->caller.open_count, passing_count);
    for (size_t i = 0; i < passing_count; i++) {
        answer(rig, passing[i], (struct fake_answer){.status = 200});
    }
    rig_move(rig, 54 * SECOND);
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, 4 * SECOND);
    assert_int_equal(rig->caller.open_count, 5 - passing_count);
    while (rig->caller.open_count > 0) {
        fake_caller_answer(&rig->caller, rig->caller.open[0], (struct fake_answer){.status = 200});
        rig_settle(rig);
    }
    assert_int_equal(rig->settled, 5);
}

static void test_about_one_key(void **state)
{
    static const char *const passing[] = {"two", "three", "four"};
    refuse(*state, "key", passing, COUNT_OF(passing));
}

static void test_about_a_class(void **state)
{
    static const char *const passing[] = {"three", "four"};
    refuse(*state, "class", passing, COUNT_OF(passing));
}

static void test_about_all(void **state)
{
    refuse(*state, "all", NULL, 0);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_about_one_key),
        ON_A_BENCH(test_about_a_class),
        ON_A_BENCH(test_about_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
