/* SPDX-License-Identifier: Apache-2.0
 *
 * Budgets against a plain model of the vendor: no window of the limit's length may
 * hold more than the limit, whatever part of it was had from which process; and
 * who wants all of it gets nearly all.
 */
#include "tests/component/engine/budget_world.h"

#include "common/metrics.h"
#include "consumer/apis/jira.h"

#include <stdio.h>
#include <string.h>

/* Each form that a vendor's limit takes; the numbers are those of the reference sheets. */
static const struct form forms[] = {
    {"Jira's POST: 100 in a second", 100, SECOND, 1},
    {"Jira's PUT: 50 in a second", 50, SECOND, 1},
    {"Jira's issue: 20 in two seconds", 20, 2 * SECOND, 1},
    {"Jira's issue: 100 in thirty seconds", 100, 30 * SECOND, 1},
    {"Koji: 60 in a minute", 60, MINUTE, 1},
    {"nps.today: 10 in a second", 10, SECOND, 1},
    {"Intercom: 1,666 in ten seconds", 1666, 10 * SECOND, 1},
    {"Amplitude: 1,000 events in a second, ten in a call", 1000, SECOND, 10},
    {"Amplitude's user: 30 in a second", 30, SECOND, 1},
};

/* ---- tests ------------------------------------------------------------------------------- */

/* Everybody wants more than there is: nearly all of it is used, never more, from the first call. */
static void test_saturated(void **state)
{
    (void)state;
    for (size_t f = 0; f < COUNT_OF(forms); f++) {
        struct world *world = world_begin(&forms[f], 11 + f);
        int64_t ms = forms[f].window_ms * 3 < 20 * SECOND ? 20 * SECOND : forms[f].window_ms * 3;
        world->jitter_ms = forms[f].window_ms * 2 / 100;
        for (int i = 0; i < 3; i++) {
            world_join(world, world_draw(world, 10 * SECOND) - 5 * SECOND)->late_ms = i;
        }
        world_pass(world, 2 * SECOND, world_enough(world));
        int64_t from = world->now_ms;
        world_pass(world, ms, world_enough(world));
        world_check(world, forms[f].name);
        print_message("  %s: %.4f used, fullest window %lld\n", forms[f].name,
                      world_used(world, from), (long long)world_fullest(world, forms[f].window_ms));
        if (world_used(world, from) < 0.95) {
            fail_msg("%s: %.4f used", forms[f].name, world_used(world, from));
        }
        world_end(world);
    }
}

/* Bursts, pauses, processes that come, go and come back, wall clocks that jump. */
static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const struct form *form = &forms[seed % COUNT_OF(forms)];
        struct world *world = world_begin(form, seed * 7919);
        world->jitter_ms = form->window_ms * 2 / 100;
        world_join(world, 0);
        for (int i = 0; i < 120; i++) {
            world_pass(world, 1 + world_draw(world, form->window_ms / 4 + 300),
                       world_draw(world, 3) * 10);
            struct process *p = &world->processes[world_draw(world, (int64_t)world->process_count)];
            p->time.wall += world_draw(world, 2) * (world_draw(world, 7200000) - 3600000);
            world->redis_ahead_ms +=
                world_draw(world, 30) == 0 ? world_draw(world, 200000) - 100000 : 0;
            if (world->process_count < PROCESSES_MAX && world_draw(world, 20) == 0) {
                world_join(world, world_draw(world, 20 * SECOND) - 10 * SECOND);
            } else if (p->there && world_draw(world, 40) == 0) {
                world_quit(p);
            }
        }
        assert_true(world->model.count > 20);
        world_check(world, form->name);
        world_end(world);
    }
}

/* Processes that get no processor for a while do not catch up on what they had fetched. */
static void test_stopped(void **state)
{
    (void)state;
    struct world *world = world_begin(&forms[0], 77);
    world->jitter_ms = 20;
    for (int i = 0; i < 3; i++) {
        (void)world_join(world, 0);
    }
    for (int i = 0; i < 100; i++) {
        world_pass(world, 50 + world_draw(world, 150), world_enough(world));
        struct process *p = &world->processes[world_draw(world, 3)];
        p->stopped_until_ms = world->now_ms + world_draw(world, 300);
    }
    world_check(world, "stopped now and then");
    assert_true(world_used(world, 2 * SECOND) > 0.3);
    world_end(world);
}

