/* SPDX-License-Identifier: Apache-2.0
 *
 * Victims for the tests of crashes: forks of the test program with two records in
 * flight, 42 and 43 of t/1 (in the place of 41, which is not any more), that crash
 * or are killed before a Redis of the test's own.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_CRASH_VICTIM_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_CRASH_VICTIM_H

#include "consumer/engine/crash.h"
#include "tests/component/engine/kit.h"

#define VICTIM_BOTH_ONCE "[t/1/43/1700000000043,1,t/1/42/1700000000042,1]"
#define VICTIM_NOTHING   "[]"
#define VICTIM_KEY       "hearback:crash:{w}"
#define VICTIM_TURN_MS   1000

struct victims {
    struct redis_server server;
    redisContext *redis;
    struct config_redis config;
};

struct victim {
    pid_t pid;
    int to;   /* a byte lets it go on */
    int from; /* a byte says it is there; then its standard error */
};

/* For cmocka: a Redis, and its state. */
int victims_open(void **state);
int victims_close(void **state);
/* Redis is killed and comes back, empty. */
void victims_new_redis(struct victims *victims);
/* What Redis was told, as redis_say has it; and makes it forget. */
const char *victims_told(const struct victims *victims);
void victims_forget(const struct victims *victims);

/* It is there, and waits for victim_go to call `happen`. */
struct victim victim_start(const struct victims *victims, void (*happen)(void));
void victim_go(const struct victim *victim);
/* What it said until its end. Static. */
const char *victim_end(struct victim *victim, int *status);
/* Runs one to its end, which must be by `signal` (0: it exits well). What it said. */
const char *victim_run(const struct victims *victims, void (*happen)(void), int signal);

/* In the victim. */
extern uint32_t victim_first;      /* the place of 42 */
extern uint32_t victim_second;     /* the place of 43 */
void victim_through_nothing(void); /* SIGSEGV */

#endif
