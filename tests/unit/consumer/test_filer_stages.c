/* SPDX-License-Identifier: Apache-2.0
 *
 * The stages of the ticket filer one by one: what each asks, and where each
 * answer leads.
 */
#include "tests/unit/consumer/filer.h"

#define HEAD "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i1\","

#define SETTLE INT64_C(60000) /* the default of jira.settle */

/* ---- weigh -------------------------------------------------------------------------------- */

static void weigh_asks_the_ledger(void **state)
{
    (void)state;
    struct filer f;
    filer_begin(&f, filer_body);
    filer_ask(&f, "weigh");
    assert_int_equal(f.call.kind, CALL_SCRIPT);
    assert_ptr_equal(f.call.script, &script_theme_weigh);
    assert_int_equal(f.call.key_count, 4);
    kit_assert_text(f.call.keys[0], "hearback:theme:{koji/t1}");
    kit_assert_text(f.call.keys[1], "hearback:theme:{koji/t1}:evidence");
    kit_assert_text(f.call.keys[2], "hearback:theme:{koji/t1}:told");
    kit_assert_text(f.call.keys[3], "hearback:theme:{koji/t1}:wins");
    assert_int_equal(f.call.arg_count, 6);
    kit_assert_text(f.call.args[0], "koji/i1");
    kit_assert_text(f.call.args[1], "koji/i1~t1");
    kit_assert_text(f.call.args[2], "file");
    kit_assert_text(f.call.args[3], "3");
    kit_assert_text(f.call.args[5], "Exports time out");
    KIT_JSON evidence = kit_json(f.call.args[4]);
    kit_assert_text(kit_text_at(evidence, "/q/0/0"), "I waited an hour.");
    kit_assert_text(kit_text_at(evidence, "/q/0/1"), "https://k.example/q/1");
    kit_assert_text(kit_text_at(evidence, "/q/1/0"), "It never came.");
    kit_assert_text(kit_text_at(evidence, "/q/1/1"), "");
    kit_assert_text(kit_text_at(evidence, "/u"), "https://k.example/t/i1");
    double number = 0;
    assert_true(json_number(json_at(evidence, "/s"), &number) && number < -0.59);
    assert_true(json_number(json_at(evidence, "/k"), &number) && number > 4.24);
    filer_close(&f);
}

