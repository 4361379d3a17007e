/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins a rig, a restore and an outbox.
 */
#include "tests/component/engine/lane.h"

#include "common/kafka.h"
#include "tests/fakes/c11_threads.h"

#include <poll.h>
#include <stdio.h>

static void follow_clock(struct lane *lane)
{
    if (lane->held) {
        return;
    }
    lane->time.mono = clock_mono_ms(clock_system()) + lane->ahead_ms;
    lane->time.wall = clock_wall_ms(clock_system()) + lane->ahead_ms + lane->wall_ahead_ms;
}

static void on_opened(void *self)
{
    struct lane *lane = self;
    lane->opened++;
    if (lane->rig.stages != NULL) {
        stages_opened(lane->rig.stages);
    }
}

static void open_lane(struct lane *lane, const char *redis, const char *owner, bool journal)
{
    struct outbox outbox = kafka_outbox_interface(lane->outbox);
    if (journal) {
        rig_open_journal(&lane->rig, redis, owner, &lane->time, &outbox);
    } else {
        rig_open(&lane->rig, redis, owner, &lane->time);
    }
    lane->rig.config.kafka = lane->kafka;
    lane->restore = restore_new((struct restore_parts){.config = &lane->rig.config,
                                                       .clock = &lane->rig.clock,
                                                       .redis = lane->rig.redis,
                                                       .ledger = lane->rig.ledger,
                                                       .timers = &lane->rig.timers,
                                                       .outbox = lane->outbox,
                                                       .owner = lane->rig.owner,
                                                       .opened = on_opened,
                                                       .self = lane});
}

static void prepare(struct lane *lane, const char *kafka)
{
    c11_threads_seen();
    *lane = (struct lane){.outbox_fd = -1};
    follow_clock(lane);
    lane->kafka = (struct config_kafka){.bootstrap = (char *)(uintptr_t)kafka,
                                        .replication = 1,
                                        .partitions = LANE_PARTITIONS,
                                        .session_timeout_ms = 6000,
                                        .prefetch_bytes = 1 << 20,
                                        .prefetch_catching_up_bytes = 1 << 20,
                                        .catching_up_lag = 10000,
                                        .message_bytes_max = 1 << 20};
    assert_false(failed(kafka_outbox_new(&lane->kafka, &lane->outbox, &lane->outbox_fd)));
}

void lane_open(struct lane *lane, const char *kafka, const char *redis, const char *owner)
{
    prepare(lane, kafka);
    open_lane(lane, redis, owner, false);
}

void lane_open_journal(struct lane *lane, const char *kafka, const char *redis, const char *owner)
{
    prepare(lane, kafka);
    open_lane(lane, redis, owner, true);
}

void lane_close(struct lane *lane)
{
    ledger_close_view(lane->rig.ledger); /* see rig_close */
    for (int64_t t = kit_begin(); ledger_in_flight(lane->rig.ledger) > 0;) {
        assert_true(kit_waits(t));
        (void)rig_turn(&lane->rig);
        assert_false(failed(kafka_outbox_turn(lane->outbox)));
    }
    restore_free(&lane->restore);
    kafka_outbox_free(&lane->outbox);
    rig_close(&lane->rig);
}

void lane_turn(struct lane *lane)
{
    follow_clock(lane);
    if (lane->losses != lane->rig.lost_connections) {
        lane->losses = lane->rig.lost_connections;
        restore_disconnected(lane->restore);
    }
    if (lane->connects != lane->rig.connects) {
        lane->connects = lane->rig.connects;
        restore_connected(lane->restore);
    }
    bool did = rig_turn(&lane->rig);
    assert_false(failed(kafka_outbox_turn(lane->outbox)));
    int64_t wait = restore_turn(lane->restore);
    if (!did && wait != 0) {
        (void)poll(NULL, 0, 1);
    }
}

void lane_until_open(struct lane *lane, int times)
{
    for (int64_t t = kit_begin(); lane->opened < times;) {
        assert_true(kit_waits(t));
        lane_turn(lane);
    }
}

void lane_settle(struct lane *lane)
{
    for (int64_t t = kit_begin(); redis_in_flight(lane->rig.redis) > 0 ||
                                  kafka_outbox_in_flight(lane->outbox) > 0 ||
                                  ledger_in_flight(lane->rig.ledger) > 0;) {
        assert_true(kit_waits(t));
        lane_turn(lane);
    }
}

void lane_move(struct lane *lane, int64_t ms)
{
    for (int64_t moved = 0; moved < ms; moved += 10000) {
        lane_settle(lane);
        lane->ahead_ms += ms - moved < 10000 ? ms - moved : 10000;
        lane_turn(lane);
        lane_settle(lane);
    }
}

static void make_topic(rd_kafka_t *rk, const char *name)
{
    char why[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, 1, 1, why, sizeof(why));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KIT_PATIENCE_MS);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
}

void lane_topics(struct lane *lane, const char *topic)
{
    struct buf said;
    buf_init(&said, 65536);
    rd_kafka_t *rk = kafka_outbox_handle(lane->outbox);
    struct err err = kafka_create_topics(rk, &lane->rig.config.kafka, 10000, &said);
    if (failed(err)) {
        print_error("topics: %s %s\n", err.text, buf_text(&said));
        fail();
    }
    buf_close(&said);
    if (topic != NULL) {
        make_topic(rk, topic);
    }
}

static void on_appended(void *owner, bool durable)
{
    (void)owner;
    assert_true(durable);
}

void lane_append(struct lane *lane, const char *topic, span key, const char *value)
{
    struct outbox outbox = kafka_outbox_interface(lane->outbox);
    struct outbox_record record = {.topic = topic, .key = key, .value = span_text(value)};
    outbox.send(outbox.self, &record, on_appended, lane);
}

void lane_flush(struct lane *lane)
{
    for (int64_t t = kit_begin(); kafka_outbox_in_flight(lane->outbox) > 0;) {
        assert_true(kit_waits(t));
        assert_false(failed(kafka_outbox_turn(lane->outbox)));
        (void)poll(NULL, 0, 1);
    }
}
