/* SPDX-License-Identifier: Apache-2.0
 *
 * Offsets that are not where the group had come to, on a real Kafka: expired,
 * passed by the retention, beyond the end. Each is said, once, and only then.
 */
#include "tests/component/engine/shop.h"

#include <stdio.h>

#define RECORDS 40
#define DAY_MS  (INT64_C(24) * 60 * 60 * 1000)

static char worker_name[64];
static char group[80];
static int64_t first_made; /* offset of the first record that came, -1: none did */
static int made;

/* ---- a worker that notes what comes ------------------------------------------------------ */

static struct err ask(struct item *item, struct call *call)
{
    (void)item;
    call->kind = CALL_STEP;
    call->step = step_done("done");
    return NO_ERROR;
}

static struct err itemise(struct job *job, struct item *next, bool *is_made)
{
    (void)next;
    first_made = first_made < 0 ? job->record.offset : first_made;
    made++;
    job->nothing = "nothing";
    *is_made = false;
    return NO_ERROR;
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
                                    .fragment = shop_fragment,
                                    .digest = shop_digest};

/* ---- the bench --------------------------------------------------------------------------- */

static int open_bench(void **state)
{
    static struct shop_bench bench;
    *state = &bench;
    if (shop_bench_open(&bench, 2)) {
        (void)snprintf(worker_name, sizeof(worker_name), "%s", bench.name);
        (void)snprintf(group, sizeof(group), "hearback.%s", bench.name);
    }
    return 0;
}

static int close_bench(void **state)
{
    shop_bench_close(*state);
    return 0;
}

static void fill(const struct shop_bench *bench, int records)
{
    for (int n = 0; n < records; n++) {
        shop_append(bench, bench->name, 0, "k", "{}", NULL);
    }
    shop_flush(bench);
}

static void open_shop(struct shop *shop, const struct shop_bench *bench)
{
    made = 0;
    first_made = -1;
    shop_open(shop, (struct shop_place){.kafka = bench->kafka,
                                        .redis = bench->server.address,
                                        .owner = "me",
                                        .worker = &noter});
}

/* A first run, which reads and commits all there is, and finds nothing to complain of. */
static void run_once(const struct shop_bench *bench, int records)
{
    struct shop shop;
    fill(bench, records);
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->name, 0, records);
    assert_int_equal(made, records);
    shop_close(&shop);
    assert_int_equal(kit_logged("offsets_reset"), 0);
}

static int64_t resets(const char *reason)
{
    return metric_value(metric_counter("hearback_offsets_reset_total",
                                       "Partitions that were not read on from where their group "
                                       "had come to, by reason.",
                                       "reason", reason));
}

/* Waits for the one answer; true when the broker did as told. */
static bool is_done(const struct shop_bench *bench, rd_kafka_queue_t *queue)
{
    (void)bench;
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KIT_PATIENCE_MS);
    bool done = event != NULL && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!done && event != NULL) {
        print_error("%s\n", rd_kafka_event_error_string(event));
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    return done;
}

static rd_kafka_topic_partition_list_t *partition_0(const struct shop_bench *bench, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, bench->name, 0)->offset = offset;
    return list;
}

static int64_t end_of(rd_kafka_t *rk, const char *topic)
{
    int64_t low = 0;
    int64_t high = 0;
    (void)rd_kafka_query_watermark_offsets(rk, topic, 0, &low, &high, KIT_PATIENCE_MS);
    return high;
}

/* ---- tests ------------------------------------------------------------------------------- */

static void test_retention_passed_the_worker(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    int64_t before = resets("records_gone");
    run_once(bench, RECORDS);
    fill(bench, 20);
    rd_kafka_topic_partition_list_t *list = partition_0(bench, RECORDS + 15);
    rd_kafka_DeleteRecords_t *gone = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(bench->producer);
    rd_kafka_DeleteRecords(bench->producer, &gone, 1, NULL, queue);
    assert_true(is_done(bench, queue));
    rd_kafka_DeleteRecords_destroy(gone);
    rd_kafka_topic_partition_list_destroy(list);
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->name, 0, RECORDS + 20);
    assert_int_equal(first_made, RECORDS + 15);
    assert_int_equal(resets("records_gone") - before, 1);
    assert_int_equal(kit_logged("offsets_reset"), 1);
    assert_int_equal(kit_logged("records_gone"), 1);
    shop_close(&shop);
}

