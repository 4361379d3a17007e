/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking budget_take.lua, for the budget of a class (budgets.c) and for one call
 * under a limit by key, such as the writes on one issue. A key's place is had when
 * it is needed, not ahead; the key itself is never written, only its digest.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_BUDGET_ASK_H
#define HEARBACK_CONSUMER_ENGINE_BUDGET_ASK_H

#include "consumer/engine/budgets.h"

/* The script's arguments that are numbers, at their places. */
enum budget_arg {
    BUDGET_ARG_NOW,
    BUDGET_ARG_JUMPS,
    BUDGET_ARG_INTERVAL,
    BUDGET_ARG_WANTED,
    BUDGET_ARG_HORIZON,
    BUDGET_ARG_EMPTY,
    BUDGET_ARG_HOLD,
    BUDGET_ARG_TTL,
    BUDGET_ARG_OWNER,
    BUDGET_ARG_HEARD,
    BUDGET_ARG_SILENCE,
    BUDGET_ARG_FORGET,
    BUDGET_ARG_RESERVE,
    BUDGET_ARG_STEP,
    BUDGET_ARG_LEAD,
    BUDGET_ARG_FAR,
    BUDGET_ARGS,
};

struct budget_asking {
    const char *key;
    const char *jumps;
    const char *owner;
    const char *heard; /* NULL: the number */
    int64_t numbers[BUDGET_ARGS];
    void (*done)(void *self, enum ledger_result result, const struct redis_reply *reply);
    void *self;
};

/* Only while the ledger is open. */
void budget_ask(const struct budgets *home, const struct budget_asking *asking);
int64_t budget_answer_number(const struct redis_reply *reply, size_t index);
/* The budget's name in Redis; `key` SPAN_NONE: of the whole class. */
void budget_key(const struct budget_name *name, span key, char out[BUDGET_KEY_MAX]);

/* ---- one call under a limit by key ---- */

struct budget_key_call {
    const struct budget_name *name;
    span key;
    struct budget_rule rule;
    /* When the place is the caller's, in ms from now; negative: Redis did not say, and
     * BUDGET_KEY_FULL: none is near, ask again in `again_ms`. */
    void (*done)(void *self, int64_t wait_ms, int64_t again_ms);
    void *self;
};

#define BUDGET_KEY_UNKNOWN (-1)
#define BUDGET_KEY_FULL    (-2)

/* False when the time is not known yet; then `done` is not called. */
bool budget_key_take(struct budgets *home, const struct budget_key_call *call);
/* The vendor refused a call for this key's sake: no place before that. */
void budget_key_hold(struct budgets *home, const struct budget_key_call *call, int64_t wait_ms);

#endif