static void weigh_says_what_the_rules_say(void **state)
{
    (void)state;
    static const struct {
        const char *theme;
        const char *word;
    } cases[] = {
        {"\"severity\":\"blocker\"", "file"}, {"\"sentiment\":-0.4", "file"},
        {"\"sentiment\":0.9", "win"},         {"\"severity\":\"preference\"", "watch"},
        {"\"sentiment\":0", "count"},         {"\"x\":0", "count"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf body;
        struct filer f;
        buf_init(&body, 10000);
        buf_addf(&body, HEAD "\"quality\":3,\"themes\":[{\"id\":\"t\",\"name\":\"n\",%s}]}",
                 cases[i].theme);
        filer_begin(&f, buf_text(&body));
        filer_ask(&f, "weigh");
        kit_assert_text(f.call.args[2], cases[i].word);
        filer_close(&f);
        buf_close(&body);
    }
}

static void weigh_passes_over_low_quality(void **state)
{
    (void)state;
    struct filer f;
    filer_begin(&f, HEAD "\"quality\":2.99,\"themes\":[{\"id\":\"t\",\"severity\":\"blocker\"}]}");
    filer_ask(&f, "weigh");
    assert_int_equal(f.call.kind, CALL_STEP); /* the ledger is not touched */
    filer_assert_step(f.call.step, STEP_SKIP, "ignored_low_quality");
    filer_close(&f);
}

#define FILED   "{\"status\":\"filed\",\"issue\":\"RES-7\",\"issue_id\":\"10007\"}"
#define ADOPTED "{\"status\":\"filed\",\"issue\":\"RES-7\",\"issue_id\":\"10007\",\"adopted\":true}"

static void weigh_leads_on(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        const char *theme;
        const char *extra;
        enum step_kind kind;
        const char *to; /* the stage, or the reason */
    } cases[] = {
        {"filed", FILED, "", STEP_NEXT, "comment"},
        {"filed", FILED, "told", STEP_DONE, "told_in_description"},
        {"filed", ADOPTED, "", STEP_NEXT, "comments"}, /* somebody's ticket: look first */
        {"filed", ADOPTED, "told", STEP_DONE, "told_in_description"},
        {"win", "{\"status\":\"win\"}", "", STEP_DONE, "win"},
        {"watch", "{\"status\":\"watching\"}", "2", STEP_DONE, "watched"},
        {"file", "{\"status\":\"filing\"}", "", STEP_NEXT, "find"},
        {"file", "no json", "", STEP_DEAD, "theme_unreadable"},
        {"filed", "", "", STEP_DEAD, "theme_unreadable"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filer f;
        span extra = span_text(cases[i].extra);
        filer_begin(&f, filer_body);
        struct step step = filer_script(&f, "weigh", cases[i].word, cases[i].theme, &extra, 1);
        if (cases[i].kind == STEP_NEXT) {
            filer_assert_next(step, cases[i].to);
        } else {
            filer_assert_step(step, cases[i].kind, cases[i].to);
        }
        if (span_is(span_text(cases[i].word), "filed") && cases[i].kind != STEP_DEAD) {
            kit_assert_text(item_memo_text(&f.item, "issue"), "RES-7");
            kit_assert_text(item_memo_text(&f.item, "issue_id"), "10007");
        }
        filer_close(&f);
    }
}

static void weigh_notes_a_takeover(void **state)
{
    (void)state;
    static const struct {
        const char *theme;
        bool takeover;
    } cases[] = {
        {"{\"before\":\"koji/i0~t1\"}", true}, {"{\"before\":\"\"}", false}, {"{}", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filer f;
        filer_begin(&f, filer_body);
        (void)filer_script(&f, "weigh", "file", cases[i].theme, NULL, 0);
        assert_int_equal(item_memo_flag(&f.item, "takeover"), cases[i].takeover);
        filer_close(&f);
    }
}

/* ---- find --------------------------------------------------------------------------------- */

static void find_asks_for_the_themes_label(void **state)
{
    (void)state;
    struct filer f;
    filer_begin(&f, filer_body);
    filer_ask(&f, "find");
    kit_assert_text(f.call.path, "/rest/api/3/search/jql");
    KIT_JSON body = kit_json(f.call.body);
    kit_assert_text(kit_text_at(body, "/jql"),
                    "project = \"RES\" AND labels = \"koji-theme-t1\" ORDER BY created ASC");
    filer_close(&f);
}

static void nothing_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool in_doubt;
        bool takeover;
        int64_t view_ms;
        int64_t alone_ms;
        int64_t wait_ms; /* 0: create */
    } cases[] = {
        {"fresh, settled", false, false, SETTLE, 0, 0},
        {"fresh, long settled", false, false, SETTLE * 10, -5, 0},
        {"fresh, a new view", false, false, 0, SETTLE * 10, SETTLE},
        {"fresh, half way", false, false, SETTLE / 2, 0, SETTLE / 2},
        {"fresh, nearly", false, false, SETTLE - 1, 0, 250}, /* not at once again */
        {"fresh, nearly", false, false, SETTLE - 250, 0, 250},
        {"fresh, nearly", false, false, SETTLE - 251, 0, 251},
        {"in doubt, settled", true, false, 0, SETTLE, 0},
        {"in doubt, just now", true, false, SETTLE * 10, 0, SETTLE},
        {"in doubt, a call under way", true, false, SETTLE * 10, -15000, SETTLE + 15000},
        {"taken over, settled", false, true, 0, SETTLE, 0},
        {"taken over, just now", false, true, SETTLE * 10, 1000, SETTLE - 1000},
        {"taken over, a call under way", false, true, SETTLE * 10, -1, SETTLE + 1},
        {"both", true, true, SETTLE * 10, SETTLE - 1, 250},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filer f;
        filer_begin(&f, filer_body);
        f.item.in_doubt = cases[i].in_doubt;
        f.item.view_ms = cases[i].view_ms;
        f.item.alone_ms = cases[i].alone_ms;
        item_memo_set_flag(&f.item, "takeover", cases[i].takeover);
        struct step step = filer_http(&f, "find", true, "{\"issues\":[]}");
        if (cases[i].wait_ms == 0) {
            filer_assert_next(step, "create");
        } else {
            filer_assert_step(step, STEP_AGAIN, "search_may_lag");
        }
        if (step.wait_ms != cases[i].wait_ms) {
            fail_msg("%s: %lld", cases[i].name, (long long)step.wait_ms);
        }
        filer_close(&f);
    }
}

#define ISSUE(id, property)                                                                        \
    "{\"id\":\"" id "\",\"key\":\"RES-" id "\",\"properties\":{\"hearback\":" property "}}"
#define FOUND(issues) "{\"issues\":[" issues "]}"

