/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of an item: which phase runs, what an answer leads to, and the end.
 * An item is always in one place: running, waiting for an answer that is owed,
 * asleep on its timer, in a queue for a slot, parked until the ledger opens, or
 * behind another of its order key (stages_line.c). One thread.
 */
#include "consumer/engine/stages_inside.h"

#include "common/failpoint.h"
#include "common/mem.h"

struct stages *stages_new(struct stages_parts parts)
{
    struct stages *stages = mem_must_alloc(sizeof(*stages));
    stages->parts = parts;
    stages->run_last = &stages->run_first;
    backoff_seed(&stages->random, parts.seed);
    budgets_init(&stages->budgets, parts.config, parts.ledger, parts.clock, parts.timers);
    stages->budgets.owner = parts.owner;
    stages->budgets.time = parts.budget_time;
    stages->budgets.percent = parts.budget_percent > 0 ? parts.budget_percent : 100;
    stages->ttl =
        span_of_whole(parts.config->worker.lease_ms * STAGES_LEASE_TTL_FACTOR, stages->ttl_room);
    stages->metric_open =
        metric_gauge("hearback_items_open", "Items made and not settled.", NULL, NULL);
    stages->metric_doubt = metric_counter(
        "hearback_doubts_total", "Effects of which nobody knew whether they happened.", NULL, NULL);
    stages->metric_retries =
        metric_counter("hearback_retries_total", "Attempts that are made again.", NULL, NULL);
    stages->metric_lost_leases = metric_counter(
        "hearback_leases_lost_total", "Leases that went while an item was at work.", NULL, NULL);
    return stages;
}

void stages_free(struct stages **at)
{
    struct stages *stages = TAKE(*at);
    if (stages != NULL) {
        CHECK(stages->open == 0);
        stages_gates_close(stages);
        mem_free(stages);
    }
}

size_t stages_count(const struct stages *stages)
{
    return stages->open;
}

void stages_count_item(const char *reason)
{
    metric_add(metric_counter("hearback_items_total", "Items settled, by what they came to.",
                              "outcome", reason),
               1);
}

/* ---- where an item is -------------------------------------------------------------------- */

void stages_enqueue(struct stages *stages, struct work *work)
{
    CHECK(!work->queued && !work->owed && !work->waiting && !work->gated);
    timers_cancel(stages->parts.timers, &work->timer);
    work->queued = true;
    work->next = NULL;
    *stages->run_last = work;
    stages->run_last = &work->next;
}

static void park(struct stages *stages, struct work *work)
{
    work->queued = true;
    work->next = stages->parked;
    stages->parked = work;
}

void stages_opened(struct stages *stages)
{
    struct work *work = TAKE(stages->parked);
    while (work != NULL) {
        struct work *next = work->next;
        work->queued = false;
        stages_enqueue(stages, work);
        work = next;
    }
    stages_gates_opened(stages);
}

static void on_awake(void *self)
{
    struct work *work = self;
    stages_enqueue(work->home, work);
}

static bool wanted(const struct stages *stages, const struct work *work)
{
    return stages->parts.wanted(stages->parts.self, work->load);
}

bool stages_between_steps(const struct work *work)
{
    switch (work->phase) {
    case PHASE_CLAIM:
    case PHASE_ASK:
    case PHASE_HOLD:
    case PHASE_SLOT:
    case PHASE_KEY:
    case PHASE_INTEND:
    case PHASE_LATER:
        return true;
    case PHASE_SEND:
    case PHASE_RECORD:
    case PHASE_BURY:
    case PHASE_LETTER:
        return false;
    }
    return false;
}

void stages_sleep(struct stages *stages, struct work *work, int64_t wait_ms)
{
    if (stages_between_steps(work) && !wanted(stages, work)) {
        stages_enqueue(stages, work); /* to be given back now, not when it has slept */
        return;
    }
    work->timer.fire = on_awake;
    work->timer.self = work;
    timers_set(stages->parts.timers, &work->timer, stages_now(stages) + wait_ms);
}

