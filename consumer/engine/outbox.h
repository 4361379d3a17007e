/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that the engine appends: to the changelog and to the dead letters. A
 * record counts when the broker has acknowledged it, never before: the owner is
 * called from outbox_turn. librdkafka repeats for ever what the broker may yet
 * take; what it will never take is answered with false.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_OUTBOX_H
#define HEARBACK_CONSUMER_ENGINE_OUTBOX_H

#include "common/config.h"
#include "common/kafka.h"
#include "common/span.h"
#include "consumer/engine/changelog_place.h"

#define OUTBOX_HEADERS_MAX 24

struct outbox_header {
    const char *name;
    span value;
};

struct outbox_record {
    const char *topic;
    span key;
    span value; /* .at NULL: a tombstone */
    struct outbox_header headers[OUTBOX_HEADERS_MAX];
    size_t header_count;
};

/* Where records go: Kafka here, a model in the simulation. */
struct outbox {
    void (*send)(void *self, const struct outbox_record *record,
                 void (*acked)(void *owner, bool durable), void *owner);
    void *self;
};

struct kafka_outbox;

/* The eventfd in *fd is the outbox's; it says that outbox_turn has something to do. */
MUST_USE struct err kafka_outbox_new(const struct config_kafka *config, struct kafka_outbox **out,
                                     int *fd);
void kafka_outbox_free(struct kafka_outbox **at);
struct outbox kafka_outbox_interface(struct kafka_outbox *outbox);
/* Hands out acknowledgements and sends what did not fit before. ERR_FATAL: the producer is dead. */
MUST_USE struct err kafka_outbox_turn(struct kafka_outbox *outbox);
/* How far the changelog was acknowledged to this outbox: of each partition the offset behind its
 * newest line. */
void kafka_outbox_acknowledged(const struct kafka_outbox *outbox, struct changelog_place *out);
size_t kafka_outbox_in_flight(const struct kafka_outbox *outbox);
rd_kafka_t *kafka_outbox_handle(struct kafka_outbox *outbox);

#endif
