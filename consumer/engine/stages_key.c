/* SPDX-License-Identifier: Apache-2.0
 *
 * What an item that has its slot still needs before its call: the intention
 * written down, then a place among the calls of its key, such as the writes on
 * one issue. That place is asked for last, because it lapses soon and the
 * changelog may be slow. Who must wait for one gives its slot back and keeps
 * its intention.
 */
#include "consumer/engine/stages_inside.h"

#include "consumer/engine/budget_ask.h"

#define KEY_EARLY_MS 20 /* a place that is so near need not be waited for */

struct budget_name stages_budget_name(const struct gate *gate)
{
    return (struct budget_name){
        .destination = gate->to->kind->name, .class = gate->class, .salt = gate->to->salt};
}

/* The key's place comes last: it lapses soon, and writing down the intention
 * may take long. */
enum phase stages_next_phase(const struct stages *stages, const struct work *work)
{
    if (stage_is_effect(stage_of(stages, work)) && !work->redo && !work->noted) {
        return PHASE_INTEND;
    }
    bool by_key = work->gate->key_rule.interval_us > 0 && work->call.budget_key.len > 0;
    return by_key && !work->key_had ? PHASE_KEY : PHASE_SEND;
}

static void on_key(void *self, int64_t wait_ms, int64_t again_ms)
{
    struct work *work = self;
    struct stages *stages = work->home;
    int64_t now = stages_now(stages);
    work->owed = false;
    if (wait_ms >= 0) {
        work->key_had = true;
        work->key_until_ms = now + wait_ms + work->gate->key_rule.late_us / 1000;
        if (wait_ms <= KEY_EARLY_MS) {
            work->phase = PHASE_SEND;
            stages_enqueue(stages, work);
            return;
        }
    }
    /* It waits without a slot, and with its intention. */
    stages_unslot(stages, work);
    work->phase = PHASE_SLOT;
    stages_sleep(stages, work,
                 wait_ms >= 0                 ? wait_ms
                 : wait_ms == BUDGET_KEY_FULL ? again_ms
                                              : STAGES_LEDGER_RETRY_MS);
}

void stages_noted(struct stages *stages, struct work *work)
{
    work->noted = true;
    work->phase = stages_next_phase(stages, work);
    if (work->phase == PHASE_SEND) {
        stages_send(stages, work);
    } else {
        stages_key(stages, work);
    }
}

void stages_key(struct stages *stages, struct work *work)
{
    struct budget_name name = stages_budget_name(work->gate);
    struct budget_key_call call = {.name = &name,
                                   .key = work->call.budget_key,
                                   .rule = work->gate->key_rule,
                                   .done = on_key,
                                   .self = work};
    work->owed = budget_key_take(&stages->budgets, &call);
    if (!work->owed) {
        on_key(work, BUDGET_KEY_UNKNOWN, 0);
    }
}
