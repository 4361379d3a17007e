/* SPDX-License-Identifier: Apache-2.0
 *
 * Items of one order key, one close behind the other: what the next one may do
 * while the one before it is at work or at its end, whose lease it is, and what
 * becomes of it when that end was none.
 */
#include "common/metrics.h"
#include "tests/component/engine/errand.h"

#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define LEASE  "hearback:order:{errand/k}"
#define EFFECT "hearback:effect:{errand/k}:"

static void serve_one(struct bench *bench, const char *what)
{
    vendor_answer(&bench->vendor, &bench->rig, bench_call(&bench->rig, what));
    rig_settle(&bench->rig);
}

static struct metric *lost_leases(void)
{
    return metric_counter("hearback_leases_lost_total",
                          "Leases that went while an item was at work.", NULL, NULL);
}

/* The first item's last call is answered, and its end waits for the broker. */
static struct work *until_closing(struct bench *bench, struct work **next)
{
    struct rig *rig = &bench->rig;
    struct work *a = rig_admit(rig, "a", "k");
    *next = rig_admit(rig, "b", "k");
    rig_settle(rig);
    serve_one(bench, "GET /find/a");
    serve_one(bench, "POST /create/a");
    rig->outbox.by_itself = false;
    serve_one(bench, "POST /tell/a");
    assert_true(order_is_closing(a));
    return a;
}

static void acknowledge(struct rig *rig, bool durable)
{
    assert_true(fake_outbox_answer(&rig->outbox, durable));
    rig_settle(rig);
}

/* The first one's line is refused, the next one's intention stands: it waits with its call. */
static void until_next_waits(struct bench *bench)
{
    struct rig *rig = &bench->rig;
    serve_one(bench, "GET /find/b");
    acknowledge(rig, false);
    acknowledge(rig, true);
    assert_string_equal(bench_record(bench, "b", "k"), "intended:create");
    assert_string_equal(bench_record(bench, "a", "k"), "intended:tell");
    assert_int_equal(rig->caller.open_count, 0);
    assert_int_equal(rig->to.calls_out, 1);
}

static void test_next_prepares_and_its_effect_waits(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *b = NULL;
    (void)until_closing(bench, &b);
    until_next_waits(bench);
    rig->outbox.by_itself = true;
    rig_move(rig, SECOND); /* the end is written again */
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    serve_one(bench, "POST /create/b");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 2);
    assert_string_equal(bench->vendor.log, "GET /find/a;POST /create/a;POST /tell/a;"
                                           "GET /find/b;POST /create/b;POST /tell/b;");
}

/* While the end cannot be written the one that waits for it holds no slot. */
static void test_an_end_that_is_late_holds_no_slot(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *b = NULL;
    (void)until_closing(bench, &b);
    until_next_waits(bench);
    while (rig->outbox.unanswered == 0) {
        rig_move(rig, 10);
    }
    acknowledge(rig, false);
    assert_int_equal(rig->to.calls_out, 0);
    rig->outbox.by_itself = true;
    rig_move(rig, SECOND);
    assert_int_equal(rig->to.calls_out, 1);
    serve_one(bench, "POST /create/b");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 2);
    assert_string_equal(bench->vendor.log, "GET /find/a;POST /create/a;POST /tell/a;"
                                           "GET /find/b;POST /create/b;POST /tell/b;");
}

static void test_next_waits_at_its_first_question_no_longer(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *b = NULL;
    (void)until_closing(bench, &b);
    assert_int_equal(b->phase, PHASE_SEND); /* it was claimed ahead, and asks */
    (void)bench_call(rig, "GET /find/b");
    rig->outbox.by_itself = true;
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 2);
    assert_string_equal(bench_lease(bench, "k", "o"), ""); /* the last one let it go */
}

