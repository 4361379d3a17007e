/* SPDX-License-Identifier: Apache-2.0
 *
 * The shipped rules. Pure.
 */
#include "consumer/workers/rules.h"

static bool low_quality(const struct config_rules *config, const struct interview *interview,
                        const struct theme *theme)
{
    (void)theme;
    return interview->quality < config->quality_min;
}

static bool positive(const struct config_rules *config, const struct interview *interview,
                     const struct theme *theme)
{
    (void)interview;
    return theme->has_sentiment && theme->sentiment >= config->sentiment_win;
}

static bool severe(const struct config_rules *config, const struct interview *interview,
                   const struct theme *theme)
{
    (void)config;
    (void)interview;
    return theme->severity == SEVERITY_BUG || theme->severity == SEVERITY_BLOCKER;
}

static bool mild(const struct config_rules *config, const struct interview *interview,
                 const struct theme *theme)
{
    (void)config;
    (void)interview;
    return theme->severity == SEVERITY_PREFERENCE || theme->severity == SEVERITY_NICE_TO_HAVE;
}

static bool negative(const struct config_rules *config, const struct interview *interview,
                     const struct theme *theme)
{
    (void)interview;
    return theme->has_sentiment && theme->sentiment <= config->sentiment_file;
}

static bool always(const struct config_rules *config, const struct interview *interview,
                   const struct theme *theme)
{
    (void)config;
    (void)interview;
    (void)theme;
    return true;
}

static const struct rule shipped[] = {
    {"low_quality", RULE_IGNORE, low_quality}, {"positive", RULE_WIN, positive},
    {"bug_or_blocker", RULE_FILE, severe},     {"preference", RULE_WATCH, mild},
    {"negative", RULE_FILE, negative},         {"volume", RULE_COUNT, always},
};

const struct rule *rules_shipped(size_t *count)
{
    *count = COUNT_OF(shipped);
    return shipped;
}

const struct rule *rules_judge(const struct config_rules *config, const struct interview *interview,
                               const struct theme *theme)
{
    for (size_t i = 0; i < COUNT_OF(shipped); i++) {
        if (shipped[i].matches(config, interview, theme)) {
            return &shipped[i];
        }
    }
    NEVER("the last rule matches everything");
}

const char *rule_outcome_name(enum rule_outcome outcome)
{
    switch (outcome) {
    case RULE_IGNORE:
        return "ignore";
    case RULE_WIN:
        return "win";
    case RULE_FILE:
        return "file";
    case RULE_WATCH:
        return "watch";
    case RULE_COUNT:
        return "count";
    }
    return "watch";
}
