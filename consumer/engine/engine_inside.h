/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of an engine, shared by engine.c (builds them) and loop.c (runs
 * them). Nobody else includes this.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_ENGINE_INSIDE_H
#define HEARBACK_CONSUMER_ENGINE_ENGINE_INSIDE_H

#include "consumer/engine/engine.h"
#include "consumer/engine/intake.h"
#include "consumer/engine/later.h"
#include "consumer/engine/restore.h"

#define ENGINE_DESTINATIONS_MAX 8

/* What a descriptor in the epoll set belongs to: the upper half of data.u64. */
enum loop_tag { LOOP_STOP = 1, LOOP_KAFKA, LOOP_OUTBOX, LOOP_REDIS, LOOP_CALL };

struct engine {
    const struct config *config;
    const struct worker *worker;
    const struct clock *clock;
    struct ops *ops;
    const struct replay *replay; /* NULL: the work of the group */
    bool dry;                    /* nothing is changed: a dry replay, or observing */
    char owner[33];              /* random: this process and no other */
    int epoll_fd;
    int stop_fd;
    struct timers timers;
    struct redis *redis;
    struct kafka_outbox *outbox;
    struct ledger *ledger;
    struct restore *restore;
    struct calls *calls;
    struct destination destinations[ENGINE_DESTINATIONS_MAX];
    size_t destination_count;
    struct pool pool;
    struct order order;
    struct stages *stages;
    struct intake *intake;
    struct later *later;

    bool began; /* the first turn was had */
    bool topics_there;
    bool said_kafka_away;
    bool joined;
    struct timer topic_check;
    bool stopping;
    int64_t drain_until_ms;
    bool abandoned; /* the drain's deadline passed with work under way */
    struct err fatal;
};

MUST_USE struct err loop_watch(struct engine *engine, int fd, enum loop_tag tag);

#endif
