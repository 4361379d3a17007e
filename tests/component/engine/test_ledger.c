/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger with a real Redis and an outbox whose acknowledgements the test
 * gives: nothing is told before it is durable, nothing counts that ran on a view
 * that was lost, and what is unknown is said to be.
 */
#include "tests/component/engine/rig.h"

#include "common/mem.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct bench {
    struct redis_server server;
    redisContext *plain;
    struct clock_fake time;
    struct rig rig;
};

/* What an operation came to. */
struct told {
    int times;
    enum ledger_result result;
    char word[32];
};

static int open_bench(void **state)
{
    struct bench *bench = mem_must_alloc(sizeof(*bench));
    kit_quiet();
    assert_true(redis_server_start(&bench->server, NULL));
    bench->plain = redis_ask_open(bench->server.address, NULL);
    assert_non_null(bench->plain);
    bench->time = (struct clock_fake){.mono = 1000000, .wall = 1790000000000};
    rig_open(&bench->rig, bench->server.address, "me", &bench->time);
    rig_view(&bench->rig, bench->plain, "{\"id\":\"one\"}");
    bench->rig.outbox.by_itself = false;
    *state = bench;
    return 0;
}

/* What is said anew, of lines that may have come too late: test_restate.c. */
static void hear_out(struct bench *bench)
{
    while (fake_outbox_answer(&bench->rig.outbox, true)) {
        rig_settle(&bench->rig);
    }
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    hear_out(bench);
    rig_close(&bench->rig);
    redisFree(bench->plain);
    redis_server_close(&bench->server);
    mem_free(bench);
    return 0;
}

static void on_told(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct told *told = self;
    told->times++;
    told->result = result;
    assert_true((result == LEDGER_OK) == (reply != NULL));
    if (reply != NULL) {
        span_to_text(redis_element(reply, 0)->text, told->word, sizeof(told->word));
    }
}

/* Writes and journals: the line that stands before the script goes behind it once more. */
static struct script note = {
    .name = "note",
    .text = "redis.call('SET', KEYS[2], ARGV[1]) "
            "return {'ok', '', {'S', KEYS[2], '', ARGV[1]}}",
};

/* One line before, one after. */
static void intend(struct bench *bench, struct told *told)
{
    span keys[] = {span_text("l"), span_text("e")};
    span args[] = {span_text("{\"s\":\"intended\"}")};
    span sha = span_text(redis_say(bench->plain, "SCRIPT", "LOAD", note.text, NULL));
    span_to_text(sha, note.sha, sizeof(note.sha));
    struct ledger_request request = {.script = &note,
                                     .keys = keys,
                                     .key_count = COUNT_OF(keys),
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .before = {{.kind = 'S', .key = keys[1], .value = args[0]}},
                                     .before_count = 1,
                                     .done = on_told,
                                     .self = told};
    *told = (struct told){0};
    ledger_run(bench->rig.ledger, &request);
}

/* A dry run of both scripts tells what would come, and leaves neither line nor key. */
static void test_dry_run(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    span keys[] = {span_text("l"), span_text("e")};
    span claims[] = {span_text("me"), span_text(""), span_text("60000"), span_text(""),
                     span_text("1")};
    span writes[] = {span_text("me"),   span_text("{\"s\":\"done\"}"),
                     span_text("late"), span_text("60000"),
                     span_text(""),     span_text("")};
    struct told told[2] = {0};
    struct ledger_request dry = {.script = &script_claim,
                                 .keys = keys,
                                 .key_count = COUNT_OF(keys),
                                 .args = claims,
                                 .arg_count = COUNT_OF(claims),
                                 .before = {{.kind = 'S', .key = keys[1], .value = writes[1]}},
                                 .before_count = 1,
                                 .dry = true,
                                 .done = on_told,
                                 .self = &told[0]};
    ledger_run(rig->ledger, &dry);
    dry.script = &script_record;
    dry.args = writes;
    dry.arg_count = COUNT_OF(writes);
    dry.self = &told[1];
    ledger_run(rig->ledger, &dry);
    rig_settle(rig);
    assert_string_equal(told[0].word, "fresh");
    assert_string_equal(told[1].word, "ok");
    assert_int_equal(rig->outbox.sent, 0);
    assert_string_equal(redis_say(bench->plain, "EXISTS", "l", "e", NULL), "0");
}

