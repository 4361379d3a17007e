/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver's dealings with the ledger: claiming an order key and learning
 * what is known of the effect, writing down that an effect is about to happen,
 * what came of it, and keeping the lease alive in between.
 *
 * An effect's record is JSON with its state first (the scripts look at it):
 *   {"s":"intended","g":stage,"o":owner,"t":wall ms,"m":memo}   it may have happened
 *   {"s":"next",    "g":stage,…}                                go on there
 *   {"s":"done","r":outcome,…}  {"s":"dead","r":reason,…}       settled
 */
#include "consumer/engine/stages_inside.h"

#include "common/mem.h"

#include <stdio.h>

#define KEY_ROOM 1024

/* The keys of an item in Redis: its order key's lease and its effect's record. */
struct item_keys {
    struct buf lease;
    struct buf effect;
    span spans[2];
};

static void keys_close(struct item_keys *keys)
{
    buf_close(&keys->lease);
    buf_close(&keys->effect);
}

static void keys_make(const struct stages *stages, const struct work *work, struct item_keys *keys)
{
    const char *worker = stages->parts.worker->name;
    buf_init(&keys->lease, KEY_ROOM);
    buf_init(&keys->effect, KEY_ROOM);
    buf_addf(&keys->lease, "hearback:order:{%s/" SPAN_FMT "}", worker,
             SPAN_ARG(work->item.order_key));
    buf_addf(&keys->effect, "hearback:effect:{%s/" SPAN_FMT "}:" SPAN_FMT, worker,
             SPAN_ARG(work->item.order_key), SPAN_ARG(work->item.effect_id));
    CHECK(!keys->lease.broken && !keys->effect.broken); /* ids are at most 128 bytes each */
    keys->spans[0] = buf_span(&keys->lease);
    keys->spans[1] = buf_span(&keys->effect);
}

static const char *ttl_text(const struct stages *stages, char *room, size_t bytes)
{
    (void)snprintf(room, bytes, "%lld",
                   (long long)(stages->parts.config->worker.lease_ms * STAGES_LEASE_TTL_FACTOR));
    return room;
}

static span word_of(const struct redis_reply *reply)
{
    return redis_element(reply, 0)->text;
}

/* ---- the lease --------------------------------------------------------------------------- */

/* An answer about a lease that may come after its item is gone. */
struct lease_ticket {
    struct stages *stages;
    struct work *work;
    uint64_t serial;
    uint64_t round;
    int64_t sent_ms;
};

static void on_renew(void *self);

static void hold_until(struct stages *stages, struct work *work, int64_t sent_ms)
{
    int64_t lease = stages->parts.config->worker.lease_ms;
    if (sent_ms + lease < work->lease_until_ms) {
        return; /* a renewal that was sent later has been answered before */
    }
    work->lease_until_ms = sent_ms + lease;
    work->renew.fire = on_renew;
    work->renew.self = work;
    timers_set(stages->parts.timers, &work->renew, sent_ms + lease / 3);
}

bool stages_lease_covers(struct stages *stages, const struct work *work, int64_t ms)
{
    return work->lease_until_ms - stages_now(stages) > ms;
}

static void run_lease_script(struct stages *stages, struct work *work, const char *verb,
                             void (*done)(void *, enum ledger_result, const struct redis_reply *))
{
    struct lease_ticket *ticket = mem_must_alloc(sizeof(*ticket));
    *ticket = (struct lease_ticket){.stages = stages,
                                    .work = work,
                                    .serial = work->serial,
                                    .round = work->lease_round,
                                    .sent_ms = stages_now(stages)};
    SCOPED(keys_close) struct item_keys keys;
    keys_make(stages, work, &keys);
    char ttl[24];
    span args[] = {span_text(stages->parts.owner), span_text(verb),
                   span_text(ttl_text(stages, ttl, sizeof(ttl)))};
    struct ledger_request request = {.script = &script_lease,
                                     .keys = keys.spans,
                                     .key_count = 1,
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = done,
                                     .self = ticket};
    ledger_run(stages->parts.ledger, &request);
}

