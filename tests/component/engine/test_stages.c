/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver with one owner: what is written before and after a call, what
 * each answer leads to, the breaker, slots, and items of one order key.
 */
#include "tests/component/engine/errand.h"

#include <stdio.h>
#include <string.h>

#define OK_FOUND     ((struct fake_answer){.status = 200, .body = "{\"found\":true}"})
#define OK_NOT_FOUND ((struct fake_answer){.status = 200, .body = "{\"found\":false}"})
#define TIMED_OUT    ((struct fake_answer){.transport = 28})
#define REFUSED      ((struct fake_answer){.transport = 7, .unreached = true})
#define SECOND       INT64_C(1000)
#define MINUTE       (60 * SECOND)
#define HOUR         (60 * MINUTE)

static void answer(struct rig *rig, const char *what, struct fake_answer with)
{
    fake_caller_answer(&rig->caller, bench_call(rig, what), with);
    rig_settle(rig);
}

static void expect_settled(const struct bench *bench, size_t count)
{
    assert_int_equal(bench->rig.settled, count);
    assert_int_equal(bench->rig.spoiled, 0);
    assert_int_equal(stages_count(bench->rig.stages), 0);
    assert_int_equal(bench->rig.to.calls_out, 0);
}

static void test_happy_path(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    assert_string_equal(bench_record(bench, "a", "k"), "");
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create");
    answer(rig, "POST /create/a", (struct fake_answer){.status = 201, .body = "{\"id\":\"7\"}"});
    assert_string_equal(bench_record(bench, "a", "k"), "intended:tell");
    answer(rig, "POST /tell/a", (struct fake_answer){.status = 200});
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    expect_settled(bench, 1);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
    /* Once more: the ledger knows. */
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    expect_settled(bench, 2);
    assert_int_equal(rig->caller.started, 3);
}

/* Nothing is sent before the broker has the intent, nothing goes on before it has the outcome. */
static void test_order_of_writing(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    rig->outbox.by_itself = false;
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    assert_int_equal(rig->caller.open_count, 0);
    assert_string_equal(bench_record(bench, "a", "k"), "");
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create");
    answer(rig, "POST /create/a", (struct fake_answer){.status = 201, .body = "{\"id\":\"7\"}"});
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create");
    assert_true(fake_outbox_answer(&rig->outbox, false)); /* refused: written again */
    rig_move(rig, SECOND);
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create");
    assert_string_equal(redis_say(bench->plain, "EXISTS", "kept:{k}", NULL), "0");
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig->outbox.by_itself = true;
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    expect_settled(bench, 1);
}

/* What is done in Redis is passed over for good: were it not in the changelog by then, it would be
 * open again in the next view, and nobody would come back to it. */
static void test_an_outcome_is_journaled_first(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", OK_FOUND);
    rig->outbox.by_itself = false;
    answer(rig, "POST /tell/a", (struct fake_answer){.status = 200});
    assert_string_equal(bench_record(bench, "a", "k"), "intended:tell");
    assert_true(fake_outbox_answer(&rig->outbox, false)); /* the broker refuses: again */
    rig_move(rig, SECOND);
    assert_string_equal(bench_record(bench, "a", "k"), "intended:tell");
    size_t sent = rig->outbox.sent;
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    assert_int_equal(rig->outbox.sent, sent); /* and not a second time */
    rig->outbox.by_itself = true;
    expect_settled(bench, 1);
}

static void test_lost_answer_asks_before_it_repeats(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a", TIMED_OUT);
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, SECOND);
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a", (struct fake_answer){.status = 502});
    rig_move(rig, 2 * SECOND); /* what came in between was no success: it waits longer */
    answer(rig, "GET /find/a", (struct fake_answer){.status = 200, .body = "not JSON"});
    rig_move(rig, 4 * SECOND); /* a question that cannot be read is asked again */
    answer(rig, "GET /find/a", OK_FOUND);
    assert_string_equal(bench_record(bench, "a", "k"), "intended:tell");
    answer(rig, "POST /tell/a", (struct fake_answer){.status = 200});
    expect_settled(bench, 1);
    assert_int_equal(rig->caller.started, 7);
}

