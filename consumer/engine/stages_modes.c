/* SPDX-License-Identifier: Apache-2.0
 *
 * The two ways of going through a worker's table without the usual outcome. A
 * dry run asks and reads and changes nothing: what would be done is told where
 * it would be done. A redo walks an item that is done once more and repeats
 * only effects that may be repeated; the ledger's record stays as it is.
 */
#include "consumer/engine/stages_inside.h"

#include <stdio.h>

/* ---- the dry run ------------------------------------------------------------------------- */

static void would(struct stages *stages, struct work *work, const char *what)
{
    const char *stage = stage_of(stages, work)->name;
    LOG(LOG_INFO, "item_would", L_SPAN("effect", work->item.effect_id), L_TEXT("stage", stage),
        L_TEXT("what", what));
    if (stages->parts.would != NULL) {
        stages->parts.would(stages->parts.self, &work->item, stage, what);
    }
    stages_finish(stages, work);
}

void stages_would_send(struct stages *stages, struct work *work)
{
    char what[32];
    (void)snprintf(what, sizeof(what), "send %s", work->call.method);
    stages_count_item("would_send");
    would(stages, work, what);
}

void stages_would_be_settled(struct stages *stages, struct work *work)
{
    stages_count_item("settled_before");
    would(stages, work, "nothing: settled before");
}

bool stages_dry_ends(struct stages *stages, struct work *work, const struct step *step)
{
    const char *how = NULL;
    switch (step->kind) {
    case STEP_DONE:
        how = "settle";
        break;
    case STEP_SKIP:
        how = "skip";
        break;
    case STEP_DEAD:
        how = "dead letter";
        break;
    case STEP_LATER:
        how = "later";
        break;
    case STEP_NEXT:
    case STEP_AGAIN:
    case STEP_UNCLEAR:
    case STEP_FAULT:
        return false;
    }
    char what[96];
    (void)snprintf(what, sizeof(what), "%s: %s", how, step->reason);
    stages_count_item(step->kind == STEP_DEAD ? "would_be_dead" : "would_settle");
    would(stages, work, what);
    return true;
}

/* ---- the redo ---------------------------------------------------------------------------- */

static void end_redo(struct stages *stages, struct work *work, const char *outcome)
{
    LOG(LOG_INFO, "item_redone", L_SPAN("effect", work->item.effect_id),
        L_TEXT("outcome", outcome));
    stages_count_item(outcome);
    stages_release(stages, work);
    stages_finish(stages, work);
}

void stages_redo_begin(struct stages *stages, struct work *work, bool done)
{
    if (!done) { /* what is not done is a replay's, not a redo's */
        end_redo(stages, work, "redo_not_done");
        return;
    }
    work->redo = true;
    work->item.stage = 0;
    stages_enqueue(stages, work);
}

bool stages_redo_passes(struct stages *stages, struct work *work)
{
    const struct stage *stage = stage_of(stages, work);
    if (!work->redo || !stage_is_effect(stage) || stage->repeatable) {
        return false;
    }
    work->item.stage++;
    if ((size_t)work->item.stage == stages->parts.worker->stage_count) {
        work->item.stage--;
        end_redo(stages, work, "redone");
    } else {
        stages_enqueue(stages, work);
    }
    return true;
}

bool stages_redo_ends(struct stages *stages, struct work *work, const struct step *step)
{
    switch (step->kind) {
    case STEP_DONE:
    case STEP_SKIP:
    case STEP_LATER:
        end_redo(stages, work, "redone");
        return true;
    case STEP_DEAD:
        LOG(LOG_WARN, "redo_refused", L_SPAN("effect", work->item.effect_id),
            L_TEXT("stage", stage_of(stages, work)->name), L_TEXT("found", step->reason),
            L_TEXT("detail", work->detail),
            L_TEXT("expected", "a destination that takes it again; the item stays done"));
        end_redo(stages, work, "redo_refused");
        return true;
    case STEP_NEXT:
    case STEP_AGAIN:
    case STEP_UNCLEAR:
    case STEP_FAULT:
        return false;
    }
    return false;
}
