/* SPDX-License-Identifier: Apache-2.0
 *
 * The last words of a process that crashes. A crash is a fault of its own: a fatal
 * signal that the processor or abort() raised. Whoever is killed from outside
 * (SIGKILL, SIGTERM, any signal that another process sent, the machine) says
 * nothing, so that no record is held answerable for it. The handler tells Redis
 * which records were in flight, over a connection made beforehand, within a second,
 * and lets the signal take its course; suspects.h reads it after the restart, on
 * whatever machine that is: nothing is kept on a disk. One a process: begin, end,
 * turn, open, close and alone are the engine thread's.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_CRASH_H
#define HEARBACK_CONSUMER_ENGINE_CRASH_H

#include "common/config.h"
#include "consumer/engine/crash_report.h"

#define CRASH_RECORDS_MAX                                                                          \
    262144 /* four a place of the largest pool: what the intake opens at most */
#define CRASH_TOPICS_MAX 64
#define CRASH_REPORT_MS  1000 /* that the end is put off for the report, at most */

/* Where the reports are. Who observes has a past of its own, as it has a group of its own. */
void crash_key(const char *worker, const struct config_worker *config, char out[CRASH_KEY_MAX]);

/* Installs the handlers, on a stack of their own. turn_max_ms: see watchdog.h. */
void crash_begin(const char *key, const struct config_redis *redis, int64_t turn_max_ms);
/* Puts back what was there before. */
void crash_end(void);

/* At the begin of every turn: keeps the report's connection while the engine has one (`connected`)
 * and feeds the watchdog. Connecting blocks for half a second at most, once in ten. */
void crash_turn(int64_t now_ms, bool connected);

/* A number for the topic's name, the same for the process's life; -1 when there are too many. */
int crash_topic(const char *name);
/* The same for one that has a number; -1: it has none. */
int crash_topic_of(const char *name);

/* From here on the record is in flight. Its place, or 0 when it cannot be watched. at_ms: the
 * record's timestamp; a topic that is made anew gives its offsets to other records. */
uint32_t crash_open(int topic, int32_t partition, int64_t offset, int64_t at_ms);
void crash_close(uint32_t place);
/* No other record is in flight, by intent. */
void crash_alone(uint32_t place, bool alone);

#endif
