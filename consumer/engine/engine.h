/* SPDX-License-Identifier: Apache-2.0
 *
 * One worker's engine: builds the parts, runs the loop, takes them down. A program
 * has it run to its end; the simulation takes it turn by turn, under its own clock.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_ENGINE_H
#define HEARBACK_CONSUMER_ENGINE_ENGINE_H

#include "common/clock.h"
#include "common/ops.h"
#include "consumer/engine/replay.h"

struct engine;

/* All of it stays the caller's. */
struct engine_setup {
    const struct config *config;
    const struct worker *worker;
    const struct clock *clock;
    int stop_fd;                 /* as from stop_init */
    struct ops *ops;             /* may be NULL */
    const struct replay *replay; /* NULL: the work of the worker's group */
};

/* ERR_CONFIG: the configuration does not do for this worker; ERR_FATAL. */
MUST_USE struct err engine_new(const struct engine_setup *setup, struct engine **out);
/* Runs until asked to stop, then drains. ERR_FATAL: the process must exit and be started again. */
MUST_USE struct err engine_run(struct engine *engine);
/* What engine_run does between two waits: one turn, unless engine_ended. `*wait_ms`: how long
 * nothing is to be done as long as no descriptor is ready. */
MUST_USE struct err engine_turn(struct engine *engine, int64_t *wait_ms);
/* Stopped as asked: everything is drained, or the deadline for that is over. */
bool engine_ended(struct engine *engine);
/* A replay has come to its end, and was not stopped before. */
bool engine_replayed(const struct engine *engine);
void engine_free(struct engine **at);

#endif