/* ---- the beginning and the end ----------------------------------------------------------- */

static void begin(struct stages *stages, struct work *work)
{
    work->home = stages;
    work->began_ms = clock_wall_ms(stages->parts.clock);
    work->item.config = stages->parts.config;
    stages_name_keys(stages, work);
    stages->open++;
    metric_set(stages->metric_open, (int64_t)stages->open);
}

void stages_finish(struct stages *stages, struct work *work)
{
    struct load *load = work->load;
    timers_cancel(stages->parts.timers, &work->timer);
    timers_cancel(stages->parts.timers, &work->renew);
    struct work *next = NULL;
    if (!work->given_back && work->step.kind != STEP_LATER) {
        stages_drop_later(stages, work);
    }
    if (work->key != NULL) {
        next = order_leave(stages->parts.order, work);
    }
    pool_return(stages->parts.pool, work);
    stages->open--;
    metric_set(stages->metric_open, (int64_t)stages->open);
    load->open--;
    if (next != NULL && work_is_idle(next)) { /* a sweep may have queued it already */
        stages_enqueue(stages, next);
    }
    stages->parts.left(stages->parts.self, load);
}

static void give_back(struct stages *stages, struct work *work)
{
    if (work->holding) {
        stages_unslot(stages, work);
    }
    stages_release(stages, work);
    work->load->spoiled = true;
    work->given_back = true;
    stages_finish(stages, work);
}

void stages_admit(struct stages *stages, struct work *work)
{
    begin(stages, work);
    if (order_enter(stages->parts.order, work)) {
        stages_enqueue(stages, work);
    }
}

/* ---- what an answer leads to ------------------------------------------------------------- */

/* The clock to giving up stands still while nobody is called, unless that is this item's doing. */
static void count_wait(struct stages *stages, struct work *work, int64_t wait_ms)
{
    if (!stages_breaker_open(stages, work) || work->own_fault) {
        work->waited_ms += wait_ms;
    }
}

void stages_retry(struct stages *stages, struct work *work, const char *reason, int64_t floor_ms)
{
    const struct stage *stage = stage_of(stages, work);
    const struct config_retry *retry = &stages->parts.config->retry;
    work->failures++;
    int64_t wait = backoff_ms(&stages->random, retry, work->failures, floor_ms);
    metric_add(stages->metric_retries, 1);
    count_wait(stages, work, wait);
    if (work->waited_ms > retry->give_up_after_ms) {
        stages_apply(stages, work, step_dead("gave_up"));
        return;
    }
    LOG(LOG_INFO, "item_retry", L_SPAN("effect", work->item.effect_id),
        L_TEXT("stage", stage->name), L_TEXT("found", reason), L_TEXT("detail", work->detail),
        L_INT("failures", work->failures), L_INT("wait_ms", wait));
    if (stage_is_effect(stage) && work->attempts > 0 && !work->redo) {
        /* It was refused for good and all: the ledger should not call it intended meanwhile, or
         * whoever takes over would have to doubt what never happened. */
        work->step = (struct step){.kind = STEP_NEXT, .stage = work->item.stage, .wait_ms = wait};
        work->refused = true;
        work->phase = PHASE_RECORD;
        stages_enqueue(stages, work);
        return;
    }
    work->phase = PHASE_ASK;
    stages_sleep(stages, work, wait);
}

void stages_doubt(struct stages *stages, struct work *work, const char *reason)
{
    int doubt = stage_of(stages, work)->doubt;
    metric_add(stages->metric_doubt, 1);
    LOG(LOG_WARN, "effect_in_doubt", L_SPAN("effect", work->item.effect_id),
        L_TEXT("stage", stage_of(stages, work)->name), L_TEXT("found", reason));
    if (doubt == STAGE_NOBODY) {
        stages_apply(stages, work, step_done("in_doubt"));
        return;
    }
    work->item.in_doubt = true;
    work->quiet_since_ms = stages_quiet_from(stages, work);
    work->item.stage = doubt;
    stages_retry(stages, work, reason, work->floor_ms);
}

