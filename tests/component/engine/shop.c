/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds the shop, turns it, and takes it down.
 */
#include "tests/component/engine/shop.h"

#include <stdio.h>

struct err shop_open_nothing(const struct config *config, struct destination_settings *out)
{
    (void)config;
    out->base_url = "http://nobody";
    out->timeout_ms = 1000;
    secret_init(&out->authorization, span_text("x"));
    return NO_ERROR;
}

const struct destination_kind shop_nobody = {.name = "nobody", .open = shop_open_nothing};

void shop_fragment(const struct item *item, struct buf *out)
{
    (void)item;
    buf_add_text(out, "{}");
}

uint64_t shop_digest(const struct config *config)
{
    (void)config;
    return 1;
}

static void left(void *self, struct load *load)
{
    struct shop *shop = self;
    intake_left(shop->intake, load);
}

static bool wanted(void *self, const struct load *load)
{
    const struct shop *shop = self;
    return intake_wants(shop->intake, load);
}

static void late_closed(void *self, const struct record *record, bool buried)
{
    struct shop *shop = self;
    shop->late_closed++;
    shop->late_buried += buried ? 1 : 0;
    later_closed(shop->later, record, buried);
}

static bool crowded(void *self, struct work *work, struct destination *to)
{
    const struct shop *shop = self;
    return intake_crowded(shop->intake, work, to);
}

static void open_destinations(struct shop *shop, const struct worker *worker)
{
    for (size_t i = 0; i < worker->stage_count; i++) {
        const struct destination_kind *kind = worker->stages[i].to;
        bool known = kind == NULL;
        for (size_t d = 0; d < shop->destination_count && !known; d++) {
            known = shop->to[d].kind == kind;
        }
        if (!known) {
            assert_true(shop->destination_count < SHOP_DESTINATIONS);
            assert_false(failed(destination_open(&shop->to[shop->destination_count++], kind,
                                                 &shop->lane.rig.config)));
        }
    }
}

static void open_stages(struct shop *shop, const struct worker *worker)
{
    struct rig *rig = &shop->lane.rig;
    shop->stages = stages_new((struct stages_parts){.config = &rig->config,
                                                    .worker = worker,
                                                    .clock = &rig->clock,
                                                    .timers = &rig->timers,
                                                    .ledger = rig->ledger,
                                                    .caller = fake_caller_interface(&rig->caller),
                                                    .outbox = fake_outbox_interface(&rig->outbox),
                                                    .pool = &shop->pool,
                                                    .order = &shop->order,
                                                    .destinations = shop->to,
                                                    .destination_count = shop->destination_count,
                                                    .owner = rig->owner,
                                                    .seed = 3,
                                                    .left = left,
                                                    .wanted = wanted,
                                                    .crowded = crowded,
                                                    .self = shop});
}

void shop_open(struct shop *shop, struct shop_place place)
{
    *shop = (struct shop){0};
    (place.journal ? lane_open_journal : lane_open)(&shop->lane, place.kafka, place.redis,
                                                    place.owner);
    struct rig *rig = &shop->lane.rig;
    rig->config.worker.items_max = SHOP_POOL;
    rig->config.worker.lease_ms = 3000; /* a victim's is waited for */
    rig->config.redis.timeout_ms = KIT_PATIENCE_MS;
    if (place.adjust != NULL) {
        place.adjust(&rig->config);
    }
    lane_until_open(&shop->lane, 1);
    open_destinations(shop, place.worker);
    pool_init(&shop->pool, (size_t)rig->config.worker.items_max);
    order_init(&shop->order, (size_t)rig->config.worker.items_max);
    open_stages(shop, place.worker);
    struct intake_parts parts = {.config = &rig->config,
                                 .worker = place.worker,
                                 .clock = &rig->clock,
                                 .redis = rig->redis,
                                 .ledger = rig->ledger,
                                 .stages = shop->stages,
                                 .pool = &shop->pool,
                                 .order = &shop->order,
                                 .destination_count = shop->destination_count,
                                 .outbox = fake_outbox_interface(&rig->outbox),
                                 .replay = place.replay,
                                 .late_closed = late_closed,
                                 .self = shop};
    assert_false(failed(intake_new(parts, &shop->intake, &shop->intake_fd)));
    shop->later = later_new((struct later_parts){.config = parts.config,
                                                 .worker = parts.worker,
                                                 .clock = parts.clock,
                                                 .ledger = parts.ledger,
                                                 .outbox = parts.outbox,
                                                 .intake = shop->intake,
                                                 .pool = parts.pool});
    assert_false(failed(intake_join(shop->intake)));
}

void shop_turn(struct shop *shop)
{
    bool more = false;
    lane_turn(&shop->lane);
    assert_false(failed(intake_turn(shop->intake, &more)));
    if (intake_shrank(shop->intake)) {
        stages_sweep(shop->stages);
    }
    if (shop->later != NULL && !shop->intake->stopping) {
        (void)later_turn(shop->later);
    }
    (void)stages_run(shop->stages);
    intake_store(shop->intake);
    ledger_confirm(shop->lane.rig.ledger);
}

void shop_turns(struct shop *shop, int times)
{
    for (int i = 0; i < times; i++) {
        shop_turn(shop);
    }
}

