/* SPDX-License-Identifier: Apache-2.0
 *
 * From limits to a pace. Pure functions.
 */
#include "consumer/engine/budget_rule.h"

static int64_t most_of(const struct config *config, const struct limit *limit)
{
    if (limit->setting == LIMIT_FIXED) {
        return limit->most;
    }
    CHECK(limit->setting + sizeof(int64_t) <= sizeof(*config));
    int64_t most = 0;
    memcpy(&most, (const char *)config + limit->setting, sizeof(most));
    return most;
}

static bool speaks_of(const struct limit *limit, const char *class, bool by_key)
{
    return limit->by_key == by_key && (limit->class == NULL || strcmp(limit->class, class) == 0);
}

/* Places in a window that may be full: the last call may cost more than one place, all of which
 * count where it stands. */
static int64_t places_of(const struct config *config, const struct limit *limit)
{
    int64_t cost = limit->cost_max > 1 ? limit->cost_max : 1;
    int64_t places = most_of(config, limit) - cost + 1;
    return places < 1 ? 1 : places;
}

static void join(struct budget_rule *rule, const struct config *config, const struct limit *limit)
{
    int64_t percent = 100 + config->budgets.margin_percent;
    int64_t places = places_of(config, limit);
    int64_t interval = (limit->window_ms * 10 * percent + places - 1) / places;
    rule->interval_us = interval > rule->interval_us ? interval : rule->interval_us;
    rule->window_ms = limit->window_ms > rule->window_ms ? limit->window_ms : rule->window_ms;
}

static bool counts(const struct config *config, const struct limit *limit)
{
    return limit->window_ms > 0 && most_of(config, limit) > 0;
}

struct budget_rule budget_rule_of(const struct config *config, const struct destination_kind *kind,
                                  const char *class, bool by_key)
{
    struct budget_rule rule = {0};
    for (size_t i = 0; i < kind->limit_count; i++) {
        const struct limit *limit = &kind->limits[i];
        if (!speaks_of(limit, class, by_key)) {
            continue;
        }
        int64_t cost = limit->window_ms == 0 ? most_of(config, limit) : limit->cost_max;
        if (cost > 0 && (rule.cost_max == 0 || cost < rule.cost_max)) {
            rule.cost_max = cost;
        }
        if (counts(config, limit)) {
            join(&rule, config, limit);
        }
    }
    rule.late_us = INT64_MAX;
    for (size_t i = 0; i < kind->limit_count; i++) {
        const struct limit *limit = &kind->limits[i];
        if (speaks_of(limit, class, by_key) && counts(config, limit)) {
            int64_t spare = rule.interval_us * places_of(config, limit) - limit->window_ms * 1000;
            rule.late_us = spare / 2 < rule.late_us ? spare / 2 : rule.late_us;
        }
    }
    return rule;
}