/* Beside its own end it could only learn that it is intended, and would doubt what was answered. */
static void test_the_same_effect_again_waits_for_the_end(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    const struct work *again = rig_admit(rig, "a", "k");
    rig_settle(rig);
    serve_one(bench, "GET /find/a");
    serve_one(bench, "POST /create/a");
    rig->outbox.by_itself = false;
    serve_one(bench, "POST /tell/a");
    assert_int_equal(again->claim_sent_ms, 0); /* nor was it claimed ahead */
    assert_int_equal(rig->caller.open_count, 0);
    assert_int_equal(rig->outbox.unanswered, 1); /* the end's line, and nothing of a doubt */
    acknowledge(rig, true);
    assert_int_equal(rig->settled, 2);
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    assert_string_equal(bench->vendor.log, "GET /find/a;POST /create/a;POST /tell/a;");
    assert_string_equal(bench_lease(bench, "k", "o"), "");
    rig->outbox.by_itself = true;
}

/* It has no lease to let go but that of the one before it. */
static void test_settled_before_while_another_is_at_work(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)redis_say(bench->plain, "SET", EFFECT "b", "{\"s\":\"done\",\"r\":\"told\"}", NULL);
    (void)rig_admit(rig, "a", "k");
    (void)rig_admit(rig, "b", "k");
    (void)rig_admit(rig, "c", "k");
    rig_settle(rig);
    serve_one(bench, "GET /find/a");
    assert_int_equal(rig->settled, 1);
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    (void)bench_call(rig, "POST /create/a");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 3);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
}

/* It claims beside an end, and is settled before that stands. */
static void test_settled_before_beside_an_end(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)redis_say(bench->plain, "SET", EFFECT "b", "{\"s\":\"dead\",\"r\":\"x\",\"g\":\"find\"}",
                    NULL);
    struct work *a = rig_admit(rig, "a", "k");
    rig_settle(rig);
    serve_one(bench, "GET /find/a");
    serve_one(bench, "POST /create/a");
    rig->outbox.by_itself = false;
    (void)rig_admit(rig, "b", "k"); /* too late to claim ahead */
    rig_settle(rig);
    serve_one(bench, "POST /tell/a");
    assert_true(order_is_closing(a));
    assert_int_equal(rig->settled, 1);
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    rig->outbox.by_itself = true;
    rig_settle(rig);
    assert_int_equal(rig->settled, 2);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
}

/* Its end is written beside another's, and nobody is behind it then. */
static void test_two_ends_at_once(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)redis_say(bench->plain, "SET", EFFECT "b",
                    "{\"s\":\"intended\",\"g\":\"tell\",\"b\":\"find\",\"o\":\"gone\"}", NULL);
    struct work *b = NULL;
    (void)until_closing(bench, &b);
    assert_int_equal(b->phase, PHASE_RECORD); /* in doubt, of which nobody can be asked */
    assert_int_equal(rig->outbox.unanswered, 2);
    acknowledge(rig, true);
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    acknowledge(rig, true);
    assert_int_equal(rig->settled, 2);
    assert_string_equal(bench_record(bench, "b", "k"), "done:in_doubt");
    assert_string_equal(bench_lease(bench, "k", "o"), "");
    rig->outbox.by_itself = true;
}

/* The claim of the last one is on its way when the first one's end stands: the lease is not let go
 * from under it. */
static void test_claim_on_its_way_at_the_end(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct metric *lost = lost_leases();
    int64_t before = metric_value(lost);
    (void)redis_say(bench->plain, "SET", EFFECT "b", "{\"s\":\"done\",\"r\":\"told\"}", NULL);
    struct work *a = rig_admit(rig, "a", "k");
    rig_settle(rig);
    serve_one(bench, "GET /find/a");
    serve_one(bench, "POST /create/a");
    (void)rig_admit(rig, "b", "k"); /* too late to claim ahead */
    struct work *c = rig_admit(rig, "c", "k");
    rig->outbox.by_itself = false;
    vendor_answer(&bench->vendor, rig, bench_call(rig, "POST /tell/a"));
    for (int64_t t = kit_begin(); !c->owed;) { /* b is settled */
        assert_true(kit_waits(t));
        (void)rig_turn(rig);
    }
    assert_true(order_is_closing(a));
    rig->outbox.by_itself = true;
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 3);
    assert_int_equal(metric_value(lost), before);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
}

/* What is to be written once more, if it is done, is not begun by claiming ahead. */
static void test_redo_behind_another(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    struct work *b = rig_admit(rig, "b", "k");
    b->load->job.redo = true;
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 2);
    assert_string_equal(bench->vendor.log, "GET /find/a;POST /create/a;POST /tell/a;");
    assert_string_equal(bench_lease(bench, "k", "o"), "");
}

