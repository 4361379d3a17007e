/* SPDX-License-Identifier: Apache-2.0
 *
 * The restore with a real Kafka and a Redis of the test's own: whatever Redis held
 * before, behind an open view stand the last values of the changelog, and one
 * epoch, whoever wrote it.
 */
#include "tests/component/engine/lane.h"

#include "common/mem.h"
#include "common/metrics.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define RECORDS 10000
#define KEYS    701
#define FIELDS  300

struct bench {
    struct redis_server server;
    redisContext *plain;
    const char *kafka;
    struct lane one;
    struct lane two;
    char prefix[32];
    int last_of_key[KEYS]; /* the record that wrote it last; negative: a tombstone */
    int last_of_field[FIELDS];
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
    (void)snprintf(bench->prefix, sizeof(bench->prefix), "test:{%s}", suffix);
    assert_true(redis_server_start(&bench->server, NULL));
    bench->plain = redis_ask_open(bench->server.address, NULL);
    assert_non_null(bench->plain);
    lane_open(&bench->one, bench->kafka, bench->server.address, "one");
    lane_open(&bench->two, bench->kafka, bench->server.address, "two");
    lane_topics(&bench->one, NULL);
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

/* Strings and hash fields, each written several times, every ninth deleted. */
static void fill(struct bench *bench)
{
    for (int i = 1; i <= RECORDS; i++) {
        struct buf key;
        char name[64];
        char field[32];
        char value[32];
        bool hash = i % 3 == 0;
        int at = hash ? i / 3 % FIELDS : i * 7 % KEYS;
        bool gone = i % 9 == 0 || i % 11 == 0;
        *(hash ? &bench->last_of_field[at] : &bench->last_of_key[at]) = gone ? -i : i;
        (void)snprintf(name, sizeof(name), "%s:%s%d", bench->prefix, hash ? "h" : "k",
                       hash ? at % 5 : at);
        (void)snprintf(field, sizeof(field), "f%d", at);
        (void)snprintf(value, sizeof(value), "v%d", i);
        struct ledger_line line = {
            .kind = hash ? 'H' : 'S', .key = span_text(name), .field = span_text(field)};
        buf_init(&key, 1024);
        ledger_line_key(&line, &key);
        lane_append(&bench->one, TOPIC_CHANGELOG, buf_span(&key), gone ? NULL : value);
        buf_close(&key);
    }
    lane_flush(&bench->one);
    for (int i = 0; i < KEYS; i++) {
        assert_int_not_equal(bench->last_of_key[i], 0);
    }
}

static void expect(const char *name, const char *found, int last)
{
    char value[32] = "(nil)";
    if (last > 0) {
        (void)snprintf(value, sizeof(value), "v%d", last);
    }
    if (strcmp(found, value) != 0) {
        print_error("%s: found %s, expected %s\n", name, found, value);
        fail();
    }
}

static void check_view(struct bench *bench)
{
    char name[64];
    char field[32];
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(name, sizeof(name), "%s:k%d", bench->prefix, i);
        expect(name, redis_say(bench->plain, "GET", name, NULL), bench->last_of_key[i]);
    }
    for (int i = 0; i < FIELDS; i++) {
        (void)snprintf(name, sizeof(name), "%s:h%d", bench->prefix, i % 5);
        (void)snprintf(field, sizeof(field), "f%d", i);
        expect(field, redis_say(bench->plain, "HGET", name, field, NULL), bench->last_of_field[i]);
    }
    for (int64_t t = kit_begin();
         strcmp(redis_say(bench->plain, "EXISTS", "hearback:restore", NULL), "0") != 0;) {
        assert_true(kit_waits(t)); /* the lock is let go, not left to run out */
        lane_turn(&bench->one);
        lane_turn(&bench->two);
    }
}

static int64_t restores(void)
{
    return metric_value(metric_counter(
        "hearback_restores_total", "Restores of the view that this process began.", NULL, NULL));
}

static void say_epoch(struct bench *bench, char *out, size_t room)
{
    (void)snprintf(out, room, "%s", redis_say(bench->plain, "GET", LEDGER_EPOCH_KEY, NULL));
}

static void test_last_values(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    fill(bench);
    char name[64];
    for (int i = 0; i < KEYS; i++) { /* what an older view held */
        (void)snprintf(name, sizeof(name), "%s:k%d", bench->prefix, i);
        (void)redis_say(bench->plain, "SET", name, "stale", NULL);
    }
    lane_until_open(&bench->one, 1);
    check_view(bench);
    /* The second finds it done. */
    int64_t before = restores();
    lane_until_open(&bench->two, 1);
    assert_int_equal(restores(), before);
}

static void test_two_at_the_same_time(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    int64_t before = restores();
    fill(bench);
    for (int64_t t = kit_begin(); bench->one.opened == 0 || bench->two.opened == 0;) {
        assert_true(kit_waits(t));
        lane_turn(&bench->one);
        lane_turn(&bench->two);
    }
    assert_int_equal(restores(), before + 1);
    check_view(bench);
    for (int i = 0; i < 100; i++) {
        lane_turn(&bench->one);
        lane_turn(&bench->two);
    }
    assert_int_equal(bench->one.opened, 1);
    assert_int_equal(bench->two.opened, 1);
}

