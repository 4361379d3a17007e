/* SPDX-License-Identifier: Apache-2.0
 *
 * From limits to a pace: which limits speak of a call, and that Jira's stand where
 * its settings do.
 */
#include "consumer/engine/budget_rule.h"

#include "consumer/apis/jira.h"
#include "tests/unit/consumer/kit.h"

static struct config config_of(int64_t margin)
{
    struct config config = {0};
    config.budgets.margin_percent = margin;
    return config;
}

static void one_limit(void **state)
{
    (void)state;
    static const struct limit limits[] = {
        {.class = "POST", .most = 100, .window_ms = 1000, .setting = LIMIT_FIXED}};
    const struct destination_kind kind = {.limits = limits, .limit_count = 1};
    struct config config = config_of(4);
    struct budget_rule rule = budget_rule_of(&config, &kind, "POST", false);
    assert_int_equal(rule.interval_us, 10400);
    assert_int_equal(rule.late_us, 20000); /* half of what is spare */
    assert_int_equal(rule.window_ms, 1000);
    assert_int_equal(budget_rule_of(&config, &kind, "GET", false).interval_us, 0);
    assert_int_equal(budget_rule_of(&config, &kind, "POST", true).interval_us, 0);
    config = config_of(0);
    rule = budget_rule_of(&config, &kind, "POST", false);
    assert_int_equal(rule.interval_us, 10000);
    assert_int_equal(rule.late_us, 0);
}

/* The strictest decides, and what it leaves is spare for the others. */
static void several_limits(void **state)
{
    (void)state;
    static const struct limit limits[] = {
        {.by_key = true, .most = 20, .window_ms = 2000, .setting = LIMIT_FIXED},
        {.by_key = true, .most = 100, .window_ms = 30000, .setting = LIMIT_FIXED},
        {.class = "PUT", .by_key = true, .most = 1, .window_ms = 60000, .setting = LIMIT_FIXED}};
    const struct destination_kind kind = {.limits = limits, .limit_count = COUNT_OF(limits)};
    struct config config = config_of(4);
    struct budget_rule rule = budget_rule_of(&config, &kind, "POST", true);
    assert_int_equal(rule.interval_us, 312000);
    assert_int_equal(rule.late_us, 600000);
    assert_int_equal(rule.window_ms, 30000);
    assert_int_equal(budget_rule_of(&config, &kind, "PUT", true).interval_us, 62400000);
}

/* Calls that cost more than one, and a limit of what one call may hold. */
static void costs(void **state)
{
    (void)state;
    static const struct limit limits[] = {
        {.class = "events",
         .most = 1000,
         .window_ms = 1000,
         .cost_max = 10,
         .setting = LIMIT_FIXED},
        {.class = "import", .most = 2000, .setting = LIMIT_FIXED}};
    const struct destination_kind kind = {.limits = limits, .limit_count = COUNT_OF(limits)};
    struct config config = config_of(4);
    struct budget_rule rule = budget_rule_of(&config, &kind, "events", false);
    assert_int_equal(rule.interval_us, (1040000 + 990) / 991);
    assert_int_equal(rule.cost_max, 10);
    rule = budget_rule_of(&config, &kind, "import", false);
    assert_int_equal(rule.interval_us, 0);
    assert_int_equal(rule.cost_max, 2000);
}

static void settings(void **state)
{
    (void)state;
    static const struct limit limits[] = {{.class = "POST",
                                           .most = 100,
                                           .window_ms = 1000,
                                           .setting = offsetof(struct config, jira.post_per_s)}};
    const struct destination_kind kind = {.limits = limits, .limit_count = 1};
    struct config config = config_of(0);
    assert_int_equal(budget_rule_of(&config, &kind, "POST", false).interval_us, 0); /* off */
    config.jira.post_per_s = 250;
    assert_int_equal(budget_rule_of(&config, &kind, "POST", false).interval_us, 4000);
    config.jira.post_per_s = 1;
    assert_int_equal(budget_rule_of(&config, &kind, "POST", false).interval_us, 1000000);
}

/* The numbers beside the api are the settings' defaults. */
static void jiras(void **state)
{
    (void)state;
    struct config config;
    struct buf faults;
    buf_init(&faults, 65536);
    assert_false(failed(config_parse(&config, span_text("{}"), "t", 0, &faults)));
    for (size_t i = 0; i < jira_destination.limit_count; i++) {
        const struct limit *limit = &jira_destination.limits[i];
        int64_t most = 0;
        memcpy(&most, (const char *)&config + limit->setting, sizeof(most));
        assert_int_equal(most, limit->most);
    }
    assert_int_equal(budget_rule_of(&config, &jira_destination, "POST", false).interval_us, 10400);
    assert_int_equal(budget_rule_of(&config, &jira_destination, "PUT", false).interval_us, 20800);
    assert_int_equal(budget_rule_of(&config, &jira_destination, "POST", true).interval_us, 312000);
    buf_close(&faults);
    config_close(&config);
}

static void what_a_refusal_is_about(void **state)
{
    (void)state;
    static const struct {
        const char *reason;
        enum limit_scope scope;
    } cases[] = {
        {"jira-burst-based", LIMIT_SCOPE_CLASS},      {"jira-per-issue-on-write", LIMIT_SCOPE_KEY},
        {"jira-quota-global-based", LIMIT_SCOPE_ALL}, {"jira-quota-tenant-based", LIMIT_SCOPE_ALL},
        {"something new", LIMIT_SCOPE_CLASS},         {"", LIMIT_SCOPE_CLASS}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reply_header header = {.name = span_text("RateLimit-Reason"),
                                      .value = span_text(cases[i].reason)};
        struct reply reply = {.status = 429, .headers = &header, .header_count = 1};
        assert_int_equal(jira_destination.limited(&reply), cases[i].scope);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_limit), cmocka_unit_test(several_limits),
        cmocka_unit_test(costs),     cmocka_unit_test(settings),
        cmocka_unit_test(jiras),     cmocka_unit_test(what_a_refusal_is_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
