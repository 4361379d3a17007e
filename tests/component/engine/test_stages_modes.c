/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver where it does other than work: a dry run that changes nothing,
 * a redo that repeats only what may be repeated, a dead letter tried again, and
 * what a dead item began taken back.
 */
#include "tests/component/engine/errand.h"

#include <stdio.h>
#include <string.h>

#define OK_FOUND     ((struct fake_answer){.status = 200, .body = "{\"found\":true}"})
#define OK_NOT_FOUND ((struct fake_answer){.status = 200, .body = "{\"found\":false}"})
#define CREATED      ((struct fake_answer){.status = 201, .body = "{\"id\":\"7\"}"})
#define MINUTE       INT64_C(60000)

static void answer(struct rig *rig, const char *what, struct fake_answer with)
{
    fake_caller_answer(&rig->caller, bench_call(rig, what), with);
    rig_settle(rig);
}

/* Everything there is in Redis, and how much was appended to the changelog or the letters. */
static void look(struct bench *bench, char out[64])
{
    static const char digest[] =
        "local all = {} local keys = redis.call('KEYS', '*') table.sort(keys) "
        "for _, key in ipairs(keys) do table.insert(all, key .. redis.call('DUMP', key)) end "
        "return redis.sha1hex(table.concat(all))";
    (void)snprintf(out, 64, "%.40s %zu", redis_say(bench->plain, "EVAL", digest, "0", NULL),
                   bench->rig.outbox.sent);
}

/* Admits the effect again, its record read for this. */
static void admit_as(struct bench *bench, const char *effect, bool again_dead, bool redo)
{
    struct work *work = rig_admit(&bench->rig, effect, "k");
    work->load->job.again_dead = again_dead;
    work->load->job.redo = redo;
    rig_settle(&bench->rig);
}

static void do_all(struct bench *bench, const char *effect)
{
    (void)rig_admit(&bench->rig, effect, "k");
    vendor_serve(&bench->vendor, &bench->rig, MINUTE);
    assert_string_equal(bench_record(bench, effect, "k"), "done:told");
}

/* ---- dry --------------------------------------------------------------------------------- */

static void test_dry_changes_nothing(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    char before[64];
    char after[64];
    do_all(bench, "old");
    bench_stages(bench, &errand, true);
    look(bench, before);
    (void)rig_admit(rig, "old", "k");
    rig_settle(rig);
    (void)rig_admit(rig, "poison", "k3");
    rig_settle(rig);
    (void)rig_admit(rig, "new", "k");
    (void)rig_admit(rig, "found", "k2");
    rig_settle(rig);
    assert_int_equal(rig->caller.open_count, 2);
    fake_caller_answer(&rig->caller, fake_caller_find(&rig->caller, "GET /find/new"), OK_NOT_FOUND);
    fake_caller_answer(&rig->caller, fake_caller_find(&rig->caller, "GET /find/found"), OK_FOUND);
    rig_settle(rig);
    look(bench, after);
    assert_string_equal(after, before);
    assert_string_equal(rig->would, "old: find: nothing: settled before;"
                                    "poison: find: dead letter: poison;"
                                    "new: create: send POST;"
                                    "found: tell: send POST;");
    assert_int_equal(stages_count(rig->stages), 0);
    assert_int_equal(rig->settled, 5);
    assert_int_equal(rig->spoiled, 0);
}

/* Somebody else is at work on the key: a dry run says what it would do all the same. */
static void test_dry_waits_for_nobody(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    assert_string_equal(
        redis_say(bench->plain, "HSET", "hearback:order:{errand/k}", "o", "she", "n", "4", NULL),
        "2");
    bench_stages(bench, &errand, true);
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", (struct fake_answer){.status = 404});
    assert_string_equal(rig->would, "a: find: dead letter: http_404;");
    assert_string_equal(bench_lease(bench, "k", "w"), "");
}

/* What an earlier attempt left in doubt is asked, not done. */
static void test_dry_in_doubt(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    static const char intended[] =
        "{\"s\":\"intended\",\"g\":\"create\",\"b\":\"find\",\"o\":\"she\",\"t\":1,\"m\":{}}";
    assert_string_equal(
        redis_say(bench->plain, "SET", "hearback:effect:{errand/k}:a", intended, NULL), "OK");
    bench_stages(bench, &errand, true);
    (void)rig_admit(rig, "a", "k");
    rig_settle(rig);
    answer(rig, "GET /find/a", OK_FOUND);
    assert_string_equal(rig->would, "a: tell: send POST;");
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create");
}

/* ---- dead letters tried again ------------------------------------------------------------ */

static void test_dead_is_tried_again(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    admit_as(bench, "a", false, false);
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a", (struct fake_answer){.status = 400});
    assert_string_equal(bench_record(bench, "a", "k"), "dead:http_400");
    assert_int_equal(rig->settled, 1);
    admit_as(bench, "a", false, false); /* read again: it stays dead */
    assert_int_equal(rig->settled, 2);
    assert_int_equal(rig->caller.started, 2);
    admit_as(bench, "a", true, false); /* asked again from the start: much may have happened */
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    assert_string_equal(bench_record(bench, "a", "k"), "intended:create");
    answer(rig, "POST /create/a", (struct fake_answer){.status = 400}); /* no better */
    assert_string_equal(bench_record(bench, "a", "k"), "dead:http_400");
    admit_as(bench, "a", true, false);
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a", CREATED);
    answer(rig, "POST /tell/a", (struct fake_answer){.status = 200});
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    admit_as(bench, "a", true, false); /* what is done stays done */
    assert_int_equal(rig->settled, 5);
    assert_int_equal(rig->caller.started, 7);
}

