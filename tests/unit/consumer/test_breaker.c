/* SPDX-License-Identifier: Apache-2.0
 *
 * The breaker: when it opens, who may knock meanwhile, and whose outcome counts.
 */
#include "consumer/engine/breaker.h"

#include "tests/unit/consumer/kit.h"

static const struct config_breaker config = {.failures = 3, .open_ms = 1000, .open_max_ms = 5000};

static bool admits(struct breaker *breaker, int64_t now_ms)
{
    bool probe = true;
    bool admitted = breaker_admits(breaker, now_ms, &probe);
    assert_false(probe);
    return admitted;
}

static bool admits_probe(struct breaker *breaker, int64_t now_ms)
{
    bool probe = false;
    return breaker_admits(breaker, now_ms, &probe) && probe;
}

static struct breaker opened(int64_t now_ms)
{
    struct breaker breaker;
    breaker_init(&breaker, &config);
    assert_true(breaker_tell(&breaker, false, BREAKER_AT_FAULT, now_ms));
    return breaker;
}

static void opens_after_failures_in_a_row(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, &config);
    assert_true(admits(&breaker, 0));
    assert_int_equal(breaker_wait_ms(&breaker, 0), 0);
    assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 0));
    assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 0));
    assert_true(admits(&breaker, 0));
    assert_false(breaker_tell(&breaker, false, BREAKER_SUCCESS, 0)); /* the row is broken */
    assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 0));
    assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 0));
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_true(
        breaker_tell(&breaker, false, BREAKER_FAILED, 50)); /* the third: it says so, once */
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 60));
    assert_false(admits(&breaker, 60));
    assert_int_equal(breaker_wait_ms(&breaker, 60), 990);
    assert_int_equal(breaker_wait_ms(&breaker, 5000), 0);
}

static void a_fault_opens_at_once(void **state)
{
    (void)state;
    struct breaker breaker = opened(100);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_false(admits(&breaker, 1099));
    assert_int_equal(breaker_wait_ms(&breaker, 100), 1000);
    /* The others that fail meanwhile neither reopen nor lengthen it. */
    assert_false(breaker_tell(&breaker, false, BREAKER_AT_FAULT, 900));
    assert_int_equal(breaker_wait_ms(&breaker, 900), 200);
}

static void one_probe_decides(void **state)
{
    (void)state;
    struct breaker breaker = opened(0);
    assert_false(admits(&breaker, 999));
    assert_true(admits_probe(&breaker, 1000));
    assert_int_equal(breaker_wait_ms(&breaker, 1000), -1); /* until the probe is back */
    assert_false(admits(&breaker, 1000));
    assert_false(admits(&breaker, 1000000));
    /* Stragglers, sent before it opened. */
    assert_false(breaker_tell(&breaker, false, BREAKER_SUCCESS, 0));
    assert_false(breaker_tell(&breaker, false, BREAKER_AT_FAULT, 1001));
    assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 1001));
    assert_int_equal(breaker.state, BREAKER_PROBING);
    assert_true(breaker_tell(&breaker, true, BREAKER_SUCCESS, 0));
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_true(admits(&breaker, 1002));
    /* As new: it takes all failures again, and the first wait again. */
    assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 2000));
    assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 2000));
    assert_true(breaker_tell(&breaker, false, BREAKER_FAILED, 2000));
    assert_int_equal(breaker_wait_ms(&breaker, 2000), 1000);
}

static void stragglers_do_not_close_an_open_one(void **state)
{
    (void)state;
    struct breaker breaker = opened(0);
    assert_false(breaker_tell(&breaker, false, BREAKER_SUCCESS, 0));
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_false(admits(&breaker, 999));
    assert_true(admits_probe(&breaker, 1000));
}

static void the_wait_doubles_to_its_cap(void **state)
{
    (void)state;
    static const int64_t waits[] = {1000, 2000, 4000, 5000, 5000, 5000};
    struct breaker breaker = opened(0);
    int64_t now_ms = 0;
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        assert_int_equal(breaker_wait_ms(&breaker, now_ms), waits[i]);
        assert_false(admits(&breaker, now_ms + waits[i] - 1));
        now_ms += waits[i];
        assert_true(admits_probe(&breaker, now_ms));
        (void)breaker_tell(&breaker, true, i % 2 == 0 ? BREAKER_AT_FAULT : BREAKER_FAILED, now_ms);
        assert_int_equal(breaker.state, BREAKER_OPEN);
    }
}