static void on_renewed(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct lease_ticket *ticket = self;
    struct work *work = ticket->work;
    if (work->serial == ticket->serial && work->lease_round == ticket->round && work->key != NULL &&
        work->lease_until_ms > 0) {
        if (result == LEDGER_OK && span_is(word_of(reply), "ok")) {
            hold_until(ticket->stages, work, ticket->sent_ms);
        } else if (result == LEDGER_OK) {
            work->lease_until_ms = 0; /* seen before the next step */
        } else {
            timers_set(ticket->stages->parts.timers, &work->renew,
                       stages_now(ticket->stages) + STAGES_LEDGER_RETRY_MS);
        }
    }
    mem_free(ticket);
}

static void on_renew(void *self)
{
    struct work *work = self;
    struct stages *stages = work->home;
    if (!ledger_is_open(stages->parts.ledger)) {
        timers_set(stages->parts.timers, &work->renew, stages_now(stages) + STAGES_LEDGER_RETRY_MS);
        return;
    }
    run_lease_script(stages, work, "renew", on_renewed);
}

static void on_released(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    (void)result;
    (void)reply;
    mem_free(self);
}

void stages_release(struct stages *stages, struct work *work)
{
    timers_cancel(stages->parts.timers, &work->renew);
    if (work->lease_until_ms > 0 && ledger_is_open(stages->parts.ledger) &&
        work->view == ledger_view(stages->parts.ledger)) {
        run_lease_script(stages, work, "release", on_released);
    }
    work->lease_until_ms = 0;
}

/* ---- the claim --------------------------------------------------------------------------- */

static void somebody_else(struct stages *stages, struct work *work, span holder)
{
    int64_t now = stages_now(stages);
    if (!span_equal(span_text(work->holder), holder)) {
        span_to_text(holder, work->holder, sizeof(work->holder));
        work->holder_since_ms = now;
        work->busy = 0;
    }
    int64_t wait = STAGES_BUSY_MIN_MS << (work->busy < 5 ? work->busy : 5);
    wait = wait > STAGES_BUSY_MAX_MS ? STAGES_BUSY_MAX_MS : wait;
    work->busy++;
    stages_sleep(stages, work,
                 wait / 2 + 1 + (int64_t)(backoff_draw(&stages->random) % (uint64_t)wait));
}

static int stage_named(const struct worker *worker, span name)
{
    for (size_t i = 0; i < worker->stage_count; i++) {
        if (span_is(name, worker->stages[i].name)) {
            return (int)i;
        }
    }
    return -1;
}

/* Goes on where the record says. */
static void resume(struct stages *stages, struct work *work, span record)
{
    SCOPED(json_free) struct json_object *tree = NULL;
    struct json_object *memo = NULL;
    int stage = -1;
    if (!failed(json_parse(record, &tree))) {
        stage = stage_named(stages->parts.worker, json_text_at(tree, "/g"));
        memo = json_at(tree, "/m");
    }
    if (stage < 0) {
        /* A stage of another version. From the start, where every question is asked again. */
        LOG(LOG_WARN, "record_unreadable", L_SPAN("effect", work->item.effect_id),
            L_TEXT("expected", "a record that names one of the worker's stages"));
        stages_enqueue(stages, work);
        return;
    }
    if (json_object_is_type(memo, json_type_object)) {
        json_object_put(work->item.memo);
        work->item.memo = json_object_get(memo);
    }
    work->item.stage = stage;
    if (span_is(json_text_at(tree, "/s"), "intended") && stage_is_effect(stage_of(stages, work))) {
        LOG(LOG_INFO, "effect_taken_over", L_SPAN("effect", work->item.effect_id),
            L_SPAN("stage", json_text_at(tree, "/g")));
        if (stage_of(stages, work)->doubt == STAGE_NOBODY) {
            metric_add(stages->metric_doubt, 1);
            stages_apply(stages, work, step_done("in_doubt"));
            return;
        }
        metric_add(stages->metric_doubt, 1);
        work->item.stage = stage_of(stages, work)->doubt;
        work->item.in_doubt = true;
    }
    stages_enqueue(stages, work);
}

static int64_t longest_timeout(const struct stages *stages)
{
    int64_t longest = 0;
    for (size_t i = 0; i < stages->parts.destination_count; i++) {
        int64_t timeout = stages->parts.destinations[i].settings.timeout_ms;
        longest = timeout > longest ? timeout : longest;
    }
    return longest;
}

