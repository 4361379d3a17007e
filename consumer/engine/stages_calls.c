/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver's HTTP calls: a place among the destination's calls, the
 * breaker, sending, and what the answer means. An item that waits for its time
 * or its slot holds no connection.
 */
#include "consumer/engine/stages_inside.h"
#include "consumer/engine/verdict.h"

#include "common/failpoint.h"

struct destination *stages_destination(struct stages *stages, const struct work *work)
{
    const struct destination_kind *kind = stage_of(stages, work)->to;
    for (size_t i = 0; i < stages->parts.destination_count; i++) {
        if (stages->parts.destinations[i].kind == kind) {
            return &stages->parts.destinations[i];
        }
    }
    NEVER("a stage names a destination that was not opened");
}

bool stages_breaker_open(struct stages *stages, const struct work *work)
{
    return stage_of(stages, work)->to != NULL &&
           stages_destination(stages, work)->breaker.state != BREAKER_CLOSED;
}

int64_t stages_quiet_from(struct stages *stages, const struct work *work)
{
    /* An answer that says nothing is not the end of the call: a gateway that gave up, or a
     * connection that broke, leaves somebody behind it at work. The call's time-out is how long we
     * hold that for possible, as for a call whose caller vanished. */
    int64_t end = work->sent_ms + stages_destination(stages, work)->settings.timeout_ms;
    return end > stages_now(stages) ? end : stages_now(stages);
}

/* ---- slots ------------------------------------------------------------------------------- */

static void serve(struct stages *stages, struct destination *to);

static void on_probe_time(void *self)
{
    struct destination *to = self;
    struct work *first = to->waiting;
    if (first != NULL) {
        serve(first->home, to);
    }
}

static void arm_probe(struct stages *stages, struct destination *to)
{
    int64_t now = stages_now(stages);
    int64_t wait = breaker_wait_ms(&to->breaker, now);
    if (wait >= 0) {
        to->probe.fire = on_probe_time;
        to->probe.self = to;
        timers_set(stages->parts.timers, &to->probe, now + wait);
    }
}

static void serve(struct stages *stages, struct destination *to)
{
    while (to->waiting != NULL && to->calls_out < to->calls_max) {
        bool probe = false;
        if (!breaker_admits(&to->breaker, stages_now(stages), &probe)) {
            arm_probe(stages, to);
            return;
        }
        struct work *work = to->waiting;
        to->waiting = work->next;
        if (to->waiting == NULL) {
            to->waiting_last = &to->waiting;
        }
        work->next = NULL;
        work->waiting = false;
        work->holding = true;
        work->probe = probe;
        to->calls_out++;
        bool noted = stage_is_effect(stage_of(stages, work)) && !work->redo;
        work->phase = noted ? PHASE_INTEND : PHASE_SEND;
        stages_enqueue(stages, work);
    }
}

void stages_slot(struct stages *stages, struct work *work)
{
    struct destination *to = stages_destination(stages, work);
    work->waiting = true;
    work->next = NULL;
    *to->waiting_last = work;
    to->waiting_last = &work->next;
    serve(stages, to);
}

static void free_slot(struct stages *stages, struct work *work, struct destination *to)
{
    CHECK(work->holding && to->calls_out > 0);
    work->holding = false;
    work->probe = false;
    to->calls_out--;
    serve(stages, to);
}

void stages_unslot(struct stages *stages, struct work *work)
{
    struct destination *to = stages_destination(stages, work);
    breaker_unused(&to->breaker, work->probe);
    free_slot(stages, work, to);
}

void stages_leave_queue(struct stages *stages, struct work *work)
{
    struct destination *to = stages_destination(stages, work);
    struct work **at = &to->waiting;
    while (*at != work) {
        CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = work->next;
    if (to->waiting_last == &work->next) {
        to->waiting_last = at;
    }
    work->next = NULL;
    work->waiting = false;
}

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

static void tell_breaker(struct stages *stages, struct work *work, struct destination *to,
                         bool against, bool at_fault, const char *reason)
{
    bool changed = against
                       ? breaker_failure(&to->breaker, work->probe, at_fault, stages_now(stages))
                       : breaker_success(&to->breaker, work->probe);
    if (changed) {
        say_breaker(to, reason, work->detail);
    }
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

/* Nothing was sent. The renewal is under way, or the lease is gone. */
static void not_sent(struct stages *stages, struct work *work)
{
    bool gone = work->view != ledger_view(stages->parts.ledger) || /* and its leases with it */
                !stages_lease_covers(stages, work, 0);
    stages_unslot(stages, work);
    work->phase = PHASE_ASK;
    if (gone) {
        stages_restart(stages, work);
    } else {
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
    }
}

/* A call is to end, whatever comes of it, while the lease is ours. */
static bool covers_call(struct stages *stages, const struct work *work, int64_t margin_ms)
{
    const struct destination *to = stages_destination(stages, work);
    return work->view == ledger_view(stages->parts.ledger) &&
           stages_lease_covers(stages, work, to->settings.timeout_ms + margin_ms);
}

static bool may_send(void *self)
{
    const struct work *work = self;
    return covers_call(work->home, work, 0);
}

static void on_transfer(void *self, struct transfer *t)
{
    struct work *work = self;
    struct stages *stages = work->home;
    struct destination *to = t->to;
    bool effect = stage_is_effect(stage_of(stages, work));
    work->owed = false;
    failpoint("answered");
    if (t->withheld) {
        transfer_close(t);
        not_sent(stages, work);
        return;
    }
    struct reply reply = {.status = t->status,
                          .body = buf_span(&t->reply_body),
                          .headers = t->headers,
                          .header_count = t->header_count,
                          .arena = &work->call_arena};
    if (reply.body.len > 0 && failed(json_parse_in(&work->call_arena, reply.body, &reply.json))) {
        reply.json = NULL; /* the stage decides what an unreadable body means */
    }
    stages_tell_time(stages, work, work->sent_ms);
    count_call(stages, work, t);
    note_detail(work, t, &reply);
    enum verdict verdict = verdict_of(t->transport, t->reached, t->status);
    struct step step = judge(work, t, &reply, verdict, effect);
    bool at_fault = step.kind == STEP_FAULT;
    /* A 200 that cannot be read is the page of a proxy, or of a site that is closed for repairs. */
    bool nonsense = verdict == VERDICT_READ && step.kind == STEP_UNCLEAR;
    bool against = at_fault || nonsense || verdict_counts_against(verdict, t->transport, t->status);
    work->floor_ms = verdict_wait_ms(&reply, work->item.now_ms);
    transfer_close(t);
    /* What was read of it is in the memo. Its tree takes many times its bytes, and the item may
     * wait for long, together with hundreds of others. */
    arena_close(&work->call_arena);
    tell_breaker(stages, work, to, against, at_fault, step.reason);
    free_slot(stages, work, to);
    if (verdict == VERDICT_AGAIN && step.kind == STEP_AGAIN) {
        stages_retry(stages, work, step.reason, work->floor_ms);
    } else {
        stages_apply(stages, work, step);
    }
}

void stages_send(struct stages *stages, struct work *work)
{
    struct destination *to = stages_destination(stages, work);
    if (!covers_call(stages, work, STAGES_SEND_MARGIN_MS)) {
        not_sent(stages, work);
        return;
    }
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
}
