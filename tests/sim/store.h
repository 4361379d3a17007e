/* SPDX-License-Identifier: Apache-2.0
 *
 * The real redis-server behind the modelled connections: one a runner, on a
 * socket, without persistence, under the simulation's clock. Every command is
 * executed at once, in the order of simulated time.
 */
#ifndef HEARBACK_TESTS_SIM_STORE_H
#define HEARBACK_TESTS_SIM_STORE_H

#include "common/redis.h"

/* For a runner: starts the server in that folder; ends it. */
void store_start(const char *folder);
void store_stop(void);

/* For a history, in the runner's child: connects, and begins with an empty Redis. */
void store_open(void);
void store_run(const span *args, size_t count, struct arena *arena, struct redis_reply *reply);

/* What befalls it. A restart gives it another run_id and takes its scripts. */
void store_empty(void);
void store_restart(void);
void store_snapshot(void);
void store_rollback(void); /* what it held at the snapshot */
const char *store_run_id(void);

/* Of the view as it is now: a key's value, .at NULL without one. */
span store_get(const char *key, struct arena *arena);

#endif
