/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage driver's dealings with the ledger: claiming an order key and learning
 * what is known of the effect, writing down that an effect is about to happen,
 * and what came of it.
 *
 * An effect's record is JSON with its state first (the scripts look at it):
 *   {"s":"intended","g":stage,"b":stage,"o":owner,"t":wall ms,"m":memo}   the effect of stage g
 *       may have happened; b is where to go on if it did not
 *   {"s":"next",    "g":stage,"u":wall ms,…}                    go on there, not before u if given
 *   {"s":"done","r":outcome,…}                                  settled
 *   {"s":"dead","r":reason,"g":stage,"b":stage,"d":true,…}      settled; a redrive goes on at g,
 *       with d in doubt whether an effect happened, else at b
 */
#include "consumer/engine/stages_inside.h"

#include "common/mem.h"

/* ---- the claim --------------------------------------------------------------------------- */

static void somebody_else(struct stages *stages, struct work *work, span holder)
{
    int64_t now = stages_now(stages);
    uint64_t view = ledger_view(stages->parts.ledger);
    if (!span_equal(span_text(work->holder), holder) || work->holder_view != view) {
        span_to_text(holder, work->holder, sizeof(work->holder));
        work->holder_since_ms = now;
        work->holder_view = view; /* another view counts its grants anew */
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

static void keep_memo(struct work *work, struct json_object *memo)
{
    if (json_object_is_type(memo, json_type_object)) {
        json_object_put(work->item.memo);
        work->item.memo = json_object_get(memo);
    }
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
    span state = json_text_at(tree, "/s");
    if (work->load->job.redo) {
        keep_memo(work, memo);
        stages_redo_begin(stages, work, span_is(state, "done"));
        return;
    }
    if (stage < 0) {
        /* A stage of another version. From the start, where every question is asked again. */
        LOG(LOG_WARN, "record_unreadable", L_SPAN("effect", work->item.effect_id),
            L_TEXT("expected", "a record that names one of the worker's stages"));
        stages_enqueue(stages, work);
        return;
    }
    int back = stage_named(stages->parts.worker, json_text_at(tree, "/b"));
    if (stage > 0) {
        keep_memo(work, memo);
    }
    work->item.stage = stage;
    work->resume_stage = back < 0 ? stage : back;
    work->item.in_doubt = json_object_get_boolean(json_at(tree, "/d"));
    if (stages_waits_on(stages, work, tree)) {
        return;
    }
    if (span_is(state, "intended") && stage_is_effect(stage_of(stages, work))) {
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
    bool unknown = span_is(found, "absent") || span_is(found, "mine_unknown");
    bool mine = span_is(found, "mine") || span_is(found, "mine_unknown");
    /* An absent lease says nothing of its last holder: a call of theirs may still be under way. In
     * a young view no lease does: Redis may have come back with one that is older than the call. */
    int64_t known = unknown ? 0 : ledger_view_age_ms(stages->parts.ledger);
    int64_t left = longest_timeout(stages) - known;
    if (!mine || work->heir_view != work->view) { /* else it is what the one before it knew */
        work->quiet_since_ms = now + (left > 0 ? left : 0);
    }
    work->item.stage = 0;
    work->resume_stage = 0;
    work->refused = false;
    work->redo = false;
    work->item.in_doubt = false;
    work->phase = PHASE_ASK;
    if (!order_runs(work)) {
        return; /* it claimed ahead, and goes on when its turn comes */
    }
    if (span_is(stages_word_of(reply), "open")) {
        resume(stages, work, redis_element(reply, 3)->text);
    } else if (work->load->job.redo) {
        stages_redo_begin(stages, work, false);
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
        if (stages->parts.dry) {
            stages_would_be_settled(stages, work);
            return;
        }
        stages_count_item("settled_before");
        stages_release(stages, work); /* which it may have from the item before it */
        stages_finish(stages, work);
    } else if (span_is(word, "busy")) {
        stages_release(stages, work); /* somebody waits for what it had from the item before it */
        if (order_runs(work)) {
            somebody_else(stages, work, redis_element(reply, 1)->text);
        }
    } else if (order_runs(work) || span_is(word, "fresh")) {
        claimed(stages, work, reply);
    }
}

/* For the scripts: may a dead end be followed by another try? */
static const char *again_word(const struct work *work)
{
    return work->load->job.again_dead ? "dead" : "";
}

/* Does it claim what an item before it has, or had? */
static void note_heir(const struct stages *stages, struct work *work)
{
    const struct work *before = order_before(work);
    if (before != NULL) {
        stages_inherit(stages, work, before);
    }
    work->heir_view = work->lease_until_ms > stages_now(stages) ? work->view : 0;
}

void stages_claim(struct stages *stages, struct work *work)
{
    if (stages_awaits_end(stages, work)) {
        return;
    }
    note_heir(stages, work);
    int64_t now = stages_now(stages);
    const struct job *job = &work->load->job;
    bool dead = work->holder[0] != 0 && work->holder_view == ledger_view(stages->parts.ledger) &&
                now - work->holder_since_ms >= stages->parts.config->worker.lease_ms;
    char number[SPAN_WHOLE_ROOM];
    span args[] = {span_text(stages->parts.owner),
                   span_text(dead ? work->holder : ""),
                   stages->ttl,
                   span_text(job->redo ? "done" : again_word(work)),
                   span_of_whole((int64_t)++stages->claims, number),
                   span_text(work->heir_view != 0 ? "next" : "")};
    struct ledger_request request = {.script = &script_claim,
                                     .keys = work->keys,
                                     .key_count = 2,
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = on_claim,
                                     .self = work};
    request.dry = stages->parts.dry;
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
    bool doubt;         /* dead, and an effect may have happened */
    int64_t due_ms;     /* 0: it goes on at once */
};

static void make_record(const struct stages *stages, const struct work *work,
                        struct record_head head, struct buf *out)
{
    const struct {
        const char *before, *value;
    } members[] = {
        {"\",\"g\":\"", head.stage}, {"\",\"b\":\"", head.back}, {"\",\"r\":\"", head.reason}};
    buf_add_text(out, "{\"s\":\"");
    buf_add_text(out, head.state);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        if (members[i].value != NULL) {
            buf_add_text(out, members[i].before);
            buf_add_text(out, members[i].value);
        }
    }
    buf_add_char(out, '"');
    if (head.doubt) {
        buf_add_text(out, ",\"d\":true");
    }
    if (head.due_ms > 0) {
        buf_add_text(out, ",\"u\":");
        buf_add_whole(out, head.due_ms);
    }
    buf_add_text(out, ",\"o\":\"");
    buf_add_text(out, stages->parts.owner);
    buf_add_text(out, "\",\"t\":");
    buf_add_whole(out, clock_wall_ms(stages->parts.clock));
    buf_add_text(out, ",\"m\":");
    bool empty = work->item.memo == NULL || json_object_object_length(work->item.memo) == 0;
    buf_add_text(out, empty ? "{}"
                            : json_object_to_json_string_ext(work->item.memo,
                                                             JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE));
    buf_add_char(out, '}');
}

/* How a record is written. */
struct writing {
    const char *mode; /* "held" or "late", see record.lua */
    bool release;     /* and the lease is let go */
    void (*done)(void *self, enum ledger_result result, const struct redis_reply *reply);
};

static void write_record(struct stages *stages, struct work *work, span record,
                         struct writing writing)
{
    span args[] = {span_text(stages->parts.owner),
                   record,
                   span_text(writing.mode),
                   stages->ttl,
                   span_text(writing.release ? stages_let_go(stages, work) : ""),
                   span_text(again_word(work))};
    struct ledger_request request = {.script = &script_record,
                                     .keys = work->keys,
                                     .key_count = 2,
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = writing.done,
                                     .self = work};
    /* The changelog first: what Redis answers others with must not be forgotten with Redis. Should
     * the script refuse, it returns the record that stands, which goes behind this one. */
    request.before[0] =
        (struct ledger_line){.kind = 'S', .key = work->keys[WORK_EFFECT], .value = record};
    request.before_count = 1;
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
        stages_noted(stages, work);
    }
}

void stages_intend(struct stages *stages, struct work *work)
{
    struct buf record;
    if (!stages_lease_covers(stages, work, 0)) {
        /* The script would say so, too; but the line would stand in the changelog by then, over
         * what the present holder wrote. */
        stages_restart(stages, work);
        return;
    }
    buf_init(&record, WORK_ARENA_BYTES);
    struct record_head head = {.state = "intended",
                               .stage = stage_of(stages, work)->name,
                               .back = stages->parts.worker->stages[work->resume_stage].name};
    make_record(stages, work, head, &record);
    /* The line goes to the changelog before Redis grants: whatever view is restored after the
     * grant knows of it, so nothing is sent that a later view could not have been told. */
    work->intend_sent_ms = stages_now(stages);
    write_record(stages, work, buf_span(&record),
                 (struct writing){.mode = "held", .done = on_intended});
    buf_close(&record);
}

static void end(struct stages *stages, struct work *work)
{
    if (!work->released) { /* with the record */
        stages_release(stages, work);
    }
    stages_finish(stages, work);
}

/* Its end is not written yet, and who knows when: whoever waits for that is to hold no slot. */
static void on_delay(struct stages *stages, struct work *work)
{
    struct work *next = order_is_closing(work) ? order_behind(work) : NULL;
    if (next != NULL && next->awaits && next->holding) {
        stages_unslot(stages, next);
        next->phase = PHASE_SLOT;
    }
    stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
}

static void on_recorded(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct work *work = self;
    struct stages *stages = work->home;
    work->owed = false;
    if (result != LEDGER_OK) {
        /* What happened must be written, in this view or the next. */
        on_delay(stages, work);
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
    } else if (work->step.kind == STEP_LATER) {
        LOG(LOG_INFO, "item_later", L_SPAN("effect", work->item.effect_id),
            L_TEXT("reason", work->step.reason),
            L_INT("wait_ms", work->step.due_ms - clock_wall_ms(stages->parts.clock)));
        stages_count_item("later");
        end(stages, work);
    } else {
        LOG(LOG_INFO, "item_settled", L_SPAN("effect", work->item.effect_id),
            L_TEXT("outcome", work->step.reason), L_INT("attempts", work->attempts));
        stages_count_item(work->step.kind == STEP_DEAD ? "dead_letter" : work->step.reason);
        end(stages, work);
    }
}

/* What the record says of the step that was taken. */
static struct record_head head_of(const struct stages *stages, const struct work *work)
{
    const struct worker *worker = stages->parts.worker;
    /* After a refusal whoever takes over must ask everything again that led to the effect: in the
     * meantime somebody else may have brought it about. */
    const char *back = worker->stages[work->resume_stage].name;
    const char *here = work->refused ? back : stage_of(stages, work)->name;
    switch (work->step.kind) {
    case STEP_NEXT:
    case STEP_LATER:
        return (struct record_head){.state = "next", .stage = here, .due_ms = work->step.due_ms};
    case STEP_DEAD:
        return (struct record_head){.state = "dead",
                                    .stage = work->item.in_doubt ? here : back,
                                    .back = back,
                                    .reason = work->step.reason,
                                    .doubt = work->item.in_doubt};
    case STEP_DONE:
        return (struct record_head){.state = "done", .reason = work->step.reason};
    case STEP_SKIP:
    case STEP_AGAIN:
    case STEP_UNCLEAR:
    case STEP_FAULT:
        break;
    }
    NEVER("a step that leaves no record is recorded");
}

void stages_record(struct stages *stages, struct work *work)
{
    struct buf record;
    buf_init(&record, WORK_ARENA_BYTES);
    make_record(stages, work, head_of(stages, work), &record);
    if (work->step.kind == STEP_DONE) {
        stages_close_work(stages, work);
    }
    work->released = work->step.kind != STEP_NEXT && work->key->count == 1;
    write_record(stages, work, buf_span(&record),
                 (struct writing){.mode = "late", .release = work->released, .done = on_recorded});
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
    stages_tell_time(stages, work, stages_now(stages));
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
                                     .dry = stages->parts.dry,
                                     .done = on_script,
                                     .self = work};
    work->owed = true;
    ledger_run(stages->parts.ledger, &request);
}