static void test_given_back_while_another_is_at_work(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "a", "k");
    (void)rig_admit(rig, "b", "k");
    rig_settle(rig);
    serve_one(bench, "GET /find/a");
    rig->unwanted = true;
    stages_sweep(rig->stages);
    rig_settle(rig);
    assert_int_equal(rig->spoiled, 1); /* b */
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    serve_one(bench, "POST /create/a");
    rig_settle(rig);
    assert_int_equal(rig->spoiled, 2);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
}

static void open_second(struct bench *bench, struct rig *rig)
{
    rig_open(rig, bench->server.address, "she", &bench->time);
    rig_stages(rig, &errand);
    rig_view(rig, bench->plain, "{\"id\":\"one\"}");
}

/* The line does not keep the lease for itself. */
static void test_another_owner_has_its_turn(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct rig other;
    open_second(bench, &other);
    (void)rig_admit(rig, "a", "k");
    (void)rig_admit(rig, "b", "k");
    (void)rig_admit(rig, "c", "k");
    rig_settle(rig);
    (void)rig_admit(&other, "x", "k");
    rig_settle(&other);
    assert_string_equal(bench_lease(bench, "k", "w"), "she");
    serve_one(bench, "GET /find/a");
    serve_one(bench, "POST /create/a");
    serve_one(bench, "POST /tell/a");
    assert_int_equal(rig->caller.open_count, 0); /* b does not go on */
    vendor_serve(&bench->vendor, &other, SECOND);
    assert_int_equal(other.settled, 1);
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 3);
    assert_string_equal(bench->vendor.log, "GET /find/a;POST /create/a;POST /tell/a;"
                                           "GET /find/x;POST /create/x;POST /tell/x;"
                                           "GET /find/b;POST /create/b;POST /tell/b;"
                                           "GET /find/c;POST /create/c;POST /tell/c;");
    rig_close(&other);
}

/* Somebody else has the lease and the record by the time the end is written. */
static void rob(struct bench *bench)
{
    (void)redis_say(bench->plain, "HSET", LEASE, "o", "thief", "n", "77", NULL);
    (void)redis_say(bench->plain, "SET", EFFECT "a",
                    "{\"s\":\"intended\",\"g\":\"create\",\"b\":\"find\",\"o\":\"thief\"}", NULL);
}

static void test_end_that_is_none(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *b = NULL;
    struct work *a = until_closing(bench, &b);
    rob(bench);
    rig->outbox.by_itself = true;
    rig_settle(rig);
    assert_false(order_is_closing(a));
    assert_ptr_equal(order_before(b), a);
    serve_one(bench, "GET /find/b"); /* what it learns is worth nothing any more */
    assert_int_equal(b->phase, PHASE_CLAIM);
    assert_int_equal(rig->caller.open_count, 0);
    vendor_serve(&bench->vendor, rig, MINUTE); /* the thief stands still */
    assert_int_equal(rig->settled, 2);
    assert_string_equal(bench->vendor.log,
                        "GET /find/a;POST /create/a;POST /tell/a;GET /find/b;"
                        "GET /find/a;POST /tell/a;GET /find/b;POST /create/b;POST /tell/b;");
}

/* The same, and the lease is to be had at once: the one before goes first all the same. */
static void test_end_that_is_none_with_a_free_lease(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *b = NULL;
    (void)until_closing(bench, &b);
    rob(bench);
    (void)redis_say(bench->plain, "HSET", LEASE, "o", "", NULL);
    rig->outbox.by_itself = true;
    rig_settle(rig);
    assert_int_equal(rig->caller.open_count, 2); /* a doubts; b's question is on its way */
    vendor_answer(&bench->vendor, rig, fake_caller_find(&rig->caller, "GET /find/b"));
    rig_settle(rig);
    assert_int_equal(b->phase, PHASE_CLAIM);
    (void)bench_call(rig, "GET /find/a");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 2);
    assert_string_equal(bench->vendor.log,
                        "GET /find/a;POST /create/a;POST /tell/a;GET /find/b;"
                        "GET /find/a;POST /tell/a;GET /find/b;POST /create/b;POST /tell/b;");
}

