/* SPDX-License-Identifier: Apache-2.0
 *
 * What the scheduler tells the modelled edges: a process has ended, and what was
 * on its way for it. What is on the wire may still arrive.
 */
#ifndef HEARBACK_TESTS_SIM_EDGES_H
#define HEARBACK_TESTS_SIM_EDGES_H

#include "tests/sim/proc.h"

/* redis_link.c */
void redis_link_died(struct redis *redis);
void redis_link_cut(struct redis *redis); /* the connection is lost, the process lives */

/* outbox_link.c */
void outbox_link_died(struct kafka_outbox *outbox);

/* group.c */
void group_died(struct member *member);
void group_stopped(struct member *member);
void group_woke(struct member *member);

#endif
