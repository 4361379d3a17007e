/* SPDX-License-Identifier: Apache-2.0
 *
 * A Redis that comes back with data of its own, with a real Kafka: after a kill
 * with an append-only file, from a snapshot of a minute or a week ago, in the
 * middle of a restore. Whatever it lacks or holds too much, behind an open view
 * every effect that counted is known, and what was taken back is gone.
 */
#include "tests/component/engine/lane.h"

#include "common/mem.h"
#include "common/metrics.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS 60000
#define DAY_MS    86400000

struct bench {
    struct redis_server server;
    redisContext *plain;
    const char *kafka;
    struct lane one;
    struct lane two;
    char tag[32];
    int effects; /* settled by lane one so far, all journaled */
    int told;
};

static int open_bench(void **state)
{
    struct bench *bench = mem_must_alloc(sizeof(*bench));
    kit_quiet();
    bench->kafka = kit_service("HEARBACK_KAFKA");
    *state = bench;
    if (bench->kafka == NULL) {
        return 0;
    }
    char suffix[16];
    kit_suffix(suffix, sizeof(suffix));
    (void)snprintf(bench->tag, sizeof(bench->tag), "{tail/%s}", suffix);
    assert_true(redis_server_start(&bench->server, NULL));
    bench->plain = redis_ask_open(bench->server.address, NULL);
    assert_non_null(bench->plain);
    lane_open_journal(&bench->one, bench->kafka, bench->server.address, "one");
    lane_open_journal(&bench->two, bench->kafka, bench->server.address, "two");
    lane_topics(&bench->one, NULL);
    lane_until_open(&bench->one, 1);
    lane_until_open(&bench->two, 1);
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    if (bench->kafka != NULL) {
        lane_close(&bench->one);
        lane_close(&bench->two);
        redisFree(bench->plain);
        redis_server_close(&bench->server);
    }
    mem_free(bench);
    return 0;
}

