/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver and its destination as a whole: what opens the breaker and
 * what a refusal then means, whose turn it is, and what a refused rate holds back.
 * A day of moved clock with a broken destination is an hour's work here.
 */
#define _GNU_SOURCE /* memmem */
#include "tests/component/engine/errand.h"

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

#define OK_FOUND ((struct fake_answer){.status = 200, .body = "{\"found\":true}"})

static void admit(struct rig *rig, int count, const char *prefix)
{
    for (int i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s%d", prefix, i);
        (void)rig_admit(rig, name, name);
    }
    rig_settle(rig);
}

static void answer_one(struct rig *rig, struct fake_answer with)
{
    assert_true(rig->caller.open_count > 0);
    fake_caller_answer(&rig->caller, rig->caller.open[0], with);
    rig_settle(rig);
}

static int letters(const struct rig *rig)
{
    int count = 0;
    for (const struct fake_record *r = rig->outbox.first; r != NULL; r = r->next) {
        bool letter = span_is(span_text(r->topic), TOPIC_DEAD); /* or the record they are of */
        count += letter && kit_matches(buf_span(&r->headers), "*reason=*") ? 1 : 0;
    }
    return count;
}

/* Whether this call is refused for good, whatever it asks. */
static bool is_bad(const struct transfer *t)
{
    return memmem(t->path.at, t->path.len, "bad", 3) != NULL;
}

/* Serves for so long: bad ones are refused with `status`, the others get what they ask. Returns how
 * many calls there were. */
static int serve(struct bench *bench, int64_t ms, int status)
{
    struct rig *rig = &bench->rig;
    int calls = 0;
    rig_settle(rig);
    while (ms > 0 && stages_count(rig->stages) > 0) {
        if (rig->caller.open_count > 0) {
            struct transfer *t = rig->caller.open[0];
            calls++;
            if (status != 0 && is_bad(t)) {
                fake_caller_answer(&rig->caller, t, (struct fake_answer){.status = status});
            } else {
                vendor_answer(&bench->vendor, rig, t);
            }
            rig_settle(rig);
        } else {
            int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
            step = step < 1 ? 1 : step > ms ? ms : step;
            rig_move(rig, step);
            ms -= step;
        }
    }
    return calls;
}

/* The login expired: a day goes by, nothing dies, and when it is renewed everything is done. */
static void test_a_day_without_a_login(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.retry.give_up_after_ms = 30 * MINUTE;
    rig->to.calls_max = 4;
    admit(rig, 12, "a");
    int calls = 0;
    for (int64_t began = rig->time->mono; rig->time->mono - began < 24 * HOUR;) {
        while (rig->caller.open_count > 0) {
            answer_one(rig, (struct fake_answer){.status = 401});
            calls++;
        }
        int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
        rig_move(rig, step < 1 ? 1 : step);
    }
    assert_int_equal(letters(rig), 0);
    assert_int_equal(stages_count(rig->stages), 12);
    assert_in_range(calls, 1300, 1500); /* a probe a minute */
    assert_true(kit_logged("breaker_open") == 1);
    (void)serve(bench, HOUR, 0);
    assert_int_equal(rig->settled, 12);
    assert_int_equal(letters(rig), 0);
    assert_int_equal(kit_logged("breaker_closed"), 1);
}

/* A day of 503: the same, though each of them may have had an effect. */
static void test_a_day_of_outage(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.retry.give_up_after_ms = 30 * MINUTE;
    admit(rig, 12, "a");
    for (int64_t began = rig->time->mono; rig->time->mono - began < 24 * HOUR;) {
        while (rig->caller.open_count > 0) {
            answer_one(rig, (struct fake_answer){.status = 503});
        }
        int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
        rig_move(rig, step < 1 ? 1 : step);
    }
    assert_int_equal(letters(rig), 0);
    (void)serve(bench, HOUR, 0);
    assert_int_equal(rig->settled, 12);
    for (int i = 0; i < 12; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "a%d", i);
        assert_int_equal(vendor_created(&bench->vendor, name), 1);
        assert_int_equal(vendor_told(&bench->vendor, name), 1);
    }
}

