/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver's dealings with the ledger: claiming an order key and learning
 * what is known of the effect, writing down that an effect is about to happen,
 * and what came of it.
 *
 * An effect's record is JSON with its state first (the scripts look at it):
 *   {"s":"intended","g":stage,"b":stage,"o":owner,"t":wall ms,"m":memo}   the effect of stage g
 *       may have happened; b is where to go on if it did not
 *   {"s":"next",    "g":stage,…}                                go on there
 *   {"s":"done","r":outcome,…}  {"s":"dead","r":reason,…}       settled
 */
#include "consumer/engine/stages_inside.h"

#include "common/mem.h"

#include <stdio.h>

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
    if (stage > 0 && json_object_is_type(memo, json_type_object)) {
        json_object_put(work->item.memo);
        work->item.memo = json_object_get(memo);
    }
    work->item.stage = stage;
    work->resume_stage = stage;
    if (span_is(json_text_at(tree, "/s"), "intended") && stage_is_effect(stage_of(stages, work))) {
        int back = stage_named(stages->parts.worker, json_text_at(tree, "/b"));
        work->resume_stage = back < 0 ? 0 : back;
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
    stages_hold_until(stages, work, work->claim_sent_ms);
    work->view = ledger_view(stages->parts.ledger);
    work->holder[0] = 0;
    work->busy = 0;
    /* An absent lease says nothing of its last holder: a call of theirs may still be under way. */
    work->quiet_since_ms = now + (span_is(found, "absent") ? longest_timeout(stages) : 0);
    work->item.stage = 0;
    work->resume_stage = 0;
    work->refused = false;
    work->item.in_doubt = false;
    work->phase = PHASE_ASK;
    if (span_is(stages_word_of(reply), "open")) {
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
    span word = stages_word_of(reply);
    if (span_is(word, "settled")) {
        stages_count_item("settled_before");
        stages_finish(stages, work);
    } else if (span_is(word, "busy")) {
        somebody_else(stages, work, redis_element(reply, 1)->text);
    } else {
        claimed(stages, work, reply);
    }
}

void stages_claim(struct stages *stages, struct work *work)
{
    SCOPED(item_keys_close) struct item_keys keys;
    item_keys_make(stages, work, &keys);
    int64_t now = stages_now(stages);
    bool dead = work->holder[0] != 0 &&
                now - work->holder_since_ms >= stages->parts.config->worker.lease_ms;
    char ttl[24];
    span args[] = {span_text(stages->parts.owner), span_text(dead ? work->holder : ""),
                   span_text(stages_ttl_text(stages, ttl, sizeof(ttl))), span_text("")};
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

struct record_head {
    const char *state;
    const char *stage;  /* NULL: settled */
    const char *back;   /* NULL: not intended */
    const char *reason; /* NULL: not settled */
};

static void make_record(const struct stages *stages, const struct work *work,
                        struct record_head head, struct buf *out)
{
    const struct {
        const char *name, *value;
    } members[] = {{"g", head.stage}, {"b", head.back}, {"r", head.reason}};
    buf_addf(out, "{\"s\":\"%s\"", head.state);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        if (members[i].value != NULL) {
            buf_addf(out, ",\"%s\":\"%s\"", members[i].name, members[i].value);
        }
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
    SCOPED(item_keys_close) struct item_keys keys;
    item_keys_make(stages, work, &keys);
    char ttl[24];
    span args[] = {span_text(stages->parts.owner),
                   record,
                   span_text(writing.mode),
                   span_text(stages_ttl_text(stages, ttl, sizeof(ttl))),
                   span_text(writing.release ? "release" : ""),
                   span_text("")};
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
    stages_count_item("settled_before");
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
    span word = stages_word_of(reply);
    if (span_is(word, "settled")) {
        settled_elsewhere(stages, work);
    } else if (!span_is(word, "ok")) {
        stages_restart(stages, work);
    } else {
        /* The script renewed the lease after the broker had the line. */
        stages_hold_until(stages, work, work->intend_sent_ms);
        work->phase = PHASE_SEND;
        stages_send(stages, work);
    }
}

void stages_intend(struct stages *stages, struct work *work)
{
    struct buf record;
    buf_init(&record, WORK_ARENA_BYTES);
    struct record_head head = {.state = "intended",
                               .stage = stage_of(stages, work)->name,
                               .back = stages->parts.worker->stages[work->resume_stage].name};
    make_record(stages, work, head, &record);
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
    span word = stages_word_of(reply);
    if (span_is(word, "settled")) {
        settled_elsewhere(stages, work);
    } else if (span_is(word, "lost")) {
        stages_restart(stages, work);
    } else if (work->refused) {
        work->refused = false;
        work->phase = PHASE_ASK;
        stages_sleep(stages, work, work->step.wait_ms);
    } else if (work->step.kind == STEP_NEXT) {
        work->resume_stage = work->item.stage;
        work->phase = PHASE_ASK;
        stages_enqueue(stages, work);
    } else {
        LOG(LOG_INFO, "item_settled", L_SPAN("effect", work->item.effect_id),
            L_TEXT("outcome", work->step.reason), L_INT("attempts", work->attempts));
        stages_count_item(work->step.kind == STEP_DEAD ? "dead_letter" : work->step.reason);
        stages_finish(stages, work);
    }
}

void stages_record(struct stages *stages, struct work *work)
{
    struct buf record;
    bool next = work->step.kind == STEP_NEXT;
    /* After a refusal whoever takes over must ask everything again that led to the effect: in the
     * meantime somebody else may have brought it about. */
    int stage = work->refused ? work->resume_stage : work->item.stage;
    struct record_head head = {.state = next                           ? "next"
                                        : work->step.kind == STEP_DEAD ? "dead"
                                                                       : "done",
                               .stage = next ? stages->parts.worker->stages[stage].name : NULL,
                               .reason = next ? NULL : work->step.reason};
    buf_init(&record, WORK_ARENA_BYTES);
    make_record(stages, work, head, &record);
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
