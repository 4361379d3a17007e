/* SPDX-License-Identifier: Apache-2.0
 *
 * A vendor that means something else by an answer than the verdict table does:
 *   look    READ    GET  /look/EFFECT    there → done, else → write
 *   write   ?look   POST /write/EFFECT   done
 * It says 404 to a question where there is nothing yet, 409 to an effect that is
 * there already, and 200 when it is busy. All else goes by the table.
 */
#include "tests/component/engine/errand.h"

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000)

enum { LOOK, WRITE };

/* ---- the vendor and the worker ----------------------------------------------------------- */

static bool means(const struct reply *reply, bool effect, struct step *out)
{
    CHECK(reply->status > 0); /* there is an answer, or nobody is asked what it means */
    if (reply->status == 404 && !effect) {
        *out = step_next(WRITE);
        return true;
    }
    if (reply->status == 409 && effect) {
        *out = step_done("was_there");
        return true;
    }
    if (reply->status == 200 && span_is(reply->body, "busy")) {
        *out = step_again(5 * SECOND, "busy");
        return true;
    }
    return false;
}

static const struct destination_kind vendor_kind = {
    .name = "vendor", .open = errand_open, .override = means};

static struct err ask(const struct item *item, struct call *call, const char *method,
                      const char *path)
{
    call->kind = CALL_HTTP;
    call->method = method;
    call->path =
        span_text(arena_printf(call->arena, "%s" SPAN_FMT, path, SPAN_ARG(item->effect_id)));
    return NO_ERROR;
}

static struct err ask_look(struct item *item, struct call *call)
{
    return ask(item, call, "GET", "/look/");
}

static struct step read_look(struct item *item, const struct reply *reply)
{
    (void)item;
    return span_is(reply->body, "there") ? step_done("there") : step_unclear("unreadable");
}

static struct err ask_write(struct item *item, struct call *call)
{
    return ask(item, call, "POST", "/write/");
}

static struct step read_write(struct item *item, const struct reply *reply)
{
    (void)item;
    (void)reply;
    return step_done("written");
}

static const struct stage stages[] = {
    [LOOK] = {.name = "look",
              .to = &vendor_kind,
              .ask = ask_look,
              .answered = read_look,
              .doubt = STAGE_READ},
    [WRITE] = {.name = "write",
               .to = &vendor_kind,
               .ask = ask_write,
               .answered = read_write,
               .doubt = LOOK},
};

/* The bench looks for records under this name. */
static const struct worker writer = {.name = "errand",
                                     .topic = "hearback.interviews",
                                     .help = "for tests",
                                     .stages = stages,
                                     .stage_count = COUNT_OF(stages),
                                     .itemise = errand_itemise,
                                     .fragment = errand_fragment,
                                     .digest = errand_digest};

static int open_bench(void **state)
{
    int failed_to = bench_open(state);
    if (failed_to == 0) {
        bench_stages(*state, &writer, false);
    }
    return failed_to;
}

static void answer(struct rig *rig, const char *what, struct fake_answer with)
{
    fake_caller_answer(&rig->caller, bench_call(rig, what), with);
    rig_settle(rig);
}

static void admit(struct rig *rig, const char *effect)
{
    (void)rig_admit(rig, effect, "k");
    rig_settle(rig);
}

/* ---- tests ------------------------------------------------------------------------------- */

/* By the table 404 would be a dead letter, 409 another attempt, and 200 an answer to read. */
static void test_the_vendors_word_counts(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    admit(rig, "a");
    answer(rig, "GET /look/a", (struct fake_answer){.status = 200, .body = "busy"});
    rig_move(rig, 5 * SECOND - 1);
    assert_int_equal(rig->caller.open_count, 0);
    rig_move(rig, 1);
    answer(rig, "GET /look/a", (struct fake_answer){.status = 404});
    answer(rig, "POST /write/a", (struct fake_answer){.status = 409});
    assert_string_equal(bench_record(bench, "a", "k"), "done:was_there");
    assert_int_equal(rig->settled, 1);
}

/* The same two statuses the other way round, a readable answer, and no answer at all. */
static void test_what_it_declines_goes_by_the_table(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    admit(rig, "a");
    answer(rig, "GET /look/a", (struct fake_answer){.status = 409});
    rig_move(rig, 2 * SECOND);
    answer(rig, "GET /look/a", (struct fake_answer){.transport = 7, .unreached = true});
    rig_move(rig, 4 * SECOND);
    answer(rig, "GET /look/a", (struct fake_answer){.status = 200, .body = "there"});
    assert_string_equal(bench_record(bench, "a", "k"), "done:there");
    admit(rig, "b");
    answer(rig, "GET /look/b", (struct fake_answer){.status = 404});
    answer(rig, "POST /write/b", (struct fake_answer){.status = 404});
    assert_string_equal(bench_record(bench, "b", "k"), "dead:http_404");
    admit(rig, "c");
    answer(rig, "GET /look/c", (struct fake_answer){.status = 404});
    answer(rig, "POST /write/c", (struct fake_answer){.status = 201});
    assert_string_equal(bench_record(bench, "c", "k"), "done:written");
    assert_int_equal(rig->settled, 3);
}

/* A refusal that is none counts as an answer: a row of them does not open the breaker. */
static void test_it_is_no_refusal_to_the_breaker(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    for (int i = 0; i < 12; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "a%d", i);
        (void)rig_admit(rig, name, name);
    }
    rig_settle(rig);
    while (rig->caller.open_count > 0) {
        struct transfer *t = rig->caller.open[0];
        bool get = strcmp(t->method, "GET") == 0;
        fake_caller_answer(&rig->caller, t, (struct fake_answer){.status = get ? 404 : 201});
        rig_settle(rig);
    }
    assert_int_equal(rig->settled, 12);
    assert_int_equal(kit_logged("breaker_open"), 0);
    assert_int_equal(rig->to.breaker.state, BREAKER_CLOSED);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, bench_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_the_vendors_word_counts),
        ON_A_BENCH(test_what_it_declines_goes_by_the_table),
        ON_A_BENCH(test_it_is_no_refusal_to_the_breaker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