/* One request that is refused concerns its item; the others go on. */
static void test_one_refusal_is_the_items_own(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    static const int statuses[] = {413, 404, 400, 422};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        char prefix[16];
        (void)snprintf(prefix, sizeof(prefix), "bad%zu", i);
        admit(rig, 1, prefix);
        (void)serve(bench, MINUTE, statuses[i]);
        admit(rig, 1, i == 0 ? "a" : i == 1 ? "b" : i == 2 ? "c" : "d");
        (void)serve(bench, MINUTE, 0);
        assert_int_equal(letters(rig), i + 1);
        assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
    }
    assert_int_equal(rig->settled, 8);
}

/* What is forbidden to one item only kills it when others were sent behind it, and went through. */
static void test_forbidden_to_one(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    admit(rig, 1, "bad");
    (void)serve(bench, HOUR, 403);
    assert_int_equal(letters(rig), 0); /* nobody knows whether it is for all */
    assert_int_equal(kit_logged("breaker_open"), 1);
    admit(rig, 1, "good");
    (void)serve(bench, 2 * MINUTE, 403);
    assert_int_equal(vendor_told(&bench->vendor, "good0"), 1);
    assert_int_equal(letters(rig), 1);
    assert_int_equal(stages_count(rig->stages), 0);
    assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
}

/* It may be read, and no longer be written (a field became required, a permission went): that reads
 * go through says nothing of it. */
static void test_only_writes_are_refused(void **state)
{
    static const int statuses[] = {403, 400};
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    for (size_t s = 0; s < COUNT_OF(statuses); s++) {
        int before = letters(rig);
        int opened = kit_logged("breaker_open");
        int64_t began = rig->time->mono;
        int calls = 0;
        admit(rig, 14, s == 0 ? "a" : "b");
        while (rig->time->mono - began < 12 * HOUR) {
            while (rig->caller.open_count > 0) {
                struct transfer *t = rig->caller.open[0];
                calls++;
                if (strcmp(t->method, "GET") == 0) {
                    vendor_answer(&bench->vendor, rig, t);
                } else {
                    fake_caller_answer(&rig->caller, t,
                                       (struct fake_answer){.status = statuses[s]});
                }
                rig_settle(rig);
            }
            int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
            rig_move(rig, step < 1 ? 1 : step);
        }
        assert_int_equal(letters(rig) - before, s == 0 ? 0 : 4);
        assert_int_equal(kit_logged("breaker_open") - opened, 1);
        assert_in_range(calls, 700, 800); /* a probe a minute, and how they came so far */
        (void)serve(bench, HOUR, 0);
        assert_int_equal(stages_count(rig->stages), 0);
        assert_int_equal(letters(rig) - before, s == 0 ? 0 : 4);
        assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
    }
}

/* Everything is refused: few die, if it may be for their own sake; the rest waits, and is done. */
static void run_of_refusals(struct bench *bench, int status, int dead)
{
    struct rig *rig = &bench->rig;
    rig->config.retry.give_up_after_ms = HOUR;
    admit(rig, 20, "a");
    for (int64_t began = rig->time->mono; rig->time->mono - began < 12 * HOUR;) {
        while (rig->caller.open_count > 0) {
            answer_one(rig, (struct fake_answer){.status = status});
        }
        int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
        rig_move(rig, step < 1 ? 1 : step);
    }
    assert_int_equal(letters(rig), dead);
    assert_int_equal(rig->settled, dead);
    assert_int_equal(kit_logged("breaker_open"), 1);
    (void)serve(bench, HOUR, 0);
    assert_int_equal(rig->settled, 20);
    assert_int_equal(letters(rig), dead);
}

static void test_a_run_of_refusals(void **state)
{
    run_of_refusals(*state, 404, 4); /* breaker.refusals less the one that opened it */
}

/* One ticket that the vendor does not like, for each of those who asked for it: it is the ticket.
 */
