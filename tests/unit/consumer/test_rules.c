/* SPDX-License-Identifier: Apache-2.0
 *
 * The shipped rules: each row, their order, and their borders.
 */
#include "consumer/workers/rules.h"

#include "tests/unit/consumer/kit.h"

#define NONE 99.0 /* no sentiment */

static void each_case(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double quality;
        enum severity severity;
        double sentiment;
        const char *rule;
        enum rule_outcome outcome;
    } cases[] = {
        {"low quality", 2, SEVERITY_NONE, NONE, "low_quality", RULE_IGNORE},
        {"positive", 4, SEVERITY_NONE, 0.8, "positive", RULE_WIN},
        {"bug", 4, SEVERITY_BUG, 0, "bug_or_blocker", RULE_FILE},
        {"blocker", 4, SEVERITY_BLOCKER, 0, "bug_or_blocker", RULE_FILE},
        {"preference", 4, SEVERITY_PREFERENCE, 0, "preference", RULE_WATCH},
        {"nice to have", 4, SEVERITY_NICE_TO_HAVE, 0, "preference", RULE_WATCH},
        {"negative", 4, SEVERITY_NONE, -0.7, "negative", RULE_FILE},
        {"neither", 4, SEVERITY_NONE, 0, "volume", RULE_COUNT},
        {"nothing known", 4, SEVERITY_NONE, NONE, "volume", RULE_COUNT},
        /* The order: the first that matches. */
        {"a blocker of low quality", 2.9, SEVERITY_BLOCKER, -1, "low_quality", RULE_IGNORE},
        {"praise of low quality", 0, SEVERITY_NONE, 1, "low_quality", RULE_IGNORE},
        {"a positive bug", 4, SEVERITY_BUG, 0.9, "positive", RULE_WIN},
        {"a positive nice-to-have", 4, SEVERITY_NICE_TO_HAVE, 0.5, "positive", RULE_WIN},
        {"a negative nice-to-have", 4, SEVERITY_NICE_TO_HAVE, -1, "preference", RULE_WATCH},
        {"a negative preference", 4, SEVERITY_PREFERENCE, -1, "preference", RULE_WATCH},
        {"a negative bug", 4, SEVERITY_BUG, -1, "bug_or_blocker", RULE_FILE},
        {"a bug without sentiment", 4, SEVERITY_BUG, NONE, "bug_or_blocker", RULE_FILE},
        /* The borders. */
        {"quality 3 exactly", 3, SEVERITY_BUG, 0, "bug_or_blocker", RULE_FILE},
        {"quality 2.99", 2.99, SEVERITY_BUG, 0, "low_quality", RULE_IGNORE},
        {"quality 5", 5, SEVERITY_BUG, 0, "bug_or_blocker", RULE_FILE},
        {"quality 0", 0, SEVERITY_BUG, 0, "low_quality", RULE_IGNORE},
        {"sentiment -0.4 exactly", 4, SEVERITY_NONE, -0.4, "negative", RULE_FILE},
        {"sentiment -0.39", 4, SEVERITY_NONE, -0.39, "volume", RULE_COUNT},
        {"sentiment -1", 4, SEVERITY_NONE, -1, "negative", RULE_FILE},
        {"sentiment 0.3 exactly", 4, SEVERITY_NONE, 0.3, "positive", RULE_WIN},
        {"sentiment 0.29", 4, SEVERITY_NONE, 0.29, "volume", RULE_COUNT},
    };
    struct config config;
    kit_config(&config);
    assert_int_equal(config.rules.volume_file, 3);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool has = cases[i].sentiment < NONE;
        struct interview interview = {.has_quality = true, .quality = cases[i].quality};
        struct theme theme = {.severity = cases[i].severity,
                              .has_sentiment = has,
                              .sentiment = has ? cases[i].sentiment : 0};
        const struct rule *rule = rules_judge(&config.rules, &interview, &theme);
        if (strcmp(rule->name, cases[i].rule) != 0 || rule->outcome != cases[i].outcome) {
            fail_msg("%s: %s, %s", cases[i].name, rule->name, rule_outcome_name(rule->outcome));
        }
    }
    config_close(&config);
}

/* Without a sentiment the value is not looked at. */
static void an_absent_sentiment_is_none(void **state)
{
    (void)state;
    struct config_rules config = {.quality_min = 3, .sentiment_file = -0.4, .sentiment_win = 0.3};
    struct interview interview = {.quality = 4};
    struct theme negative = {.sentiment = -1};
    struct theme positive = {.sentiment = 1};
    assert_int_equal(rules_judge(&config, &interview, &negative)->outcome, RULE_COUNT);
    assert_int_equal(rules_judge(&config, &interview, &positive)->outcome, RULE_COUNT);
}

static void the_thresholds_are_the_configurations(void **state)
{
    (void)state;
    struct config_rules config = {.quality_min = 1, .sentiment_file = -0.9, .sentiment_win = 0.9};
    struct interview interview = {.quality = 1};
    struct theme theme = {.has_sentiment = true, .sentiment = -0.8};
    assert_int_equal(rules_judge(&config, &interview, &theme)->outcome, RULE_COUNT);
    theme.sentiment = 0.8;
    assert_int_equal(rules_judge(&config, &interview, &theme)->outcome, RULE_COUNT);
    theme.sentiment = -0.9;
    assert_int_equal(rules_judge(&config, &interview, &theme)->outcome, RULE_FILE);
    interview.quality = 0.5;
    assert_int_equal(rules_judge(&config, &interview, &theme)->outcome, RULE_IGNORE);
}

static void the_list(void **state)
{
    (void)state;
    static const char *const names[] = {"low_quality", "positive", "bug_or_blocker",
                                        "preference",  "negative", "volume"};
    size_t count = 0;
    const struct rule *rules = rules_shipped(&count);
    assert_int_equal(count, COUNT_OF(names));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rules[i].name, names[i]);
    }
    /* The words the script knows. */
    assert_string_equal(rule_outcome_name(RULE_IGNORE), "ignore");
    assert_string_equal(rule_outcome_name(RULE_WIN), "win");
    assert_string_equal(rule_outcome_name(RULE_FILE), "file");
    assert_string_equal(rule_outcome_name(RULE_WATCH), "watch");
    assert_string_equal(rule_outcome_name(RULE_COUNT), "count");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case),
        cmocka_unit_test(an_absent_sentiment_is_none),
        cmocka_unit_test(the_thresholds_are_the_configurations),
        cmocka_unit_test(the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