/* It gave up while nobody knew whether the effect had happened: that is asked first. */
static void test_dead_in_doubt(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->config.retry.give_up_after_ms = 1;
    rig->config.breaker.failures = 1000;
    admit_as(bench, "a", false, false);
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a", (struct fake_answer){.transport = 28});
    for (int i = 0; i < 100 && stages_count(rig->stages) > 0; i++) {
        rig_move(rig, MINUTE);
        if (rig->caller.open_count > 0) {
            answer(rig, "GET /find/a", (struct fake_answer){.status = 503});
        }
    }
    assert_string_equal(bench_record(bench, "a", "k"), "dead:gave_up");
    const char *record = redis_say(bench->plain, "GET", "hearback:effect:{errand/k}:a", NULL);
    assert_non_null(strstr(record, "\"d\":true"));
    admit_as(bench, "a", true, false);
    assert_true(fake_caller_find(&rig->caller, "GET /find/a") != NULL);
    answer(rig, "GET /find/a", OK_FOUND);
    answer(rig, "POST /tell/a", (struct fake_answer){.status = 200});
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
}

/* ---- what it began is taken back --------------------------------------------------------- */

static struct err bury(struct item *item, struct call *call)
{
    call->kind = CALL_SCRIPT;
    call->script = &script_theme_return;
    call->keys[0] =
        span_text(arena_printf(call->arena, "kept:{" SPAN_FMT "}", SPAN_ARG(item->order_key)));
    call->key_count = 1;
    call->args[0] = item->effect_id;
    call->arg_count = 1;
    return NO_ERROR;
}

static void test_buried_before_the_letter(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct worker worker = errand;
    worker.bury = bury;
    bench_stages(bench, &worker, false);
    assert_string_equal(
        redis_say(bench->plain, "SET", "kept:{k}", "{\"status\":\"filing\",\"owner\":\"a\"}", NULL),
        "OK");
    admit_as(bench, "a", false, false);
    rig->outbox.by_itself = false;
    answer(rig, "GET /find/a", (struct fake_answer){.status = 400});
    const struct fake_record *line = fake_outbox_last(&rig->outbox, "hearback.changelog");
    assert_true(span_is(buf_span(&line->value), "{\"status\":\"watching\"}"));
    assert_null(fake_outbox_last(&rig->outbox, "hearback.dead")); /* not before it is durable */
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_non_null(fake_outbox_last(&rig->outbox, "hearback.dead"));
    rig->outbox.by_itself = true;
    rig_settle(rig);
    assert_string_equal(bench_record(bench, "a", "k"), "dead:http_400");
    assert_int_equal(rig->settled, 1);
    bench_stages(bench, &errand, false);
}

/* ---- redo -------------------------------------------------------------------------------- */

static void test_redo_repeats_what_may_be_repeated(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct stage stages[8];
    struct worker worker = errand;
    char before[512];
    memcpy(stages, errand.stages, sizeof(stages[0]) * errand.stage_count);
    stages[1].repeatable = true; /* create */
    stages[3].repeatable = true; /* tell */
    worker.stages = stages;
    do_all(bench, "a");
    bench_stages(bench, &worker, false);
    span_to_text(span_text(redis_say(bench->plain, "GET", "hearback:effect:{errand/k}:a", NULL)),
                 before, sizeof(before));
    admit_as(bench, "a", false, true);
    assert_string_equal(bench_lease(bench, "k", "o"), "me"); /* nobody else meanwhile */
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a", (struct fake_answer){.transport = 28}); /* then once more */
    rig_move(rig, MINUTE);
    answer(rig, "POST /create/a", CREATED);
    answer(rig, "POST /tell/a", (struct fake_answer){.status = 200});
    assert_int_equal(stages_count(rig->stages), 0);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
    assert_string_equal(bench_record(bench, "a", "k"), "done:told");
    admit_as(bench, "a", false, true); /* refused now: it stays done, and is no dead letter */
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    answer(rig, "POST /create/a", (struct fake_answer){.status = 400});
    assert_int_equal(stages_count(rig->stages), 0);
    assert_null(fake_outbox_last(&rig->outbox, "hearback.dead"));
    assert_string_equal(redis_say(bench->plain, "GET", "hearback:effect:{errand/k}:a", NULL),
                        before); /* byte by byte */
    assert_int_equal(rig->settled, 3);
    bench_stages(bench, &errand, false);
}

static void test_redo_leaves_the_rest(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    do_all(bench, "a");
    size_t started = rig->caller.started;
    admit_as(bench, "a", false, true); /* nothing of it may be repeated */
    answer(rig, "GET /find/a", OK_NOT_FOUND);
    assert_int_equal(rig->caller.started, started + 1);
    admit_as(bench, "new", false, true); /* never done: a replay's business */
    assert_int_equal(rig->caller.started, started + 1);
    assert_string_equal(bench_record(bench, "new", "k"), "");
    assert_int_equal(stages_count(rig->stages), 0);
    assert_string_equal(bench_lease(bench, "k", "o"), "");
}

#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_dry_changes_nothing),
        ON_A_BENCH(test_dry_waits_for_nobody),
        ON_A_BENCH(test_dry_in_doubt),
        ON_A_BENCH(test_dead_is_tried_again),
        ON_A_BENCH(test_dead_in_doubt),
        ON_A_BENCH(test_buried_before_the_letter),
        ON_A_BENCH(test_redo_repeats_what_may_be_repeated),
        ON_A_BENCH(test_redo_leaves_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
