/* SPDX-License-Identifier: Apache-2.0
 *
 * A Redis that misbehaves at each of the ledger's commands in each way: it refuses,
 * says nonsense, a half, too much, or goes away, having done what it was asked or
 * not. Whatever it says, nothing is sent that the real data behind it did not
 * grant, and when it behaves again everything is settled, each effect once.
 */
#include "tests/component/engine/errand.h"

#include "common/mem.h"
#include "tests/fakes/redis_liar.h"

#include <stdio.h>
#include <string.h>

#define EPOCH "{\"id\":\"one\"}"

/* A command of the ledger's. */
struct target {
    const char *name;
    const struct script *script; /* NULL: `at` */
    const char *at;
    const char *also;
    bool calls_last; /* answers nobody's call before: the lease must be renewed */
};

static const struct target targets[] = {
    {"claim", &script_claim, NULL, NULL, false},
    {"intended", &script_record, NULL, "\"s\":\"intended\"", false},
    {"next", &script_record, NULL, "\"s\":\"next\"", false},
    {"keep", &script_theme_keep, NULL, NULL, false},
    {"done", &script_record, NULL, "\"s\":\"done\"", false},
    {"renew", &script_lease, NULL, "renew", true},
    {"epoch", NULL, "hearback:epoch", NULL, false},
};

#define GRANT "*3\r\n$5\r\nfresh\r\n$6\r\nabsent\r\n*0\r\n"

static const struct {
    const char *name;
    enum lie_kind kind;
    const char *says;
    int times;
} lies[] = {
    {"READONLY", LIE_SAYS, "-READONLY You can't write against a read only replica.\r\n", 3},
    {"OOM", LIE_SAYS, "-OOM command not allowed when used memory > 'maxmemory'.\r\n", 3},
    {"LOADING", LIE_SAYS, "-LOADING Redis is loading the dataset in memory\r\n", 3},
    {"MOVED", LIE_SAYS, "-MOVED 3999 127.0.0.1:6381\r\n", 3},
    {"BUSY", LIE_SAYS, "-BUSY Redis is busy running a script.\r\n", 3},
    {"MISCONF", LIE_SAYS, "-MISCONF Redis is configured to save RDB snapshots\r\n", 3},
    {"NOAUTH", LIE_SAYS, "-NOAUTH Authentication required.\r\n", 3},
    {"NOSCRIPT", LIE_SAYS, "-NOSCRIPT No matching script. Please use EVAL.\r\n", 3},
    {"an error of what it has done", LIE_SAYS_DID, "-ERR it was done all the same\r\n", 3},
    {"a number", LIE_SAYS, ":1\r\n", 3},
    {"a word", LIE_SAYS, "+OK\r\n", 3},
    {"nothing", LIE_SAYS, "$-1\r\n", 3},
    {"an empty list", LIE_SAYS, "*0\r\n", 3},
    {"a list without a journal", LIE_SAYS, "*2\r\n$5\r\nfresh\r\n$6\r\nabsent\r\n", 3},
    {"a journal that is none", LIE_SAYS, "*3\r\n$2\r\nok\r\n$0\r\n\r\n*1\r\n$1\r\nS\r\n", 3},
    {"a journal of nonsense", LIE_SAYS,
     "*3\r\n$2\r\nok\r\n$0\r\n\r\n*4\r\n$1\r\nX\r\n$1\r\nk\r\n$1\r\nf\r\n$1\r\nv\r\n", 3},
    {"garbage", LIE_SAYS, "\x01\xff\xfe garbage\r\n", 2},
    {"another protocol", LIE_SAYS, "HTTP/1.1 502 Bad Gateway\r\n\r\n", 2},
    {"half a reply", LIE_HALF, NULL, 2},
    {"goes", LIE_CLOSES, NULL, 2},
    {"goes, having done it", LIE_DID, NULL, 2},
    {"a grant more than was asked", LIE_MORE, GRANT, 2},
};

struct stand {
    struct bench bench;
    struct redis_liar *liar;
    char address[32];
    size_t cases;
};

static int open_stand(void **state)
{
    struct stand *stand = mem_must_alloc(sizeof(*stand));
    struct bench *bench = &stand->bench;
    int port = 0;
    kit_quiet();
    assert_true(redis_server_start(&bench->server, NULL));
    bench->plain = redis_ask_open(bench->server.address, NULL);
    assert_non_null(bench->plain);
    stand->liar = redis_liar_start(bench->server.port, &port);
    (void)snprintf(stand->address, sizeof(stand->address), "127.0.0.1:%d", port);
    bench->time = (struct clock_fake){.mono = 1000000, .wall = 1790000000000};
    rig_open(&bench->rig, stand->address, "me", &bench->time);
    rig_stages(&bench->rig, &errand);
    rig_view(&bench->rig, bench->plain, EPOCH);
    *state = stand;
    return 0;
}

static int close_stand(void **state)
{
    struct stand *stand = *state;
    rig_close(&stand->bench.rig);
    redis_liar_stop(&stand->liar);
    redisFree(stand->bench.plain);
    redis_server_close(&stand->bench.server);
    mem_free(stand);
    return 0;
}

