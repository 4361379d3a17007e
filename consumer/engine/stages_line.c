/* SPDX-License-Identifier: Apache-2.0
 *
 * Items of one order key, one behind the other, and as close as may be. While an
 * effect is under way, the next item of its key claims: it learns what is known of its
 * own effect, which nobody else can change while the key is ours. When the last answer
 * of an item is in, only its end is still to be written, to the changelog and to Redis,
 * and that takes as long as many a call. It is closing then, and the next item
 * prepares: it asks what it has to ask, and writes down what it intends. Its effect is
 * sent when the end before it stands, so that the ledger, too, has them in order.
 *
 * Should the end turn out not to be one (the lease was somebody else's), the closing
 * item goes before all others again, and whoever prepared starts over behind it. The
 * lease is one for the line: it goes from item to item, unless another process waits
 * for it, and is let go by the last that has it.
 */
#include "consumer/engine/stages_inside.h"

static bool same_effect(const struct work *a, const struct work *b)
{
    return span_equal(a->item.effect_id, b->item.effect_id);
}

void stages_claim_ahead(struct stages *stages, struct work *work)
{
    struct work *next = order_behind(work);
    if (next == NULL || !work_is_idle(next) || next->phase != PHASE_CLAIM || work->redo ||
        next->load->job.redo || same_effect(work, next) || !ledger_is_open(stages->parts.ledger) ||
        !stages->parts.wanted(stages->parts.self, next->load)) {
        return;
    }
    stages_claim(stages, next);
}

void stages_close_work(struct stages *stages, struct work *work)
{
    struct work *next = work->redo ? NULL : order_close_work(work);
    if (next != NULL) {
        stages_inherit(stages, next, work);
    }
    if (next != NULL && work_is_idle(next)) {
        stages_enqueue(stages, next);
    }
}

bool stages_awaits_end(struct stages *stages, struct work *work)
{
    const struct work *before = order_before(work);
    if (before == NULL || !order_is_closing(before)) {
        return false;
    }
    /* Of the effect that is just closing it could only learn that it is intended. */
    bool effect = work->phase == PHASE_SEND && stage_is_effect(stage_of(stages, work));
    work->awaits = effect || same_effect(work, before);
    return work->awaits;
}

void stages_start_over(struct stages *stages, struct work *work)
{
    if (work->holding) {
        stages_unslot(stages, work);
    }
    work->lease_until_ms = 0;
    timers_cancel(stages->parts.timers, &work->timer);
    timers_cancel(stages->parts.timers, &work->renew);
    work->item.stage = 0;
    work->item.in_doubt = false;
    work->redo = false;
    work->awaits = false;
    work->overtaken = false;
    json_object_put(TAKE(work->item.memo));
    work->phase = PHASE_CLAIM;
    if (work->key->first == work) {
        stages_enqueue(stages, work);
    }
}

/* What it has learned behind the work that starts over may be worth nothing now. */
static void overtake(struct stages *stages, struct work *work)
{
    work->overtaken = true;
    work->lease_until_ms = 0; /* it was one with that of the work before it */
    timers_cancel(stages->parts.timers, &work->renew);
    if (work_is_idle(work) || (stages_between_steps(work) && timer_is_set(&work->timer))) {
        stages_start_over(stages, work);
    }
}

void stages_restart(struct stages *stages, struct work *work)
{
    metric_add(stages->metric_lost_leases, 1);
    if (order_is_closing(work)) {
        order_reopen(work);
    }
    struct work *next = work->key->first == work ? order_behind(work) : NULL;
    if (next != NULL) {
        overtake(stages, next);
    }
    stages_start_over(stages, work);
}
