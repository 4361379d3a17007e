/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver's HTTP calls: sending, what the answer means, and what the
 * breaker and the budget learn from it.
 */
#include "consumer/engine/stages_inside.h"
#include "consumer/engine/verdict.h"

#include "common/failpoint.h"

/* ---- what came of a call ----------------------------------------------------------------- */

static void say_breaker(struct destination *to, const char *reason, const char *detail)
{
    bool open = to->breaker.state != BREAKER_CLOSED;
    metric_set(metric_gauge("hearback_breaker_open", "1 while a destination is not called.",
                            "destination", to->kind->name),
               open ? 1 : 0);
    if (open) {
        LOG(LOG_ERROR, "breaker_open", L_TEXT("destination", to->kind->name),
            L_TEXT("found", reason), L_TEXT("detail", detail),
            L_TEXT("expected", "a destination that answers and lets us in; nothing is lost: calls "
                               "wait, one probes it now and then. Check its address, login and "
                               "permissions"));
    } else {
        LOG(LOG_INFO, "breaker_closed", L_TEXT("destination", to->kind->name));
    }
}

static bool is_refusal(enum breaker_outcome outcome)
{
    return outcome == BREAKER_REFUSED || outcome == BREAKER_FORBIDDEN;
}

/* A refusal that is not this item's own, because nothing else comes from there any more, does not
 * kill it: it is tried again when the breaker closes. What is forbidden may be so to all of us:
 * that is believed to be the item's own when another was sent later, at the same stage, and went
 * through, and it is forbidden again. */
static struct step judge_refusal(struct stages *stages, struct work *work, struct destination *to,
                                 enum breaker_outcome outcome, struct step step)
{
    bool closed = to->breaker.state == BREAKER_CLOSED;
    bool own = true;
    work->refused_count++;
    if (outcome == BREAKER_FORBIDDEN) {
        own = work->forbidden_ms > 0 &&
              to->standings[work->item.stage].proved_ms > work->forbidden_ms;
        work->forbidden_ms = work->forbidden_ms > 0 ? work->forbidden_ms : stages_now(stages);
    }
    return closed && own ? step : step_fault(step.reason);
}

static bool is_another(struct standing *standing, uint64_t hash)
{
    for (size_t i = 0; i < standing->refused_count; i++) {
        if (standing->refused[i] == hash) {
            return false;
        }
    }
    if (standing->refused_count < REFUSALS_KEYS) {
        standing->refused[standing->refused_count++] = hash;
    }
    return true;
}

/* Counts what came of the stage's calls. */
static void count_outcome(struct stages *stages, struct work *work, struct destination *to,
                          enum breaker_outcome outcome)
{
    struct standing *standing = &to->standings[work->item.stage];
    if (outcome == BREAKER_SUCCESS) {
        int64_t sent = work->sent_ms;
        int64_t proved = standing->proved_ms > sent ? standing->proved_ms : sent;
        *standing = (struct standing){.proved_ms = proved};
        return;
    }
    if (outcome == BREAKER_UNHEARD) {
        return;
    }
    if (outcome != BREAKER_FAILED && outcome != BREAKER_AT_FAULT) { /* it is there */
        /* A permission may concern all, whoever asks for it again; a refusal one ticket. */
        bool counts = outcome == BREAKER_FORBIDDEN ||
                      (outcome == BREAKER_REFUSED && is_another(standing, work->key->hash));
        standing->refusals += counts ? 1 : 0;
        standing->failures = 0;
        standing->failer = 0;
        standing->several = false;
        return;
    }
    standing->failures += outcome == BREAKER_FAILED ? 1 : 0;
    standing->failer = standing->failer != 0 ? standing->failer : work->serial;
    standing->several = standing->several || standing->failer != work->serial;
    work->failing_ms = work->failing_ms > 0 ? work->failing_ms : stages_now(stages);
    work->own_fault =
        outcome == BREAKER_FAILED && !standing->several && standing->proved_ms > work->failing_ms;
}

/* Did too many of the stage's calls come to nothing, one after the other? */
static bool runs_out(const struct stages *stages, const struct standing *standing,
                     enum breaker_outcome outcome)
{
    const struct config_breaker *config = &stages->parts.config->breaker;
    return (is_refusal(outcome) && standing->refusals >= config->refusals) ||
           (outcome == BREAKER_FAILED && standing->failures >= config->failures);
}

/* Tells the breaker what the call came to. */
static struct step tell_breaker(struct stages *stages, struct work *work, struct destination *to,
                                enum breaker_outcome outcome, struct step step)
{
    CHECK(work->item.stage < DESTINATION_STAGES_MAX);
    const struct stage *stage = stage_of(stages, work);
    const struct standing *standing = &to->standings[work->item.stage];
    if (step.kind == STEP_FAULT) {
        outcome = BREAKER_AT_FAULT;
    } else if (is_refusal(outcome) && step.kind != STEP_DEAD) {
        outcome = BREAKER_SUCCESS; /* to this worker the status means something else */
    }
    bool closed = to->breaker.state == BREAKER_CLOSED;
    count_outcome(stages, work, to, outcome);
    if (outcome == BREAKER_SUCCESS && work->probe && to->culprit != NULL && to->culprit != stage) {
        breaker_unused(&to->breaker, true); /* it proves nothing of that stage: the next one, now */
        return step;
    }
    bool over = closed && runs_out(stages, standing, outcome);
    /* A row of failures without any success is not one stage's. */
    bool row = to->breaker.failures + 1 >= stages->parts.config->breaker.failures;
    if (breaker_tell(&to->breaker, work->probe, over ? BREAKER_AT_FAULT : outcome,
                     stages_now(stages))) {
        to->breaker.broken = closed && outcome == BREAKER_FAILED;
        to->culprit = over && (is_refusal(outcome) || !row) ? stage : NULL;
        say_breaker(to, step.reason, work->detail);
    }
    return is_refusal(outcome) ? judge_refusal(stages, work, to, outcome, step) : step;
}

