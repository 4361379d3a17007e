/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver beside a Redis that answers after a second and a half, under
 * the settings that are shipped: the connection stays, the view stays open, and
 * calls go on at the reserve's rate.
 */
#include "tests/component/engine/limited.h"

#include "consumer/apis/jira.h"

#include <stdio.h>
#include <string.h>

#define SLOW_MS 1500

struct slow {
    struct bench *bench;
    int64_t asked_ms; /* since when Redis owes an answer; 0: it owes none */
    int made;
    int calls;
};

/* Items to be made, as many as there is room for. */
static void fill(struct slow *slow, const char *what)
{
    struct rig *rig = &slow->bench->rig;
    while (stages_count(rig->stages) < RIG_POOL && rig->load_count < RIG_LOADS_MAX) {
        char effect[64];
        (void)snprintf(effect, sizeof(effect), "%s%d.k%d", what, slow->made, slow->made);
        (void)rig_admit(rig, effect, effect);
        slow->made++;
    }
}

/* What there is to do now, but for hearing Redis before its time. */
static void turn(struct slow *slow)
{
    struct rig *rig = &slow->bench->rig;
    bool did = true;
    if (slow->asked_ms > 0 && rig->time->mono - slow->asked_ms >= SLOW_MS) {
        slow->asked_ms = 0;
        rig_hear_once(rig);
    }
    (void)redis_turn(rig->redis);
    timers_run(&rig->timers, rig->time->mono);
    while (did) {
        did = fake_outbox_turn(&rig->outbox);
        did = stages_run(rig->stages) || did;
        while (rig->caller.open_count > 0) {
            slow->calls++;
            fake_caller_answer(&rig->caller, rig->caller.open[0],
                               (struct fake_answer){.status = 200});
            did = true;
        }
    }
    ledger_confirm(rig->ledger);
    redis_ready(rig->redis, false, true);
    if (slow->asked_ms == 0 && redis_in_flight(rig->redis) > 0) {
        slow->asked_ms = rig->time->mono;
    }
}

/* How many calls there are in so long. */
static int pass(struct slow *slow, const char *what, int64_t ms)
{
    struct rig *rig = &slow->bench->rig;
    int before = slow->calls;
    for (int64_t until = rig->time->mono + ms; rig->time->mono < until;) {
        fill(slow, what);
        turn(slow);
        int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
        int64_t left = until - rig->time->mono;
        if (slow->asked_ms > 0) {
            int64_t due = slow->asked_ms + SLOW_MS - rig->time->mono;
            left = due < left ? due : left;
        }
        step = step < 0 || step > left ? left : step;
        clock_fake_move(rig->time, step < 1 ? 1 : step);
    }
    return slow->calls - before;
}

/* Fast at first, then slow for so long; what comes of it. */
static void slow_redis(struct bench *bench, const char *what, int least, int most)
{
    struct rig *rig = &bench->rig;
    struct slow slow = {.bench = bench};
    limited_bench(bench, jira_destination.limits, jira_destination.limit_count);
    fill(&slow, what);
    for (int i = 0; i < 40; i++) {
        rig_move(rig, 50);
        while (rig->caller.open_count > 0) {
            fake_caller_answer(&rig->caller, rig->caller.open[0],
                               (struct fake_answer){.status = 200});
            rig_settle(rig);
        }
    }
    assert_int_equal(rig->settled, RIG_POOL);
    (void)pass(&slow, what, 6 * SECOND);
    int calls = pass(&slow, what, 20 * SECOND);
    if (calls < least || calls > most) {
        fail_msg("%d calls, expected %d to %d", calls, least, most);
    }
    assert_int_equal(rig->lost_connections, 0);
    assert_int_equal(rig->lost_views, 0);
    rig_settle(rig); /* it is fast again: the rest is done */
    for (int i = 0; i < 100 && stages_count(rig->stages) > 0; i++) {
        rig_move(rig, 100);
        while (rig->caller.open_count > 0) {
            fake_caller_answer(&rig->caller, rig->caller.open[0],
                               (struct fake_answer){.status = 200});
            rig_settle(rig);
        }
    }
    assert_int_equal(rig->settled, slow.made);
}

static void test_reads_go_on(void **state)
{
    slow_redis(*state, "r", 85, 100); /* 4.8 in a second */
}

static void test_writes_go_on(void **state)
{
    slow_redis(*state, "w", 10,
               100); /* a place on their issue lapses while they wait for this one */
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_reads_go_on),
        ON_A_BENCH(test_writes_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