static void test_refusals_of_one_key(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    for (int i = 0; i < 20; i++) {
        char id[24];
        (void)snprintf(id, sizeof(id), "bad%d", i);
        (void)rig_admit(rig, id, "one");
    }
    (void)serve(bench, HOUR, 400);
    assert_int_equal(letters(rig), 20);
    assert_int_equal(kit_logged("breaker_open"), 0);
}

/* A permission was withdrawn. */
static void test_everything_is_forbidden(void **state)
{
    run_of_refusals(*state, 403, 0);
}

/* Some are bad for good: they open it, but do not hold it closed for the good ones, and die. */
static void test_bad_ones_do_not_hold_the_others(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    admit(rig, 12, "bad");
    (void)serve(bench, 10 * MINUTE, 400);
    assert_int_equal(letters(rig), 4);
    assert_int_equal(rig->to.breaker.state == BREAKER_CLOSED, false);
    admit(rig, 1, "good");
    int64_t began = rig->time->mono;
    while (vendor_told(&bench->vendor, "good0") == 0) {
        assert_true(rig->time->mono - began < 3 * MINUTE);
        (void)serve(bench, SECOND, 400);
    }
    for (int i = 0; i < 20 && stages_count(rig->stages) > 0; i++) {
        char prefix[24];
        (void)snprintf(prefix, sizeof(prefix), "more%d.", i);
        admit(rig, 1, prefix);
        (void)serve(bench, 10 * MINUTE, 400);
    }
    assert_int_equal(letters(rig), 12);
    assert_int_equal(stages_count(rig->stages), 0);
}

/* It was down; the first that gets through is refused for its own sake: that is an answer. */
static void test_a_refusal_ends_an_outage(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    admit(rig, 1, "bad");
    while (rig->to.breaker.state == BREAKER_CLOSED) {
        answer_one(rig, (struct fake_answer){.transport = 7, .unreached = true});
        rig_move(rig, MINUTE);
    }
    (void)serve(bench, 5 * MINUTE, 400);
    assert_int_equal(letters(rig), 1);
    assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
}

/* A 429 holds its class back, not the others, until the time the vendor named. */
static void test_a_refused_rate_holds_its_class(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    admit(rig, 3, "a");
    answer_one(rig, OK_FOUND); /* a0 goes on to its POST */
    assert_int_equal(rig->caller.open_count, 3);
    while (rig->caller.open_count > 0) {
        struct transfer *t = rig->caller.open[0];
        bool get = strcmp(t->method, "GET") == 0;
        fake_caller_answer(&rig->caller, t,
                           get ? (struct fake_answer){.status = 429, .header = "Retry-After: 60"}
                               : (struct fake_answer){.status = 200});
        rig_settle(rig);
    }
    assert_int_equal(rig->settled, 1);
    admit(rig, 4, "b"); /* they are to ask, too */
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, MINUTE - 1);
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, 1);
    assert_true(rig->caller.open_count > 0);
    (void)serve(bench, HOUR, 0);
    assert_int_equal(rig->settled, 7);
    assert_int_equal(letters(rig), 0);
}

/* Without a time of its own a 429 holds for longer and longer. */
static void test_a_refused_rate_without_a_time(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    admit(rig, 1, "a");
    int64_t last = rig->time->mono;
    for (int i = 0; i < 8; i++) {
        int64_t least = (SECOND << i) > 30 * SECOND ? 30 * SECOND : SECOND << i;
        answer_one(rig, (struct fake_answer){.status = 429});
        last = rig->time->mono;
        while (rig->caller.open_count == 0) {
            int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
            rig_move(rig, step < 1 ? 1 : step);
        }
        assert_true(rig->time->mono - last >= least);
    }
    (void)serve(bench, HOUR, 0);
    assert_int_equal(rig->settled, 1);
}

/* One item fails whatever is done, by a broken answer to a question or to an effect; now and then
 * another goes through. That one is given up, in about the time that was set. */
