/* SPDX-License-Identifier: Apache-2.0
 *
 * Several owners: a lease that goes while its item waits, an owner that stands
 * still and is taken over, and what it says when it wakes.
 */
#include "tests/component/engine/errand.h"

#include <signal.h>
#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define LEASE  "hearback:order:{errand/k}"

static void answer(struct rig *rig, const char *what, struct fake_answer with)
{
    fake_caller_answer(&rig->caller, bench_call(rig, what), with);
    rig_settle(rig);
}

static void serve_one(struct bench *bench, struct rig *rig, const char *what)
{
    vendor_answer(&bench->vendor, rig, bench_call(rig, what));
    rig_settle(rig);
}

static void open_second(struct bench *bench, struct rig *rig)
{
    rig_open(rig, bench->server.address, "she", &bench->time);
    rig_stages(rig, &errand);
    rig_view(rig, bench->plain, "{\"id\":\"one\"}");
}

/* A thief takes the lease while the item waits for `what`; then it stands still or lets go. */
static void lose_while_waiting(struct bench *bench, const char *what, bool lets_go)
{
    struct rig *rig = &bench->rig;
    size_t started = rig->caller.started;
    answer(rig, what, (struct fake_answer){.status = 429, .header = "Retry-After: 300"});
    (void)redis_say(bench->plain, "HSET", LEASE, "o", "thief", "n", "77", NULL);
    if (lets_go) {
        rig_move(rig, 200 * SECOND);
        (void)redis_say(bench->plain, "HSET", LEASE, "o", "", NULL);
        rig_move(rig, 99 * SECOND);
        assert_int_equal(rig->caller.started, started);
    }
    rig_move(rig, 302 * SECOND - (lets_go ? 299 * SECOND : 0));
    if (!lets_go) {
        assert_int_equal(rig->caller.started, started); /* found out, and sent nothing */
        assert_string_equal(bench_lease(bench, "k", "o"), "thief");
        assert_string_equal(bench_lease(bench, "k", "w"), "me");
        rig_move(rig, RIG_LEASE_MS - 3 * SECOND);
        assert_int_equal(rig->caller.started, started);
        rig_move(rig, 5 * SECOND); /* the thief stood still for a whole lease */
        assert_string_equal(bench_lease(bench, "k", "o"), "me");
    }
}

static void test_lease_stolen_while_a_question_waits(void **state)
{
    struct bench *bench = *state;
    (void)rig_admit(&bench->rig, "a", "k");
    rig_settle(&bench->rig);
    lose_while_waiting(bench, "GET /find/a", false);
    vendor_serve(&bench->vendor, &bench->rig, HOUR);
    assert_string_equal(bench->vendor.log, "GET /find/a;POST /create/a;POST /tell/a;");
    assert_int_equal(bench->rig.settled, 1);
}

static void test_lease_stolen_while_an_effect_waits(void **state)
{
    struct bench *bench = *state;
    (void)rig_admit(&bench->rig, "a", "k");
    rig_settle(&bench->rig);
    serve_one(bench, &bench->rig, "GET /find/a");
    lose_while_waiting(bench, "POST /create/a", false);
    vendor_serve(&bench->vendor, &bench->rig, HOUR);
    /* It was refused for good, so there is nothing to doubt; but what led to it is asked again,
     * since whoever had the lease meanwhile may have brought it about. */
    assert_string_equal(bench->vendor.log, "GET /find/a;GET /find/a;POST /create/a;POST /tell/a;");
    assert_int_equal(bench->rig.settled, 1);
}

static void test_lease_stolen_and_let_go(void **state)
{
    struct bench *bench = *state;
    (void)rig_admit(&bench->rig, "a", "k");
    rig_settle(&bench->rig);
    lose_while_waiting(bench, "GET /find/a", true);
    vendor_serve(&bench->vendor, &bench->rig, HOUR);
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
    assert_int_equal(bench->rig.settled, 1);
}

/* The lease is this owner's as long as its call is out, however long that is. */
static void test_lease_is_renewed_while_a_call_is_out(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct rig other;
    open_second(bench, &other);
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    (void)rig_admit(&other, "a", "k");
    rig_settle(&other);
    for (int i = 0; i < 100; i++) {
        rig_move(rig, 5 * SECOND);
        rig_move(&other, 1);
    }
    assert_int_equal(other.caller.started, 0);
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    vendor_serve(&bench->vendor, rig, MINUTE);
    vendor_serve(&bench->vendor, &other, MINUTE); /* settled before */
    assert_int_equal(other.settled, 1);
    assert_int_equal(other.caller.started, 0);
    rig_close(&other);
}