static void claim(struct bench *bench, struct told *told)
{
    span keys[] = {span_text("l"), span_text("e")};
    span args[] = {span_text("me"), span_text(""), span_text("60000"), span_text(""),
                   span_text("1")};
    struct ledger_request request = {.script = &script_claim,
                                     .keys = keys,
                                     .key_count = COUNT_OF(keys),
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = on_told,
                                     .self = told};
    *told = (struct told){0};
    ledger_run(bench->rig.ledger, &request);
}

static void claim_now(struct bench *bench)
{
    struct told told;
    claim(bench, &told);
    rig_settle(&bench->rig);
    assert_int_equal(told.times, 1);
    assert_int_equal(told.result, LEDGER_OK);
}

static void expect(const struct told *told, enum ledger_result result)
{
    assert_int_equal(told->times, 1);
    assert_int_equal(told->result, result);
}

static const char *held(struct bench *bench, const char *key)
{
    return redis_say(bench->plain, "GET", key, NULL);
}

static void test_journal_before_script_journal_after(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told;
    claim_now(bench);
    assert_int_equal(rig->outbox.sent, 0);
    intend(bench, &told);
    rig_settle(rig);
    assert_int_equal(rig->outbox.sent, 1);
    assert_string_equal(buf_text((struct buf *)(uintptr_t)&fake_outbox_at(&rig->outbox, 0)->key),
                        "S:e");
    assert_string_equal(held(bench, "e"), "(nil)"); /* the broker has not said yes */
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_string_equal(held(bench, "e"), "{\"s\":\"intended\"}");
    assert_int_equal(rig->outbox.sent, 2);
    assert_int_equal(told.times, 0); /* what the script wrote is not durable yet */
    assert_int_equal(ledger_in_flight(rig->ledger), 1);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    assert_int_equal(told.times, 0); /* nor sure to be in the view */
    rig_settle(rig);
    expect(&told, LEDGER_OK);
    assert_string_equal(told.word, "ok");
    assert_int_equal(ledger_in_flight(rig->ledger), 0);
}

static void test_refused_by_the_broker(void **state)
{
    struct bench *bench = *state;
    struct told told;
    claim_now(bench);
    intend(bench, &told);
    assert_true(fake_outbox_answer(&bench->rig.outbox, false));
    expect(&told, LEDGER_AGAIN);
    rig_settle(&bench->rig);
    assert_string_equal(held(bench, "e"), "(nil)"); /* no script without its line */
    intend(bench, &told);
    assert_true(fake_outbox_answer(&bench->rig.outbox, true));
    rig_settle(&bench->rig);
    assert_true(fake_outbox_answer(&bench->rig.outbox, false));
    expect(&told, LEDGER_AGAIN); /* it stands in Redis, but nobody may believe it */
}

static void test_epoch_removed(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told;
    uint64_t view = ledger_view(rig->ledger);
    claim_now(bench);
    intend(bench, &told);
    assert_string_equal(redis_say(bench->plain, "DEL", LEDGER_EPOCH_KEY, NULL), "1");
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    expect(&told, LEDGER_VIEW);
    assert_int_equal(rig->lost_views, 1);
    assert_false(ledger_is_open(rig->ledger));
    assert_int_equal(rig->outbox.sent, 1); /* nothing is journaled that ran on no view */
    rig_view(rig, bench->plain, "{\"id\":\"two\"}");
    assert_true(ledger_view(rig->ledger) != view);
    claim_now(bench);
}

static void test_another_epoch(void **state)
{
    struct bench *bench = *state;
    struct told told[3];
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        claim(bench, &told[i]);
    }
    assert_string_equal(redis_say(bench->plain, "SET", LEDGER_EPOCH_KEY, "{\"id\":\"x\"}", NULL),
                        "OK");
    rig_settle(&bench->rig);
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        expect(&told[i], LEDGER_VIEW);
    }
    assert_int_equal(bench->rig.lost_views, 1); /* said once */
}