void stages_apply(struct stages *stages, struct work *work, struct step step)
{
    const struct stage *stage = stage_of(stages, work);
    work->step = step;
    if (step.alarm != NULL) {
        LOG(LOG_ERROR, "alarm", L_SPAN("effect", work->item.effect_id),
            L_TEXT("stage", stage->name), L_TEXT("found", step.alarm));
    }
    if ((stages->parts.dry && stages_dry_ends(stages, work, &step)) ||
        (work->redo && stages_redo_ends(stages, work, &step))) {
        return;
    }
    switch (step.kind) {
    case STEP_NEXT:
        CHECK(step.stage >= 0 && (size_t)step.stage < stages->parts.worker->stage_count);
        work->forbidden_ms = 0;
        if (!work->item.in_doubt) { /* else it goes back to what failed */
            work->failures = 0;
            work->failing_ms = 0;
            work->own_fault = false;
        }
        work->item.stage = step.stage;
        work->item.in_doubt = false;
        work->phase = stage_is_effect(stage) && !work->redo ? PHASE_RECORD : PHASE_ASK;
        break;
    case STEP_DONE:
        work->phase = PHASE_RECORD;
        break;
    case STEP_SKIP:
        stages_count_item(step.reason);
        stages_release(stages, work);
        stages_finish(stages, work);
        return;
    case STEP_LATER:
        CHECK(step.stage >= 0 && (size_t)step.stage < stages->parts.worker->stage_count);
        work->item.stage = step.stage;
        work->phase = PHASE_LATER;
        break;
    case STEP_AGAIN:
        work->phase = PHASE_ASK;
        if (work->item.in_doubt) { /* it has failed before, and would for ever */
            count_wait(stages, work, step.wait_ms);
        }
        stages_sleep(stages, work, step.wait_ms < 1 ? 1 : step.wait_ms);
        return;
    case STEP_DEAD:
        work->phase = PHASE_BURY;
        break;
    case STEP_UNCLEAR:
        if (stage_is_effect(stage) && !work->redo) {
            stages_doubt(stages, work, step.reason);
        } else {
            stages_retry(stages, work, step.reason, work->floor_ms);
        }
        return;
    case STEP_FAULT: /* the breaker is open now: the item queues behind it */
        stages_retry(stages, work, step.reason, 0);
        return;
    }
    stages_enqueue(stages, work);
}

/* ---- the question ------------------------------------------------------------------------ */

void stages_tell_time(struct stages *stages, struct work *work, int64_t asked_ms)
{
    work->item.now_ms = clock_wall_ms(stages->parts.clock);
    work->item.alone_ms = asked_ms - work->quiet_since_ms;
    work->item.view_ms = ledger_view_age_ms(stages->parts.ledger) - (stages_now(stages) - asked_ms);
    if (stages->parts.dry) {
        work->item.alone_ms = STAGES_ALONE_DRY_MS;
        work->item.view_ms = STAGES_ALONE_DRY_MS;
    }
}

static void ask(struct stages *stages, struct work *work)
{
    if (stages_redo_passes(stages, work)) {
        return;
    }
    const struct stage *stage = stage_of(stages, work);
    arena_close(&work->call_arena);
    work->call = (struct call){.arena = &work->call_arena};
    work->floor_ms = 0;
    stages_tell_time(stages, work, stages_now(stages));
    struct err err = stage->ask(&work->item, &work->call);
    if (err.class == ERR_POISON) {
        LOG_ERR(LOG_WARN, "item_poison", err, L_SPAN("effect", work->item.effect_id),
                L_TEXT("stage", stage->name));
        stages_apply(stages, work, step_dead("poison"));
        return;
    }
    if (failed(err)) {
        LOG_ERR(LOG_WARN, "ask_failed", err, L_SPAN("effect", work->item.effect_id),
                L_TEXT("stage", stage->name));
        stages_retry(stages, work, "ask_failed", 0);
        return;
    }
    switch (work->call.kind) {
    case CALL_STEP:
        stages_apply(stages, work, work->call.step);
        return;
    case CALL_SCRIPT:
        stages_script(stages, work);
        return;
    case CALL_HTTP:
        CHECK(stage->to != NULL);
        if (work->call.path.len > STAGES_PATH_MAX) {
            stages_apply(stages, work, step_dead("path_too_long"));
            return;
        }
        work->key_had = false;
        work->noted = false;
        if (stages->parts.dry && stage_is_effect(stage)) {
            stages_would_send(stages, work);
            return;
        }
        if (stages_crowded(stages, work)) {
            return;
        }
        if (stages_is_counted(stages, work)) {
            work->phase = PHASE_HOLD;
            stages_hold(stages, work);
            return;
        }
        work->phase = PHASE_SLOT;
        stages_enqueue(stages, work);
        return;
    }
}