/* She stands still while my lease is let go and taken again, and counts its grants from one. */
static void test_a_lease_taken_again_is_another(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct rig other;
    open_second(bench, &other);
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    (void)rig_admit(&other, "b", "k");
    rig_settle(&other);
    assert_string_equal(bench_lease(bench, "k", "n"), "1");
    (void)rig_admit(rig, "c", "k");
    serve_one(bench, rig, "GET /find/a");
    serve_one(bench, rig, "POST /create/a");
    serve_one(bench, rig, "POST /tell/a");
    rig_move(rig, SECOND); /* a place was kept for her, and she did not come */
    (void)bench_call(rig, "GET /find/c");
    rig_move(rig, RIG_LEASE_MS);
    serve_one(bench, rig, "GET /find/c");
    serve_one(bench, rig, "POST /create/c");
    serve_one(bench, rig, "POST /tell/c");
    (void)rig_admit(rig, "d", "k");
    rig_settle(rig);
    (void)bench_call(rig, "GET /find/d");
    assert_string_equal(bench_lease(bench, "k", "n"), "1"); /* as when she saw it */
    rig_move(&other, SECOND);
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    assert_int_equal(other.caller.started, 0);
    vendor_serve(&bench->vendor, rig, MINUTE);
    vendor_serve(&bench->vendor, &other, MINUTE);
    assert_int_equal(vendor_told(&bench->vendor, "d"), 1);
    assert_int_equal(vendor_told(&bench->vendor, "b"), 1);
    rig_close(&other);
}

/* I stand still with a create under way; she takes over. */
static void take_over(struct bench *bench, struct rig *other)
{
    struct rig *rig = &bench->rig;
    open_second(bench, other);
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    serve_one(bench, rig, "GET /find/a");
    (void)bench_call(rig, "POST /create/a");
    (void)rig_admit(other, "a", "k");
    rig_move(other, RIG_LEASE_MS - SECOND); /* only her clock's timers run: I stand still */
    assert_int_equal(other->caller.open_count, 0);
    rig_move(other, 2 * SECOND);
    (void)bench_call(other, "GET /find/a"); /* doubt first */
    assert_string_equal(bench_lease(bench, "k", "o"), "she");
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create");
}

static void test_take_over_and_the_answer_comes_before_the_second_intent(void **state)
{
    struct bench *bench = *state;
    struct rig other;
    take_over(bench, &other);
    serve_one(bench, &bench->rig, "POST /create/a"); /* I wake: it was created */
    assert_string_equal(bench_record(bench, "a", "k"), "next:keep");
    serve_one(bench, &other, "GET /find/a");
    vendor_serve(&bench->vendor, &other, HOUR);
    vendor_serve(&bench->vendor, &bench->rig, HOUR);
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
    assert_int_equal(vendor_told(&bench->vendor, "a"), 1);
    assert_int_equal(bench->rig.settled + other.settled, 2);
    rig_close(&other);
}

static void test_take_over_and_the_answer_comes_after_it_is_done(void **state)
{
    struct bench *bench = *state;
    struct rig other;
    take_over(bench, &other);
    vendor_serve(&bench->vendor, &other, HOUR);
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    /* My call never reached the vendor, and nothing of mine overwrites what she did. */
    answer(&bench->rig, "POST /create/a", (struct fake_answer){.transport = 28});
    vendor_serve(&bench->vendor, &bench->rig, HOUR);
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
    assert_int_equal(vendor_told(&bench->vendor, "a"), 1);
    assert_int_equal(bench->rig.settled + other.settled, 2);
    rig_close(&other);
}

/* My call was started and had not gone out when I was stopped. */
static void test_take_over_and_what_was_not_sent_is_withheld(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct rig other;
    take_over(bench, &other);
    vendor_serve(&bench->vendor, &other, HOUR);
    assert_int_equal(other.settled, 1);
    struct transfer *call = bench_call(rig, "POST /create/a");
    assert_false(call->may_send(call->self));
    answer(rig, "POST /create/a", (struct fake_answer){.transport = 42, .withheld = true});
    vendor_serve(&bench->vendor, rig, HOUR);
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
    assert_int_equal(rig->settled, 1);
    assert_int_equal(rig->to.breaker.failures, 0); /* it does not speak against the destination */
    rig_close(&other);
}