/* The view changes while the broker still owes the line after. */
static void test_view_changes_before_the_last_ack(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told;
    claim_now(bench);
    intend(bench, &told);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_int_equal(told.times, 0);
    ledger_close_view(rig->ledger);
    rig_view(rig, bench->plain, "{\"id\":\"two\"}");
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    expect(&told, LEDGER_VIEW);
    hear_out(bench);
    /* And before the first: the script must not run on the new view. */
    claim_now(bench);
    assert_string_equal(redis_say(bench->plain, "DEL", "e", NULL), "1");
    intend(bench, &told);
    rig_view(rig, bench->plain, "{\"id\":\"three\"}");
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    expect(&told, LEDGER_VIEW);
    assert_string_equal(held(bench, "e"), "(nil)");
}

/* Another worker restores what was read before the line was there, and nobody tells this one. */
static void test_view_restored_before_the_last_line(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told;
    struct told other;
    claim_now(bench);
    intend(bench, &told);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_string_equal(redis_say(bench->plain, "CONFIG", "RESETSTAT", NULL), "OK");
    claim(bench, &other); /* its confirmation goes out, and Redis answers before the new epoch */
    for (int64_t t = kit_begin(); strstr(redis_say(bench->plain, "INFO", "commandstats", NULL),
                                         "cmdstat_get:calls=2") == NULL;) {
        assert_true(kit_waits(t));
        ledger_confirm(rig->ledger);
        redis_ready(rig->redis, false, true);
    }
    (void)redis_say(bench->plain, "SET", LEDGER_EPOCH_KEY, "{\"id\":\"two\"}", NULL);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_int_equal(other.result, LEDGER_OK);
    expect(&told, LEDGER_VIEW);
    assert_int_equal(rig->lost_views, 1);
}

/* What the broker or Redis was too slow for is not granted: a mark may stand before the script. */
static void test_a_line_before_grows_old(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told;
    static const int64_t waits[][2] = {{LEDGER_BEFORE_MAX_MS, 1}, {1, LEDGER_BEFORE_MAX_MS}};
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        claim_now(bench);
        intend(bench, &told);
        clock_fake_move(&bench->time, waits[i][0]);
        assert_true(fake_outbox_answer(&rig->outbox, true));
        rig_settle(rig);
        clock_fake_move(&bench->time, waits[i][1]);
        assert_true(fake_outbox_answer(&rig->outbox, true));
        rig_settle(rig);
        expect(&told, LEDGER_AGAIN);
        hear_out(bench);
    }
    intend(bench, &told);
    clock_fake_move(&bench->time, LEDGER_BEFORE_MAX_MS);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    expect(&told, LEDGER_OK);
}

/* A view's age is what was seen of it, whatever wall clocks say. */
static void test_age_of_the_view(void **state)
{
    struct bench *bench = *state;
    struct ledger *ledger = bench->rig.ledger;
    assert_int_equal(ledger_view_age_ms(ledger), 0);
    bench->time.mono += 5000;
    bench->time.wall += INT64_C(3600000);
    assert_int_equal(ledger_view_age_ms(ledger), 5000);
    bench->time.wall -= INT64_C(7200000);
    assert_int_equal(ledger_view_age_ms(ledger), 5000);
    ledger_open(ledger, span_text("{\"id\":\"one\"}"), 2000); /* others saw less of it */
    assert_int_equal(ledger_view_age_ms(ledger), 5000);
    ledger_open(ledger, span_text("{\"id\":\"one\"}"), 9000); /* or more */
    bench->time.mono += 1;
    assert_int_equal(ledger_view_age_ms(ledger), 9001);
    ledger_open(ledger, span_text("{\"id\":\"two\"}"), 300);
    assert_int_equal(ledger_view_age_ms(ledger), 300);
}