int shop_answer(struct shop *shop, const char *prefix, int most)
{
    struct fake_caller *calls = &shop->lane.rig.caller;
    int count = 0;
    for (size_t i = 0; i < calls->open_count && count < most;) {
        if (span_starts(calls->open[i]->path, prefix)) {
            fake_caller_answer(calls, calls->open[i], (struct fake_answer){.status = 200});
            count++;
        } else {
            i++;
        }
    }
    return count;
}

void shop_close(struct shop *shop)
{
    intake_stop(shop->intake);
    for (int64_t t = kit_begin(); stages_count(shop->stages) > 0 ||
                                  intake_loads(shop->intake) > 0 ||
                                  ledger_in_flight(shop->lane.rig.ledger) > 0;) {
        assert_true(kit_waits(t));
        shop_turn(shop);
    }
    later_free(&shop->later);
    intake_free(&shop->intake, false);
    stages_free(&shop->stages);
    order_close(&shop->order);
    pool_close(&shop->pool);
    for (size_t i = 0; i < shop->destination_count; i++) {
        timers_cancel(&shop->lane.rig.timers, &shop->to[i].probe);
        destination_close(&shop->to[i]);
    }
    lane_close(&shop->lane);
}

void shop_until_low(struct shop *shop, const char *topic, int32_t id, int64_t low)
{
    for (int64_t t = kit_begin();; shop_turn(shop)) {
        const struct partition *p = intake_partition(shop->intake, topic, id);
        if (p != NULL && p->assigned && window_low(&p->window) >= low) {
            return;
        }
        if (!kit_waits(t)) {
            fail_msg("low is %lld, expected %lld",
                     p == NULL ? -2LL : (long long)window_low(&p->window), (long long)low);
        }
    }
}

int64_t shop_committed(struct shop *shop, const char *topic, int32_t id)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, topic, id);
    (void)rd_kafka_committed(shop->intake->consumer, list, 5000);
    int64_t offset = at->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return offset;
}

/* ---- the bench --------------------------------------------------------------------------- */

static void make_standing_topics(const struct shop_bench *bench, const struct config_kafka *config)
{
    struct buf said;
    buf_init(&said, 65536);
    struct err err = kafka_create_topics(bench->producer, config, 10000, &said);
    if (failed(err)) {
        fail_msg("topics: %s %s", err.text, buf_text(&said));
    }
    buf_close(&said);
}

bool shop_bench_open(struct shop_bench *bench, int partitions)
{
    char suffix[16];
    *bench = (struct shop_bench){.kafka = kit_service("HEARBACK_KAFKA")};
    kit_quiet();
    if (bench->kafka == NULL) {
        return false;
    }
    struct config_kafka config = {.bootstrap = (char *)(uintptr_t)bench->kafka,
                                  .replication = 1,
                                  .partitions = LANE_PARTITIONS,
                                  .message_bytes_max = 1 << 20};
    struct kafka_role role = {.client_id = "test"};
    kit_suffix(suffix, sizeof(suffix));
    (void)snprintf(bench->name, sizeof(bench->name), "test.%s", suffix);
    (void)snprintf(bench->retry, sizeof(bench->retry), "%s%s", TOPIC_RETRY_PREFIX, bench->name);
    assert_true(redis_server_start(&bench->server, NULL));
    assert_false(failed(kafka_producer_new(&config, &role, &bench->producer)));
    make_standing_topics(bench, &config);
    shop_topic(bench, bench->name, partitions);
    shop_topic(bench, bench->retry, 1); /* as the ones that are shipped */
    return true;
}

void shop_bench_close(struct shop_bench *bench)
{
    if (bench->kafka != NULL) {
        rd_kafka_destroy(bench->producer);
        redis_server_close(&bench->server);
    }
}

void shop_topic(const struct shop_bench *bench, const char *name, int partitions)
{
    char why[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, why, sizeof(why));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(bench->producer);
    rd_kafka_CreateTopics(bench->producer, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KIT_PATIENCE_MS);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
}

void shop_append(const struct shop_bench *bench, const char *topic, int32_t partition,
                 const char *key, const char *value, const struct shop_header *headers)
{
    size_t len = value == NULL ? 0 : strlen(value);
    rd_kafka_headers_t *list = rd_kafka_headers_new(8);
    for (; headers != NULL && headers->name != NULL; headers++) {
        assert_int_equal(rd_kafka_header_add(list, headers->name, -1, headers->value, -1),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    for (int64_t t = kit_begin(); err == RD_KAFKA_RESP_ERR__QUEUE_FULL && kit_waits(t);) {
        const rd_kafka_vu_t parts[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
            {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = bench->at_ms},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key, strlen(key)}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value, len}},
            {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = list},
        };
        rd_kafka_error_t *error = rd_kafka_produceva(bench->producer, parts, COUNT_OF(parts));
        err = error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
        if (error != NULL) {
            rd_kafka_error_destroy(error);
        }
        (void)rd_kafka_poll(bench->producer, err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 10);
    }
    assert_int_equal(err, RD_KAFKA_RESP_ERR_NO_ERROR);
}

void shop_flush(const struct shop_bench *bench)
{
    assert_int_equal(rd_kafka_flush(bench->producer, KIT_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}
