/* SPDX-License-Identifier: Apache-2.0
 *
 * From Kafka to items, with a real Kafka and a Redis of the test's own. The
 * program also plays its own victim: run with arguments it consumes until it has
 * stored what it can, says so, and waits to be killed.
 */
#include "tests/component/engine/shop.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORDS 40
#define HELD    7 /* this record's item stays open in the victim */

/* ---- a worker that notes what it does ---------------------------------------------------- */

static int made_of[RECORDS]; /* items made of each record */
static bool holds;           /* the held record's item never ends */
static uint64_t rules = 1;
static char worker_name[64]; /* and its topic's */

static struct err ask(struct item *item, struct call *call)
{
    call->kind = CALL_STEP;
    call->step =
        holds && item->job->record.offset == HELD ? step_again(1000, "held") : step_done("done");
    return NO_ERROR;
}

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    *made = job->made == 0;
    if (*made) {
        made_of[job->record.offset]++;
        next->effect_id = span_of(job->record.key.at, job->record.key.len);
        next->order_key = next->effect_id;
    }
    return NO_ERROR;
}

static void write_fragment(const struct item *item, struct buf *out)
{
    (void)item;
    buf_add_text(out, "{}");
}

static uint64_t digest(const struct config *config)
{
    (void)config;
    return rules;
}

static const struct stage stages[] = {
    {.name = "note", .to = &shop_nobody, .ask = ask, .doubt = STAGE_READ},
};
static const struct worker noter = {.name = worker_name,
                                    .topic = worker_name,
                                    .help = "for tests",
                                    .stages = stages,
                                    .stage_count = COUNT_OF(stages),
                                    .itemise = itemise,
                                    .fragment = write_fragment,
                                    .digest = digest};

static void open_shop(struct shop *shop, const char *kafka, const char *redis, const char *owner)
{
    shop_open(shop, (struct shop_place){
                        .kafka = kafka, .redis = redis, .owner = owner, .worker = &noter});
}

static void until_low(struct shop *shop, int64_t low)
{
    shop_until_low(shop, worker_name, 0, low);
}

/* ---- the victim -------------------------------------------------------------------------- */

static int be_victim(char **argv)
{
    struct shop shop;
    kit_quiet();
    holds = true;
    (void)snprintf(worker_name, sizeof(worker_name), "%s", argv[3]);
    open_shop(&shop, argv[1], argv[2], "victim");
    /* All settled but one; that one's offset is what the broker has. */
    for (int64_t t = kit_begin(); kit_waits(t);) {
        shop_turn(&shop);
        const struct partition *p = intake_partition(shop.intake, worker_name, 0);
        if (p != NULL && p->window.next == RECORDS && shop.intake->loads == 1 &&
            p->seen.pending_count == 0 && shop_committed(&shop, worker_name, 0) == HELD) {
            (void)!write(1, "ready", 5);
            (void)poll(NULL, 0, KIT_PATIENCE_MS);
        }
    }
    return 1;
}

static pid_t start_victim(const char *kafka, const char *redis, const char *name, int *from)
{
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(pipe_fds[1], 1);
        (void)execl("/proc/self/exe", "victim", kafka, redis, name, NULL);
        _exit(127);
    }
    (void)close(pipe_fds[1]);
    *from = pipe_fds[0];
    return pid;
}

/* ---- the bench --------------------------------------------------------------------------- */

static int open_bench(void **state)
{
    static struct shop_bench bench;
    *state = &bench;
    holds = false;
    rules = 1;
    memset(made_of, 0, sizeof(made_of));
    if (!shop_bench_open(&bench, 1)) {
        return 0;
    }
    (void)snprintf(worker_name, sizeof(worker_name), "%s", bench.name);
    for (int i = 0; i < RECORDS; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "key.%d", i);
        shop_append(&bench, bench.name, 0, key, "{}", NULL);
    }
    shop_flush(&bench);
    return 0;
}

static int close_bench(void **state)
{
    shop_bench_close(*state);
    return 0;
}

static void kill_victim(const struct shop_bench *bench)
{
    int from = -1;
    char said[8] = "";
    pid_t victim = start_victim(bench->kafka, bench->server.address, worker_name, &from);
    assert_int_equal(read(from, said, 5), 5);
    assert_string_equal(said, "ready");
    assert_int_equal(kill(victim, SIGKILL), 0);
    (void)waitpid(victim, NULL, 0);
    (void)close(from);
}

static int64_t skipped(void)
{
    return metric_value(metric_counter("hearback_records_skipped_total",
                                       "Records passed over: settled before.", NULL, NULL));
}

static void check_made(int held, int others_behind)
{
    for (int i = 0; i < RECORDS; i++) {
        int wanted_count = i < HELD ? 0 : i == HELD ? held : others_behind;
        if (made_of[i] != wanted_count) {
            print_error("record %d: %d items made, expected %d\n", i, made_of[i], wanted_count);
            fail();
        }
    }
}

/* ---- tests ------------------------------------------------------------------------------- */

static void test_killed_and_read_again(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    kill_victim(bench);
    struct shop shop;
    open_shop(&shop, bench->kafka, bench->server.address, "heir");
    int64_t before = skipped();
    until_low(&shop, RECORDS);
    check_made(1, 0); /* from the lowest unsettled; what lay behind it was seen */
    assert_int_equal(skipped() - before, RECORDS - HELD - 1);
    shop_close(&shop);
}

static void test_killed_and_read_again_under_other_rules(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    kill_victim(bench);
    struct shop shop;
    rules = 2;
    open_shop(&shop, bench->kafka, bench->server.address, "heir");
    until_low(&shop, RECORDS);
    check_made(1, 1); /* walked: the ledger knows them */
    shop_close(&shop);
}

static void test_closed_and_opened_again(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    open_shop(&shop, bench->kafka, bench->server.address, "first");
    until_low(&shop, RECORDS);
    shop_close(&shop);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(made_of[i], 1);
    }
    open_shop(&shop, bench->kafka, bench->server.address, "second");
    for (int64_t t = kit_begin(); shop_committed(&shop, worker_name, 0) != RECORDS;) {
        assert_true(kit_waits(t)); /* stored and committed by the close */
    }
    shop_close(&shop);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(made_of[i], 1);
    }
}

/* Records wait unopened, for Redis does not say what was seen, when their partition goes and comes
 * back. */
static void test_partition_leaves_and_returns_with_records_unopened(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    open_shop(&shop, bench->kafka, bench->server.address, "me");
    struct intake *intake = shop.intake;
    redis_server_signal(&bench->server, SIGSTOP);
    for (int64_t t = kit_begin(); intake->stash.count < 3;) {
        assert_true(kit_waits(t));
        shop_turn(&shop);
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, worker_name, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    intake_rebalanced(intake->consumer, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, list, intake);
    assert_int_equal(intake->stash.count, 0);
    intake_rebalanced(intake->consumer, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, list, intake);
    rd_kafka_topic_partition_list_destroy(list);
    redis_server_signal(&bench->server, SIGCONT);
    until_low(&shop, RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(made_of[i], 1);
    }
    shop_close(&shop);
}

int main(int argc, char **argv)
{
    if (argc == 4) {
        return be_victim(argv);
    }
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_closed_and_opened_again),
        ON_A_BENCH(test_partition_leaves_and_returns_with_records_unopened),
        ON_A_BENCH(test_killed_and_read_again),
        ON_A_BENCH(test_killed_and_read_again_under_other_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
