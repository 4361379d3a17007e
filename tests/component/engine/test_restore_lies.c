/* SPDX-License-Identifier: Apache-2.0
 *
 * A Redis that misbehaves at each command of a restore, with a real Kafka: it
 * refuses, answers nonsense or a half, or goes away, having done it or not. The
 * view opens when it behaves again, not before, and holds what the changelog says.
 */
#include "tests/component/engine/lane.h"

#include "common/mem.h"
#include "tests/fakes/redis_liar.h"

#include <stdio.h>
#include <string.h>

struct bench {
    struct redis_server server;
    redisContext *plain;
    struct redis_liar *liar;
    struct lane lane;
    const char *kafka;
    char key[64];
};

static int open_bench(void **state)
{
    struct bench *bench = mem_must_alloc(sizeof(*bench));
    char address[32];
    char suffix[16];
    char line[80];
    int port = 0;
    kit_quiet();
    bench->kafka = kit_service("HEARBACK_KAFKA");
    *state = bench;
    if (bench->kafka == NULL) {
        return 0;
    }
    kit_suffix(suffix, sizeof(suffix));
    assert_true(redis_server_start(&bench->server, NULL));
    bench->plain = redis_ask_open(bench->server.address, NULL);
    assert_non_null(bench->plain);
    bench->liar = redis_liar_start(bench->server.port, &port);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    lane_open(&bench->lane, bench->kafka, address, "one");
    bench->lane.rig.config.worker.restore_wait_ms = 300;
    lane_topics(&bench->lane, NULL);
    (void)snprintf(bench->key, sizeof(bench->key), "hearback:person:{%s}", suffix);
    (void)snprintf(line, sizeof(line), "S:%s", bench->key);
    lane_append(&bench->lane, TOPIC_CHANGELOG, span_text(line), "{\"known\":true}");
    lane_flush(&bench->lane);
    lane_until_open(&bench->lane, 1);
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    if (bench->kafka != NULL) {
        lane_close(&bench->lane);
        redis_liar_stop(&bench->liar);
        redisFree(bench->plain);
        redis_server_close(&bench->server);
    }
    mem_free(bench);
    return 0;
}

static const struct {
    const char *name;
    enum lie_kind kind;
    const char *says;
} lies[] = {
    {"MISCONF", LIE_SAYS, "-MISCONF Redis is configured to save RDB snapshots\r\n"},
    {"a word", LIE_SAYS, "+QUEUED\r\n"},
    {"nothing", LIE_SAYS, "$-1\r\n"},
    {"an empty list", LIE_SAYS, "*0\r\n"},
    {"garbage", LIE_SAYS, "\x01\xff garbage\r\n"},
    {"half a reply", LIE_HALF, NULL},
    {"goes", LIE_CLOSES, NULL},
    {"goes, having done it", LIE_DID, NULL},
    {"an error of what it has done", LIE_SAYS_DID, "-ERR it was done all the same\r\n"},
};

/* Emptied, it must be restored; at `at` Redis lies. */
static void play(struct bench *bench, const char *target, const char *at, const char *also)
{
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        struct lie lie = {
            .kind = lies[i].kind, .at = at, .also = also, .says = lies[i].says, .times = 1};
        int opened = bench->lane.opened;
        (void)redis_say(bench->plain, "FLUSHALL", NULL);
        (void)redis_say(bench->plain, "SET", "hearback:person:{stray}", "{}", NULL);
        redis_liar_tell(bench->liar, &lie);
        bench->lane.ahead_ms += 1000; /* when an idle worker looks whether its view is there */
        for (int64_t t = kit_begin(); bench->lane.opened == opened;) {
            if (!kit_waits(t)) {
                print_error("%s: %s: it does not open\n", target, lies[i].name);
                fail();
            }
            lane_turn(&bench->lane);
        }
        const char *epoch =
            redis_say(bench->plain, "EXISTS", LEDGER_EPOCH_KEY, "hearback:mark", NULL);
        bool whole = strcmp(epoch, "2") == 0 && redis_liar_left(bench->liar) == 0;
        whole = whole && strcmp(redis_say(bench->plain, "EXISTS", bench->key,
                                          "hearback:person:{stray}", NULL),
                                "1") == 0;
        if (!whole) {
            print_error("%s: %s: opened, but the view is not whole, or nobody lied\n", target,
                        lies[i].name);
            fail();
        }
    }
}

/* Every command of a restore in turn. */
static void test_each_command(void **state)
{
    struct bench *bench = *state;
    if (bench->kafka == NULL) {
        skip();
    }
    const struct {
        const char *name, *at, *also;
    } targets[] = {
        {"which Redis", "INFO", NULL},
        {"the epoch", "GET", LEDGER_EPOCH_KEY},
        {"the mark", "HGETALL", NULL},
        {"the lock", "hearback:restore", "NX"},
        {"what to remove", "SCAN", NULL},
        {"removing", script_restore_clear.sha, NULL},
        {"writing", script_restore_apply.sha, "known"},
        {"opening", script_restore_done.sha, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        play(bench, targets[i].name, targets[i].at, targets[i].also);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_command, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
