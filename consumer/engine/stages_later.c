/* SPDX-License-Identifier: Apache-2.0
 *
 * An item that goes on hours or days from now: what the ledger keeps of it
 * instead of a place in the pool. Its entry stands under the partition it came
 * from, so that whoever has the partition then goes on with it (later.c). And
 * the end of an item that will never work: taking back what it began.
 */
#include "consumer/engine/stages_inside.h"

#include "consumer/engine/later_keys.h"

#include <stdio.h>

static void make_entry(const struct work *work, const struct clock *clock, struct buf *out)
{
    const struct record *record = &work->load->job.record;
    buf_addf(out, "{\"offset\":%lld,\"at\":%lld,\"due\":%lld,\"put\":%lld,\"r\":\"%s\",\"k\":",
             (long long)work->load->job.origin.offset, (long long)record->at_ms,
             (long long)work->step.due_ms, (long long)clock_wall_ms(clock), work->step.reason);
    buf_add_json(out, work->item.order_key);
    buf_add_char(out, '}');
}

static void on_put(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct work *work = self;
    struct stages *stages = work->home;
    (void)reply;
    work->owed = false;
    if (result == LEDGER_VIEW) {
        stages_restart(stages, work);
    } else if (result == LEDGER_AGAIN) {
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
    } else {
        work->phase = PHASE_RECORD;
        stages_enqueue(stages, work);
    }
}

void stages_set_retention(struct stages *stages, int64_t retention_ms)
{
    stages->parts.retention_ms = retention_ms;
}

/* The record must still be there when it is read again. */
static void warn_of_retention(const struct stages *stages, const struct work *work)
{
    const struct record *record = &work->load->job.record;
    int64_t kept_ms = stages->parts.retention_ms;
    if (kept_ms > 0 && work->step.due_ms + STAGES_LATER_SPARE_MS > record->at_ms + kept_ms) {
        metric_add(metric_counter("hearback_later_beyond_retention_total",
                                  "Items due at a time when their record is gone from its topic.",
                                  NULL, NULL),
                   1);
        LOG(LOG_ERROR, "later_beyond_retention", L_SPAN("effect", work->item.effect_id),
            L_INT("due_ms", work->step.due_ms), L_INT("record_ms", record->at_ms),
            L_INT("found_retention_ms", kept_ms),
            L_TEXT("expected", "a topic that keeps its records for longer than a rule waits: raise "
                               "its retention.ms"));
    }
}

void stages_later(struct stages *stages, struct work *work)
{
    struct later_keys keys;
    struct buf entry;
    char due[24];
    warn_of_retention(stages, work);
    later_keys_make(stages->parts.worker->name, &work->load->job.origin, &keys);
    buf_init(&entry, WORK_ARENA_BYTES);
    make_entry(work, stages->parts.clock, &entry);
    (void)snprintf(due, sizeof(due), "%lld", (long long)work->step.due_ms);
    span args[] = {work->item.effect_id, span_text(due), buf_span(&entry)};
    struct ledger_request request = {.script = &script_later_put,
                                     .keys = keys.spans,
                                     .key_count = 2,
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = on_put,
                                     .self = work};
    work->owed = true;
    ledger_run(stages->parts.ledger, &request);
    buf_close(&entry);
}

/* Whoever reads an item's record once more, before its time, makes the item again. The entry is
 * there, and noted anew: the same, or of the place from which it came now. */
bool stages_waits_on(struct stages *stages, struct work *work, struct json_object *record)
{
    int64_t due_ms = 0;
    if (!json_whole(json_at(record, "/u"), &due_ms) ||
        due_ms <= clock_wall_ms(stages->parts.clock)) {
        return false;
    }
    stages_apply(stages, work, step_later(work->item.stage, due_ms, "not_yet"));
    return true;
}

/* ---- the end of what was late ------------------------------------------------------------ */

static void on_dropped(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    (void)self;
    (void)result; /* an entry that stays is due again, found settled, and dropped then */
    (void)reply;
}

void stages_drop_later(struct stages *stages, const struct work *work)
{
    if (!work->load->late || !ledger_is_open(stages->parts.ledger)) {
        return;
    }
    struct later_keys keys;
    later_keys_make(stages->parts.worker->name, &work->load->job.origin, &keys);
    struct ledger_request request = {.script = &script_later_drop,
                                     .keys = keys.spans,
                                     .key_count = 2,
                                     .args = &work->item.effect_id,
                                     .arg_count = 1,
                                     .done = on_dropped};
    ledger_run(stages->parts.ledger, &request);
}

/* ---- burying ----------------------------------------------------------------------------- */

static void on_buried(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct work *work = self;
    struct stages *stages = work->home;
    (void)reply;
    work->owed = false;
    if (result != LEDGER_OK) {
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS); /* in this view or the next */
        return;
    }
    work->phase = PHASE_LETTER;
    stages_enqueue(stages, work);
}

void stages_bury(struct stages *stages, struct work *work)
{
    const struct worker *worker = stages->parts.worker;
    arena_close(&work->call_arena);
    work->call = (struct call){.arena = &work->call_arena, .kind = CALL_STEP};
    struct err err = worker->bury == NULL ? NO_ERROR : worker->bury(&work->item, &work->call);
    if (failed(err)) {
        LOG_ERR(LOG_WARN, "bury_failed", err, L_SPAN("effect", work->item.effect_id));
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
        return;
    }
    if (work->call.kind == CALL_STEP) {
        work->phase = PHASE_LETTER;
        stages_enqueue(stages, work);
        return;
    }
    CHECK(work->call.kind == CALL_SCRIPT);
    struct ledger_request request = {.script = work->call.script,
                                     .keys = work->call.keys,
                                     .key_count = work->call.key_count,
                                     .args = work->call.args,
                                     .arg_count = work->call.arg_count,
                                     .done = on_buried,
                                     .self = work};
    work->owed = true;
    ledger_run(stages->parts.ledger, &request);
}