/* An end that does not close keeps the lease for who has claimed ahead. */
static void test_dead_before_another(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct metric *lost = lost_leases();
    int64_t before = metric_value(lost);
    (void)rig_admit(rig, "a", "k");
    (void)rig_admit(rig, "b", "k");
    rig_settle(rig);
    serve_one(bench, "GET /find/a");
    fake_caller_answer(&rig->caller, bench_call(rig, "POST /create/a"),
                       (struct fake_answer){.status = 400});
    rig_settle(rig);
    assert_string_equal(bench_record(bench, "a", "k"), "dead:http_400");
    assert_string_equal(bench_lease(bench, "k", "o"), "me");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 2);
    assert_int_equal(metric_value(lost), before);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
}

/* The same, and the next one has its slot already: the first one needs it. */
static void test_end_that_is_none_with_one_slot(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *b = NULL;
    rig->to.calls_max = 1;
    (void)until_closing(bench, &b);
    until_next_waits(bench);
    rob(bench);
    rig->outbox.by_itself = true;
    rig_move(rig, SECOND);
    assert_int_equal(rig->to.calls_out, 0);
    assert_int_equal(b->phase, PHASE_CLAIM);
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 2);
    assert_int_equal(vendor_created(&bench->vendor, "b"), 1);
}

/* The next one knows of the calls before it what the one before it knows. */
static void test_what_is_known_of_earlier_calls_is_handed_on(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct work *a = rig_admit(rig, "a", "k"); /* the lease is absent: nobody knows */
    struct work *b = rig_admit(rig, "b", "k");
    rig_settle(rig);
    rig_move(rig, 2 * SECOND);
    serve_one(bench, "GET /find/a");
    assert_int_equal(b->phase, PHASE_ASK);
    assert_int_equal(b->quiet_since_ms, a->quiet_since_ms);
    rig_move(rig, 2 * SECOND); /* in doubt: what was sent may yet happen */
    fake_caller_answer(&rig->caller, bench_call(rig, "POST /create/a"),
                       (struct fake_answer){.transport = 28});
    rig_move(rig, 5 * SECOND);
    serve_one(bench, "GET /find/a");
    serve_one(bench, "POST /create/a");
    int64_t quiet_ms = a->quiet_since_ms;
    rig->outbox.by_itself = false;
    serve_one(bench, "POST /tell/a");
    assert_int_equal(b->quiet_since_ms, quiet_ms);
    rig->outbox.by_itself = true;
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 2);
}

/* Its lease is as long as that of the one before it, however long ago it claimed. */
static void test_claimed_long_ahead(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct metric *lost = metric_counter("hearback_leases_lost_total",
                                         "Leases that went while an item was at work.", NULL, NULL);
    int64_t before = metric_value(lost);
    (void)rig_admit(rig, "a", "k");
    (void)rig_admit(rig, "b", "k");
    rig_settle(rig);
    serve_one(bench, "GET /find/a");
    for (int i = 0; i < 20; i++) {
        rig_move(rig, 5 * SECOND);
    }
    serve_one(bench, "POST /create/a");
    vendor_serve(&bench->vendor, rig, MINUTE);
    assert_int_equal(rig->settled, 2);
    assert_int_equal(metric_value(lost), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_next_prepares_and_its_effect_waits, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(test_next_waits_at_its_first_question_no_longer, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(test_the_same_effect_again_waits_for_the_end, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(test_settled_before_while_another_is_at_work, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(test_settled_before_beside_an_end, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(test_an_end_that_is_late_holds_no_slot, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(test_two_ends_at_once, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(test_claim_on_its_way_at_the_end, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(test_redo_behind_another, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(test_given_back_while_another_is_at_work, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(test_another_owner_has_its_turn, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(test_end_that_is_none, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(test_end_that_is_none_with_a_free_lease, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(test_dead_before_another, bench_open, bench_close),
        cmocka_unit_test_setup_teardown(test_end_that_is_none_with_one_slot, bench_open,
                                        bench_close),
        cmocka_unit_test_setup_teardown(test_what_is_known_of_earlier_calls_is_handed_on,
                                        bench_open, bench_close),
        cmocka_unit_test_setup_teardown(test_claimed_long_ahead, bench_open, bench_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