static void claimed(struct stages *stages, struct work *work, const struct redis_reply *reply)
{
    int64_t now = stages_now(stages);
    span found = redis_element(reply, 1)->text;
    work->lease_round++;
    hold_until(stages, work, work->claim_sent_ms);
    work->view = ledger_view(stages->parts.ledger);
    work->holder[0] = 0;
    work->busy = 0;
    /* An absent lease says nothing of its last holder: a call of theirs may still be under way. */
    work->quiet_since_ms = now + (span_is(found, "absent") ? longest_timeout(stages) : 0);
    work->item.stage = 0;
    work->item.in_doubt = false;
    work->phase = PHASE_ASK;
    if (span_is(word_of(reply), "open")) {
        resume(stages, work, redis_element(reply, 3)->text);
    } else {
        stages_enqueue(stages, work);
    }
}

static void on_claim(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct work *work = self;
    struct stages *stages = work->home;
    work->owed = false;
    if (result != LEDGER_OK) {
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
        return;
    }
    span word = word_of(reply);
    if (span_is(word, "settled")) {
        stages_count_item(stages, "settled_before");
        stages_finish(stages, work);
    } else if (span_is(word, "busy")) {
        somebody_else(stages, work, redis_element(reply, 1)->text);
    } else {
        claimed(stages, work, reply);
    }
}

void stages_claim(struct stages *stages, struct work *work)
{
    SCOPED(keys_close) struct item_keys keys;
    keys_make(stages, work, &keys);
    int64_t now = stages_now(stages);
    bool dead = work->holder[0] != 0 &&
                now - work->holder_since_ms >= stages->parts.config->worker.lease_ms;
    char ttl[24];
    span args[] = {span_text(stages->parts.owner), span_text(dead ? work->holder : ""),
                   span_text(ttl_text(stages, ttl, sizeof(ttl)))};
    struct ledger_request request = {.script = &script_claim,
                                     .keys = keys.spans,
                                     .key_count = 2,
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = on_claim,
                                     .self = work};
    work->owed = true;
    work->claim_sent_ms = now;
    ledger_run(stages->parts.ledger, &request);
}

/* ---- the record -------------------------------------------------------------------------- */

