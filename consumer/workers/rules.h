/* SPDX-License-Identifier: Apache-2.0
 *
 * What a theme heard in an interview leads to: an ordered list, first match wins.
 */
#ifndef HEARBACK_CONSUMER_WORKERS_RULES_H
#define HEARBACK_CONSUMER_WORKERS_RULES_H

#include "common/interview.h"

enum rule_outcome {
    RULE_IGNORE,
    RULE_WIN,
    RULE_FILE,
    RULE_WATCH,
    RULE_COUNT, /* file from so many distinct interviews on, else watch: the ledger counts */
};

struct rule {
    const char *name;
    enum rule_outcome outcome;
    bool (*matches)(const struct config_rules *config, const struct interview *interview,
                    const struct theme *theme);
};

/* The shipped rules, in order. The last matches everything. */
const struct rule *rules_shipped(size_t *count);
/* The first that matches. */
const struct rule *rules_judge(const struct config_rules *config, const struct interview *interview,
                               const struct theme *theme);
/* As the scripts call it: "file", "watch", "win", "count", "ignore". */
const char *rule_outcome_name(enum rule_outcome outcome);

#endif