static void an_unused_probe_is_given_again(void **state)
{
    (void)state;
    struct breaker breaker = opened(0);
    assert_true(admits_probe(&breaker, 1000));
    breaker_unused(&breaker, true);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker_wait_ms(&breaker, 1000), 0); /* and not later than before */
    assert_true(admits_probe(&breaker, 1000));
    breaker_unused(&breaker, false); /* a straggler that was never sent changes nothing */
    assert_int_equal(breaker.state, BREAKER_PROBING);
    assert_true(breaker_tell(&breaker, true, BREAKER_SUCCESS, 0));
    breaker_unused(&breaker, false);
    assert_int_equal(breaker.state, BREAKER_CLOSED);
}

/* Whether there are too many is not for the breaker to say: they are counted by stage. */
static void refusals_neither_open_nor_close(void **state)
{
    (void)state;
    static const enum breaker_outcome refusals[] = {BREAKER_REFUSED, BREAKER_FORBIDDEN};
    for (size_t k = 0; k < COUNT_OF(refusals); k++) {
        struct breaker breaker;
        breaker_init(&breaker, &config);
        for (int i = 0; i < 20; i++) { /* and each ends a row of failures */
            assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 0));
            assert_false(breaker_tell(&breaker, false, BREAKER_FAILED, 0));
            assert_false(breaker_tell(&breaker, false, refusals[k], 0));
        }
        assert_int_equal(breaker.state, BREAKER_CLOSED);
        /* A refused probe keeps it open, for longer. */
        breaker = opened(0);
        assert_true(admits_probe(&breaker, 1000));
        assert_false(breaker_tell(&breaker, true, refusals[k], 1000));
        assert_int_equal(breaker.state, BREAKER_OPEN);
        assert_int_equal(breaker_wait_ms(&breaker, 1000), 2000);
        assert_true(admits_probe(&breaker, 3000));
        assert_true(breaker_tell(&breaker, true, BREAKER_SUCCESS, 3000));
        assert_int_equal(breaker.state, BREAKER_CLOSED);
    }
}

static void a_refusal_shows_that_what_was_broken_is_mended(void **state)
{
    (void)state;
    struct breaker breaker;
    breaker_init(&breaker, &config);
    for (int i = 0; i < 3; i++) {
        (void)breaker_tell(&breaker, false, BREAKER_FAILED, 0);
    }
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_true(admits_probe(&breaker, 1000));
    assert_true(breaker_tell(&breaker, true, BREAKER_REFUSED, 1000));
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    /* A login that is refused is another matter. */
    breaker = opened(0);
    assert_true(admits_probe(&breaker, 1000));
    assert_false(breaker_tell(&breaker, true, BREAKER_REFUSED, 1000));
    assert_int_equal(breaker.state, BREAKER_OPEN);
}

static void a_probe_that_says_nothing_is_made_again(void **state)
{
    (void)state;
    struct breaker breaker = opened(0);
    assert_true(admits_probe(&breaker, 1000));
    assert_false(breaker_tell(&breaker, true, BREAKER_NEITHER, 1000));
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker_wait_ms(&breaker, 1000), 2000);
    assert_true(admits_probe(&breaker, 3000));
    assert_false(breaker_tell(&breaker, true, BREAKER_NEITHER, 3000));
    assert_int_equal(breaker_wait_ms(&breaker, 3000), 2000); /* no longer than before */
}

static void unused_without_probing(void *what)
{
    (void)what;
    struct breaker breaker = opened(0);
    breaker_unused(&breaker, true);
}

static void success_of_a_probe_never_sent(void *what)
{
    (void)what;
    struct breaker breaker = opened(0);
    (void)breaker_tell(&breaker, true, BREAKER_SUCCESS, 0);
}

static void misuse_is_found(void **state)
{
    (void)state;
    assert_true(kit_dies(unused_without_probing, NULL));
    assert_true(kit_dies(success_of_a_probe_never_sent, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_failures_in_a_row),
        cmocka_unit_test(a_fault_opens_at_once),
        cmocka_unit_test(one_probe_decides),
        cmocka_unit_test(stragglers_do_not_close_an_open_one),
        cmocka_unit_test(the_wait_doubles_to_its_cap),
        cmocka_unit_test(an_unused_probe_is_given_again),
        cmocka_unit_test(refusals_neither_open_nor_close),
        cmocka_unit_test(a_refusal_shows_that_what_was_broken_is_mended),
        cmocka_unit_test(a_probe_that_says_nothing_is_made_again),
        cmocka_unit_test(misuse_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
