/* SPDX-License-Identifier: Apache-2.0
 *
 * How old a view is, with a real Kafka and several workers, each with a wall clock
 * of its own that is hours off and jumps: none believes it older than it is, and
 * what one has seen the next one knows.
 */
#include "tests/component/engine/lane.h"

#include "common/mem.h"

#define MINUTE_MS 60000

struct bench {
    struct redis_server server;
    const char *kafka;
    struct lane one;
    struct lane two;
};

static void until_both_open(struct bench *bench, int times)
{
    for (int64_t t = kit_begin(); bench->one.opened < times || bench->two.opened < times;) {
        assert_true(kit_waits(t));
        lane_turn(&bench->one);
        lane_turn(&bench->two);
    }
}

static int open_bench(void **state)
{
    struct bench *bench = mem_must_alloc(sizeof(*bench));
    kit_quiet();
    bench->kafka = kit_service("HEARBACK_KAFKA");
    *state = bench;
    if (bench->kafka != NULL) {
        assert_true(redis_server_start(&bench->server, NULL));
        lane_open(&bench->one, bench->kafka, bench->server.address, "one");
        lane_open(&bench->two, bench->kafka, bench->server.address, "two");
        lane_topics(&bench->one, NULL);
        until_both_open(bench, 1);
    }
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    if (bench->kafka != NULL) {
        lane_close(&bench->one);
        lane_close(&bench->two);
        redis_server_close(&bench->server);
    }
    mem_free(bench);
    return 0;
}

static int64_t age_of(const struct lane *lane)
{
    return ledger_view_age_ms(lane->rig.ledger);
}

/* The view's age goes from process to process, and wall clocks have no say in it. */
static void test_age_across_processes(void **state)
{
    struct bench *bench = *state;
    if (bench->kafka == NULL) {
        skip();
    }
    int64_t base = age_of(&bench->one);
    assert_in_range(base, 0, KIT_PATIENCE_MS);
    lane_move(&bench->one, 5 * MINUTE_MS);
    assert_in_range(age_of(&bench->one), 5 * MINUTE_MS, 5 * MINUTE_MS + KIT_PATIENCE_MS);
    static const int64_t jumps[] = {60 * MINUTE_MS, -60 * MINUTE_MS};
    for (size_t i = 0; i < COUNT_OF(jumps); i++) {
        struct lane late;
        bench->one.wall_ahead_ms = jumps[i];
        bench->two.wall_ahead_ms = -jumps[i];
        lane_move(&bench->one, 20000);
        int64_t known = age_of(&bench->one);
        assert_in_range(known, 5 * MINUTE_MS, 7 * MINUTE_MS);
        assert_true(age_of(&bench->two) <= known); /* it has not seen so much */
        lane_open(&late, bench->kafka, bench->server.address, "late");
        late.wall_ahead_ms = -jumps[i];
        lane_until_open(&late, 1);
        assert_in_range(age_of(&late), known - 20000, known + KIT_PATIENCE_MS);
        lane_close(&late);
    }
    /* A new view is young, whatever was. */
    redis_server_kill(&bench->server);
    assert_true(redis_server_again(&bench->server));
    until_both_open(bench, 2);
    assert_in_range(age_of(&bench->one), 0, KIT_PATIENCE_MS);
    assert_in_range(age_of(&bench->two), 0, KIT_PATIENCE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_age_across_processes, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
