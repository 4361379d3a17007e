/* SPDX-License-Identifier: Apache-2.0
 *
 * The records that were in flight when this worker crashed, as the dying processes
 * told Redis (crash.h): how often each, and how often it was alone. Read again at
 * each assignment, so that whoever gets a partition knows its past. It is no part
 * of the ledger: what is lost with Redis costs more crashes and nothing else. One
 * thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_SUSPECTS_H
#define HEARBACK_CONSUMER_ENGINE_SUSPECTS_H

#include "common/redis.h"
#include "consumer/engine/crash_report.h"

/* Crashes with others before a record is a suspect, and crashes alone before it is convicted. Two
 * of these as well: a worker that crashes for another reason (a thread of its own, what an earlier
 * record left in memory) must not convict whoever is alone at that moment; the one at fault crashes
 * again at once. */
#define SUSPECT_AFTER 2
#define CONVICT_AFTER 2

struct suspect {
    int topic; /* of crash_topic */
    int32_t partition;
    int64_t offset;
    int64_t at_ms;   /* its timestamp: another record may have its place one day */
    int64_t crashes; /* with others in flight */
    int64_t alone;
    bool released; /* it had its time alone, in this process */
};

struct suspects {
    struct redis *redis;
    char key[CRASH_KEY_MAX];
    bool known;         /* the list is that of the last assignment */
    bool asked;         /* since it is not */
    size_t outstanding; /* answers to come; only the last one counts */
    struct suspect *list;
    size_t count;
};

/* `key`: see crash_key; copied. */
void suspects_init(struct suspects *suspects, struct redis *redis, const char *key);
void suspects_close(struct suspects *suspects);
/* What is known may be out of date. */
void suspects_stale(struct suspects *suspects);
/* False until Redis has answered; asks it. */
bool suspects_known(struct suspects *suspects);
/* The one of wanted's topic, partition, offset and time; NULL: it was in flight at no crash. Until
 * the list becomes stale. */
struct suspect *suspects_find(const struct suspects *suspects, const struct suspect *wanted);
bool suspect_runs_alone(const struct suspect *suspect);
bool suspect_is_convicted(const struct suspect *suspect);
/* The record is settled: Redis may forget it. */
void suspects_clear(struct suspects *suspects, struct suspect *suspect, const char *topic);

/* For tests: one field of the hash; false when it is none, or of a topic without a number. */
bool suspects_parse(span field, struct suspect *out, bool *alone);

#endif
