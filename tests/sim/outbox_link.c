/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of outbox.c: records on their way to the modelled Kafka and their
 * acknowledgements on the way back. The order of one producer is kept, as
 * idempotence does. What has left the process arrives, whatever becomes of it.
 */
#include "consumer/engine/outbox.h"

#include "common/mem.h"
#include "common/stop.h"
#include "tests/sim/broker.h"
#include "tests/sim/edges.h"

#define OUTBOX_LINGER_MS 1

struct parcel {
    struct parcel *next; /* of those on the way, or of those that have landed */
    struct kafka_outbox *outbox;
    void (*acked)(void *owner, bool durable);
    void *owner;
    bool durable;
    struct outbox_record record; /* its bytes are the parcel's */
    int32_t partition;           /* where it came to stand, when it is the changelog's */
    int64_t offset;              /* -1: elsewhere */
    struct arena arena;
};

struct kafka_outbox {
    struct owner owner;
    bool gone; /* the process has ended: nothing more departs */
    int64_t arrives_ms;
    int64_t acks_ms;
    struct parcel *sent; /* on the way, in order */
    struct parcel **sent_last;
    struct parcel *landed;
    struct parcel **landed_last;
    size_t in_flight;
    struct changelog_place acknowledged;
};

struct err kafka_outbox_new(const struct config_kafka *config, struct kafka_outbox **out, int *fd)
{
    (void)config;
    struct kafka_outbox *outbox = mem_must_alloc(sizeof(*outbox));
    outbox->owner = proc_owner();
    outbox->landed_last = &outbox->landed;
    outbox->sent_last = &outbox->sent;
    outbox->owner.proc->outbox = outbox;
    *out = outbox;
    return stop_init(fd); /* any descriptor will do to be watched */
}

void kafka_outbox_free(struct kafka_outbox **at)
{
    struct kafka_outbox *outbox = *at;
    *at = NULL;
    if (outbox != NULL) {
        outbox->gone = true;
        outbox->owner.proc->outbox = NULL;
    }
}

void outbox_link_died(struct kafka_outbox *outbox)
{
    outbox->gone = true;
}

/* ---- the way there and back -------------------------------------------------------------- */

static int64_t latency(void)
{
    int64_t usual = plan_get()->outbox_latency_ms;
    return !plan_get()->steady && world_chance(WORLD_EDGE, 10)
               ? world_between(WORLD_EDGE, 0, 3000)
               : world_between(WORLD_EDGE, 1, usual);
}

static void on_ack(void *self)
{
    struct parcel *parcel = self;
    struct kafka_outbox *outbox = parcel->outbox;
    if (outbox->gone || !proc_lives(outbox->owner)) {
        return;
    }
    parcel->next = NULL;
    *outbox->landed_last = parcel;
    outbox->landed_last = &parcel->next;
    proc_wake(outbox->owner);
}

/* The first on the way arrives. */
static void on_arrival(void *self)
{
    struct kafka_outbox *outbox = self;
    if (broker_takes_ms() > world_now()) {
        world_at(broker_takes_ms(), on_arrival, outbox);
        return;
    }
    struct parcel *parcel = outbox->sent;
    outbox->sent = parcel->next;
    if (outbox->sent == NULL) {
        outbox->sent_last = &outbox->sent;
    }
    parcel->durable = !world_chance(WORLD_EDGE, plan_get()->nack_per_mille);
    if (parcel->durable) {
        const struct broker_record *line = broker_append(&parcel->record);
        parcel->partition = line == NULL ? 0 : line->partition;
        parcel->offset = line == NULL ? -1 : line->offset;
    }
    int64_t acks = world_now() + latency();
    outbox->acks_ms = acks > outbox->acks_ms ? acks : outbox->acks_ms;
    world_at(outbox->acks_ms, on_ack, parcel);
}

/* librdkafka's own thread sends it, as long as the process runs. */
static void on_departure(void *self)
{
    struct parcel *parcel = self;
    struct kafka_outbox *outbox = parcel->outbox;
    if (outbox->gone || !proc_lives(outbox->owner)) {
        return; /* the process took it with it */
    }
    if (!proc_runs(outbox->owner)) {
        world_at(proc_awake_ms(outbox->owner), on_departure, parcel);
        return;
    }
    parcel->next = NULL;
    *outbox->sent_last = parcel;
    outbox->sent_last = &parcel->next;
    int64_t arrives = world_now() + latency();
    outbox->arrives_ms = arrives > outbox->arrives_ms ? arrives : outbox->arrives_ms;
    world_at(outbox->arrives_ms, on_arrival, outbox);
}

static void send_record(void *self, const struct outbox_record *record,
                        void (*acked)(void *owner, bool durable), void *owner)
{
    struct parcel *parcel = mem_must_alloc(sizeof(*parcel));
    parcel->outbox = self;
    parcel->acked = acked;
    parcel->owner = owner;
    parcel->record = *record;
    arena_init(&parcel->arena, 64u << 20);
    parcel->record.key = arena_copy(&parcel->arena, record->key);
    parcel->record.value =
        record->value.at == NULL ? SPAN_NONE : arena_copy(&parcel->arena, record->value);
    for (size_t i = 0; i < record->header_count; i++) {
        parcel->record.headers[i].value = arena_copy(&parcel->arena, record->headers[i].value);
    }
    parcel->outbox->in_flight++;
    world_at(world_now() + OUTBOX_LINGER_MS, on_departure, parcel);
}

struct outbox kafka_outbox_interface(struct kafka_outbox *outbox)
{
    return (struct outbox){.send = send_record, .self = outbox};
}

static void note_place(struct changelog_place *place, const struct parcel *parcel)
{
    if (!parcel->durable || parcel->offset < 0) {
        return;
    }
    for (; place->partitions <= parcel->partition; place->partitions++) {
        place->next[place->partitions] = -1;
    }
    if (place->next[parcel->partition] <= parcel->offset) {
        place->next[parcel->partition] = parcel->offset + 1;
    }
}

void kafka_outbox_acknowledged(const struct kafka_outbox *outbox, struct changelog_place *out)
{
    *out = outbox->acknowledged;
}

struct err kafka_outbox_turn(struct kafka_outbox *outbox)
{
    struct parcel *parcel = outbox->landed;
    outbox->landed = NULL;
    outbox->landed_last = &outbox->landed;
    while (parcel != NULL) {
        struct parcel *next = parcel->next;
        outbox->in_flight--;
        note_place(&outbox->acknowledged, parcel);
        parcel->acked(parcel->owner, parcel->durable);
        arena_close(&parcel->arena);
        mem_free(parcel);
        parcel = next;
    }
    return NO_ERROR;
}

size_t kafka_outbox_in_flight(const struct kafka_outbox *outbox)
{
    return outbox->in_flight;
}

rd_kafka_t *kafka_outbox_handle(struct kafka_outbox *outbox)
{
    (void)outbox;
    return NULL; /* only asked about topics, which are there */
}

struct err kafka_check_topics(rd_kafka_t *rk, const struct config_kafka *config,
                              const char *const *names, int timeout_ms, struct buf *why)
{
    (void)rk;
    (void)config;
    (void)names;
    (void)timeout_ms;
    (void)why;
    return NO_ERROR;
}