/* Closed and opened again under the same epoch: a connection that broke and came back. */
static void test_same_epoch_is_the_same_view(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told;
    uint64_t view = ledger_view(rig->ledger);
    claim_now(bench);
    intend(bench, &told);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    ledger_close_view(rig->ledger);
    rig_view(rig, bench->plain, "{\"id\":\"one\"}");
    assert_true(ledger_view(rig->ledger) == view);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    expect(&told, LEDGER_OK);
    /* Closed while the line before is on its way: nothing runs. */
    intend(bench, &told);
    ledger_close_view(rig->ledger);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    expect(&told, LEDGER_AGAIN);
}

static void test_connection_lost(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told[3];
    claim_now(bench);
    redis_server_signal(&bench->server, SIGSTOP);
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        claim(bench, &told[i]);
    }
    for (int i = 0; i < 5; i++) {
        (void)rig_turn(rig);
        assert_int_equal(told[0].times, 0);
    }
    redis_server_kill(&bench->server);
    rig_settle(rig);
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        expect(&told[i], LEDGER_AGAIN);
    }
    assert_int_equal(rig->lost_connections, 1);
    assert_false(ledger_is_open(rig->ledger));
    assert_true(redis_server_again(&bench->server));
    clock_fake_move(&bench->time, 5000);
    for (int64_t t = kit_begin(); rig->connects < 2;) {
        assert_true(kit_waits(t));
        (void)rig_turn(rig);
    }
    redisFree(bench->plain);
    bench->plain = redis_ask_open(bench->server.address, NULL);
    rig_view(rig, bench->plain, "{\"id\":\"two\"}");
    claim_now(bench);
}

static void test_noscript_heals(void **state)
{
    struct bench *bench = *state;
    struct told told;
    assert_string_equal(redis_say(bench->plain, "SCRIPT", "FLUSH", NULL), "OK");
    claim(bench, &told);
    rig_settle(&bench->rig);
    expect(&told, LEDGER_AGAIN);
    assert_int_equal(kit_logged("redis_refused"), 0);
    claim_now(bench);
}

/* A Redis that takes no writes grants nothing, however long. */
static void test_refusals_are_never_a_grant(void **state)
{
    struct bench *bench = *state;
    struct told told;
    claim_now(bench);
    static const char *const refusals[][4] = {{"REPLICAOF", "127.0.0.1", "1", NULL},
                                              {"CONFIG", "SET", "maxmemory", "1"}};
    static const char *const back[][4] = {{"REPLICAOF", "NO", "ONE", NULL},
                                          {"CONFIG", "SET", "maxmemory", "0"}};
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        const char *const *on = refusals[i];
        const char *const *off = back[i];
        assert_string_equal(redis_say(bench->plain, on[0], on[1], on[2], on[3], NULL), "OK");
        for (int attempt = 0; attempt < 3; attempt++) {
            claim(bench, &told);
            rig_settle(&bench->rig);
            expect(&told, LEDGER_AGAIN);
        }
        assert_true(kit_logged("redis_refused") > 0);
        assert_string_equal(redis_say(bench->plain, off[0], off[1], off[2], off[3], NULL), "OK");
        claim_now(bench);
    }
    /* A key of another type: Lua itself fails. */
    assert_string_equal(redis_say(bench->plain, "DEL", "l", NULL), "1");
    assert_string_equal(redis_say(bench->plain, "SET", "l", "a string", NULL), "OK");
    claim(bench, &told);
    rig_settle(&bench->rig);
    expect(&told, LEDGER_AGAIN);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_journal_before_script_journal_after),
        ON_A_BENCH(test_dry_run),
        ON_A_BENCH(test_refused_by_the_broker),
        ON_A_BENCH(test_epoch_removed),
        ON_A_BENCH(test_another_epoch),
        ON_A_BENCH(test_view_changes_before_the_last_ack),
        ON_A_BENCH(test_view_restored_before_the_last_line),
        ON_A_BENCH(test_a_line_before_grows_old),
        ON_A_BENCH(test_age_of_the_view),
        ON_A_BENCH(test_same_epoch_is_the_same_view),
        ON_A_BENCH(test_connection_lost),
        ON_A_BENCH(test_noscript_heals),
        ON_A_BENCH(test_refusals_are_never_a_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
