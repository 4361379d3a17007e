/* SPDX-License-Identifier: Apache-2.0
 *
 * The wait before the next attempt: its bounds, its jitter, the peer's wish.
 */
#include "consumer/engine/backoff.h"

#include "tests/unit/consumer/kit.h"

#define DRAWS 4000

static void waits_are_spread_over_the_step(void **state)
{
    (void)state;
    static const struct {
        int64_t base;
        int64_t cap;
        unsigned attempt;
        int64_t step;
    } cases[] = {
        {500, 60000, 1, 500},
        {500, 60000, 2, 1000},
        {500, 60000, 3, 2000},
        {500, 60000, 7, 32000},
        {500, 60000, 8, 60000},
        {500, 60000, 9, 60000},
        {500, 60000, 1000000, 60000},
        {500, 60000, UINT32_MAX, 60000},
        {1, 1, 1, 1},
        {1, 1, 50, 1},
        {1000, 300, 1, 300},
        {1000, 300, 5, 300},
        {3600000, 86400000, 6, 86400000},
        {1, INT64_C(86400000), 31, INT64_C(86400000)},
        {0, 1000, 1, 1},
    };
    struct kit_random seeds = kit_random();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config_retry retry = {.base_ms = cases[i].base, .cap_ms = cases[i].cap};
        struct backoff_random random;
        backoff_seed(&random, kit_draw(&seeds));
        int64_t least = INT64_MAX;
        int64_t most = 0;
        for (size_t draw = 0; draw < DRAWS; draw++) {
            int64_t wait = backoff_ms(&random, &retry, cases[i].attempt, 0);
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
        /* Within [1, step], and as good as all of it: full jitter. */
        if (least < 1 || most > cases[i].step || least > 1 + cases[i].step / 50 ||
            most < cases[i].step - cases[i].step / 50) {
            fail_msg("case %zu: %lld to %lld for a step of %lld", i, (long long)least,
                     (long long)most, (long long)cases[i].step);
        }
    }
}

static void the_peers_wish_is_the_least(void **state)
{
    (void)state;
    static const int64_t floors[] = {1, 499, 500, 501, 5000, 60000, 3600000};
    struct config_retry retry = {.base_ms = 500, .cap_ms = 60000};
    struct backoff_random random;
    struct kit_random seeds = kit_random();
    backoff_seed(&random, kit_draw(&seeds));
    for (size_t i = 0; i < COUNT_OF(floors); i++) {
        bool spread = false;
        for (size_t draw = 0; draw < 200; draw++) {
            int64_t wait = backoff_ms(&random, &retry, 1, floors[i]);
            assert_true(wait >= floors[i]); /* also above the cap */
            assert_true(wait <= floors[i] + 500);
            spread = spread || wait > floors[i];
        }
        assert_true(spread); /* all who were told the same do not come at once */
    }
}

static void a_seed_repeats(void **state)
{
    (void)state;
    struct config_retry retry = {.base_ms = 500, .cap_ms = 60000};
    static const uint64_t seeds[] = {0, 1, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(seeds); i++) {
        struct backoff_random a;
        struct backoff_random b;
        backoff_seed(&a, seeds[i]);
        backoff_seed(&b, seeds[i]);
        size_t same = 0;
        int64_t before = -1;
        for (size_t draw = 0; draw < 100; draw++) {
            int64_t wait = backoff_ms(&a, &retry, 5, 0);
            assert_int_equal(wait, backoff_ms(&b, &retry, 5, 0));
            same += wait == before ? 1 : 0;
            before = wait;
        }
        assert_true(same < 10); /* seed 0 does not stand still */
    }
}

static void attempt_zero(void *what)
{
    (void)what;
    struct config_retry retry = {.base_ms = 500, .cap_ms = 60000};
    struct backoff_random random;
    backoff_seed(&random, 1);
    (void)backoff_ms(&random, &retry, 0, 0);
}

static void attempts_count_from_one(void **state)
{
    (void)state;
    assert_true(kit_dies(attempt_zero, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_are_spread_over_the_step),
        cmocka_unit_test(the_peers_wish_is_the_least),
        cmocka_unit_test(a_seed_repeats),
        cmocka_unit_test(attempts_count_from_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