static void make_record(const struct stages *stages, const struct work *work, const char *state,
                        const char *stage, const char *reason, struct buf *out)
{
    buf_addf(out, "{\"s\":\"%s\"", state);
    if (stage != NULL) {
        buf_addf(out, ",\"g\":\"%s\"", stage);
    }
    if (reason != NULL) {
        buf_addf(out, ",\"r\":\"%s\"", reason);
    }
    buf_addf(out, ",\"o\":\"%s\",\"t\":%lld,\"m\":", stages->parts.owner,
             (long long)clock_wall_ms(stages->parts.clock));
    buf_add_text(out,
                 json_object_to_json_string_ext(
                     work->item.memo, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    buf_add_char(out, '}');
}

/* How a record is written. */
struct writing {
    const char *mode;   /* "held" or "late", see record.lua */
    bool journal_first; /* the changelog has it before Redis does */
    bool release;       /* and the lease is let go */
    void (*done)(void *self, enum ledger_result result, const struct redis_reply *reply);
};

static void write_record(struct stages *stages, struct work *work, span record,
                         struct writing writing)
{
    SCOPED(keys_close) struct item_keys keys;
    keys_make(stages, work, &keys);
    char ttl[24];
    span args[] = {span_text(stages->parts.owner), record, span_text(writing.mode),
                   span_text(ttl_text(stages, ttl, sizeof(ttl))),
                   span_text(writing.release ? "release" : "")};
    struct ledger_request request = {.script = &script_record,
                                     .keys = keys.spans,
                                     .key_count = 2,
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = writing.done,
                                     .self = work};
    if (writing.journal_first) {
        request.before[0] =
            (struct ledger_line){.kind = 'S', .key = keys.spans[1], .value = record};
        request.before_count = 1;
    }
    work->owed = true;
    ledger_run(stages->parts.ledger, &request);
}

static void settled_elsewhere(struct stages *stages, struct work *work)
{
    stages_count_item(stages, "settled_before");
    if (work->holding) {
        stages_unslot(stages, work);
    }
    stages_release(stages, work);
    stages_finish(stages, work);
}

static void on_intended(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct work *work = self;
    struct stages *stages = work->home;
    work->owed = false;
    if (result == LEDGER_VIEW) {
        stages_restart(stages, work);
        return;
    }
    if (result == LEDGER_AGAIN) {
        stages_unslot(stages, work);
        work->phase = PHASE_ASK;
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
        return;
    }
    span word = word_of(reply);
    if (span_is(word, "settled")) {
        settled_elsewhere(stages, work);
    } else if (!span_is(word, "ok")) {
        stages_restart(stages, work);
    } else {
        /* The script renewed the lease after the broker had the line. */
        hold_until(stages, work, work->intend_sent_ms);
        work->phase = PHASE_SEND;
        stages_send(stages, work);
    }
}

void stages_intend(struct stages *stages, struct work *work)
{
    struct buf record;
    buf_init(&record, WORK_ARENA_BYTES);
    make_record(stages, work, "intended", stage_of(stages, work)->name, NULL, &record);
    /* The line goes to the changelog before Redis grants: whatever view is restored after the
     * grant knows of it, so nothing is sent that a later view could not have been told. */
    work->intend_sent_ms = stages_now(stages);
    write_record(stages, work, buf_span(&record),
                 (struct writing){.mode = "held", .journal_first = true, .done = on_intended});
    buf_close(&record);
}

static void on_recorded(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct work *work = self;
    struct stages *stages = work->home;
    work->owed = false;
    if (result != LEDGER_OK) {
        /* What happened must be written, in this view or the next. */
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
        return;
    }
    span word = word_of(reply);
    if (span_is(word, "settled")) {
        settled_elsewhere(stages, work);
    } else if (span_is(word, "lost")) {
        stages_restart(stages, work);
    } else if (work->step.kind == STEP_NEXT) {
        work->phase = PHASE_ASK;
        if (work->step.wait_ms > 0) {
            stages_sleep(stages, work, work->step.wait_ms);
        } else {
            stages_enqueue(stages, work);
        }
    } else {
        LOG(LOG_INFO, "item_settled", L_SPAN("effect", work->item.effect_id),
            L_TEXT("outcome", work->step.reason), L_INT("attempts", work->attempts));
        stages_count_item(stages, work->step.kind == STEP_DEAD ? "dead_letter" : work->step.reason);
        stages_finish(stages, work);
    }
}

void stages_record(struct stages *stages, struct work *work)
{
    struct buf record;
    bool next = work->step.kind == STEP_NEXT;
    const char *state = next ? "next" : work->step.kind == STEP_DEAD ? "dead" : "done";
    const char *stage = next ? stage_of(stages, work)->name : NULL;
    buf_init(&record, WORK_ARENA_BYTES);
    make_record(stages, work, state, stage, next ? NULL : work->step.reason, &record);
    write_record(stages, work, buf_span(&record),
                 (struct writing){.mode = "late", .release = !next, .done = on_recorded});
    buf_close(&record);
}

/* ---- a stage that asks a script ---------------------------------------------------------- */

static void on_script(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct work *work = self;
    struct stages *stages = work->home;
    work->owed = false;
    if (result == LEDGER_VIEW) {
        stages_restart(stages, work);
        return;
    }
    if (result == LEDGER_AGAIN) {
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
        return;
    }
    struct reply answer = {.script = reply, .arena = &work->call_arena};
    stages_tell_time(stages, work);
    stages_apply(stages, work, stage_of(stages, work)->answered(&work->item, &answer));
}

void stages_script(struct stages *stages, struct work *work)
{
    const struct call *call = &work->call;
    if (!stages_lease_covers(stages, work, 0)) {
        stages_restart(stages, work);
        return;
    }
    struct ledger_request request = {.script = call->script,
                                     .keys = call->keys,
                                     .key_count = call->key_count,
                                     .args = call->args,
                                     .arg_count = call->arg_count,
                                     .done = on_script,
                                     .self = work};
    work->owed = true;
    ledger_run(stages->parts.ledger, &request);
}
