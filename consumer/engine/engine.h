/* SPDX-License-Identifier: Apache-2.0
 *
 * One worker's engine: builds the parts, runs the loop, takes them down.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_ENGINE_H
#define HEARBACK_CONSUMER_ENGINE_ENGINE_H

#include "common/ops.h"
#include "consumer/worker.h"

struct engine;

/* `stop_fd` as from stop_init, `ops` may be NULL (both stay the caller's). ERR_CONFIG: the
 * configuration does not do for this worker; ERR_FATAL. */
MUST_USE struct err engine_new(const struct config *config, const struct worker *worker,
                               int stop_fd, struct ops *ops, struct engine **out);
/* Runs until asked to stop, then drains. ERR_FATAL: the process must exit and be started again. */
MUST_USE struct err engine_run(struct engine *engine);
void engine_free(struct engine **at);

#endif
