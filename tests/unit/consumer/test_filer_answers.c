/* SPDX-License-Identifier: Apache-2.0
 *
 * The later stages of the ticket filer: a ticket is made and kept, an interview
 * is told in a comment, and where each answer leads.
 */
#include "tests/unit/consumer/filer.h"

#include <stdio.h>

#define SETTLE INT64_C(60000) /* the default of jira.settle */

static void take_text(struct filer *f, const char *name, const char *value)
{
    item_memo_set(&f->item, name, span_text(value));
}

/* ---- create and keep ---------------------------------------------------------------------- */

static void create_is_read(void **state)
{
    (void)state;
    struct filer f;
    filer_begin(&f, filer_body);
    filer_assert_next(filer_http(&f, "create", true, "{\"id\":\"7\",\"key\":\"RES-7\"}"), "keep");
    kit_assert_text(item_memo_text(&f.item, "issue"), "RES-7");
    kit_assert_text(item_memo_text(&f.item, "issue_id"), "7");
    assert_true(item_memo_flag(&f.item, "created"));
    filer_close(&f);
    static const char *const unreadable[] = {
        "", "<html>", "{}", "{\"id\":\"7\"}", "{\"key\":\"RES-7\"}", "[]"};
    for (size_t i = 0; i < COUNT_OF(unreadable); i++) {
        filer_begin(&f, filer_body);
        filer_assert_step(filer_http(&f, "create", true, unreadable[i]), STEP_UNCLEAR,
                          "created_unreadable");
        assert_false(item_memo_flag(&f.item, "created")); /* nobody knows: to be looked for */
        assert_null(item_memo_text(&f.item, "issue").at);
        filer_close(&f);
    }
}

static void keep_asks_the_ledger(void **state)
{
    (void)state;
    for (int adopted = 0; adopted < 2; adopted++) {
        struct filer f;
        filer_begin(&f, filer_body);
        take_text(&f, "issue", "RES-7");
        take_text(&f, "issue_id", "7");
        take_text(&f, "fold", "[\"koji/i1\"]");
        item_memo_set_flag(&f.item, "adopted", adopted == 1);
        filer_ask(&f, "keep");
        assert_int_equal(f.call.kind, CALL_SCRIPT);
        assert_ptr_equal(f.call.script, &script_theme_keep);
        assert_int_equal(f.call.key_count, 2);
        kit_assert_text(f.call.keys[0], "hearback:theme:{koji/t1}");
        kit_assert_text(f.call.keys[1], "hearback:theme:{koji/t1}:told");
        assert_int_equal(f.call.arg_count, 5);
        kit_assert_text(f.call.args[0], "RES-7");
        kit_assert_text(f.call.args[1], "7");
        kit_assert_text(f.call.args[2], "[\"koji/i1\"]");
        kit_assert_text(f.call.args[3], adopted == 1 ? "adopted" : "");
        kit_assert_text(f.call.args[4], "Exports time out");
        filer_close(&f);
    }
}