/* What is sent now must stand as intended in the real data, under this owner's lease. */
static void check_granted(struct bench *bench, const char *name, const char *effect)
{
    const struct transfer *call = bench->rig.caller.open[0];
    if (strcmp(call->method, "POST") != 0) {
        return;
    }
    const char *wanted = span_starts(call->path, "/create/") ? "intended:create" : "intended:tell";
    const char *found = bench_record(bench, effect, effect);
    const char *owner = bench_lease(bench, effect, "o");
    if (strcmp(found, wanted) != 0 || strcmp(owner, "me") != 0) {
        print_error("%s: %s is sent, with a record of \"%s\" and a lease of \"%s\"\n", name, wanted,
                    found, owner);
        fail();
    }
}

/* Until the one item is settled. */
static void live(struct stand *stand, const char *name, const char *effect, bool calls_last)
{
    struct bench *bench = &stand->bench;
    struct rig *rig = &bench->rig;
    size_t wanted = rig->settled + 1;
    for (int64_t t = kit_begin(); rig->settled < wanted;) {
        if (!kit_waits(t)) {
            print_error("%s: not settled\n", name);
            fail();
        }
        if (!ledger_is_open(rig->ledger) && redis_connected(rig->redis)) {
            rig_view(rig, bench->plain, EPOCH);
        }
        bool did = rig_turn(rig);
        bool waits = calls_last && redis_liar_left(stand->liar) > 0;
        if (rig->caller.open_count > 0 && !waits) {
            check_granted(bench, name, effect);
            vendor_answer(&bench->vendor, rig, rig->caller.open[0]);
        } else if (!did && redis_in_flight(rig->redis) == 0) {
            int64_t step = timers_next_ms(&rig->timers, bench->time.mono);
            step = step < 50 || !redis_connected(rig->redis) ? 50 : step;
            clock_fake_move(&bench->time, step > 1000 ? 1000 : step);
        }
    }
}

static void play(struct stand *stand, const struct target *target, size_t at)
{
    struct bench *bench = &stand->bench;
    char name[128];
    char effect[32];
    (void)snprintf(name, sizeof(name), "%s: %s", target->name, lies[at].name);
    (void)snprintf(effect, sizeof(effect), "e%zu", stand->cases++);
    struct lie lie = {.kind = lies[at].kind,
                      .at = target->script != NULL ? target->script->sha : target->at,
                      .also = target->also,
                      .says = lies[at].says,
                      .times = lies[at].times};
    bench->vendor = (struct vendor){0};
    bench->rig.load_count = 0;
    redis_liar_tell(stand->liar, &lie);
    (void)rig_admit(&bench->rig, effect, effect);
    live(stand, name, effect, target->calls_last);
    int left = redis_liar_left(stand->liar);
    int created = vendor_created(&bench->vendor, effect);
    int told = vendor_told(&bench->vendor, effect);
    if (left > 0 || created != 1 || told != 1) {
        print_error("%s: %d lies untold, created %d, told %d\n", name, left, created, told);
        fail();
    }
    assert_string_equal(bench_record(bench, effect, effect), "done:told");
}

static void play_all(void **state, size_t target)
{
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        play(*state, &targets[target], i);
    }
}

static void test_claim(void **state)
{
    play_all(state, 0);
}

static void test_intended(void **state)
{
    play_all(state, 1);
}

static void test_next(void **state)
{
    play_all(state, 2);
}

static void test_a_stages_script(void **state)
{
    play_all(state, 3);
}

static void test_done(void **state)
{
    play_all(state, 4);
}

static void test_renewal(void **state)
{
    play_all(state, 5);
}

static void test_epoch(void **state)
{
    play_all(state, 6);
}

/* The claim's answer itself is forged: then the record is refused, and nothing is sent. */
static void test_forged_grant(void **state)
{
    struct stand *stand = *state;
    struct bench *bench = &stand->bench;
    struct lie lie = {.kind = LIE_SAYS, .at = script_claim.sha, .says = GRANT, .times = 2};
    (void)redis_say(bench->plain, "HSET", "hearback:order:{errand/forged}", "o", "", "n", "3",
                    NULL);
    bench->vendor = (struct vendor){0};
    bench->rig.load_count = 0;
    redis_liar_tell(stand->liar, &lie);
    (void)rig_admit(&bench->rig, "forged", "forged");
    live(stand, "forged", "forged", false);
    assert_int_equal(redis_liar_left(stand->liar), 0);
    assert_int_equal(vendor_created(&bench->vendor, "forged"), 1);
    assert_int_equal(vendor_told(&bench->vendor, "forged"), 1);
}

int main(void)
{
#define ON_A_STAND(test) cmocka_unit_test_setup_teardown(test, open_stand, close_stand)
    const struct CMUnitTest tests[] = {
        ON_A_STAND(test_claim),           ON_A_STAND(test_intended),     ON_A_STAND(test_next),
        ON_A_STAND(test_a_stages_script), ON_A_STAND(test_done),         ON_A_STAND(test_renewal),
        ON_A_STAND(test_epoch),           ON_A_STAND(test_forged_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
