/* SPDX-License-Identifier: Apache-2.0
 *
 * Jira's replies: found, created, commented, a page of comments, a refusal, and
 * all that is none of these.
 */
#include "consumer/apis/jira.h"

#include "tests/unit/consumer/kit.h"

static struct arena arena;
static struct reply_tree tree;

/* The reply with this body, as the engine makes it. One at a time. */
static struct reply reply_of(const char *body)
{
    arena_init(&arena, 1 << 20);
    tree = (struct reply_tree){0};
    return (struct reply){.status = 200, .body = span_text(body), .tree = &tree, .arena = &arena};
}

static void close_reply(struct reply *reply)
{
    reply->tree = NULL;
    arena_close(&arena);
}

/* ---- search ------------------------------------------------------------------------------- */

#define ISSUE(id, rest) "{\"id\":\"" id "\",\"key\":\"RES-" id "\"" rest "}"
#define OURS            ",\"properties\":{\"hearback\":{\"v\":1,\"told\":[\"s/i\"]}}"

static void searches(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool readable;
        size_t count;
        const char *id;
        bool property;
    } cases[] = {
        {"{\"issues\":[]}", true, 0, "", false},
        {"{\"issues\":[],\"isLast\":true}", true, 0, "", false},
        {"{\"issues\":[" ISSUE("7", "") "]}", true, 1, "7", false},
        {"{\"issues\":[" ISSUE("7", OURS) "]}", true, 1, "7", true},
        {"{\"issues\":[" ISSUE("7", ",\"properties\":{}") "]}", true, 1, "7", false},
        {"{\"issues\":[" ISSUE("7", ",\"properties\":{\"other\":{}}") "]}", true, 1, "7", false},
        {"{\"issues\":[" ISSUE("7", ",\"properties\":{\"hearback\":null}") "]}", true, 1, "7",
         false},
        {"{\"issues\":[" ISSUE("7", OURS) "," ISSUE("9", "") "]}", true, 2, "7", true},
        {"{\"issues\":[" ISSUE("7", "") "," ISSUE("9", OURS) "]}", true, 2, "7", false},
        {"{\"issues\":[{\"id\":\"7\"}]}", true, 1, "7", false},
        {"{\"issues\":[{\"key\":\"RES-7\"}]}", false, 1, "", false},
        {"{\"issues\":[{\"id\":7,\"key\":\"RES-7\"}]}", false, 1, "", false},
        {"{\"issues\":[{\"id\":\"\"}]}", false, 1, "", false},
        {"{\"issues\":[null]}", false, 1, "", false},
        {"{\"issues\":[[]]}", false, 1, "", false},
        {"{\"issues\":{}}", false, 0, "", false},
        {"{\"issues\":null}", false, 0, "", false},
        {"{}", false, 0, "", false},
        {"[]", false, 0, "", false},
        {"null", false, 0, "", false},
        {"\"issues\"", false, 0, "", false},
        {"<html>", false, 0, "", false},
        {"", false, 0, "", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reply reply = reply_of(cases[i].body);
        struct jira_found found;
        bool readable = jira_search_read(&reply, &found);
        if (readable != cases[i].readable || found.count != cases[i].count ||
            !span_is(found.id, cases[i].id) || (found.property != NULL) != cases[i].property) {
            fail_msg("%s: %d %zu " SPAN_FMT, cases[i].body, readable, found.count,
                     SPAN_ARG(found.id));
        }
        close_reply(&reply);
    }
}

static void the_login_is_proven_by_its_header(void **state)
{
    (void)state;
    const struct reply_header headers[] = {
        {.name = span_text("X-AREQUESTID"), .value = span_text("1")},
        {.name = span_text("x-aaccountid"), .value = span_text("5b10")},
    };
    const struct reply_header empty = {.name = span_text("X-AAccountId"), .value = SPAN_NONE};
    struct reply reply = {.status = 200, .headers = headers, .header_count = 2};
    assert_true(jira_login_proven(&reply));
    reply.header_count = 1;
    assert_false(jira_login_proven(&reply));
    reply = (struct reply){.status = 200, .headers = &empty, .header_count = 1};
    assert_false(jira_login_proven(&reply));
}

/* ---- created and commented ---------------------------------------------------------------- */

static void created(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool created;
        bool commented;
    } cases[] = {
        {"{\"id\":\"1\",\"key\":\"RES-1\",\"self\":\"https://x\"}", true, true},
        {"{\"id\":\"1\"}", false, true},
        {"{\"id\":\"1\",\"key\":\"\"}", false, true},
        {"{\"id\":\"1\",\"key\":null}", false, true},
        {"{\"id\":\"1\",\"key\":5}", false, true},
        {"{\"key\":\"RES-1\"}", false, false},
        {"{\"id\":1,\"key\":\"RES-1\"}", false, false},
        {"{\"id\":\"\",\"key\":\"RES-1\"}", false, false},
        {"{}", false, false},
        {"[]", false, false},
        {"null", false, false},
        {"created", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reply reply = reply_of(cases[i].body);
        span id;
        span key;
        if (jira_created_read(&reply, &id, &key) != cases[i].created ||
            jira_commented_read(&reply, &id) != cases[i].commented) {
            fail_msg("%s", cases[i].body);
        }
        close_reply(&reply);
    }
}

/* ---- pages of comments -------------------------------------------------------------------- */