/* One asks for the epoch and is then so slow that two has restored before it takes the lock. */
static void test_slow_between_epoch_and_lock(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    char epoch[256];
    char now[256];
    fill(bench);
    for (int64_t t = kit_begin();
         strstr(redis_say(bench->plain, "INFO", "commandstats", NULL), "cmdstat_get:") == NULL;) {
        assert_true(kit_waits(t));
        lane_turn(&bench->one);
    }
    int64_t before = restores();
    lane_until_open(&bench->two, 1);
    say_epoch(bench, epoch, sizeof(epoch));
    (void)redis_say(bench->plain, "SET", "written:by:two", "x", NULL);
    lane_until_open(&bench->one, 1);
    say_epoch(bench, now, sizeof(now));
    assert_string_equal(now, epoch);
    assert_int_equal(restores(), before + 1);
    check_view(bench);
}

/* Who had the lock stands still; the lock runs out; the other restores; the first wakes. */
static void test_restorer_that_stood_still(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    fill(bench);
    bench->one.rig.config.worker.restore_wait_ms = 300;
    int64_t before = restores();
    for (int64_t t = kit_begin(); restores() == before;) {
        assert_true(kit_waits(t));
        lane_turn(&bench->one);
    }
    for (int i = 0; i < 30; i++) { /* some batches are out */
        lane_turn(&bench->one);
    }
    if (bench->one.opened > 0) {
        skip(); /* it was quicker than that */
    }
    for (int64_t t = kit_begin(); bench->two.opened == 0;) {
        assert_true(kit_waits(t));
        lane_turn(&bench->two);
    }
    check_view(bench);
    char name[64];
    (void)snprintf(name, sizeof(name), "%s:k1", bench->prefix);
    (void)redis_say(bench->plain, "SET", name, "newer", NULL);
    lane_until_open(&bench->one, 1);
    assert_string_equal(redis_say(bench->plain, "GET", name, NULL), "newer");
    assert_int_equal(restores(), before + 2);
}

static void test_another_redis_answers(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    char epoch[256];
    fill(bench);
    lane_until_open(&bench->one, 1);
    say_epoch(bench, epoch, sizeof(epoch));
    uint64_t view = ledger_view(bench->one.rig.ledger);
    redis_server_kill(&bench->server);
    assert_true(redis_server_again(&bench->server));
    redisFree(bench->plain);
    bench->plain = redis_ask_open(bench->server.address, NULL);
    /* It was loaded from an old file: values of before, and the epoch of another process. */
    char name[64];
    (void)snprintf(name, sizeof(name), "%s:k1", bench->prefix);
    (void)redis_say(bench->plain, "SET", name, "stale", NULL);
    (void)redis_say(bench->plain, "SET", LEDGER_EPOCH_KEY, epoch, NULL);
    lane_until_open(&bench->one, 2);
    assert_true(ledger_view(bench->one.rig.ledger) != view);
    check_view(bench);
}

/* Emptied, its scripts too, while everybody is connected and idle. */
static void test_flushed(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    fill(bench);
    lane_until_open(&bench->one, 1);
    assert_string_equal(redis_say(bench->plain, "SCRIPT", "FLUSH", NULL), "OK");
    assert_string_equal(redis_say(bench->plain, "FLUSHALL", NULL), "OK");
    lane_until_open(&bench->one, 2);
    check_view(bench);
}

/* A Redis that evicts forgets what was done: said at every connection's beginning, but once. */
static void test_redis_that_evicts(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    lane_until_open(&bench->one, 1);
    assert_int_equal(kit_logged("redis_policy"), 0);
    assert_string_equal(
        redis_say(bench->plain, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru", NULL), "OK");
    for (int times = 2; times < 4; times++) {
        (void)redis_say(bench->plain, "CLIENT", "KILL", "TYPE", "normal", NULL);
        lane_until_open(&bench->one, times);
        assert_int_equal(kit_logged("redis_policy"), 1);
    }
}

static int64_t gauge(const char *name)
{
    struct buf all;
    int64_t value = -1;
    char wanted[96];
    buf_init(&all, 1 << 20);
    metrics_encode(&all);
    (void)snprintf(wanted, sizeof(wanted), "\n%s ", name);
    const char *at = strstr(buf_text(&all), wanted);
    if (at != NULL) {
        at += strlen(wanted);
        (void)span_number(span_of(at, strcspn(at, "\n")), 0, INT64_MAX, &value);
    }
    buf_close(&all);
    return value;
}

/* How far it is can be read from outside. */
static void test_progress(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    fill(bench);
    int steps = 0;
    int64_t left = INT64_MAX;
    assert_string_equal(restore_tells(bench->one.restore), "waiting for Redis");
    for (int64_t t = kit_begin(); bench->one.opened == 0;) {
        assert_true(kit_waits(t));
        lane_turn(&bench->one);
        if (strncmp(restore_tells(bench->one.restore), "restoring: ", 11) == 0 &&
            gauge("hearback_restore_records_left") < left) {
            left = gauge("hearback_restore_records_left");
            steps++;
        }
    }
    assert_true(steps > 2);
    assert_int_equal(gauge("hearback_restore_records_left"), 0);
    assert_true(gauge("hearback_restore_records_done") >= RECORDS);
    assert_true(kit_logged("restore_progress") > 0 ||
                gauge("hearback_restore_records_done") < 100000);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_last_values),
        ON_A_BENCH(test_two_at_the_same_time),
        ON_A_BENCH(test_slow_between_epoch_and_lock),
        ON_A_BENCH(test_restorer_that_stood_still),
        ON_A_BENCH(test_another_redis_answers),
        ON_A_BENCH(test_flushed),
        ON_A_BENCH(test_redis_that_evicts),
        ON_A_BENCH(test_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
