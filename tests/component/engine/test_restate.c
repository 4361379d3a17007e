/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines that reach the changelog behind newer ones: the ledger says what stands in
 * the view, on a real Redis, with an outbox whose acknowledgements the test gives.
 */
#include "tests/component/engine/rig.h"

#include "common/mem.h"

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

static int close_bench(void **state)
{
    struct bench *bench = *state;
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
    (void)reply;
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

static void expect(const struct told *told, enum ledger_result result)
{
    assert_int_equal(told->times, 1);
    assert_int_equal(told->result, result);
}

static const char *last_line(struct rig *rig)
{
    return buf_text(
        (struct buf *)(uintptr_t)&fake_outbox_last(&rig->outbox, TOPIC_CHANGELOG)->value);
}

/* In the next view somebody has long gone on: what they wrote is to be the last word. */
static void test_a_line_of_a_lost_view_lands_late(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told;
    intend(bench, &told);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    ledger_close_view(rig->ledger);
    (void)redis_say(bench->plain, "SET", "e", "of the new view", NULL);
    rig_view(rig, bench->plain, "{\"id\":\"two\"}");
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    expect(&told, LEDGER_VIEW);
    assert_string_equal(last_line(rig), "of the new view");
    assert_true(ledger_in_flight(rig->ledger) > 0); /* nobody leaves before it is said */
    (void)redis_say(bench->plain, "SET", "e", "and newer", NULL);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_string_equal(last_line(rig), "and newer"); /* their line may have come before ours */
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_int_equal(ledger_in_flight(rig->ledger), 0);
    assert_int_equal(rig->outbox.sent, 4);
}

/* Redis is away, then its view is: it is said when there is one again. */
static void test_said_anew_when_there_is_a_view(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told;
    intend(bench, &told);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    ledger_close_view(rig->ledger);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_int_equal(rig->outbox.sent, 2);
    rig_view(rig, bench->plain, "{\"id\":\"two\"}");
    rig_settle(rig);
    assert_int_equal(rig->outbox.sent, 3);
    (void)redis_say(bench->plain, "SET", "e", "of the third", NULL);
    rig_view(rig, bench->plain, "{\"id\":\"three\"}");
    assert_true(fake_outbox_answer(&rig->outbox, true)); /* it, too, came too late */
    rig_settle(rig);
    bench->time.mono += 1000;
    rig_settle(rig);
    assert_string_equal(last_line(rig), "of the third");
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_int_equal(ledger_in_flight(rig->ledger), 0);
}

/* Two lines for one script are a refusal: what stood was said behind what is on its way. */
static void test_what_was_said_of_another_is_looked_at(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    struct told told;
    intend(bench, &told);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    (void)redis_say(bench->plain, "SET", "e", "what was on its way", NULL);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    expect(&told, LEDGER_OK);
    assert_string_equal(last_line(rig), "what was on its way");
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_int_equal(ledger_in_flight(rig->ledger), 0);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_a_line_of_a_lost_view_lands_late),
        ON_A_BENCH(test_said_anew_when_there_is_a_view),
        ON_A_BENCH(test_what_was_said_of_another_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
