/* SPDX-License-Identifier: Apache-2.0
 *
 * From Kafka to items, with a real Kafka and a Redis of the test's own. The
 * program also plays its own victim: run with arguments it consumes until it has
 * stored what it can, says so, and waits to be killed.
 */
#include "consumer/engine/intake_inside.h"
#include "tests/component/engine/lane.h"

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
static char worker_name[64];
static char worker_topic[64];

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

static struct err open_nothing(const struct config *config, struct destination_settings *out)
{
    (void)config;
    out->base_url = "http://nobody";
    out->timeout_ms = 1000;
    secret_init(&out->authorization, span_text("x"));
    return NO_ERROR;
}

static const struct destination_kind nobody = {.name = "nobody", .open = open_nothing};
static const struct stage stages[] = {
    {.name = "note", .to = &nobody, .ask = ask, .doubt = STAGE_READ},
};
static const struct worker noter = {.name = worker_name,
                                    .topic = worker_topic,
                                    .help = "for tests",
                                    .stages = stages,
                                    .stage_count = COUNT_OF(stages),
                                    .itemise = itemise,
                                    .fragment = write_fragment,
                                    .digest = digest};

/* ---- a worker's whole engine but the loop ------------------------------------------------ */

struct shop {
    struct lane lane;
    struct intake *intake;
    int intake_fd;
    struct stages *stages;
    struct pool pool;
    struct order order;
    struct destination to;
};

static void settled(void *self, struct load *load)
{
    struct shop *shop = self;
    intake_settled(shop->intake, load);
}

static bool wanted(void *self, const struct load *load)
{
    const struct shop *shop = self;
    return intake_wants(shop->intake, load);
}

static void shop_open(struct shop *shop, const char *kafka, const char *redis, const char *owner)
{
    *shop = (struct shop){0};
    lane_open(&shop->lane, kafka, redis, owner);
    struct rig *rig = &shop->lane.rig;
    rig->config.worker.lease_ms = 3000; /* the victim's is waited for */
    rig->config.redis.timeout_ms = KIT_PATIENCE_MS;
    lane_until_open(&shop->lane, 1);
    assert_false(failed(destination_open(&shop->to, &nobody, &rig->config)));
    pool_init(&shop->pool, 64);
    order_init(&shop->order, 64);
    shop->stages = stages_new((struct stages_parts){.config = &rig->config,
                                                    .worker = &noter,
                                                    .clock = &rig->clock,
                                                    .timers = &rig->timers,
                                                    .ledger = rig->ledger,
                                                    .caller = fake_caller_interface(&rig->caller),
                                                    .outbox = fake_outbox_interface(&rig->outbox),
                                                    .pool = &shop->pool,
                                                    .order = &shop->order,
                                                    .destinations = &shop->to,
                                                    .destination_count = 1,
                                                    .owner = rig->owner,
                                                    .seed = 3,
                                                    .settled = settled,
                                                    .wanted = wanted,
                                                    .self = shop});
    struct intake_parts parts = {.config = &rig->config,
                                 .worker = &noter,
                                 .clock = &rig->clock,
                                 .redis = rig->redis,
                                 .ledger = rig->ledger,
                                 .stages = shop->stages,
                                 .pool = &shop->pool,
                                 .outbox = fake_outbox_interface(&rig->outbox)};
    assert_false(failed(intake_new(parts, &shop->intake, &shop->intake_fd)));
    assert_false(failed(intake_join(shop->intake)));
}

static void shop_turn(struct shop *shop)
{
    bool more = false;
    lane_turn(&shop->lane);
    assert_false(failed(intake_turn(shop->intake, &more)));
    if (intake_shrank(shop->intake)) {
        stages_sweep(shop->stages);
    }
    (void)stages_run(shop->stages);
    intake_store(shop->intake);
    ledger_confirm(shop->lane.rig.ledger);
}

static void shop_close(struct shop *shop)
{
    intake_stop(shop->intake);
    for (int64_t t = kit_begin(); stages_count(shop->stages) > 0 ||
                                  intake_loads(shop->intake) > 0 ||
                                  ledger_in_flight(shop->lane.rig.ledger) > 0;) {
        assert_true(kit_waits(t));
        shop_turn(shop);
    }
    intake_free(&shop->intake, false);
    stages_free(&shop->stages);
    order_close(&shop->order);
    pool_close(&shop->pool);
    timers_cancel(&shop->lane.rig.timers, &shop->to.probe);
    destination_close(&shop->to);
    lane_close(&shop->lane);
}