static void test_the_offset_expired(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    int64_t before = resets("expired");
    run_once(bench, RECORDS);
    rd_kafka_topic_partition_list_t *list = partition_0(bench, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_DeleteConsumerGroupOffsets_t *gone =
        rd_kafka_DeleteConsumerGroupOffsets_new(group, list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(bench->producer);
    rd_kafka_DeleteConsumerGroupOffsets(bench->producer, &gone, 1, NULL, queue);
    assert_true(is_done(bench, queue));
    rd_kafka_DeleteConsumerGroupOffsets_destroy(gone);
    rd_kafka_topic_partition_list_destroy(list);
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->name, 0, RECORDS);
    assert_int_equal(made, 0); /* all of it was seen */
    assert_int_equal(resets("expired") - before, 1);
    assert_int_equal(kit_logged("offsets_reset"), 1);
    shop_close(&shop);
}

static void test_the_offset_is_beyond_the_end(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    int64_t before = resets("began_anew");
    run_once(bench, RECORDS);
    rd_kafka_topic_partition_list_t *list = partition_0(bench, 4711);
    rd_kafka_AlterConsumerGroupOffsets_t *there =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(bench->producer);
    rd_kafka_AlterConsumerGroupOffsets(bench->producer, &there, 1, NULL, queue);
    assert_true(is_done(bench, queue));
    rd_kafka_AlterConsumerGroupOffsets_destroy(there);
    rd_kafka_topic_partition_list_destroy(list);
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->name, 0, 4711); /* as it begins */
    for (int64_t t = kit_begin(); kit_logged("offsets_reset") == 0; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    shop_until_low(&shop, bench->name, 0, RECORDS);
    assert_int_equal(made, 0); /* read again from the first, and seen */
    assert_int_equal(resets("began_anew") - before, 1);
    assert_int_equal(kit_logged("offsets_reset"), 1);
    shop_close(&shop);
}

/* Offsets without a record, here the mark of a transaction, are no loss. */
static void test_a_gap_is_not_a_loss(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    run_once(bench, RECORDS);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", bench->kafka, why, sizeof(why));
    (void)rd_kafka_conf_set(conf, "transactional.id", bench->name, why, sizeof(why));
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(rk);
    assert_null(rd_kafka_init_transactions(rk, KIT_PATIENCE_MS));
    assert_null(rd_kafka_begin_transaction(rk));
    struct shop_bench other = {.producer = rk};
    shop_append(&other, bench->name, 0, "k", "{}", NULL);
    assert_null(rd_kafka_commit_transaction(rk, KIT_PATIENCE_MS));
    for (int64_t t = kit_begin(); end_of(rk, bench->name) < RECORDS + 2;) {
        assert_true(kit_waits(t)); /* the mark comes by itself */
    }
    rd_kafka_destroy(rk);
    fill(bench, 1);
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->name, 0, RECORDS + 3); /* one, the mark, one */
    assert_int_equal(made, 2);
    assert_int_equal(kit_logged("offsets_reset"), 0);
    shop_close(&shop);
}

/* A partition that was not there when the worker joined. */
static void test_partitions_added(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    open_shop(&shop, bench);
    assert_int_equal(shop.intake->topics[INTAKE_SOURCE].partition_count, 2);
    assert_int_equal(shop.intake->topics[INTAKE_RETRY].partition_count, 1);
    shop.intake->topics[INTAKE_SOURCE].partition_count = 1; /* as if it had been one */
    shop_until_low(&shop, bench->name, 1, -1);
    assert_int_equal(kit_logged("partitions_added"), 1);
    assert_int_equal(shop.intake->topics[INTAKE_SOURCE].partition_count, 2);
    shop_close(&shop);
}

static void test_what_kafka_tells_of_a_topic(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    rd_kafka_t *rk = bench->producer;
    int64_t kept_ms = 0;
    assert_false(failed(kafka_topic_retention(rk, TOPIC_INTERVIEWS, 10000, &kept_ms)));
    assert_int_equal(kept_ms, 30 * DAY_MS);
    assert_false(failed(kafka_topic_retention(rk, TOPIC_CHANGELOG, 10000, &kept_ms)));
    assert_int_equal(kept_ms, -1);
    struct err err = kafka_topic_retention(rk, "hearback.nothing", 10000, &kept_ms);
    assert_int_equal(err.class, ERR_RETRY);
    int32_t partitions = 0;
    assert_false(failed(kafka_topic_partitions(rk, bench->name, 10000, &partitions)));
    assert_int_equal(partitions, 2);
    err = kafka_topic_partitions(rk, "hearback.nothing", 10000, &partitions);
    assert_int_equal(err.class, ERR_RETRY);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_retention_passed_the_worker),
        ON_A_BENCH(test_the_offset_expired),
        ON_A_BENCH(test_the_offset_is_beyond_the_end),
        ON_A_BENCH(test_a_gap_is_not_a_loss),
        ON_A_BENCH(test_partitions_added),
        ON_A_BENCH(test_what_kafka_tells_of_a_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