/* The gateway has given up, what is behind it has not: until the call's time is over it may yet
 * come about. Whoever goes on with it, here or elsewhere, must count from there. */
static void test_an_unclear_answer_is_not_the_end(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *work = rig_admit(rig, "a", "k");
    rig_settle(rig);
    rig_move(rig, RIG_TIMEOUT + SECOND); /* the lease is had for longer than any call before us */
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a", (struct fake_answer){.status = 504});
    rig_move(rig, 2 * SECOND);
    (void)bench_call(rig, "GET /find/a");
    assert_true(work->item.in_doubt);
    assert_true(work->item.alone_ms < 0);
    rig->unwanted = true;
    answer(rig, "GET /find/a", (struct fake_answer){.status = 429});
    rig_settle(rig);
    assert_int_equal(rig->spoiled, 1);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
    assert_string_equal(bench_lease(bench, "k", "u"), "1");
}

/* A search that finds nothing may have looked when it was asked, long before it is answered. */
static void test_an_answer_is_as_old_as_its_question(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *work = rig_admit(rig, "a", "k");
    rig_move(rig, 2 * SECOND);
    (void)bench_call(rig, "GET /find/a");
    int64_t alone_ms = work->item.alone_ms;
    int64_t view_ms = work->item.view_ms;
    rig_move(rig, 3 * SECOND);
    answer(rig, "GET /find/a", (struct fake_answer){.status = 429});
    assert_int_equal(work->item.alone_ms, alone_ms);
    assert_int_equal(work->item.view_ms, view_ms);
    vendor_serve(&bench->vendor, rig, HOUR);
    expect_settled(bench, 1);
}

static void test_nobody_can_be_asked(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", OK_FOUND);
    answer(rig, "POST /tell/a", REFUSED); /* certainly not sent */
    rig_move(rig, SECOND);
    answer(rig, "POST /tell/a", (struct fake_answer){.status = 429});
    rig_move(rig, 3 * SECOND);
    answer(rig, "POST /tell/a", TIMED_OUT);
    rig_move(rig, HOUR);
    assert_string_equal(bench_record(bench, "a", "k"), "done:in_doubt");
    assert_int_equal(rig->caller.started, 4);
    expect_settled(bench, 1);
}

static void test_retry_after(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", (struct fake_answer){.status = 429, .header = "Retry-After: 120"});
    rig_move(rig, 120 * SECOND - 1);
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, 2 * SECOND);
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a",
           (struct fake_answer){.status = 429, .header = "retry-after: 600"});
    rig_move(rig, 600 * SECOND - 1); /* the lease is renewed all the while */
    assert_int_equal(rig->caller.open_count, 0);
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    rig_move(rig, 2 * SECOND);
    answer(rig, "POST /create/a", (struct fake_answer){.status = 201, .body = "{\"id\":\"7\"}"});
    answer(rig, "POST /tell/a", (struct fake_answer){.status = 200});
    expect_settled(bench, 1);
}

/* 503 says the same as 429, and may have had an effect besides. */
static void test_retry_after_of_an_unclear_answer(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", (struct fake_answer){.status = 503, .header = "Retry-After: 120"});
    rig_move(rig, 120 * SECOND - 1);
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, 2 * SECOND);
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a", (struct fake_answer){.status = 503, .header = "Retry-After: 90"});
    rig_move(rig, 90 * SECOND - 1);
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, 2 * SECOND);
    answer(rig, "GET /find/a", OK_FOUND);
    answer(rig, "POST /tell/a", (struct fake_answer){.status = 200});
    expect_settled(bench, 1);
}

static void expect_header(const struct fake_record *letter, const char *pattern)
{
    if (!kit_matches(buf_span(&letter->headers), pattern)) {
        print_error("headers " SPAN_FMT ", expected %s\n", SPAN_ARG(buf_span(&letter->headers)),
                    pattern);
        fail();
    }
}

