/* SPDX-License-Identifier: Apache-2.0
 *
 * The ground moves under an item: at each place where it can stand, its partition
 * is taken away, or Redis is emptied and restored under another epoch. Whatever
 * happens, the vendor sees each effect once, and nothing is left behind.
 */
#include "tests/component/engine/errand.h"

#include <string.h>

#define HOUR (INT64_C(60) * 60 * 1000)

static void answer(struct rig *rig, const char *what, struct fake_answer with)
{
    fake_caller_answer(&rig->caller, bench_call(rig, what), with);
    rig_settle(rig);
}

static void serve_one(struct bench *bench, const char *what)
{
    vendor_answer(&bench->vendor, &bench->rig, bench_call(&bench->rig, what));
    rig_settle(&bench->rig);
}

/* ---- places ------------------------------------------------------------------------------ */

static void before_claim(struct bench *bench)
{
    (void)rig_admit(&bench->rig, "a", "k");
}

static void claiming(struct bench *bench)
{
    (void)rig_admit(&bench->rig, "a", "k");
    assert_true(stages_run(bench->rig.stages));
    assert_true(redis_in_flight(bench->rig.redis) > 0);
}

static void busy(struct bench *bench)
{
    assert_string_equal(
        redis_say(bench->plain, "HSET", "hearback:order:{errand/k}", "o", "other", "n", "5", NULL),
        "2");
    (void)rig_admit(&bench->rig, "a", "k");
    rig_settle(&bench->rig);
    assert_string_equal(bench_lease(bench, "k", "w"), "me");
}

static void finding(struct bench *bench)
{
    (void)rig_admit(&bench->rig, "a", "k");
    rig_settle(&bench->rig);
    (void)bench_call(&bench->rig, "GET /find/a");
}

static void asleep(struct bench *bench)
{
    finding(bench);
    answer(&bench->rig, "GET /find/a",
           (struct fake_answer){.status = 429, .header = "Retry-After: 9"});
}

static void asleep_and_one_behind(struct bench *bench)
{
    asleep(bench);
    (void)rig_admit(&bench->rig, "b", "k");
    (void)rig_admit(&bench->rig, "c", "k");
    rig_settle(&bench->rig);
}

static void waiting_for_a_slot(struct bench *bench)
{
    bench->rig.to.calls_max = 1;
    (void)rig_admit(&bench->rig, "z", "kz");
    rig_settle(&bench->rig);
    (void)rig_admit(&bench->rig, "a", "k");
    rig_settle(&bench->rig);
    (void)bench_call(&bench->rig, "GET /find/z");
}

static void behind_the_breaker(struct bench *bench)
{
    finding(bench);
    answer(&bench->rig, "GET /find/a", (struct fake_answer){.status = 401});
    rig_move(&bench->rig, 14000);
    assert_int_equal(bench->rig.to.breaker.state, BREAKER_OPEN);
}

static void probing(struct bench *bench)
{
    behind_the_breaker(bench);
    rig_move(&bench->rig, 2000);
    assert_int_equal(bench->rig.to.breaker.state, BREAKER_PROBING);
}

static void intending(struct bench *bench)
{
    finding(bench);
    bench->rig.outbox.by_itself = false;
    serve_one(bench, "GET /find/a");
    assert_int_equal(bench->rig.outbox.unanswered, 1);
    assert_int_equal(bench->rig.caller.open_count, 0);
}

static void sending(struct bench *bench)
{
    finding(bench);
    serve_one(bench, "GET /find/a");
    (void)bench_call(&bench->rig, "POST /create/a");
}

static void in_doubt(struct bench *bench)
{
    sending(bench);
    vendor_does(&bench->vendor, &bench->rig, bench_call(&bench->rig, "POST /create/a"),
                (struct fake_answer){.transport = 28});
    rig_settle(&bench->rig);
    assert_int_equal(bench->rig.caller.open_count, 0);
}

static void recording(struct bench *bench)
{
    sending(bench);
    bench->rig.outbox.by_itself = false;
    serve_one(bench, "POST /create/a");
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create"); /* the changelog first */
    assert_int_equal(bench->rig.outbox.unanswered, 1);
}

static void in_the_script(struct bench *bench)
{
    recording(bench);
    assert_true(fake_outbox_answer(&bench->rig.outbox, true));
    rig_settle(&bench->rig);
    assert_string_equal(redis_say(bench->plain, "EXISTS", "kept:{k}", NULL), "1");
    assert_int_equal(bench->rig.outbox.unanswered, 2);
}

static void telling(struct bench *bench)
{
    sending(bench);
    serve_one(bench, "POST /create/a");
    (void)bench_call(&bench->rig, "POST /tell/a");
}

static void recording_done(struct bench *bench)
{
    telling(bench);
    bench->rig.outbox.by_itself = false;
    serve_one(bench, "POST /tell/a");
    assert_string_equal(bench_record(bench, "a", "k"), "intended:tell"); /* the changelog first */
    assert_int_equal(bench->rig.outbox.unanswered, 1);
}

static void writing_a_letter(struct bench *bench)
{
    finding(bench);
    bench->rig.outbox.by_itself = false;
    answer(&bench->rig, "GET /find/a", (struct fake_answer){.status = 400});
    assert_int_equal(bench->rig.outbox.unanswered, 1);
}

static void parked(struct bench *bench)
{
    ledger_close_view(bench->rig.ledger);
    (void)rig_admit(&bench->rig, "a", "k");
    rig_settle(&bench->rig);
}