static void one_fails(struct bench *bench, const char *method, int64_t others_every_ms)
{
    struct rig *rig = &bench->rig;
    rig->config.retry.give_up_after_ms = HOUR;
    admit(rig, 1, "bad");
    int64_t began = rig->time->mono;
    int goods = 0;
    int64_t died = 0;
    for (int64_t at = began; at < began + 4 * HOUR; at += others_every_ms) {
        char prefix[24];
        (void)snprintf(prefix, sizeof(prefix), "other%d.", goods++);
        admit(rig, 1, prefix);
        while (rig->time->mono < at + others_every_ms) {
            while (rig->caller.open_count > 0) {
                struct transfer *t = rig->caller.open[0];
                if (is_bad(t) && strcmp(t->method, method) == 0) {
                    fake_caller_answer(&rig->caller, t, (struct fake_answer){.status = 500});
                } else {
                    bench->vendor.log[0] = 0; /* it would be full */
                    vendor_answer(&bench->vendor, rig, t);
                }
                rig_settle(rig);
            }
            died = died == 0 && letters(rig) > 0 ? rig->time->mono : died;
            int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
            int64_t most = at + others_every_ms - rig->time->mono;
            rig_move(rig, step < 1 ? 1 : step > most ? most : step);
        }
    }
    assert_int_equal(letters(rig), 1);
    assert_in_range(died - began, 45 * MINUTE, 3 * HOUR);
    assert_int_equal(rig->settled, goods + 1);
    assert_int_equal(stages_count(rig->stages), 0);
}

static void test_one_fails_among_many(void **state)
{
    one_fails(*state, "GET", 4 * MINUTE);
}

static void test_one_fails_among_few(void **state)
{
    one_fails(*state, "GET", 30 * MINUTE);
}

static void test_one_effect_fails_among_many(void **state)
{
    one_fails(*state, "POST", 4 * MINUTE);
}

static void test_one_effect_fails_among_few(void **state)
{
    one_fails(*state, "POST", 30 * MINUTE);
}

/* With nobody else about, it may as well be the destination: it waits, and the alarm is on. */
static void test_one_fails_alone(void **state)
{
    static const char *const methods[] = {"GET", "POST"};
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.retry.give_up_after_ms = HOUR;
    for (size_t m = 0; m < COUNT_OF(methods); m++) {
        admit(rig, 1, m == 0 ? "a" : "b");
        for (int64_t began = rig->time->mono; rig->time->mono - began < 5 * HOUR;) {
            while (rig->caller.open_count > 0) {
                struct transfer *t = rig->caller.open[0];
                if (strcmp(t->method, methods[m]) == 0) {
                    fake_caller_answer(&rig->caller, t, (struct fake_answer){.status = 500});
                } else {
                    bench->vendor.log[0] = 0; /* it would be full */
                    vendor_answer(&bench->vendor, rig, t);
                }
                rig_settle(rig);
            }
            int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
            rig_move(rig, step < 1 ? 1 : step);
        }
        assert_int_equal(letters(rig), 0);
        assert_int_equal(kit_logged("breaker_open"), m + 1);
        assert_true(rig->to.breaker.state != BREAKER_CLOSED);
        (void)serve(bench, HOUR, 0);
        assert_int_equal(rig->settled, m + 1);
        assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
    }
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_a_day_without_a_login),
        ON_A_BENCH(test_a_day_of_outage),
        ON_A_BENCH(test_one_refusal_is_the_items_own),
        ON_A_BENCH(test_a_run_of_refusals),
        ON_A_BENCH(test_refusals_of_one_key),
        ON_A_BENCH(test_everything_is_forbidden),
        ON_A_BENCH(test_forbidden_to_one),
        ON_A_BENCH(test_one_fails_among_many),
        ON_A_BENCH(test_one_fails_among_few),
        ON_A_BENCH(test_one_effect_fails_among_many),
        ON_A_BENCH(test_one_effect_fails_among_few),
        ON_A_BENCH(test_one_fails_alone),
        ON_A_BENCH(test_only_writes_are_refused),
        ON_A_BENCH(test_bad_ones_do_not_hold_the_others),
        ON_A_BENCH(test_a_refusal_ends_an_outage),
        ON_A_BENCH(test_a_refused_rate_holds_its_class),
        ON_A_BENCH(test_a_refused_rate_without_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
