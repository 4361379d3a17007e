/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the stage driver share: stages.c (the steps), stages_lease.c,
 * stages_ledger.c (claim and record), stages_later.c, stages_modes.c (dry run and
 * redo), stages_hold.c, stages_line.c (items of one key), stages_gates.c (whose turn it is),
 * stages_key.c, stages_calls.c (calls and answers) and deadletter.c. Nobody else includes this.
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
#define STAGES_LATER_SPARE_MS   (24 * 3600 * 1000) /* a record should be kept that much longer */
#define STAGES_ALONE_DRY_MS     (INT64_C(365) * 24 * 3600 * 1000) /* a dry run waits for nothing */

#define STAGES_KINDS_MAX 4
#define HOLD_KEY_PREFIX  "hearback:hold:"

/* A kind of effect that is counted, as far as this process knows. */
struct held_kind {
    const struct blast *blast;
    bool held;
    bool asking;
    int64_t look_at_ms;
    struct metric *metric;
};

struct stages {
    struct stages_parts parts;
    struct backoff_random random;
    struct budgets budgets;
    uint64_t tickets; /* given out at the gates */
    struct held_kind held[STAGES_KINDS_MAX];
    size_t held_count;
    struct work *run_first;
    struct work **run_last;
    struct work *parked; /* until the ledger opens */
    size_t open;
    uint64_t claims; /* made so far */
    char ttl_room[SPAN_WHOLE_ROOM];
    span ttl; /* of a lease's key in Redis, in ms */
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
void stages_finish(struct stages *stages, struct work *work); /* out of here, settled or not */
void stages_count_item(const char *reason);
/* A phase in which an item stands between two steps and may be given back. */
bool stages_between_steps(const struct work *work);
/* What the item is told of the time: as it was when the question was asked that is being asked or
 * answered. An answer may be as old as its question. */
void stages_tell_time(struct stages *stages, struct work *work, int64_t asked_ms);

/* stages_line.c */
/* Its effect is under way: the next of its key claims meanwhile. */
void stages_claim_ahead(struct stages *stages, struct work *work);
/* Only its end is still to be written: the next of its key may prepare meanwhile. */
void stages_close_work(struct stages *stages, struct work *work);
/* True when the work waits here for the end of the one before it. */
bool stages_awaits_end(struct stages *stages, struct work *work);
void stages_start_over(struct stages *stages, struct work *work); /* when its turn comes */
/* The lease went, or the view: from the claim. */
void stages_restart(struct stages *stages, struct work *work);

/* stages_lease.c */
/* The item's keys in Redis: its order key's lease and its effect's record. */
void stages_name_keys(const struct stages *stages, struct work *work);
/* What a script says it came to. */
span stages_word_of(const struct redis_reply *reply);
/* The lease was granted to a request sent then. */
void stages_hold_until(struct stages *stages, struct work *work, int64_t sent_ms);
bool stages_lease_covers(const struct stages *stages, const struct work *work, int64_t ms);
/* How the lease may go, as the scripts call it: whoever has it next must know when a call of ours,
 * or of somebody before us, may still have its effect. */
const char *stages_let_go(struct stages *stages, const struct work *work);
void stages_release(struct stages *stages, struct work *work); /* without an outcome */
/* The lease is one for all of a key's line. What the next one has through the one before it: */
void stages_inherit(const struct stages *stages, struct work *next, const struct work *work);

/* stages_ledger.c */
void stages_claim(struct stages *stages, struct work *work);
void stages_intend(struct stages *stages, struct work *work);
void stages_record(struct stages *stages, struct work *work);
void stages_script(struct stages *stages, struct work *work);

/* stages_later.c */
void stages_later(struct stages *stages, struct work *work); /* notes when to go on */
/* Its record may say when it goes on. True when that is not yet: it is put off again until then. */
bool stages_waits_on(struct stages *stages, struct work *work, struct json_object *record);
/* It has come to its end: what was noted of it for later goes. */
void stages_drop_later(struct stages *stages, const struct work *work);
void stages_bury(struct stages *stages, struct work *work); /* takes back what it began */

/* stages_modes.c */
/* The effect was about to be sent; it is told, and the item ends here. */
void stages_would_send(struct stages *stages, struct work *work);
void stages_would_be_settled(struct stages *stages, struct work *work);
/* True when the step would have been the end: told, and the item is gone. */
bool stages_dry_ends(struct stages *stages, struct work *work, const struct step *step);
/* The lease was taken for a redo; `done`: the effect is. */
void stages_redo_begin(struct stages *stages, struct work *work, bool done);
/* True when the stage is an effect that is not repeated: the item is at the next, or at its end. */
bool stages_redo_passes(struct stages *stages, struct work *work);
bool stages_redo_ends(struct stages *stages, struct work *work, const struct step *step);

/* stages_hold.c */
bool stages_is_counted(const struct stages *stages, const struct work *work);
void stages_hold(struct stages *stages, struct work *work);

/* stages_room.c */
/* True when there is no room where the work has come to, and it is no more. */
bool stages_crowded(struct stages *stages, struct work *work);

/* stages_gates.c */
void stages_slot(struct stages *stages, struct work *work);
void stages_unslot(struct stages *stages, struct work *work); /* a slot that was not used */
void stages_free_slot(struct stages *stages, struct work *work, struct destination *to);
/* A call that begins now is to end, whatever comes of it, while the lease is ours. */
bool stages_covers_call(struct stages *stages, const struct work *work, int64_t margin_ms);
/* Nothing was sent, and cannot be now: from the question again. */
void stages_turn_back(struct stages *stages, struct work *work);
/* May the call go out now? If not it waits at its gate or was turned back. */
bool stages_gate_passes(struct stages *stages, struct work *work);
void stages_gate_refused(struct stages *stages, struct work *work, enum limit_scope scope);
void stages_gate_answered(struct work *work);
void stages_leave_queue(struct stages *stages, struct work *work);
/* The ledger can be asked again. */
void stages_gates_opened(struct stages *stages);
void stages_gates_close(struct stages *stages);
struct destination *stages_destination(struct stages *stages, const struct work *work);
/* Of the effect just sent and not answered clearly: from when on it happens no more. */
int64_t stages_quiet_from(struct stages *stages, const struct work *work);
bool stages_breaker_open(struct stages *stages, const struct work *work);

/* stages_key.c */
/* The name under which a class's budget is shared. */
struct budget_name stages_budget_name(const struct gate *gate);
/* What an item that has its slot needs next: PHASE_INTEND, PHASE_KEY or PHASE_SEND. */
enum phase stages_next_phase(const struct stages *stages, const struct work *work);
void stages_noted(struct stages *stages, struct work *work); /* the intention stands */
void stages_key(struct stages *stages, struct work *work);

/* stages_calls.c */
void stages_send(struct stages *stages, struct work *work);
void stages_launch(struct stages *stages, struct work *work); /* it passed its gate */

/* deadletter.c */
void stages_letter(struct stages *stages, struct work *work);

#endif