/* Withheld as there was too little left of the lease for the whole call: sent when renewed. */
static void test_what_was_withheld_is_sent_later(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    struct transfer *call = bench_call(rig, "GET /find/a");
    assert_true(call->may_send == NULL); /* a question may come at any time */
    serve_one(bench, rig, "GET /find/a");
    call = bench_call(rig, "POST /create/a");
    assert_true(call->may_send(call->self));
    bench->time.mono += RIG_LEASE_MS - RIG_TIMEOUT;
    assert_false(call->may_send(call->self));
    answer(rig, "POST /create/a", (struct fake_answer){.transport = 42, .withheld = true});
    vendor_serve(&bench->vendor, rig, HOUR);
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
    assert_int_equal(rig->settled, 1);
}

static void test_late_answer_while_the_second_is_sending(void **state)
{
    struct bench *bench = *state;
    struct rig other;
    take_over(bench, &other);
    serve_one(bench, &other, "GET /find/a"); /* not found: she intends and sends */
    (void)bench_call(&other, "POST /create/a");
    answer(&bench->rig, "POST /create/a",
           (struct fake_answer){.status = 400}); /* mine ends in a refusal */
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create"); /* hers stands */
    vendor_serve(&bench->vendor, &other, HOUR);
    vendor_serve(&bench->vendor, &bench->rig, HOUR);
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    assert_int_equal(vendor_created(&bench->vendor, "a"), 1);
    rig_close(&other);
}

/* Redis is slow: the answer to a renewal comes when the claim anew is already on its way. */
static void test_late_renewal_does_not_lengthen_a_claim(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.redis.timeout_ms = HOUR;
    struct work *work = rig_admit(rig, "a", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", (struct fake_answer){.status = 429, .header = "Retry-After: 56"});
    rig_move(rig, 25 * SECOND);
    redis_server_signal(&bench->server, SIGSTOP);
    for (int i = 0; i < 32 * 4; i++) {
        clock_fake_move(&bench->time, 250);
        (void)rig_turn(rig);
    }
    int64_t claimed_ms = bench->time.mono;
    assert_int_equal(work->phase, PHASE_CLAIM);
    redis_server_signal(&bench->server, SIGCONT);
    rig_settle(rig);
    assert_int_equal(rig->caller.open_count, 1);
    assert_true(work->lease_until_ms <= claimed_ms + RIG_LEASE_MS);
    vendor_serve(&bench->vendor, rig, HOUR);
    assert_int_equal(rig->settled, 1);
}

/* The broker takes longer than a lease to acknowledge the intent; the lease was renewed. */
static void test_slow_broker_does_not_lose_the_call(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    serve_one(bench, rig, "GET /find/a");
    rig->outbox.by_itself = false;
    serve_one(bench, rig, "POST /create/a");
    for (int i = 0; i < 3; i++) { /* next:keep and the script's two; then comes the intent */
        assert_true(fake_outbox_answer(&rig->outbox, true));
        rig_settle(rig);
    }
    assert_int_equal(rig->outbox.unanswered, 1);
    rig_move(rig, 2 * (int64_t)RIG_LEASE_MS);
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    rig->outbox.by_itself = true;
    vendor_serve(&bench->vendor, rig, HOUR);
    assert_int_equal(vendor_told(&bench->vendor, "a"), 1);
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
}

/* Its partition goes while the call is out, and the answer says: in an hour. */
static void test_given_back_when_the_answer_says_wait(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    serve_one(bench, rig, "GET /find/a");
    rig->unwanted = true;
    stages_sweep(rig->stages);
    rig_settle(rig);
    answer(rig, "POST /create/a",
           (struct fake_answer){.status = 429, .header = "Retry-After: 3000"});
    assert_int_equal(rig->spoiled, 1);
    assert_int_equal(stages_count(rig->stages), 0);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
    assert_string_equal(bench_record(bench, "a", "k"),
                        "next:find"); /* where what led to it is asked again */
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_lease_stolen_while_a_question_waits),
        ON_A_BENCH(test_lease_stolen_while_an_effect_waits),
        ON_A_BENCH(test_lease_stolen_and_let_go),
        ON_A_BENCH(test_lease_is_renewed_while_a_call_is_out),
        ON_A_BENCH(test_a_lease_taken_again_is_another),
        ON_A_BENCH(test_take_over_and_the_answer_comes_before_the_second_intent),
        ON_A_BENCH(test_take_over_and_the_answer_comes_after_it_is_done),
        ON_A_BENCH(test_take_over_and_what_was_not_sent_is_withheld),
        ON_A_BENCH(test_what_was_withheld_is_sent_later),
        ON_A_BENCH(test_late_answer_while_the_second_is_sending),
        ON_A_BENCH(test_late_renewal_does_not_lengthen_a_claim),
        ON_A_BENCH(test_slow_broker_does_not_lose_the_call),
        ON_A_BENCH(test_given_back_when_the_answer_says_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