static void test_give_up(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.retry.give_up_after_ms = 10 * MINUTE;
    rig->config.breaker.failures = 1000;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    int calls = 0;
    for (; fake_caller_find(&rig->caller, "GET /find/a") != NULL; calls++) {
        assert_true(calls < 200);
        answer(rig, "GET /find/a", (struct fake_answer){.status = 500});
        rig_move(rig, MINUTE);
    }
    expect_settled(bench, 1);
    assert_true(calls > 10);
    assert_string_equal(bench_record(bench, "a", "k"), "dead:gave_up");
    const struct fake_record *letter = fake_outbox_last(&rig->outbox, TOPIC_DEAD);
    assert_non_null(letter);
    assert_true(span_is(buf_span(&letter->value), "{\"effect\":\"a\"}"));
    assert_true(span_is(buf_span(&letter->key), "errand/k/a"));
    expect_header(letter, "kind=item\ntopic=hearback.interviews\npartition=3\noffset=0\n*"
                          "worker=errand\neffect=a\norder=k\nstage=find\nreason=gave_up\n*"
                          "first_at=2026-*Z\nlast_at=2026-*Z\n");
    char attempts[48];
    (void)snprintf(attempts, sizeof(attempts), "*attempts=%d\n*", calls);
    expect_header(letter, attempts);
}

static void test_dead_at_once(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    rig->outbox.by_itself = false;
    answer(rig, "POST /create/a", (struct fake_answer){.status = 400, .body = "{}"});
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create"); /* the letter first */
    assert_true(fake_outbox_answer(&rig->outbox, true));                   /* the record's copy */
    rig_settle(rig);
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create");
    assert_true(fake_outbox_answer(&rig->outbox, false));
    rig_move(rig, SECOND);
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create");
    rig->outbox.by_itself = true;
    rig_settle(rig);
    assert_string_equal(bench_record(bench, "a", "k"), "dead:http_400");
    (void)rig_admit(rig, "poison", "k2");
    rig_settle(rig);
    assert_string_equal(bench_record(bench, "poison", "k2"), "dead:poison");
    expect_settled(bench, 2);
    expect_header(fake_outbox_last(&rig->outbox, TOPIC_DEAD), "*stage=find\nreason=poison\n*");
}

static void test_breaker(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.retry.give_up_after_ms = MINUTE;
    (void)rig_admit(rig, "a", "k1");
    rig_settle(rig);
    answer(rig, "GET /find/a", (struct fake_answer){.status = 401});
    assert_int_equal(rig->to.breaker.state, BREAKER_OPEN);
    (void)rig_admit(rig, "b", "k2");
    (void)rig_admit(rig, "c", "k3");
    rig_move(rig, 15 * SECOND - 1);
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, 1);
    assert_int_equal(rig->caller.open_count, 1); /* one probe, whosoever */
    rig_move(rig, MINUTE);
    assert_int_equal(rig->caller.open_count, 1);
    fake_caller_answer(&rig->caller, rig->caller.open[0], (struct fake_answer){.status = 401});
    rig_move(rig, 30 * SECOND - 1); /* twice as long */
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, HOUR); /* the clock to giving up stands still */
    assert_int_equal(rig->caller.open_count, 1);
    assert_null(fake_outbox_last(&rig->outbox, TOPIC_DEAD));
    vendor_answer(&bench->vendor, rig, rig->caller.open[0]);
    assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
    vendor_serve(&bench->vendor, rig, 10 * MINUTE);
    expect_settled(bench, 3);
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
    assert_int_equal(vendor_told(&bench->vendor, "c"), 1);
}

/* A page for repairs comes with 200, too. */
static void test_nonsense_opens_the_breaker(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.breaker.failures = 3;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
        answer(rig, "GET /find/a", (struct fake_answer){.status = 200, .body = "<html>"});
        rig_move(rig, i < 2 ? 4 * SECOND : 0);
    }
    assert_int_equal(rig->to.breaker.state, BREAKER_OPEN);
    vendor_serve(&bench->vendor, rig, HOUR);
    assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
    expect_settled(bench, 1);
}

