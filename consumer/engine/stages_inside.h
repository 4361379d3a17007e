/* SPDX-License-Identifier: Apache-2.0
 *
 * What the three files of the stage driver share: stages.c (the steps),
 * stages_ledger.c (lease and record) and stages_calls.c (slots and calls).
 * Nobody else includes this.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_STAGES_INSIDE_H
#define HEARBACK_CONSUMER_ENGINE_STAGES_INSIDE_H

#include "common/log.h"
#include "common/metrics.h"
#include "consumer/engine/stages.h"

#define STAGES_LEASE_TTL_FACTOR 20  /* a lease's key outlives the lease, for who takes it over */
#define STAGES_LEDGER_RETRY_MS  100 /* after the ledger said: again */
#define STAGES_BUSY_MIN_MS      20  /* polling a lease that somebody else has */
#define STAGES_BUSY_MAX_MS      500
#define STAGES_SEND_MARGIN_MS   1000 /* a lease must outlive the call's time-out by this */
#define STAGES_PATH_MAX         4096

struct stages {
    struct stages_parts parts;
    struct backoff_random random;
    struct work *run_first;
    struct work **run_last;
    struct work *parked; /* until the ledger opens */
    size_t open;
    struct metric *metric_open;
    struct metric *metric_doubt;
    struct metric *metric_retries;
    struct metric *metric_lost_leases;
};

static inline const struct stage *stage_of(const struct stages *stages, const struct work *work)
{
    return &stages->parts.worker->stages[work->item.stage];
}

static inline bool stage_is_effect(const struct stage *stage)
{
    return stage->doubt != STAGE_READ;
}

static inline int64_t stages_now(const struct stages *stages)
{
    return clock_mono_ms(stages->parts.clock);
}

/* stages.c */
void stages_enqueue(struct stages *stages, struct work *work);
void stages_sleep(struct stages *stages, struct work *work, int64_t wait_ms);
void stages_apply(struct stages *stages, struct work *work, struct step step);
void stages_retry(struct stages *stages, struct work *work, const char *reason, int64_t floor_ms);
void stages_doubt(struct stages *stages, struct work *work, const char *reason);
void stages_restart(struct stages *stages, struct work *work); /* from the claim */
void stages_finish(struct stages *stages, struct work *work);  /* out of here, settled or not */
void stages_count_item(const struct stages *stages, const char *reason);
void stages_tell_time(struct stages *stages, struct work *work);

/* stages_ledger.c */
void stages_claim(struct stages *stages, struct work *work);
void stages_intend(struct stages *stages, struct work *work);
void stages_record(struct stages *stages, struct work *work);
void stages_script(struct stages *stages, struct work *work);
void stages_release(struct stages *stages, struct work *work); /* the lease, without an outcome */
bool stages_lease_covers(struct stages *stages, const struct work *work, int64_t ms);

/* stages_calls.c */
void stages_slot(struct stages *stages, struct work *work);
void stages_unslot(struct stages *stages, struct work *work); /* a slot that was not used */
void stages_send(struct stages *stages, struct work *work);
void stages_leave_queue(struct stages *stages, struct work *work);
struct destination *stages_destination(struct stages *stages, const struct work *work);
bool stages_breaker_open(struct stages *stages, const struct work *work);

/* deadletter.c */
void stages_letter(struct stages *stages, struct work *work);

#endif
