/* SPDX-License-Identifier: Apache-2.0
 *
 * A rig with a restore on a real Kafka and a Redis of the test's own, on the
 * machine's clock: as much of a worker as there is without its intake.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_LANE_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_LANE_H

#include "consumer/engine/restore.h"
#include "tests/component/engine/rig.h"

#define LANE_PARTITIONS 4 /* of the topics that all tests share: as many as the door's make */

struct lane {
    struct rig rig;
    struct clock_fake time; /* follows the machine's clock, */
    int64_t ahead_ms;       /* so far ahead of it, */
    int64_t wall_ahead_ms;  /* and the wall clock by that much more; */
    bool held;              /* or not: it stands still, and the test moves it */
    struct config_kafka kafka;
    struct restore *restore;
    struct kafka_outbox *outbox;
    int outbox_fd;
    int opened; /* how often the ledger was */
    int connects;
    int losses;
};

void lane_open(struct lane *lane, const char *kafka, const char *redis, const char *owner);
/* The same with a ledger that appends to the changelog. */
void lane_open_journal(struct lane *lane, const char *kafka, const char *redis, const char *owner);
void lane_close(struct lane *lane);
void lane_turn(struct lane *lane);
void lane_until_open(struct lane *lane, int times);
/* Turns until nothing is owed to it. */
void lane_settle(struct lane *lane);
/* Moves its clocks in steps of ten seconds and settles after each. */
void lane_move(struct lane *lane, int64_t ms);

/* Topics that every test shares, and one of this name. */
void lane_topics(struct lane *lane, const char *topic);
/* Appends a record and waits for the broker. `value` NULL: a tombstone. */
void lane_append(struct lane *lane, const char *topic, span key, const char *value);
/* Waits until everything appended was acknowledged. */
void lane_flush(struct lane *lane);

#endif
