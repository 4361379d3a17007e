/* SPDX-License-Identifier: Apache-2.0
 *
 * A Redis that is slow, and not away: it answers before redis.timeout is over, and
 * too late for the places it gives. Who hears it like that lives on its reserve,
 * for as long as it lasts, and the sum of all stays within the vendor's limit.
 */
#include "tests/component/engine/budget_world.h"

#include "common/metrics.h"

static const struct form post = {"Jira's POST: 100 in a second", 100, SECOND, 1};

#define SLOW_MS    1500
#define TIMEOUT_MS 2000 /* what redis.timeout is when nobody sets it */

static struct world *begin(uint64_t seed, int processes)
{
    struct world *world = world_begin(&post, seed);
    struct config config;
    struct buf faults;
    buf_init(&faults, 65536);
    assert_false(failed(config_parse(&config, span_text("{}"), "t", 0, &faults)));
    assert_int_equal(config.redis.timeout_ms, TIMEOUT_MS);
    world->config.budgets = config.budgets;
    config_close(&config);
    buf_close(&faults);
    world->jitter_ms = 10;
    for (int i = 0; i < processes; i++) {
        world_join(world, i * 1000)->rig.config.redis.timeout_ms = TIMEOUT_MS;
    }
    world_pass(world, 5 * SECOND, world_enough(world));
    return world;
}

static void end(struct world *world, const char *what)
{
    world_check(world, what);
    for (size_t i = 0; i < world->process_count; i++) {
        assert_int_equal(world->processes[i].rig.lost_connections, 0);
    }
    world_end(world);
}

/* What the process spent of its reserve, in so long. */
static int64_t reserve_of(struct world *world, const struct process *p, int64_t ms)
{
    int64_t before = metric_value(p->budget.reserved);
    world_pass(world, ms, world_enough(world));
    return metric_value(p->budget.reserved) - before;
}

/* One of three: it has 5 % of the rate, whatever the others take, and no longer than it is slow. */
static void test_slow_for_one(void **state)
{
    (void)state;
    struct world *world = begin(3, 3);
    struct process *slow = &world->processes[0];
    for (int64_t ms = 1100; ms < TIMEOUT_MS; ms += 400) {
        slow->slow_ms = ms;
        world_pass(world, 6 * SECOND, world_enough(world));
        int64_t from = world->now_ms;
        int64_t spent = reserve_of(world, slow, 30 * SECOND);
        if (spent < 130 || spent > 150) { /* 4.8 in a second */
            fail_msg("%lld ms: %lld of the reserve", (long long)ms, (long long)spent);
        }
        assert_true(world_used(world, from) > 0.95);
        slow->slow_ms = 0;
        world_hear(slow);
        assert_in_range(reserve_of(world, slow, 5 * SECOND), 0, 1);
        from = world->now_ms;
        world_pass(world, 5 * SECOND, world_enough(world));
        assert_true(world_used(world, from) > 0.95);
    }
    end(world, "slow for one");
}

/* All of them: each has its reserve, and there is hardly anything else. */
static void test_slow_for_all(void **state)
{
    (void)state;
    struct world *world = begin(9, 4);
    for (size_t i = 0; i < world->process_count; i++) {
        world->processes[i].slow_ms = SLOW_MS + (int64_t)i;
    }
    world_pass(world, 6 * SECOND, world_enough(world));
    int64_t from = world->now_ms;
    world_pass(world, 30 * SECOND, world_enough(world));
    assert_in_range(world_arrived(world, from, world->now_ms), 500, 620); /* 4 × 4.8 in a second */
    end(world, "slow for all");
}

/* Slow, away and fast by turns, for one after the other: nobody has both. */
static void test_slow_now_and_then(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct world *world = begin(seed * 7919, 5);
        for (size_t i = 0; i < world->process_count; i++) {
            world->processes[i].rig.config.redis.timeout_ms = MINUTE;
        }
        for (int i = 0; i < 60; i++) {
            struct process *p = &world->processes[world_draw(world, 5)];
            int64_t what = world_draw(world, 4);
            p->slow_ms = what < 2 ? 900 + world_draw(world, 1000) : 0;
            p->cut_off = what == 2;
            p->asked_ms = 0;
            world_hear(p);
            world_pass(world, 200 + world_draw(world, 6000), world_enough(world));
        }
        world_check(world, "slow now and then");
        assert_true(world_used(world, 5 * SECOND) > 0.3);
        world_end(world);
    }
}

/* Away for so long that they are forgotten: they stop before the others take it all back. */
static void test_away_for_long(void **state)
{
    (void)state;
    struct world *world = begin(5, 5);
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < 4; i++) {
            world->processes[i].rig.config.redis.timeout_ms = MINUTE;
            world->processes[i].cut_off = true;
        }
        (void)reserve_of(world, &world->processes[0], 12 * SECOND);
        assert_int_equal(reserve_of(world, &world->processes[0], 5 * SECOND), 0);
        for (size_t i = 0; i < 4; i++) {
            world->processes[i].cut_off = false;
        }
        world_pass(world, 3 * SECOND, world_enough(world));
    }
    end(world, "away for long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_for_one),
        cmocka_unit_test(test_slow_for_all),
        cmocka_unit_test(test_slow_now_and_then),
        cmocka_unit_test(test_away_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
