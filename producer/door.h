/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole door: operations port, publisher and server, started, watched and
 * stopped in the right order by one thread.
 */
#ifndef HEARBACK_PRODUCER_DOOR_H
#define HEARBACK_PRODUCER_DOOR_H

#include "common/config.h"

struct door;

/* Kafka may be away. The configuration must outlive it; the caller owns *out. */
MUST_USE struct err door_start(const struct config *config, struct door **out);
uint16_t door_port(const struct door *door);
uint16_t door_ops_port(const struct door *door);

/* What is due: looks for Kafka until it is there, cuts off slow senders. *next_ms is when to come
 * again. ERR_FATAL when the process must end. */
MUST_USE struct err door_step(struct door *door, int *next_ms);

/* Takes no more, answers what is under way within drain_deadline, flushes, frees. */
void door_stop(struct door **door);

#endif
