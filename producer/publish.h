/* SPDX-License-Identifier: Apache-2.0
 *
 * Into Kafka. A sender takes a place, suspends its connection, sends, and is
 * told exactly once how it went: acknowledged by the broker, or why not. One
 * thread of its own polls librdkafka and watches the deadlines; it does the
 * telling, but for what librdkafka refuses at once.
 */
#ifndef HEARBACK_PRODUCER_PUBLISH_H
#define HEARBACK_PRODUCER_PUBLISH_H

#include "common/config.h"
#include "producer/refusal.h"
#include "producer/route.h"

struct publisher;

/* Told from the publisher's thread, or from within publisher_send. */
typedef void (*publisher_settled)(void *who, enum refusal refusal);

/* ERR_CONFIG or ERR_FATAL. Starts closed. The configuration must outlive it; the caller owns *out.
 */
MUST_USE struct err publisher_start(const struct config *config, publisher_settled settled,
                                    struct publisher **out);
/* Gives what is under way until `timeout_ms` to be acknowledged, then stops. Nobody may wait. */
void publisher_stop(struct publisher **publisher, int timeout_ms);

/* Asks the cluster for our topics and opens when they are right. Blocks for `timeout_ms` or two. */
MUST_USE struct err publisher_check(struct publisher *publisher, int timeout_ms, struct buf *why);
/* From now on everything is refused as draining. */
void publisher_drain(struct publisher *publisher);
/* All who still wait are told so, soon. */
void publisher_give_up(struct publisher *publisher);
/* librdkafka cannot go on: the process must end. */
bool publisher_broken(const struct publisher *publisher);

/* A place for `who`: REFUSAL_NONE and its id, or the reason why not, and nothing happens then. */
enum refusal publisher_reserve(struct publisher *publisher, void *who, uint64_t *id);
/* Sends for the place; copies the record. `who` may be told before this returns. */
void publisher_send(struct publisher *publisher, uint64_t id, const struct record *record);

#endif