static void parked_while_at_work(struct bench *bench)
{
    asleep(bench);
    ledger_close_view(bench->rig.ledger);
    rig_move(&bench->rig, 20000);
    assert_int_equal(bench->rig.caller.open_count, 0);
}

static const struct place {
    const char *name;
    void (*reach)(struct bench *bench);
    bool settles; /* the item ends, although its partition is gone */
    bool dead;    /* a dead letter, no effect */
} places[] = {
    {"before_claim", before_claim, false, false},
    {"claiming", claiming, false, false},
    {"busy", busy, false, false},
    {"finding", finding, false, false},
    {"asleep", asleep, false, false},
    {"waiting_for_a_slot", waiting_for_a_slot, false, false},
    {"behind_the_breaker", behind_the_breaker, false, false},
    {"probing", probing, false, false},
    {"intending", intending, false, false},
    {"sending", sending, false, false},
    {"in_doubt", in_doubt, false, false},
    {"recording", recording, false, false},
    {"in_the_script", in_the_script, false, false},
    {"telling", telling, true, false},
    {"recording_done", recording_done, true, false},
    {"writing_a_letter", writing_a_letter, true, true},
    {"parked", parked, false, false},
    {"parked_while_at_work", parked_while_at_work, false, false},
    {"asleep_and_one_behind", asleep_and_one_behind, false, false},
};

/* ---- what happens there ------------------------------------------------------------------ */

static void check_once(const struct bench *bench, const struct place *place)
{
    int wanted = place->dead ? 0 : 1;
    const char *const names[] = {"a", "b", "c", "z"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        bool there = false;
        for (size_t e = 0; e < bench->vendor.count; e++) {
            there = there || strcmp(bench->vendor.effects[e].effect, names[i]) == 0;
        }
        if (!there && i > 0) {
            continue;
        }
        int created = vendor_created(&bench->vendor, names[i]);
        int told = vendor_told(&bench->vendor, names[i]);
        if (created != wanted || told != wanted) {
            print_error("%s: %s was created %d times and told %d times; %s\n", place->name,
                        names[i], created, told, bench->vendor.log);
            fail();
        }
    }
}

static void end_all(struct bench *bench, const struct place *place)
{
    struct rig *rig = &bench->rig;
    rig->outbox.by_itself = true;
    vendor_serve(&bench->vendor, rig, HOUR);
    rig_settle(rig);
    if (stages_count(rig->stages) != 0 || rig->to.calls_out != 0 || rig->order.keys != 0 ||
        ledger_in_flight(rig->ledger) != 0) {
        print_error("%s: something is left\n", place->name);
        fail();
    }
}

static void revoke_at(struct bench *bench, const struct place *place)
{
    struct rig *rig = &bench->rig;
    place->reach(bench);
    size_t items = rig->load_count;
    rig->unwanted = true;
    stages_sweep(rig->stages);
    rig_settle(rig);
    end_all(bench, place);
    assert_int_equal(rig->settled + rig->spoiled, items);
    assert_int_equal(rig->settled, place->settles ? items : 0);
    const char *holder = bench_lease(bench, "k", "o");
    if (!ledger_is_open(rig->ledger) || strcmp(holder, "me") == 0) {
        assert_false(ledger_is_open(rig->ledger)); /* then there is nobody to give it back to */
    }
    /* Its next owner, the same process or another, begins anew. */
    rig->unwanted = false;
    if (!ledger_is_open(rig->ledger)) {
        rig_view(rig, bench->plain, "{\"id\":\"one\"}");
    }
    const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < (place->reach == asleep_and_one_behind ? 3 : 1); i++) {
        (void)rig_admit(rig, names[i], "k");
    }
    if (place->reach == waiting_for_a_slot) {
        (void)rig_admit(rig, "z", "kz");
    }
    end_all(bench, place);
    check_once(bench, place);
}

static void lose_view_at(struct bench *bench, const struct place *place)
{
    place->reach(bench);
    bench_restore(bench, &bench->rig, "{\"id\":\"two\"}");
    end_all(bench, place);
    assert_int_equal(bench->rig.settled, bench->rig.load_count);
    check_once(bench, place);
}

/* Closed, and opened again as it was: the connection broke. */
static void close_at(struct bench *bench, const struct place *place)
{
    place->reach(bench);
    ledger_close_view(bench->rig.ledger);
    rig_move(&bench->rig, 1000);
    rig_view(&bench->rig, bench->plain, "{\"id\":\"one\"}");
    end_all(bench, place);
    assert_int_equal(bench->rig.settled, bench->rig.load_count);
    check_once(bench, place);
}

static void at_every_place(void (*happens)(struct bench *bench, const struct place *place))
{
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        void *state = NULL;
        print_message("  %s\n", places[i].name);
        assert_int_equal(bench_open(&state), 0);
        happens(state, &places[i]);
        assert_int_equal(bench_close(&state), 0);
    }
}

static void test_revoked_at_every_place(void **state)
{
    (void)state;
    at_every_place(revoke_at);
}

static void test_view_lost_at_every_place(void **state)
{
    (void)state;
    at_every_place(lose_view_at);
}

static void test_closed_for_a_while_at_every_place(void **state)
{
    (void)state;
    at_every_place(close_at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_revoked_at_every_place),
        cmocka_unit_test(test_view_lost_at_every_place),
        cmocka_unit_test(test_closed_for_a_while_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
