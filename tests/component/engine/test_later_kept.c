/* SPDX-License-Identifier: Apache-2.0
 *
 * An item that goes on later and the time for which its topic keeps records: when
 * the record would be gone by then, or with less than a day to spare, that is said
 * at once and counted; the item waits all the same. What is kept for long enough,
 * for ever, or for nobody knows how long is not spoken of.
 */
#include "tests/component/engine/errand.h"

#include "common/metrics.h"

#include <string.h>

#define DAY   (INT64_C(24) * 3600 * 1000)
#define SPARE DAY
#define KEPT  (30 * DAY)

static int64_t wait_ms; /* from now */

static struct err ask_plan(struct item *item, struct call *call)
{
    call->kind = CALL_STEP;
    call->step = step_later(0, item->now_ms + wait_ms, "planned");
    return NO_ERROR;
}

/* The errand with this one stage. */
static int open_planner(void **state)
{
    static struct worker planner;
    static struct stage plan;
    (void)bench_open(state);
    planner = errand;
    plan = errand.stages[0]; /* its destination */
    plan.ask = ask_plan;
    planner.stages = &plan;
    planner.stage_count = 1;
    bench_stages(*state, &planner, false);
    return 0;
}

static int64_t counted(void)
{
    return metric_value(metric_counter(
        "hearback_later_beyond_retention_total",
        "Items due at a time when their record is gone from its topic.", NULL, NULL));
}

/* An item of a record so old goes on so long from now. True when that was said, and counted. */
static bool is_said(struct bench *bench, const char *effect, int64_t age_ms, int64_t due_ms)
{
    struct rig *rig = &bench->rig;
    int said = kit_logged("later_beyond_retention");
    int64_t before = counted();
    size_t settled = rig->settled;
    wait_ms = due_ms;
    struct work *work = rig_admit(rig, effect, effect);
    work->load->job.record.at_ms = bench->time.wall - age_ms;
    rig_settle(rig);
    assert_int_equal(rig->settled, settled + 1);
    const char *score = redis_say(bench->plain, "ZSCORE",
                                  "hearback:later:{errand/hearback.interviews/3}", effect, NULL);
    int64_t due = 0;
    assert_true(span_number(span_text(score), 0, INT64_MAX, &due));
    assert_int_equal(due, bench->time.wall + due_ms); /* whatever was said */
    said = kit_logged("later_beyond_retention") - said;
    assert_in_range(said, 0, 1);
    assert_int_equal(counted() - before, said);
    return said == 1;
}

static void test_due_within_the_retention(void **state)
{
    struct bench *bench = *state;
    stages_set_retention(bench->rig.stages, KEPT);
    assert_false(is_said(bench, "a", 0, 7 * DAY));
    assert_false(is_said(bench, "b", 0, KEPT - SPARE));
    assert_false(is_said(bench, "c", 10 * DAY, KEPT - SPARE - 10 * DAY));
}

static void test_due_beyond_the_retention(void **state)
{
    struct bench *bench = *state;
    stages_set_retention(bench->rig.stages, KEPT);
    assert_true(is_said(bench, "a", 0, KEPT + DAY));
    assert_true(is_said(bench, "b", 0, KEPT - SPARE + 1));
    assert_true(is_said(bench, "c", 10 * DAY, KEPT - SPARE - 10 * DAY + 1)); /* from its time on */
}

static void test_kept_for_ever_or_nobody_knows(void **state)
{
    struct bench *bench = *state;
    assert_false(is_said(bench, "a", 0, 3650 * DAY)); /* nobody was told yet */
    stages_set_retention(bench->rig.stages, 0);
    assert_false(is_said(bench, "b", 0, 3650 * DAY));
}

/* Kafka told late, or tells something else now. */
static void test_the_retention_is_learned_later(void **state)
{
    struct bench *bench = *state;
    assert_false(is_said(bench, "a", 0, KEPT));
    stages_set_retention(bench->rig.stages, KEPT);
    assert_true(is_said(bench, "b", 0, KEPT));
    stages_set_retention(bench->rig.stages, 2 * KEPT);
    assert_false(is_said(bench, "c", 0, KEPT));
    stages_set_retention(bench->rig.stages, DAY);
    assert_true(is_said(bench, "d", 0, 1));
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_planner, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_due_within_the_retention),
        ON_A_BENCH(test_due_beyond_the_retention),
        ON_A_BENCH(test_kept_for_ever_or_nobody_knows),
        ON_A_BENCH(test_the_retention_is_learned_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