#define COMMENT(value) "{\"id\":\"1\",\"properties\":[{\"key\":\"hearback\",\"value\":" value "}]}"
#define MINE           COMMENT("{\"v\":1,\"interview\":\"s/i\"}")
#define THEIRS         COMMENT("{\"v\":1,\"interview\":\"s/j\"}")
#define PAGE(start, total, comments)                                                               \
    "{\"startAt\":" start ",\"maxResults\":100,\"total\":" total ",\"comments\":[" comments "]}"

static void pages(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool readable;
        bool found;
        bool more;
        int64_t next;
    } cases[] = {
        {PAGE("0", "0", ""), true, false, false, 0},
        {PAGE("0", "1", MINE), true, true, false, 1},
        {PAGE("0", "1", THEIRS), true, false, false, 1},
        {PAGE("0", "2", THEIRS "," MINE), true, true, false, 2},
        {PAGE("0", "9", MINE), true, true, false, 1}, /* found: no more pages */
        {PAGE("0", "3", THEIRS "," THEIRS), true, false, true, 2},
        {PAGE("100", "102", THEIRS), true, false, true, 101},
        {PAGE("100", "101", THEIRS), true, false, false, 101},
        {PAGE("100", "500", ""), true, false, false, 100}, /* an empty page ends it */
        {PAGE("0", "1", "{\"id\":\"1\"}"), true, false, false, 1},
        {PAGE("0", "1", "{\"properties\":{}}"), true, false, false, 1},
        {PAGE("0", "1", "{\"properties\":[]}"), true, false, false, 1},
        {PAGE("0", "1", "{\"properties\":[{\"key\":\"other\",\"value\":{\"interview\":\"s/i\"}}]}"),
         true, false, false, 1},
        {PAGE("0", "1",
              "{\"properties\":[{\"key\":\"other\",\"value\":1},{\"key\":\"hearback\","
              "\"value\":{\"interview\":\"s/i\"}}]}"),
         true, true, false, 1},
        {PAGE("0", "1", COMMENT("\"s/i\"")), true, false, false, 1},
        {PAGE("0", "1", COMMENT("null")), true, false, false, 1},
        {PAGE("0", "1", COMMENT("{\"interview\":\"s/i2\"}")), true, false, false, 1},
        {PAGE("0", "1", COMMENT("{\"interview\":[\"s/i\"]}")), true, false, false, 1},
        {PAGE("0", "1", COMMENT("{\"theme\":\"s/i\"}")), true, false, false, 1},
        {PAGE("0", "2", "null," MINE), true, true, false, 2},
        {"{\"comments\":[],\"total\":0}", false, false, false, 0},
        {"{\"comments\":[],\"startAt\":0}", false, false, false, 0},
        {"{\"startAt\":0,\"total\":0}", false, false, false, 0},
        {"{\"comments\":{},\"startAt\":0,\"total\":0}", false, false, false, 0},
        {"{\"comments\":[],\"startAt\":\"x\",\"total\":0}", false, false, false, 0},
        {"[]", false, false, false, 0},
        {"<html>", false, false, false, 0},
        {"", false, false, false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reply reply = reply_of(cases[i].body);
        struct jira_page page = jira_comments_read(&reply, "interview", span_text("s/i"));
        if (page.readable != cases[i].readable || page.found != cases[i].found ||
            page.more != cases[i].more || page.next != cases[i].next) {
            fail_msg("%s: %d %d %d %lld", cases[i].body, page.readable, page.found, page.more,
                     (long long)page.next);
        }
        close_reply(&reply);
    }
}

/* ---- refusals ----------------------------------------------------------------------------- */

static void refusals_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *words;
    } cases[] = {
        {"{\"errorMessages\":[\"No project.\",\"No type.\"],\"errors\":{}}",
         "No project. No type. "},
        {"{\"errorMessages\":[],\"errors\":{\"summary\":\"is too long\",\"labels\":\"no blanks\"}}",
         "summary: is too long labels: no blanks "},
        {"{\"errorMessages\":[\"a\"],\"errors\":{\"f\":\"b\"}}", "a f: b "},
        {"{\"errorMessages\":[1,null,\"a\"]}", "  a "},
        {"{\"errorMessages\":\"a\",\"errors\":[]}", ""},
        {"{\"message\":\"other\"}", ""},
        {"Unauthorized; scope does not match", "Unauthorized; scope does not match"},
        {"<html>", "<html>"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct reply reply = reply_of(cases[i].body);
        struct buf out;
        buf_init(&out, 1000);
        jira_destination.explain(&reply, &out);
        if (strcmp(buf_text(&out), cases[i].words) != 0) {
            fail_msg("%s: \"%s\"", cases[i].body, buf_text(&out));
        }
        buf_close(&out);
        close_reply(&reply);
    }
    char text[600];
    memset(text, 'a', sizeof(text));
    memcpy(text + 199, "\xE2\x82\xAC", 3); /* the cut would split it */
    struct reply reply = {.status = 502, .body = span_of(text, sizeof(text))};
    struct buf out;
    buf_init(&out, 1000);
    jira_destination.explain(&reply, &out);
    assert_int_equal(buf_span(&out).len, 199);
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches),          cmocka_unit_test(the_login_is_proven_by_its_header),
        cmocka_unit_test(created),           cmocka_unit_test(pages),
        cmocka_unit_test(refusals_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
