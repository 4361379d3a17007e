/* SPDX-License-Identifier: Apache-2.0
 *
 * Seen bits on a real Redis: what was marked is skipped, and nothing else: not
 * under another digest, not in another partition, not in a topic made anew.
 */
#include "consumer/engine/seen.h"
#include "tests/component/engine/rig.h"

#include "common/mem.h"

#define OLD INT64_C(1780000000000)
#define NEW INT64_C(1790000000000)

struct bench {
    struct redis_server server;
    redisContext *plain;
    struct clock_fake time;
    struct rig rig;
};

static int open_bench(void **state)
{
    struct bench *bench = mem_must_alloc(sizeof(*bench));
    kit_quiet();
    assert_true(redis_server_start(&bench->server, NULL));
    bench->plain = redis_ask_open(bench->server.address, NULL);
    assert_non_null(bench->plain);
    bench->time = (struct clock_fake){.mono = 1000000, .wall = NEW};
    rig_open(&bench->rig, bench->server.address, "me", &bench->time);
    rig_view(&bench->rig, bench->plain, "{\"id\":\"one\"}");
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

/* A process that begins: it knows nothing but what Redis holds. */
static void begin(struct bench *bench, struct seen *seen, uint64_t digest, const char *name)
{
    *seen = (struct seen){0};
    seen_init(seen, bench->rig.redis, bench->rig.ledger, digest, name);
}

static enum seen_answer ask(struct bench *bench, struct seen *seen, int64_t offset, int64_t at_ms)
{
    enum seen_answer answer = seen_ask(seen, offset, at_ms);
    if (answer == SEEN_LOADING) {
        rig_settle(&bench->rig);
        answer = seen_ask(seen, offset, at_ms);
    }
    assert_int_not_equal(answer, SEEN_LOADING);
    return answer;
}

/* Marks [from, to) with times from `at_ms` upwards, and ends the process. */
static void mark(struct bench *bench, struct seen *seen, int64_t from, int64_t to, int64_t at_ms)
{
    for (int64_t offset = from; offset < to; offset++) {
        seen_mark(seen, offset, at_ms + offset);
    }
    seen_flush(seen);
    rig_settle(&bench->rig);
}

static void test_marked_is_skipped(void **state)
{
    struct bench *bench = *state;
    struct seen seen;
    begin(bench, &seen, 1, "w/t/0");
    assert_int_equal(seen_ask(&seen, 0, OLD), SEEN_LOADING);
    assert_int_equal(ask(bench, &seen, 0, OLD), SEEN_NO);
    mark(bench, &seen, 0, 100, OLD);
    mark(bench, &seen, 65530, 65540, OLD); /* two segments */
    seen_close(&seen);
    begin(bench, &seen, 1, "w/t/0");
    for (int64_t offset = 0; offset < 200; offset++) {
        assert_int_equal(ask(bench, &seen, offset, OLD + offset),
                         offset < 100 ? SEEN_YES : SEEN_NO);
    }
    assert_int_equal(ask(bench, &seen, 50, OLD + 50), SEEN_YES); /* still, after unmarked ones */
    for (int64_t offset = 65529; offset < 65541; offset++) {
        bool marked = offset >= 65530 && offset < 65540;
        assert_int_equal(ask(bench, &seen, offset, OLD + offset), marked ? SEEN_YES : SEEN_NO);
    }
    seen_close(&seen);
    begin(bench, &seen, 2, "w/t/0"); /* other rules */
    assert_int_equal(ask(bench, &seen, 5, OLD + 5), SEEN_NO);
    seen_close(&seen);
    begin(bench, &seen, 1, "w/t/1"); /* another partition */
    assert_int_equal(ask(bench, &seen, 5, OLD + 5), SEEN_NO);
    seen_close(&seen);
}

/* Read from end to end, Redis is waited for once: each further segment is there before its turn.
 * What it said of one segment is not taken for another's. */
static void test_the_next_segment_is_there_in_time(void **state)
{
    struct bench *bench = *state;
    struct seen seen;
    int64_t end = 3 * SEEN_SEGMENT;
    int waits = 0;
    begin(bench, &seen, 1, "w/t/0");
    for (int64_t offset = 5; offset < end; offset += 1000) {
        seen_mark(&seen, offset, OLD + offset);
    }
    seen_flush(&seen);
    rig_settle(&bench->rig);
    seen_close(&seen);
    begin(bench, &seen, 1, "w/t/0");
    for (int64_t offset = 0; offset < end; offset++) {
        enum seen_answer answer = seen_ask(&seen, offset, OLD + offset);
        if (answer == SEEN_LOADING) {
            waits++;
            answer = ask(bench, &seen, offset, OLD + offset);
        }
        assert_int_equal(answer, offset % 1000 == 5 ? SEEN_YES : SEEN_NO);
        if (offset % 10000 == 0) {
            rig_settle(&bench->rig);
        }
    }
    assert_int_equal(waits, 1);
    /* And back: what was ahead is not what is behind. */
    assert_int_equal(seen_ask(&seen, 5, OLD + 5), SEEN_LOADING);
    assert_int_equal(ask(bench, &seen, 5, OLD + 5), SEEN_YES);
    seen_close(&seen);
}

/* The topic is made anew and read from its first record. */
static void test_topic_made_anew(void **state)
{
    struct bench *bench = *state;
    struct seen seen;
    begin(bench, &seen, 1, "w/t/0");
    mark(bench, &seen, 0, 100, OLD);
    seen_close(&seen);
    begin(bench, &seen, 1, "w/t/0");
    for (int64_t offset = 0; offset < 30; offset++) {
        assert_int_equal(ask(bench, &seen, offset, NEW + offset), SEEN_NO);
    }
    mark(bench, &seen, 0, 10, NEW);
    mark(bench, &seen, 20, 25, NEW);
    seen_close(&seen); /* and again: 10 to 19 are not settled */
    begin(bench, &seen, 1, "w/t/0");
    for (int64_t offset = 0; offset < 100; offset++) {
        bool marked = offset < 10 || (offset >= 20 && offset < 25);
        assert_int_equal(ask(bench, &seen, offset, NEW + offset), marked ? SEEN_YES : SEEN_NO);
    }
    seen_close(&seen);
}

/* The same, but the marks of the first records are lost, or it is read from the middle. */
static void test_topic_made_anew_read_from_the_middle(void **state)
{
    struct bench *bench = *state;
    struct seen seen;
    begin(bench, &seen, 1, "w/t/0");
    mark(bench, &seen, 0, 100, OLD);
    seen_close(&seen);
    begin(bench, &seen, 1, "w/t/0");
    for (int64_t offset = 50; offset < 80; offset++) {
        assert_int_equal(ask(bench, &seen, offset, NEW + offset), SEEN_NO);
    }
    mark(bench, &seen, 50, 60, NEW);
    mark(bench, &seen, 70, 75, NEW);
    seen_close(&seen);
    begin(bench, &seen, 1, "w/t/0");
    for (int64_t offset = 60; offset < 70; offset++) {
        assert_int_equal(ask(bench, &seen, offset, NEW + offset), SEEN_NO);
    }
    assert_int_equal(ask(bench, &seen, 72, NEW + 72), SEEN_YES);
    seen_close(&seen);
}

/* A topic of which the first records have gone by age, made anew: it begins below the guard. */
static void test_topic_made_anew_below_the_guard(void **state)
{
    struct bench *bench = *state;
    struct seen seen;
    begin(bench, &seen, 1, "w/t/0");
    mark(bench, &seen, 500, 600, OLD);
    seen_close(&seen);
    begin(bench, &seen, 1, "w/t/0");
    for (int64_t offset = 0; offset < 40; offset++) {
        assert_int_equal(ask(bench, &seen, offset, NEW + offset), SEEN_NO);
    }
    mark(bench, &seen, 0, 30, NEW);
    seen_close(&seen);
    begin(bench, &seen, 1, "w/t/0");
    assert_int_equal(ask(bench, &seen, 29, NEW + 29), SEEN_YES);
    for (int64_t offset = 490; offset < 610; offset++) {
        assert_int_equal(ask(bench, &seen, offset, NEW - 1), SEEN_NO); /* whatever their times */
    }
    seen_close(&seen);
}

/* Redis does not answer: the ledger is asked, item by item. */
static void test_lost_bits(void **state)
{
    struct bench *bench = *state;
    struct seen seen;
    begin(bench, &seen, 1, "w/t/0");
    mark(bench, &seen, 0, 100, OLD);
    seen_close(&seen);
    begin(bench, &seen, 1, "w/t/0");
    redis_server_kill(&bench->server);
    assert_int_equal(ask(bench, &seen, 5, OLD + 5), SEEN_NO);
    mark(bench, &seen, 5, 6, OLD);
    seen_close(&seen);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_marked_is_skipped),
        ON_A_BENCH(test_the_next_segment_is_there_in_time),
        ON_A_BENCH(test_topic_made_anew),
        ON_A_BENCH(test_topic_made_anew_read_from_the_middle),
        ON_A_BENCH(test_topic_made_anew_below_the_guard),
        ON_A_BENCH(test_lost_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
