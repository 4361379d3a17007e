/* SPDX-License-Identifier: Apache-2.0
 *
 * What a vendor says of its rates, through the stage driver: whom a refusal holds
 * back, how fast one key's calls go, and how large a call may be.
 */
#define _GNU_SOURCE /* memmem */
#include "tests/component/engine/limited.h"

#include "consumer/apis/jira.h"

#include <stdio.h>
#include <string.h>

#define WRITES_MAX 256

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

/* ---- one key's calls --------------------------------------------------------------------- */

struct writes {
    int64_t at_ms[WRITES_MAX];
    size_t count;
};

/* The most that any window of this length held. */
static size_t fullest(const struct writes *writes, int64_t window_ms)
{
    size_t most = 0;
    size_t oldest = 0;
    for (size_t i = 0; i < writes->count; i++) {
        while (writes->at_ms[oldest] <= writes->at_ms[i] - window_ms) {
            oldest++;
        }
        most = i - oldest + 1 > most ? i - oldest + 1 : most;
    }
    return most;
}

/* Writes `count` times on issue ten, as fast as it goes, and between times `others` times on
 * others. */
static void write_all(struct rig *rig, size_t count, size_t others, struct writes *ten,
                      struct writes *rest)
{
    size_t admitted = 0;
    for (int64_t began = rig->time->mono; ten->count < count || rest->count < others;) {
        assert_true(rig->time->mono - began < 120 * SECOND);
        while (admitted < count + others && stages_count(rig->stages) < RIG_POOL) {
            char effect[64];
            bool other = admitted >= RIG_POOL - 8 && admitted < RIG_POOL - 8 + others;
            (void)snprintf(effect, sizeof(effect), "w%zu.%s%zu", admitted, other ? "o" : "ten",
                           other ? admitted : 0);
            limited_admit(rig, effect);
            admitted++;
        }
        while (rig->caller.open_count > 0) {
            struct transfer *t = rig->caller.open[0];
            struct writes *to = memmem(t->path.at, t->path.len, "ten", 3) != NULL ? ten : rest;
            assert_true(to->count < WRITES_MAX);
            to->at_ms[to->count++] = rig->time->mono;
            fake_caller_answer(&rig->caller, t, (struct fake_answer){.status = 201});
            rig_settle(rig);
        }
        int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
        rig_move(rig, step < 1 ? 1 : step);
    }
}

static void on_jira(struct bench *bench)
{
    limited_bench(bench, jira_destination.limits, jira_destination.limit_count);
}

/* As many comments on one issue as Jira takes, and not one more: 20 in any 2 s, 100 in any 30. */
static void test_writes_on_one_issue(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct writes ten = {0};
    struct writes rest = {0};
    on_jira(bench);
    write_all(rig, 140, 8, &ten, &rest);
    assert_in_range(fullest(&ten, 30 * SECOND), 90, 100);
    assert_in_range(fullest(&ten, 2 * SECOND), 1, 20);
    assert_true(rest.at_ms[7] < ten.at_ms[2]); /* admitted behind 24, on issues of their own */
    assert_int_equal(rig->settled, 148);
}

/* The shorter one alone: the longer does not hide it. */
static void test_writes_in_two_seconds(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct writes ten = {0};
    struct writes rest = {0};
    on_jira(bench);
    rig->config.jira.issue_writes_per_30s = 0;
    write_all(rig, 80, 8, &ten, &rest);
    assert_in_range(fullest(&ten, 2 * SECOND), 18, 20);
}

/* ---- how large a call may be ------------------------------------------------------------- */

/* One call may carry so much of its class, whether a rate is known as well or not. */
static void too_large(struct bench *bench, const struct limit *limits, size_t count)
{
    struct rig *rig = &bench->rig;
    size_t settled = rig->settled;
    limited_bench(bench, limits, count);
    limited_cost(200);
    limited_admit(rig, "d1.a");
    rig_move(rig, 3 * SECOND);
    answer(rig, "a", (struct fake_answer){.status = 200});
    assert_string_equal(bench_record(bench, "d1.a", "d1.a"), "done:went");
    limited_cost(201);
    limited_admit(rig, "d2.b");
    rig_move(rig, 3 * SECOND);
    assert_int_equal(rig->caller.open_count, 0);
    assert_string_equal(bench_record(bench, "d2.b", "d2.b"), "dead:call_too_large");
    assert_int_equal(rig->settled - settled, 2);
}

static void test_a_call_may_be_too_large(void **state)
{
    static const struct limit limits[] = {
        {.class = "DELETE", .most = 200, .window_ms = 0, .setting = LIMIT_FIXED},
        {.class = "DELETE",
         .most = 6000,
         .window_ms = 1000,
         .cost_max = 200,
         .setting = LIMIT_FIXED},
    };
    too_large(*state, limits, COUNT_OF(limits));
}

static void test_a_call_may_be_too_large_without_a_rate(void **state)
{
    static const struct limit limits[] = {
        {.class = "DELETE", .most = 200, .window_ms = 0, .setting = LIMIT_FIXED},
    };
    too_large(*state, limits, COUNT_OF(limits));
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_about_one_key),
        ON_A_BENCH(test_about_a_class),
        ON_A_BENCH(test_about_all),
        ON_A_BENCH(test_writes_on_one_issue),
        ON_A_BENCH(test_writes_in_two_seconds),
        ON_A_BENCH(test_a_call_may_be_too_large),
        ON_A_BENCH(test_a_call_may_be_too_large_without_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