#define NEEDS_KAFKA(bench)                                                                         \
    do {                                                                                           \
        if ((bench)->kafka == NULL) {                                                              \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* ---- what is done ------------------------------------------------------------------------ */

static void on_told(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct bench *bench = self;
    assert_int_equal(result, LEDGER_OK);
    assert_true(span_is(redis_element(reply, 0)->text, "ok"));
    bench->told++;
}

static void effect_key(const struct bench *bench, int number, char out[96])
{
    (void)snprintf(out, 96, "hearback:effect:%s:%d", bench->tag, number);
}

/* Settles effects through the ledger of `lane`. */
static void settle_effects(struct bench *bench, struct lane *lane, int count)
{
    int wanted = bench->told + count;
    for (int i = 0; i < count; i++) {
        char lease[96];
        char effect[96];
        (void)snprintf(lease, sizeof(lease), "hearback:order:%s", bench->tag);
        effect_key(bench, bench->effects++, effect);
        span keys[] = {span_text(lease), span_text(effect)};
        span args[] = {span_text("me"),   span_text("{\"s\":\"done\",\"o\":\"me\"}"),
                       span_text("late"), span_text("60000"),
                       span_text(""),     span_text("")};
        struct ledger_request request = {
            .script = &script_record,
            .keys = keys,
            .key_count = COUNT_OF(keys),
            .args = args,
            .arg_count = COUNT_OF(args),
            .before = {{.kind = 'S', .key = keys[1], .value = args[1]}},
            .before_count = 1,
            .done = on_told,
            .self = bench};
        ledger_run(lane->rig.ledger, &request);
    }
    lane_settle(lane);
    assert_int_equal(bench->told, wanted);
}

/* Sets or, with NULL, takes back a key as a script and its journal would. */
static void set_key(struct bench *bench, char kind, const char *key, const char *field,
                    const char *value)
{
    struct ledger_line line = {.kind = kind, .key = span_text(key), .field = span_text(field)};
    struct buf name;
    buf_init(&name, 1024);
    ledger_line_key(&line, &name);
    if (kind == 'S') {
        (void)redis_say(bench->plain, value == NULL ? "DEL" : "SET", key, value, NULL);
    } else if (kind == 'H') {
        (void)redis_say(bench->plain, value == NULL ? "HDEL" : "HSET", key, field, value, NULL);
    } else if (value == NULL) {
        (void)redis_say(bench->plain, "ZREM", key, field, NULL);
    } else {
        (void)redis_say(bench->plain, "ZADD", key, value, field, NULL);
    }
    lane_append(&bench->one, TOPIC_CHANGELOG, buf_span(&name), value);
    lane_flush(&bench->one);
    buf_close(&name);
}

/* Killed and back, with whatever it wrote down. */
static void kill_and_start(struct bench *bench)
{
    redisFree(bench->plain);
    redis_server_kill(&bench->server);
    assert_true(redis_server_again(&bench->server));
    bench->plain = redis_ask_open(bench->server.address, NULL);
    assert_non_null(bench->plain);
    for (int64_t t = kit_begin(); strcmp(redis_say(bench->plain, "PING", NULL), "PONG") != 0;) {
        assert_true(kit_waits(t)); /* it loads what it wrote down */
    }
}

static void until_both_open(struct bench *bench, int times)
{
    for (int64_t t = kit_begin(); bench->one.opened < times || bench->two.opened < times;) {
        assert_true(kit_waits(t));
        lane_turn(&bench->one);
        lane_turn(&bench->two);
    }
}

static int64_t counted(const char *name)
{
    const char *help = strcmp(name, "hearback_restores_total") == 0
                           ? "Restores of the view that this process began."
                           : "Changelog records written back to Redis.";
    return metric_value(metric_counter(name, help, NULL, NULL));
}

static void check_effects(struct bench *bench)
{
    for (int i = 0; i < bench->effects; i++) {
        char effect[96];
        effect_key(bench, i, effect);
        if (strcmp(redis_say(bench->plain, "EXISTS", effect, NULL), "1") != 0) {
            print_error("effect %d of %d is not known\n", i, bench->effects);
            fail();
        }
    }
}

/* What a restore did, between two looks. */
struct look {
    int64_t restores;
    int64_t records;
};

static struct look look(void)
{
    return (struct look){counted("hearback_restores_total"),
                         counted("hearback_restore_records_total")};
}

/* ---- data that survives ------------------------------------------------------------------ */

static void test_killed_with_an_append_only_file(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    assert_string_equal(redis_say(bench->plain, "CONFIG", "SET", "appendonly", "yes", NULL), "OK");
    bench->server.appendonly = true;
    for (int64_t t = kit_begin();
         strstr(redis_say(bench->plain, "INFO", "persistence", NULL),
                "aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0") == NULL;) {
        assert_true(kit_waits(t)); /* the file is complete only then */
    }
    settle_effects(bench, &bench->one, 2000);
    lane_move(&bench->one, 2 * MINUTE_MS);
    settle_effects(bench, &bench->one, 50);
    struct look before = look();
    for (int i = 2; i < 4; i++) { /* and once more: a restore leaves a mark that fits, too */
        kill_and_start(bench);
        until_both_open(bench, i);
        check_effects(bench);
    }
    struct look after = look();
    assert_int_equal(after.restores - before.restores, 2);
    assert_in_range(after.records - before.records, 50, 100);
    assert_int_equal(kit_logged("tail"), 2);
}

/* Whole it would take what all tests have ever appended; a tail what came after the mark. */
static void test_rolled_back_to_a_snapshot(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    char later[64];
    char theme[64];
    char person[64];
    (void)snprintf(later, sizeof(later), "hearback:later:%s", bench->tag);
    (void)snprintf(theme, sizeof(theme), "hearback:theme:%s:evidence", bench->tag);
    (void)snprintf(person, sizeof(person), "hearback:person:%s", bench->tag);
    settle_effects(bench, &bench->one, 500);
    set_key(bench, 'S', person, NULL, "{}");
    set_key(bench, 'H', theme, "i1", "{}");
    set_key(bench, 'H', theme, "i2", "{}");
    set_key(bench, 'Z', later, "e1", "100");
    set_key(bench, 'Z', later, "e2", "200");
    lane_move(&bench->one, 2 * MINUTE_MS);
    assert_string_equal(redis_say(bench->plain, "SAVE", NULL), "OK");
    settle_effects(bench, &bench->one, 300);
    settle_effects(bench, &bench->two, 300);
    set_key(bench, 'S', person, NULL, NULL);
    set_key(bench, 'H', theme, "i1", NULL);
    set_key(bench, 'Z', later, "e1", NULL);
    set_key(bench, 'Z', later, "e2", "300");
    set_key(bench, 'Z', later, "e3", "400.5");
    lane_move(&bench->one, MINUTE_MS);
    lane_move(&bench->two, MINUTE_MS);
    struct look before = look();
    kill_and_start(bench);
    assert_string_equal(redis_say(bench->plain, "EXISTS", person, NULL), "1");
    until_both_open(bench, 2);
    struct look after = look();
    assert_int_equal(after.restores - before.restores, 1);
    assert_in_range(after.records - before.records, 605, 700);
    check_effects(bench);
    assert_string_equal(redis_say(bench->plain, "EXISTS", person, NULL), "0");
    assert_string_equal(redis_say(bench->plain, "HKEYS", theme, NULL), "[i2]");
    assert_string_equal(redis_say(bench->plain, "ZRANGE", later, "0", "-1", "WITHSCORES", NULL),
                        "[e2,300,e3,400.5]");
}

/* ---- data that is not believed ------------------------------------------------------------ */

/* Makes the data's mark say something else, saves it, and lets Redis come back with it. Keys that
 * the changelog does not know must be gone then, what is not of the changelog kept. */
static void come_back_whole(struct bench *bench, const char *field, const char *value)
{
    char stray[64];
    char seen[64];
    (void)snprintf(stray, sizeof(stray), "hearback:person:%s:stray", bench->tag);
    (void)snprintf(seen, sizeof(seen), "hearback:seen:%s:0", bench->tag);
    settle_effects(bench, &bench->one, 100);
    lane_move(&bench->one, 2 * MINUTE_MS);
    settle_effects(bench, &bench->one, 3);
    (void)redis_say(bench->plain, "SET", stray, "{}", NULL);
    (void)redis_say(bench->plain, "SET", seen, "bits", NULL);
    (void)redis_say(bench->plain, "HSET", "hearback:budget:{x}", "tat", "7", NULL);
    (void)redis_say(bench->plain, "HSET", "hearback:crash:{x}", "t/0/7", "1", NULL);
    if (value == NULL) {
        (void)redis_say(bench->plain, "HDEL", "hearback:mark", field, NULL);
    } else {
        (void)redis_say(bench->plain, "HSET", "hearback:mark", field, value, NULL);
    }
    assert_string_equal(redis_say(bench->plain, "SAVE", NULL), "OK");
    kill_and_start(bench);
    assert_string_equal(redis_say(bench->plain, "EXISTS", stray, seen, NULL), "2");
    until_both_open(bench, 2);
    check_effects(bench);
    assert_int_equal(kit_logged("tail"), 0);
    assert_string_equal(redis_say(bench->plain, "EXISTS", stray, NULL), "0");
    assert_string_equal(
        redis_say(bench->plain, "EXISTS", seen, "hearback:budget:{x}", "hearback:crash:{x}", NULL),
        "3");
}

static void test_older_than_deletions_are_known(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    char at[32];
    (void)snprintf(at, sizeof(at), "%lld",
                   (long long)(bench->one.time.wall - (int64_t)6 * DAY_MS - MINUTE_MS));
    come_back_whole(bench, "at", at);
}

static void test_without_a_place(void **state)
{
    NEEDS_KAFKA((struct bench *)*state);
    come_back_whole(*state, "1", NULL);
}

static void test_mark_of_another_epoch(void **state)
{
    NEEDS_KAFKA((struct bench *)*state);
    come_back_whole(*state, "e", "another");
}

/* ---- the place --------------------------------------------------------------------------- */

static void on_intended(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    *(enum ledger_result *)self = result;
    assert_true(result != LEDGER_OK || span_is(redis_element(reply, 0)->text, "ok"));
}

static int64_t number_of(const char *text)
{
    int64_t number = INT64_MIN;
    (void)span_number(span_text(text), INT64_MIN, INT64_MAX, &number);
    return number;
}

/* Does the mark in Redis claim all lines of this lane? */
static bool mark_covers(struct bench *bench, const struct lane *lane)
{
    static struct changelog_place acknowledged;
    bool covers = true;
    kafka_outbox_acknowledged(lane->outbox, &acknowledged);
    for (int32_t i = 0; i < acknowledged.partitions; i++) {
        char partition[16];
        (void)snprintf(partition, sizeof(partition), "%d", (int)i);
        const char *next = redis_say(bench->plain, "HGET", "hearback:mark", partition, NULL);
        covers = covers && number_of(next) >= acknowledged.next[i];
    }
    return covers;
}

/* The line of an intent is there, its script is not; meanwhile another worker's lines behind it
 * are acknowledged and marks are written. Data of that moment must not claim to hold the intent. */
static void test_intent_between_line_and_script(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    char lease[96];
    char effect[96];
    enum ledger_result result = LEDGER_VIEW;
    (void)snprintf(lease, sizeof(lease), "hearback:order:%s", bench->tag);
    effect_key(bench, bench->effects++, effect);
    span keys[] = {span_text(lease), span_text(effect)};
    span args[] = {span_text("two"),  span_text("{\"s\":\"intended\",\"o\":\"two\"}"),
                   span_text("late"), span_text("60000"),
                   span_text(""),     span_text("")};
    struct ledger_request request = {.script = &script_record,
                                     .keys = keys,
                                     .key_count = COUNT_OF(keys),
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .before = {{.kind = 'S', .key = keys[1], .value = args[1]}},
                                     .before_count = 1,
                                     .done = on_intended,
                                     .self = &result};
    ledger_run(bench->two.rig.ledger, &request);
    lane_flush(&bench->two); /* acknowledged, the script is queued; lane two stands still */
    settle_effects(bench, &bench->one, 100);
    lane_move(&bench->one, LEDGER_BEFORE_MAX_MS - 1000);
    assert_false(mark_covers(bench, &bench->two));
    assert_string_equal(redis_say(bench->plain, "EXISTS", effect, NULL), "0");
    assert_string_equal(redis_say(bench->plain, "SAVE", NULL), "OK");
    lane_settle(&bench->two);
    assert_int_equal(result, LEDGER_OK); /* and now the effect would be sent */
    kill_and_start(bench);
    until_both_open(bench, 2);
    assert_int_equal(kit_logged("tail"), 1);
    check_effects(bench);
    lane_move(&bench->one, MINUTE_MS);
    assert_true(mark_covers(bench, &bench->two)); /* it does move on */
}

/* ---- a restore that is disturbed ----------------------------------------------------------- */

static void until_reading(struct bench *bench, struct lane *lane)
{
    int64_t before = counted("hearback_restores_total");
    for (int64_t t = kit_begin(); counted("hearback_restores_total") == before;) {
        assert_true(kit_waits(t));
        lane_turn(lane);
    }
    (void)bench;
}

/* The restorer is killed in the middle: nobody takes what it left for a view. */
static void test_restorer_killed(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    char epoch[256];
    settle_effects(bench, &bench->one, 3000);
    bench->one.rig.config.worker.restore_wait_ms = 500;
    bench->two.rig.config.worker.restore_wait_ms = 500;
    for (int whole = 0; whole < 2; whole++) {
        if (whole == 1) {
            (void)redis_say(bench->plain, "DEL", "hearback:mark", NULL);
        }
        (void)snprintf(epoch, sizeof(epoch), "%s",
                       redis_say(bench->plain, "GET", LEDGER_EPOCH_KEY, NULL));
        assert_string_equal(redis_say(bench->plain, "SAVE", NULL), "OK");
        kill_and_start(bench);
        until_reading(bench, &bench->one);
        lane_turn(&bench->one);
        assert_string_equal(redis_say(bench->plain, "EXISTS", "hearback:restore", NULL), "1");
        lane_close(&bench->one); /* as SIGKILL: its lock is left */
        const char *left = redis_say(bench->plain, "GET", LEDGER_EPOCH_KEY, NULL);
        assert_string_equal(left, whole == 1 ? "(nil)" : epoch);
        lane_until_open(&bench->two, 2 + whole);
        check_effects(bench);
        lane_open_journal(&bench->one, bench->kafka, bench->server.address, "one again");
        bench->one.rig.config.worker.restore_wait_ms = 500;
        lane_until_open(&bench->one, 1);
    }
}

static void test_lock_lost(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    settle_effects(bench, &bench->one, 3000);
    kill_and_start(bench);
    until_reading(bench, &bench->one);
    assert_string_equal(redis_say(bench->plain, "SET", "hearback:restore", "she", NULL), "OK");
    for (int64_t t = kit_begin(); kit_logged("restore_interrupted") == 0;) {
        assert_true(kit_waits(t));
        lane_turn(&bench->one);
    }
    for (int i = 0; i < 50; i++) {
        lane_turn(&bench->one);
    }
    assert_string_equal(redis_say(bench->plain, "GET", "hearback:restore", NULL), "she");
    assert_string_equal(redis_say(bench->plain, "EXISTS", LEDGER_EPOCH_KEY, NULL), "0");
    assert_string_equal(redis_say(bench->plain, "DEL", "hearback:restore", NULL), "1");
    until_both_open(bench, 2);
    check_effects(bench);
}

/* Kafka has nothing to say for longer than the lock lives. */
static void test_lock_is_kept(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    settle_effects(bench, &bench->one, 100);
    kill_and_start(bench);
    until_reading(bench, &bench->one);
    for (int64_t t = kit_begin(); redis_in_flight(bench->one.rig.redis) > 0;) {
        assert_true(kit_waits(t)); /* what was sent so far renews it */
        redis_ready(bench->one.rig.redis, true, true);
        (void)redis_turn(bench->one.rig.redis);
    }
    assert_string_equal(redis_say(bench->plain, "PEXPIRE", "hearback:restore", "3000", NULL), "1");
    bench->one.ahead_ms += bench->one.rig.config.worker.restore_wait_ms / 3;
    bench->one.time.mono += bench->one.rig.config.worker.restore_wait_ms / 3;
    timers_run(&bench->one.rig.timers, bench->one.time.mono);
    for (int64_t t = kit_begin();
         number_of(redis_say(bench->plain, "PTTL", "hearback:restore", NULL)) < 5000;) {
        assert_true(kit_waits(t) && bench->one.opened == 1);
        redis_ready(bench->one.rig.redis, false, true); /* nothing is read from Kafka or Redis */
    }
    until_both_open(bench, 2);
    check_effects(bench);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_killed_with_an_append_only_file),
        ON_A_BENCH(test_rolled_back_to_a_snapshot),
        ON_A_BENCH(test_older_than_deletions_are_known),
        ON_A_BENCH(test_without_a_place),
        ON_A_BENCH(test_mark_of_another_epoch),
        ON_A_BENCH(test_intent_between_line_and_script),
        ON_A_BENCH(test_restorer_killed),
        ON_A_BENCH(test_lock_lost),
        ON_A_BENCH(test_lock_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
