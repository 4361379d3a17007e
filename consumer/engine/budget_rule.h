/* SPDX-License-Identifier: Apache-2.0
 *
 * A vendor's limits as a pace. Calls get places in time, `interval` apart, and a
 * call goes out at its place or at most `late` behind it. Then no window of any
 * of the limits holds more than the limit allows:
 *   units i..j lie in one window only if (j - i) × interval < window + late + what the
 *   network adds, so with interval = window × (1 + margin) / most they are at most `most`.
 * The margin (budgets.margin, in percent) pays for lateness: half of it for ours,
 * half for the network's. There is no burst credit, so nothing can be saved up,
 * and a new budget is as empty as an old one. Pure functions.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_BUDGET_RULE_H
#define HEARBACK_CONSUMER_ENGINE_BUDGET_RULE_H

#include "consumer/worker.h"

struct budget_rule {
    int64_t interval_us; /* between two places of cost one; 0: no limit */
    int64_t late_us;     /* how long behind its place a call may still go out */
    int64_t window_ms;   /* the longest of its limits */
    int64_t cost_max;    /* a call may cost no more; 0: as it likes */
};

/* The rule for the calls of `class`, all together or (`by_key`) of one key; from every limit of
 * the table that speaks of them. */
struct budget_rule budget_rule_of(const struct config *config, const struct destination_kind *kind,
                                  const char *class, bool by_key);

#endif