static int64_t committed(struct shop *shop)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, worker_topic, 0);
    (void)rd_kafka_committed(shop->intake->consumer, list, 5000);
    int64_t offset = at->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return offset;
}

/* Turns until every record up to `count` was settled or skipped. */
static void until_low(struct shop *shop, int64_t low)
{
    for (int64_t t = kit_begin();; shop_turn(shop)) {
        const struct partition *p = shop->intake->partitions[0];
        assert_true(kit_waits(t));
        if (p != NULL && p->assigned && window_low(&p->window) >= low) {
            return;
        }
    }
}

/* ---- the victim -------------------------------------------------------------------------- */

static int be_victim(char **argv)
{
    struct shop shop;
    kit_quiet();
    holds = true;
    (void)snprintf(worker_name, sizeof(worker_name), "%s", argv[3]);
    (void)snprintf(worker_topic, sizeof(worker_topic), "%s", argv[3]);
    shop_open(&shop, argv[1], argv[2], "victim");
    /* All settled but one; that one's offset is what the broker has. */
    for (int64_t t = kit_begin(); kit_waits(t);) {
        shop_turn(&shop);
        const struct partition *p = shop.intake->partitions[0];
        if (p != NULL && p->window.next == RECORDS && shop.intake->loads == 1 &&
            p->seen.pending_count == 0 && committed(&shop) == HELD) {
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

struct bench {
    struct redis_server server;
    const char *kafka;
};

static int open_bench(void **state)
{
    static struct bench bench;
    bench = (struct bench){.kafka = kit_service("HEARBACK_KAFKA")};
    *state = &bench;
    kit_quiet();
    holds = false;
    rules = 1;
    memset(made_of, 0, sizeof(made_of));
    if (bench.kafka == NULL) {
        return 0;
    }
    char suffix[16];
    kit_suffix(suffix, sizeof(suffix));
    (void)snprintf(worker_name, sizeof(worker_name), "test.%s", suffix);
    (void)snprintf(worker_topic, sizeof(worker_topic), "test.%s", suffix);
    assert_true(redis_server_start(&bench.server, NULL));
    struct lane lane; /* to make the topic and its records */
    lane_open(&lane, bench.kafka, bench.server.address, "maker");
    lane_topics(&lane, worker_topic);
    for (int i = 0; i < RECORDS; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "%s.%d", suffix, i);
        lane_append(&lane, worker_topic, span_text(key), "{}");
    }
    lane_flush(&lane);
    lane_close(&lane);
    return 0;
}

static int close_bench(void **state)
{
    struct bench *bench = *state;
    if (bench->kafka != NULL) {
        redis_server_close(&bench->server);
    }
    return 0;
}

#define NEEDS_KAFKA(bench)                                                                         \
    do {                                                                                           \
        if ((bench)->kafka == NULL) {                                                              \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static void kill_victim(const struct bench *bench)
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
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    kill_victim(bench);
    struct shop shop;
    shop_open(&shop, bench->kafka, bench->server.address, "heir");
    int64_t before = skipped();
    until_low(&shop, RECORDS);
    check_made(1, 0); /* from the lowest unsettled; what lay behind it was seen */
    assert_int_equal(skipped() - before, RECORDS - HELD - 1);
    shop_close(&shop);
}

static void test_killed_and_read_again_under_other_rules(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    kill_victim(bench);
    struct shop shop;
    rules = 2;
    shop_open(&shop, bench->kafka, bench->server.address, "heir");
    until_low(&shop, RECORDS);
    check_made(1, 1); /* walked: the ledger knows them */
    shop_close(&shop);
}

static void test_closed_and_opened_again(void **state)
{
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    struct shop shop;
    shop_open(&shop, bench->kafka, bench->server.address, "first");
    until_low(&shop, RECORDS);
    shop_close(&shop);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(made_of[i], 1);
    }
    shop_open(&shop, bench->kafka, bench->server.address, "second");
    for (int64_t t = kit_begin(); committed(&shop) != RECORDS;) {
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
    struct bench *bench = *state;
    NEEDS_KAFKA(bench);
    struct shop shop;
    shop_open(&shop, bench->kafka, bench->server.address, "me");
    struct intake *intake = shop.intake;
    redis_server_signal(&bench->server, SIGSTOP);
    for (int64_t t = kit_begin(); intake->pending_count < 3;) {
        assert_true(kit_waits(t));
        shop_turn(&shop);
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, worker_topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    intake_rebalanced(intake->consumer, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, list, intake);
    assert_int_equal(intake->pending_count, 0);
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
