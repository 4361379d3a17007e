/* SPDX-License-Identifier: Apache-2.0
 *
 * An item that waits for its time, and comes again before: its record is read once
 * more because the process ended before the offset was stored, or it is replayed,
 * or said twice. It goes on waiting, whoever has it then, and is due when it was.
 */
#include "tests/component/engine/errand.h"

#include <string.h>

#define DAY INT64_C(86400000)

static int planned;
static int asked;
static bool put_off; /* when its time has come it is put off once more */

static struct err ask_plan(struct item *item, struct call *call)
{
    planned++;
    item_memo_set(item, "word", span_text("remembered"));
    call->kind = CALL_STEP;
    call->step = step_later(1, item->now_ms + 7 * DAY, "planned");
    return NO_ERROR;
}

static struct err ask_still(struct item *item, struct call *call)
{
    asked++;
    assert_true(span_is(item_memo_text(item, "word"), "remembered"));
    call->kind = CALL_STEP;
    call->step = put_off ? step_later(1, item->now_ms + DAY, "not_yet") : step_done("reminded");
    put_off = false;
    return NO_ERROR;
}

/* The errand with these two stages. */
static const struct worker *make_reminder(void)
{
    static struct worker reminder;
    static struct stage stages[2];
    stages[0] = stages[1] = errand.stages[0]; /* its destination */
    stages[0].ask = ask_plan;
    stages[1].name = "still";
    stages[1].ask = ask_still;
    reminder = errand;
    reminder.stages = stages;
    reminder.stage_count = COUNT_OF(stages);
    return &reminder;
}

static int open_bench(void **state)
{
    (void)bench_open(state);
    planned = 0;
    asked = 0;
    put_off = false;
    bench_stages(*state, make_reminder(), false);
    return 0;
}

/* Its record comes; `late`: it was read again because the item is due. */
static void come(struct rig *rig, bool late)
{
    size_t settled = rig->settled;
    rig_admit(rig, "a", "k")->load->late = late;
    rig_settle(rig);
    assert_int_equal(rig->settled, settled + 1);
}

/* 0: no entry. */
static int64_t due(struct bench *bench)
{
    int64_t due_ms = 0;
    (void)span_number(
        span_text(redis_say(bench->plain, "ZSCORE", "hearback:later:{errand/hearback.interviews/3}",
                            "a", NULL)),
        0, INT64_MAX, &due_ms);
    return due_ms;
}

static void test_comes_again_before_it_is_due(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    come(rig, false);
    int64_t first = due(bench);
    assert_int_equal(first, bench->time.wall + 7 * DAY);
    bench->time.wall += 7 * DAY - 1;
    come(rig, false);
    come(rig, true); /* the clock that found it due was ahead */
    assert_int_equal(asked, 0);
    assert_int_equal(due(bench), first);
    assert_string_equal(bench_record(bench, "a", "k"), "next:still");
    bench->time.wall++;
    come(rig, true);
    assert_int_equal(planned, 1);
    assert_int_equal(asked, 1);
    assert_int_equal(due(bench), 0);
    assert_string_equal(bench_record(bench, "a", "k"), "done:reminded");
}

/* The entry stands before the record says so; should it be missing all the same, it is made. */
static void test_comes_again_to_another_owner(void **state)
{
    struct bench *bench = *state;
    struct rig other;
    come(&bench->rig, false);
    int64_t first = due(bench);
    rig_open(&other, bench->server.address, "she", &bench->time);
    rig_stages(&other, make_reminder());
    rig_view(&other, bench->plain, "{\"id\":\"one\"}");
    bench->time.wall += DAY;
    assert_string_equal(
        redis_say(bench->plain, "DEL", "hearback:later:{errand/hearback.interviews/3}", NULL), "1");
    come(&other, false);
    assert_int_equal(asked, 0);
    assert_int_equal(due(bench), first);
    bench->time.wall += 6 * DAY;
    come(&other, true);
    assert_int_equal(planned, 1);
    assert_int_equal(asked, 1);
    rig_close(&other);
}

static void test_put_off_and_comes_again(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    come(rig, false);
    bench->time.wall += 7 * DAY;
    put_off = true;
    come(rig, true);
    assert_int_equal(asked, 1);
    come(rig, false);
    assert_int_equal(asked, 1);
    assert_int_equal(due(bench), bench->time.wall + DAY);
    bench->time.wall += DAY;
    come(rig, false); /* it is due: whichever comes first */
    assert_int_equal(asked, 2);
    come(rig, true);
    assert_int_equal(asked, 2);
    assert_int_equal(due(bench), 0);
}

static void test_comes_again_in_a_dry_run(void **state)
{
    struct bench *bench = *state;
    come(&bench->rig, false);
    bench_stages(bench, make_reminder(), true);
    come(&bench->rig, false);
    assert_int_equal(asked, 0);
    assert_string_equal(bench->rig.would, "a: still: later: not_yet;");
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_comes_again_before_it_is_due),
        ON_A_BENCH(test_comes_again_to_another_owner),
        ON_A_BENCH(test_put_off_and_comes_again),
        ON_A_BENCH(test_comes_again_in_a_dry_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