/* A login that failed is served as nobody, who sees nothing: what is seen all the same counts. */
static void a_login_that_is_not_proven_finds_nothing(void **state)
{
    (void)state;
    struct filer f;
    filer_begin(&f, filer_body);
    filer_assert_step(filer_http(&f, "find", false, FOUND("")), STEP_FAULT, "login_not_proven");
    filer_assert_step(filer_http(&f, "find", false, "<html>"), STEP_UNCLEAR, "search_unreadable");
    filer_assert_next(filer_http(&f, "find", false, FOUND(ISSUE("7", "{}"))), "keep");
    filer_close(&f);
}

static void a_search_that_cannot_be_read(void **state)
{
    (void)state;
    static const char *const bodies[] = {"<html>", "", "{}", "[]", FOUND("{\"key\":\"RES-7\"}")};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct filer f;
        filer_begin(&f, filer_body);
        filer_assert_step(filer_http(&f, "find", true, bodies[i]), STEP_UNCLEAR,
                          "search_unreadable");
        filer_close(&f);
    }
}

static void a_ticket_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool in_doubt;
        bool takeover;
        const char *fold;
        bool adopted;
        bool alarm;
    } cases[] = {
        {FOUND(ISSUE("7", "{\"told\":[\"koji/i1\",\"koji/i2\"]}")), false, false,
         "[\"koji/i1\",\"koji/i2\"]", true, false},
        {FOUND(ISSUE("7", "{\"told\":[\"koji/i1\"]}")), true, false, "[\"koji/i1\"]", false, false},
        {FOUND(ISSUE("7", "{\"told\":[\"koji/i1\"]}")), false, true, "[\"koji/i1\"]", false, false},
        {FOUND(ISSUE("7", "null")), false, false, "[]", true, false},
        {FOUND(ISSUE("7", "{\"told\":\"koji/i1\"}")), false, false, "[]", true, false},
        {FOUND(ISSUE("7", "[]")), false, false, "[]", true, false},
        {FOUND(ISSUE("7", "{}") "," ISSUE("9", "{\"told\":[\"koji/i1\"]}")), false, false, "[]",
         true, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filer f;
        filer_begin(&f, filer_body);
        f.item.in_doubt = cases[i].in_doubt;
        f.item.view_ms = 0; /* who finds need not wait */
        f.item.alone_ms = -1;
        item_memo_set_flag(&f.item, "takeover", cases[i].takeover);
        struct step step = filer_http(&f, "find", true, cases[i].body);
        filer_assert_next(step, "keep");
        assert_int_equal(step.alarm != NULL, cases[i].alarm);
        kit_assert_text(item_memo_text(&f.item, "issue"), "RES-7"); /* the oldest */
        kit_assert_text(item_memo_text(&f.item, "issue_id"), "7");
        kit_assert_text(item_memo_text(&f.item, "fold"), cases[i].fold);
        assert_int_equal(item_memo_flag(&f.item, "adopted"), cases[i].adopted);
        filer_close(&f);
    }
}

static void the_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *doubt; /* NULL: a question */
        bool http;
    } rows[] = {{"weigh", NULL, false}, {"find", NULL, true},     {"create", "find", true},
                {"keep", NULL, false},  {"comments", NULL, true}, {"comment", "comments", true}};
    assert_string_equal(ticket_filer.name, "ticket-filer");
    assert_string_equal(ticket_filer.topic, "hearback.interviews");
    assert_int_equal(ticket_filer.stage_count, COUNT_OF(rows));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct stage *stage = &ticket_filer.stages[i];
        assert_string_equal(stage->name, rows[i].name);
        assert_ptr_equal(stage->to, rows[i].http ? &jira_destination : NULL);
        if (rows[i].doubt == NULL) {
            assert_int_equal(stage->doubt, STAGE_READ);
        } else {
            assert_string_equal(ticket_filer.stages[stage->doubt].name, rows[i].doubt);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weigh_asks_the_ledger),
        cmocka_unit_test(weigh_says_what_the_rules_say),
        cmocka_unit_test(weigh_passes_over_low_quality),
        cmocka_unit_test(weigh_leads_on),
        cmocka_unit_test(weigh_notes_a_takeover),
        cmocka_unit_test(find_asks_for_the_themes_label),
        cmocka_unit_test(nothing_found),
        cmocka_unit_test(a_login_that_is_not_proven_finds_nothing),
        cmocka_unit_test(a_search_that_cannot_be_read),
        cmocka_unit_test(a_ticket_is_found),
        cmocka_unit_test(the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