/* The step for an answer the verdict table leaves to nobody else. */
static struct step judge(struct work *work, const struct transfer *t, const struct reply *reply,
                         enum verdict verdict, bool effect)
{
    const char *reason = verdict_reason(t->transport, t->status);
    struct step step;
    if (t->transport == 0 && t->to->kind->override != NULL &&
        t->to->kind->override(reply, effect, &step)) {
        return step;
    }
    switch (verdict) {
    case VERDICT_READ:
        return work->home->parts.worker->stages[work->item.stage].answered(&work->item, reply);
    case VERDICT_AGAIN:
        return step_again(0, reason);
    case VERDICT_UNCLEAR:
        return step_unclear(reason);
    case VERDICT_DEAD:
        return step_dead(reason);
    case VERDICT_FAULT:
        return step_fault(reason);
    }
    return step_unclear(reason);
}

static void note_detail(struct work *work, const struct transfer *t, const struct reply *reply)
{
    struct buf words;
    work->detail[0] = 0;
    if (t->transport == 0 && t->status < 300) {
        return;
    }
    buf_init(&words, 8192);
    if (t->transport == 0 && t->to->kind->explain != NULL) {
        t->to->kind->explain(reply, &words);
    }
    span_to_text(buf_span(&words), work->detail, sizeof(work->detail));
    buf_close(&words);
}

static void count_call(const struct stages *stages, const struct work *work,
                       const struct transfer *t)
{
    metric_add(metric_counter("hearback_calls_total",
                              "Calls to destinations, by what came of them.", "result",
                              verdict_reason(t->transport, t->status)),
               1);
    metric_observe(metric_histogram("hearback_call_seconds", "How long calls took.", "stage",
                                    stage_of(stages, work)->name),
                   (double)(stages_now(stages) - work->sent_ms) / 1000.0);
}

static bool may_send(void *self)
{
    const struct work *work = self;
    return stages_covers_call(work->home, work, 0);
}

/* What the answer says of the rate. */
static void tell_gate(struct stages *stages, struct work *work, const struct reply *reply,
                      enum breaker_outcome outcome)
{
    const struct destination_kind *kind = work->gate->to->kind;
    if (reply->status == 429) {
        stages_gate_refused(stages, work,
                            kind->limited != NULL ? kind->limited(reply) : LIMIT_SCOPE_CLASS);
    } else if (outcome != BREAKER_FAILED && outcome != BREAKER_UNHEARD) {
        stages_gate_answered(work);
    }
}

static void on_transfer(void *self, struct transfer *t)
{
    struct work *work = self;
    struct stages *stages = work->home;
    struct destination *to = t->to;
    work->owed = false;
    failpoint("answered");
    if (t->withheld) {
        transfer_close(t);
        stages_turn_back(stages, work);
        return;
    }
    struct reply_tree tree = {0};
    struct reply reply = {.status = t->status,
                          .body = buf_span(&t->reply_body),
                          .tree = &tree,
                          .headers = t->headers,
                          .header_count = t->header_count,
                          .arena = &work->call_arena};
    stages_tell_time(stages, work, work->sent_ms);
    count_call(stages, work, t);
    note_detail(work, t, &reply);
    enum verdict verdict = verdict_of(t->transport, t->reached, t->status);
    enum breaker_outcome outcome = verdict_outcome(t->transport, t->reached, t->status);
    struct step step = judge(work, t, &reply, verdict, stage_is_effect(stage_of(stages, work)));
    /* A 200 that cannot be read is the page of a proxy, or of a site that is closed for repairs. */
    bool nonsense = verdict == VERDICT_READ && step.kind == STEP_UNCLEAR;
    outcome = nonsense ? BREAKER_FAILED : outcome;
    work->floor_ms = verdict_wait_ms(&reply, work->item.now_ms);
    tell_gate(stages, work, &reply, outcome);
    transfer_close(t);
    /* What was read of it is in the memo. Its tree takes many times its bytes, and the item may
     * wait for long, together with hundreds of others. */
    arena_close(&work->call_arena);
    step = tell_breaker(stages, work, to, outcome, step);
    stages_free_slot(stages, work, to);
    if (verdict == VERDICT_AGAIN && step.kind == STEP_AGAIN) {
        stages_retry(stages, work, step.reason, work->floor_ms);
    } else {
        stages_apply(stages, work, step);
    }
}

void stages_launch(struct stages *stages, struct work *work)
{
    struct destination *to = work->gate->to;
    struct transfer *t = &work->transfer;
    transfer_init(t, stages->parts.config->worker.reply_bytes_max);
    t->to = to;
    t->method = work->call.method;
    t->path = work->call.path;
    t->body = work->call.body;
    t->done = on_transfer;
    t->may_send = stage_is_effect(stage_of(stages, work)) ? may_send : NULL;
    t->self = work;
    work->attempts++;
    work->sent_ms = stages_now(stages);
    work->owed = true;
    failpoint("sending");
    stages->parts.caller.start(stages->parts.caller.self, t);
    failpoint("sent");
    if (t->may_send != NULL) {
        stages_claim_ahead(stages, work);
    }
}

void stages_send(struct stages *stages, struct work *work)
{
    if (work->overtaken) {
        stages_start_over(stages, work);
    } else if (!stages_awaits_end(stages, work) && stages_gate_passes(stages, work)) {
        stages_launch(stages, work);
    }
}