static void keep_leads_on(void **state)
{
    (void)state;
    static const struct {
        const char *fold; /* NULL: none */
        bool created;
        bool adopted;
        enum step_kind kind;
        const char *to;
    } cases[] = {
        {"[\"koji/i1\"]", true, false, STEP_DONE, "filed"},
        {"[\"koji/i0\",\"koji/i1\"]", false, true, STEP_DONE, "told_in_description"},
        {"[\"koji/i1\"]", false, false, STEP_DONE, "told_in_description"},
        {"[\"koji/i0\"]", false, true, STEP_NEXT, "comments"},
        {"[\"koji/i0\"]", false, false, STEP_NEXT, "comment"},
        {"[\"koji/i11\",\"koji/i\"]", false, true, STEP_NEXT, "comments"},
        {"[]", false, true, STEP_NEXT, "comments"},
        {"[null,7,[]]", false, true, STEP_NEXT, "comments"},
        {"no json", false, true, STEP_NEXT, "comments"},
        {NULL, false, false, STEP_NEXT, "comment"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filer f;
        filer_begin(&f, filer_body);
        if (cases[i].fold != NULL) {
            take_text(&f, "fold", cases[i].fold);
        }
        take_text(&f, "quotes", "x");
        take_text(&f, "issue_id", "7");
        item_memo_set_flag(&f.item, "created", cases[i].created);
        item_memo_set_flag(&f.item, "adopted", cases[i].adopted);
        struct step step = filer_script(&f, "keep", "ok", "{}", NULL, 0);
        if (cases[i].kind == STEP_NEXT) {
            filer_assert_next(step, cases[i].to);
        } else {
            filer_assert_step(step, cases[i].kind, cases[i].to);
        }
        assert_null(item_memo_text(&f.item, "fold").at); /* what stays is small */
        assert_null(item_memo_text(&f.item, "quotes").at);
        kit_assert_text(item_memo_text(&f.item, "issue_id"), "7");
        filer_close(&f);
    }
}

/* ---- comments and comment ----------------------------------------------------------------- */

static void comments_are_asked_page_by_page(void **state)
{
    (void)state;
    static const char page[] = "{\"startAt\":%d,\"total\":250,\"comments\":[%s]}";
    struct filer f;
    struct buf comments;
    struct buf body;
    buf_init(&comments, 100000);
    buf_init(&body, 100000);
    filer_begin(&f, filer_body);
    take_text(&f, "issue_id", "7");
    for (int i = 0; i < 100; i++) {
        buf_add_text(&comments, i == 0 ? "{}" : ",{}");
    }
    for (int start = 0; start < 300; start += 100) {
        char end[32];
        (void)snprintf(end, sizeof(end), "startAt=%d", start);
        filer_ask(&f, "comments");
        assert_string_equal(f.call.method, "GET");
        assert_true(span_starts(f.call.path, "/rest/api/3/issue/7/comment?"));
        assert_non_null(strstr((const char *)f.call.path.at, end));
        buf_clear(&body);
        if (start == 200) {
            buf_clear(&comments);
            for (int i = 0; i < 50; i++) {
                buf_add_text(&comments, i == 0 ? "{}" : ",{}");
            }
        }
        buf_addf(&body, page, start, buf_text(&comments));
        struct step step = filer_http(&f, "comments", true, buf_text(&body));
        filer_assert_next(step, start < 200 ? "comments" : "comment");
    }
    filer_ask(&f, "comments"); /* from the beginning when asked again */
    assert_non_null(strstr((const char *)f.call.path.at, "startAt=0"));
    filer_close(&f);
    buf_close(&comments);
    buf_close(&body);
}

static void comments_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *interview;
        bool told;
    } cases[] = {{"koji/i1", true}, {"koji/i2", false}, {"koji/i", false}, {"i1", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filer f;
        char body[400];
        filer_begin(&f, filer_body);
        (void)snprintf(body, sizeof(body),
                       "{\"startAt\":0,\"total\":1,\"comments\":[{\"properties\":[{\"key\":"
                       "\"hearback\",\"value\":{\"interview\":\"%s\"}}]}]}",
                       cases[i].interview);
        struct step step = filer_http(&f, "comments", true, body);
        if (cases[i].told) {
            filer_assert_step(step, STEP_DONE, "commented");
        } else {
            filer_assert_next(step, "comment");
        }
        filer_assert_step(filer_http(&f, "comments", true, "<html>"), STEP_UNCLEAR,
                          "comments_unreadable");
        filer_close(&f);
    }
}

static void a_comment_under_way_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        bool in_doubt;
        int64_t alone_ms;
        int64_t wait_ms;
    } cases[] = {{true, 0, SETTLE}, {true, -15000, SETTLE + 15000}, {true, SETTLE - 1, 1},
                 {true, SETTLE, 0}, {true, SETTLE + 1, 0},          {false, 0, 0},
                 {false, -15000, 0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filer f;
        filer_begin(&f, filer_body);
        take_text(&f, "issue_id", "7");
        f.item.in_doubt = cases[i].in_doubt;
        f.item.alone_ms = cases[i].alone_ms;
        filer_ask(&f, "comments");
        if (cases[i].wait_ms > 0) {
            assert_int_equal(f.call.kind, CALL_STEP);
            filer_assert_step(f.call.step, STEP_AGAIN, "comment_may_land");
            assert_int_equal(f.call.step.wait_ms, cases[i].wait_ms);
        } else {
            assert_int_equal(f.call.kind, CALL_HTTP);
        }
        filer_close(&f);
    }
}

static void comment_is_read(void **state)
{
    (void)state;
    struct filer f;
    filer_begin(&f, filer_body);
    filer_assert_step(filer_http(&f, "comment", true, "{\"id\":\"1\"}"), STEP_DONE, "commented");
    static const char *const unreadable[] = {"", "<html>", "{}", "{\"id\":1}", "[]"};
    for (size_t i = 0; i < COUNT_OF(unreadable); i++) {
        filer_assert_step(filer_http(&f, "comment", true, unreadable[i]), STEP_UNCLEAR,
                          "commented_unreadable");
    }
    filer_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_is_read),    cmocka_unit_test(keep_asks_the_ledger),
        cmocka_unit_test(keep_leads_on),     cmocka_unit_test(comments_are_asked_page_by_page),
        cmocka_unit_test(comments_are_read), cmocka_unit_test(a_comment_under_way_is_waited_for),
        cmocka_unit_test(comment_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