/* Redis is emptied at full rate, and everybody finds out at once, or one after the other. */
static void test_emptied(void **state)
{
    (void)state;
    struct world *world = world_begin(&forms[0], 5);
    world->jitter_ms = 20;
    for (int i = 0; i < 3; i++) {
        world_join(world, i * 3000);
    }
    for (int round = 0; round < 8; round++) {
        world_pass(world, 4 * SECOND, world_enough(world)); /* 1.5 of them empty */
        assert_string_equal(redis_say(world->plain, "FLUSHALL", NULL), "OK");
        world->epoch++;
        for (size_t i = 0; i < world->process_count; i++) {
            ledger_close_view(world->processes[i].rig.ledger);
            world_pass(world, round % 2 * 40, 0);
            world_view(&world->processes[i]);
        }
    }
    world_check(world, "emptied");
    assert_true(world_used(world, 0) > 0.5);
    world_end(world);
}

/* One process loses Redis: it goes on with its reserve, and the sum stays within the limit, also
 * while the others have all they want. `answers`: what it says is heard, it is only not told. */
static void lose_redis(bool unheard)
{
    struct world *world = world_begin(&forms[0], 3);
    world->jitter_ms = 10;
    for (int i = 0; i < 3; i++) {
        world_join(world, i * 1000);
    }
    struct process *lost = &world->processes[0];
    world_pass(world, 5 * SECOND, world_enough(world));
    for (int round = 0; round < 6; round++) {
        lost->cut_off = !unheard;
        lost->unheard = unheard;
        int64_t before = metric_value(lost->budget.reserved);
        world_pass(world, 6 * SECOND, world_enough(world));
        int64_t spent = metric_value(lost->budget.reserved) - before;
        if (spent < 13 || spent > 18) { /* 3 to 3.3 s of 4.8 in a second */
            fail_msg("round %d: %lld of the reserve", round, (long long)spent);
        }
        lost->cut_off = lost->unheard = false;
        world_pass(world, 1000 + world_draw(world, 3000), world_enough(world));
    }
    world_check(world, "Redis lost");
    assert_true(world_used(world, 5 * SECOND) > 0.9);
    world_end(world);
}

static void test_reserve(void **state)
{
    (void)state;
    lose_redis(false);
    lose_redis(true);
}

/* Redis answers nobody: all of them spend their reserves, and no more. */
static void test_reserve_of_all(void **state)
{
    (void)state;
    struct world *world = world_begin(&forms[0], 9);
    for (int i = 0; i < 4; i++) {
        world_join(world, 0);
    }
    world_pass(world, 5 * SECOND, world_enough(world));
    for (size_t i = 0; i < world->process_count; i++) {
        world->processes[i].cut_off = true;
    }
    world_pass(world, 3500, world_enough(world));
    int64_t from = world->now_ms;
    world_pass(world, 5 * SECOND, world_enough(world));
    int64_t sent = world_arrived(world, from, world->now_ms);
    assert_in_range(sent, 85, 105); /* 4 × 5 % of 96 a second */
    for (size_t i = 0; i < world->process_count; i++) {
        world->processes[i].cut_off = false;
    }
    world_pass(world, 5 * SECOND, world_enough(world));
    world_check(world, "Redis lost by all");
    world_end(world);
}

/* A refusal stops everybody: this process at once, the others with what they had fetched. */
static void test_hold(void **state)
{
    (void)state;
    struct world *world = world_begin(&forms[0], 21);
    for (int i = 0; i < 3; i++) {
        world_join(world, 0);
    }
    world_pass(world, 4 * SECOND, world_enough(world));
    int64_t from = world->now_ms;
    budget_hold(&world->processes[1].budget, 10 * SECOND);
    world_hear(&world->processes[1]);
    assert_false(budget_take(&world->processes[1].budget, 1));
    world_pass(world, 9400, world_enough(world));
    int64_t sent = world_arrived(world, from, from + BUDGET_HORIZON_MS + 50);
    assert_true(sent <= 48); /* what the two others had in hand */
    assert_int_equal(world_arrived(world, from + BUDGET_HORIZON_MS + 50, world->now_ms), 0);
    world_pass(world, 6 * SECOND, world_enough(world));
    world_check(world, "held");
    assert_true(world_used(world, from + 11 * SECOND) > 0.95);
    world_end(world);
}