/* Neither for the destination nor against it; a probe that met one is made anew. */
static void test_kept_connections_tell_nothing(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    static const struct fake_answer late = {.transport = 65};
    static const struct fake_answer broken = {.status = 500};
    rig->config.breaker.failures = 3;
    rig->config.retry.cap_ms = 4 * SECOND;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    const struct fake_answer answers[] = {late, late, late, late, broken, late, broken, late};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        answer(rig, "GET /find/a", answers[i]);
        assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
        rig_move(rig, 4 * SECOND);
    }
    answer(rig, "GET /find/a", broken);
    assert_int_equal(rig->to.breaker.state, BREAKER_OPEN);
    rig_move(rig, 15 * SECOND);
    answer(rig, "GET /find/a", late);
    assert_int_equal(rig->to.breaker.state, BREAKER_OPEN);
    rig_move(rig, 4 * SECOND); /* not twice the time */
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
    vendor_serve(&bench->vendor, rig, HOUR);
    expect_settled(bench, 1);
}

static void test_other_keys_go_on(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k1");
    rig_settle(rig);
    answer(rig, "GET /find/a", (struct fake_answer){.status = 503, .header = "Retry-After: 3000"});
    (void)rig_admit(rig, "b", "k2");
    rig_settle(rig);
    answer(rig, "GET /find/b", OK_FOUND);
    answer(rig, "POST /tell/b", (struct fake_answer){.status = 200});
    assert_int_equal(rig->settled, 1);
    vendor_serve(&bench->vendor, rig, HOUR);
    expect_settled(bench, 2);
}

static void test_one_key_keeps_its_order(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    (void)rig_admit(rig, "b", "k");
    (void)rig_admit(rig, "c", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", (struct fake_answer){.status = 429, .header = "Retry-After: 60"});
    rig_move(rig, 59 * SECOND);
    assert_int_equal(rig->caller.open_count, 0);
    vendor_serve(&bench->vendor, rig, HOUR);
    assert_int_equal(rig->caller.most_open, 1);
    assert_string_equal(bench->vendor.log, "GET /find/a;POST /create/a;POST /tell/a;"
                                           "GET /find/b;POST /create/b;POST /tell/b;"
                                           "GET /find/c;POST /create/c;POST /tell/c;");
    expect_settled(bench, 3);
}

static void test_slots(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->to.calls_max = 1;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)rig_admit(rig, names[i], names[i]);
    }
    rig_settle(rig);
    assert_int_equal(rig->caller.open_count, 1);
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->caller.most_open, 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(vendor_created(&bench->vendor, names[i]), 1);
        assert_int_equal(vendor_told(&bench->vendor, names[i]), 1);
    }
    expect_settled(bench, COUNT_OF(names));
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_happy_path),
        ON_A_BENCH(test_order_of_writing),
        ON_A_BENCH(test_an_outcome_is_journaled_first),
        ON_A_BENCH(test_lost_answer_asks_before_it_repeats),
        ON_A_BENCH(test_an_unclear_answer_is_not_the_end),
        ON_A_BENCH(test_an_answer_is_as_old_as_its_question),
        ON_A_BENCH(test_nobody_can_be_asked),
        ON_A_BENCH(test_retry_after),
        ON_A_BENCH(test_retry_after_of_an_unclear_answer),
        ON_A_BENCH(test_give_up),
        ON_A_BENCH(test_dead_at_once),
        ON_A_BENCH(test_breaker),
        ON_A_BENCH(test_nonsense_opens_the_breaker),
        ON_A_BENCH(test_kept_connections_tell_nothing),
        ON_A_BENCH(test_other_keys_go_on),
        ON_A_BENCH(test_one_key_keeps_its_order),
        ON_A_BENCH(test_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