static const char *const phase_points[] = {
    [PHASE_CLAIM] = "claim", [PHASE_ASK] = "ask",       [PHASE_SLOT] = "slot",
    [PHASE_HOLD] = "hold",   [PHASE_KEY] = "key",       [PHASE_INTEND] = "intend",
    [PHASE_SEND] = "send",   [PHASE_RECORD] = "record", [PHASE_LETTER] = "letter",
    [PHASE_BURY] = "bury",   [PHASE_LATER] = "later"};

static void run(struct stages *stages, struct work *work)
{
    failpoint(phase_points[work->phase]);
    failpoint(stage_of(stages, work)->name);
    if (stages_between_steps(work) && !wanted(stages, work)) {
        give_back(stages, work);
        return;
    }
    if (!ledger_is_open(stages->parts.ledger) && work->phase != PHASE_SEND) {
        if (work->holding) {
            stages_unslot(stages, work);
            work->phase = PHASE_ASK;
        }
        park(stages, work);
        return;
    }
    if (stages_between_steps(work) && work->overtaken) {
        stages_start_over(stages, work);
        return;
    }
    bool view_gone = work->phase != PHASE_CLAIM && work->view != ledger_view(stages->parts.ledger);
    if (stages_between_steps(work) && view_gone) {
        stages_restart(stages, work);
        return;
    }
    switch (work->phase) {
    case PHASE_CLAIM:
        stages_claim(stages, work);
        return;
    case PHASE_ASK:
        ask(stages, work);
        return;
    case PHASE_HOLD:
        stages_hold(stages, work);
        return;
    case PHASE_SLOT:
        stages_slot(stages, work);
        return;
    case PHASE_KEY:
        stages_key(stages, work);
        return;
    case PHASE_INTEND:
        stages_intend(stages, work);
        return;
    case PHASE_SEND:
        stages_send(stages, work);
        return;
    case PHASE_RECORD:
        stages_record(stages, work);
        return;
    case PHASE_LATER:
        stages_later(stages, work);
        return;
    case PHASE_BURY:
        stages_bury(stages, work);
        return;
    case PHASE_LETTER:
        stages_letter(stages, work);
        return;
    }
}

bool stages_run(struct stages *stages)
{
    bool ran = false;
    while (stages->run_first != NULL) {
        struct work *work = stages->run_first;
        stages->run_first = work->next;
        if (stages->run_first == NULL) {
            stages->run_last = &stages->run_first;
        }
        work->next = NULL;
        work->queued = false;
        run(stages, work);
        ran = true;
    }
    return ran;
}

void stages_sweep(struct stages *stages)
{
    struct work *parked = TAKE(stages->parked);
    while (parked != NULL) { /* they are looked at like the others, and parked again if wanted */
        struct work *next = parked->next;
        parked->queued = false;
        stages_enqueue(stages, parked);
        parked = next;
    }
    for (size_t i = 0; i < stages->parts.pool->count; i++) {
        struct work *work = &stages->parts.pool->all[i];
        bool here = work->home == stages && work->key != NULL;
        if (!here || work->owed || work->queued || wanted(stages, work)) {
            continue;
        }
        if (work->waiting) {
            stages_leave_queue(stages, work);
        }
        if (stages_between_steps(work)) {
            stages_enqueue(stages, work);
        }
    }
}