/* A replay takes its share and leaves the rest. */
static void test_share(void **state)
{
    (void)state;
    struct world *world = world_begin(&forms[0], 33);
    world_join(world, 0);
    struct process *replay = world_join(world, 0);
    replay->budgets.percent = 20;
    world->processes[0].there = false; /* for now there is nobody else */
    world_pass(world, 3 * SECOND, world_enough(world));
    int64_t from = world->now_ms;
    world_pass(world, 10 * SECOND, world_enough(world));
    assert_in_range(world_arrived(world, from, world->now_ms), 180, 200);
    world->processes[0].there = true;
    world->processes[0].time.mono += world->now_ms;
    from = world->now_ms;
    world_pass(world, 10 * SECOND, world_enough(world));
    world_check(world, "share");
    assert_true(world_used(world, from + SECOND) > 0.95);
    world_end(world);
}

/* The share of a slow rate: its calls lie further apart than places are fetched ahead. */
static void test_share_of_a_slow_rate(void **state)
{
    (void)state;
    struct world *world = world_begin(&forms[4], 34);
    world_join(world, 0)->budgets.percent = 20;
    world_pass(world, 10 * SECOND, world_enough(world));
    int64_t from = world->now_ms;
    world_pass(world, 2 * MINUTE, world_enough(world));
    assert_in_range(world_arrived(world, from, world->now_ms), 20, 24);
    world_check(world, "share of a slow rate");
    world_end(world);
}

/* ---- one key ----------------------------------------------------------------------------- */

struct key_answer {
    int64_t wait_ms;
    int64_t again_ms;
};

static void on_key(void *self, int64_t wait_ms, int64_t again_ms)
{
    *(struct key_answer *)self = (struct key_answer){.wait_ms = wait_ms, .again_ms = again_ms};
}

static struct key_answer take_key(struct process *p, const char *key)
{
    struct config config = p->world->config;
    struct key_answer answer = {.wait_ms = INT64_MIN};
    config.jira.issue_writes_per_2s = 20;
    config.jira.issue_writes_per_30s = 100;
    struct budget_name name = {.destination = "jira", .class = "POST", .salt = world_salt};
    struct budget_key_call call = {.name = &name,
                                   .key = span_text(key),
                                   .rule = budget_rule_of(&config, &jira_destination, "POST", true),
                                   .done = on_key,
                                   .self = &answer};
    while (!budget_key_take(&p->budgets, &call)) {
        (void)world_step(p->world, 1); /* until it knows the time */
    }
    world_hear(p);
    assert_true(answer.wait_ms != INT64_MIN);
    return answer;
}

/* Two processes write on one issue as fast as they may: no more than 20 in 2 s and 100 in 30 s,
 * with nearly all of the latter used; another issue is not concerned. */
static void test_key(void **state)
{
    (void)state;
    struct world *world = world_begin(&forms[3], 41);
    world_join(world, 0);
    world_join(world, 4000);
    world_pass(world, 40 * SECOND, 0); /* the view is not new any more */
    int64_t from = world->now_ms;
    int64_t last = from;
    for (int turn = 0; world->now_ms < from + 120 * SECOND; turn++) {
        struct key_answer answer = take_key(&world->processes[turn % 2], "10001");
        if (answer.wait_ms >= 0) {
            assert_true(world->now_ms + answer.wait_ms >= last);
            last = world->now_ms + answer.wait_ms;
            world_arrive(world, last + world_draw(world, 600), 1);
        } else {
            assert_int_equal(answer.wait_ms, BUDGET_KEY_FULL);
            world_pass(world, answer.again_ms, 0);
        }
    }
    assert_int_equal(take_key(&world->processes[0], "10002").wait_ms, 0);
    world_check(world, "an issue, 30 s");
    assert_true(world_fullest(world, 2 * SECOND) <= 20);
    assert_true(world_used(world, from) > 0.95);
    const char *keys =
        redis_say(world->plain, "EVAL", "return table.concat(redis.call('KEYS', '*budget*'), ' ')",
                  "0", NULL);
    assert_null(strstr(keys, "10001")); /* only its digest */
    world_end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saturated),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_emptied),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_reserve_of_all),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_share_of_a_slow_rate),
        cmocka_unit_test(test_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
