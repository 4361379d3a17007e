/* SPDX-License-Identifier: Apache-2.0
 *
 * Jira's requests, read back and judged: the sandbox's validator looks at the
 * document, its JQL reader at the query, its counting at the limits.
 */
#include "consumer/apis/jira.h"

#include "common/mem.h"
#include "tests/sandbox/jira_adf.h"
#include "tests/sandbox/jql.h"
#include "tests/unit/consumer/kit.h"

#define ARENA_MAX ((size_t)64 << 20)

#define DOCUMENT "{\"type\":\"doc\",\"version\":1,\"content\":[]}"

struct built {
    struct arena arena;
    struct call call;
};

static void begin(struct built *built)
{
    arena_init(&built->arena, ARENA_MAX);
    built->call = (struct call){.arena = &built->arena};
}

static void assert_call(const struct built *built, const char *method, const char *path)
{
    assert_int_equal(built->call.kind, CALL_HTTP);
    assert_string_equal(built->call.method, method);
    kit_assert_text(built->call.path, path);
}

/* ---- search ------------------------------------------------------------------------------- */

static void a_search(void **state)
{
    (void)state;
    struct built b;
    begin(&b);
    assert_false(failed(jira_search(&b.call, "RES", span_text("koji-theme-7"))));
    assert_call(&b, "POST", "/rest/api/3/search/jql");
    KIT_JSON body = kit_json(b.call.body);
    kit_assert_text(kit_text_at(body, "/jql"),
                    "project = \"RES\" AND labels = \"koji-theme-7\" ORDER BY created ASC");
    int64_t most = 0;
    assert_true(json_whole(json_at(body, "/maxResults"), &most) && most == 2);
    kit_assert_text(kit_text_at(body, "/fields/0"), "labels");
    assert_null(json_at(body, "/fields/1"));
    kit_assert_text(kit_text_at(body, "/properties/0"), "hearback");
    assert_int_equal(json_object_object_length(body), 4);
    arena_close(&b.arena);
}

static void jql_is_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        const char *jql;
    } cases[] = {
        {"a\"b", "project = \"RES\" AND labels = \"a\\\"b\" ORDER BY created ASC"},
        {"a\\", "project = \"RES\" AND labels = \"a\\\\\" ORDER BY created ASC"},
        {"\" OR project = \"SEC",
         "project = \"RES\" AND labels = \"\\\" OR project = \\\"SEC\" ORDER BY created ASC"},
        {"\\\"", "project = \"RES\" AND labels = \"\\\\\\\"\" ORDER BY created ASC"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct built b;
        begin(&b);
        assert_false(failed(jira_search(&b.call, "RES", span_text(cases[i].label))));
        KIT_JSON body = kit_json(b.call.body);
        kit_assert_text(kit_text_at(body, "/jql"), cases[i].jql);
        arena_close(&b.arena);
    }
}

/* Whatever is looked for: two conditions on just these values, no third, and the order. */
static void no_text_changes_the_query(void **state)
{
    (void)state;
    static const char *const wanted[] = {"x\" OR project = \"SEC", "\\", "\\\"",
                                         "a\\\\\" AND key=1 --"};
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    for (size_t i = 0; i < count + COUNT_OF(wanted); i++) {
        struct built b;
        struct jql query = {.clause_count = 0};
        begin(&b);
        span label = i < count ? jira_label(&b.arena, "koji-theme-", texts[i].text)
                               : span_text(wanted[i - count]);
        assert_false(failed(jira_search(&b.call, "RES", label)));
        KIT_JSON body = kit_json(b.call.body);
        if (failed(jql_parse(&query, kit_text_at(body, "/jql"), &b.arena))) {
            fail_msg("case %zu: %s", i, query.error);
        }
        assert_int_equal(query.clause_count, 2);
        assert_int_equal(query.clauses[0].field, JQL_PROJECT);
        assert_string_equal(query.clauses[0].values[0], "RES");
        assert_int_equal(query.clauses[1].field, JQL_LABELS);
        assert_int_equal(query.clauses[1].value_count, 1);
        kit_assert_text(label, query.clauses[1].values[0]);
        assert_int_equal(query.order_count, 1);
        assert_false(query.orders[0].descending);
        arena_close(&b.arena);
    }
}

/* ---- labels ------------------------------------------------------------------------------- */

static void labels(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *label; /* a beginning of it when a digest follows */
        bool digest;
    } cases[] = {
        {"th_1.a-Z9", "p-th_1.a-Z9", false},
        {"a b", "p-a-b~", true},
        {"a\"b", "p-a-b~", true},
        {"a,b;c(d)", "p-a-b-c-d-~", true},
        {"", "p-~", true},
        {"\xC3\xA9", "p---~", true},
        {"a\nb", "p-a-b~", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        arena_init(&arena, 10000);
        span label = jira_label(&arena, "p-", span_text(cases[i].text));
        size_t len = strlen(cases[i].label) + (cases[i].digest ? 16 : 0);
        if (!span_starts(label, cases[i].label) || label.len != len) {
            fail_msg("\"%s\": " SPAN_FMT, cases[i].text, SPAN_ARG(label));
        }
        assert_int_equal(label.at[label.len], 0);
        arena_close(&arena);
    }
}

static void assert_label(span label, const char *name)
{
    bool plain = label.len > 0 && label.len <= JIRA_LABEL_MAX;
    for (size_t i = 0; plain && i < label.len; i++) {
        uint8_t c = label.at[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '_' || c == '.' || c == '~';
    }
    if (!plain) {
        fail_msg("%s: \"" SPAN_FMT "\"", name, SPAN_ARG(label));
    }
}

/* A text that looks like what another became is changed itself. */
static void a_label_as_text(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 10000);
    span first = jira_label(&arena, "", span_text("a b"));
    span second = jira_label(&arena, "", first);
    assert_false(span_equal(first, second));
    arena_close(&arena);
}

/* Two texts of a kind that gets mixed up never are one label. */
static void two_texts_are_never_one_label(void **state)
{
    (void)state;
    enum { RANDOM = 400 };
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    struct kit_random random = kit_random();
    struct arena arena;
    span made[RANDOM + 64];
    span from[RANDOM + 64];
    size_t all = 0;
    arena_init(&arena, ARENA_MAX);
    for (size_t i = 0; i < count + RANDOM; i++) {
        span text = i < count ? texts[i].text : SPAN_NONE;
        if (i >= count) { /* few letters and many lengths around the limit: much that is alike */
            char raw[600];
            size_t len =
                kit_below(&random, 2) == 0 ? kit_below(&random, 4) : 225 + kit_below(&random, 30);
            memset(raw, 'a', sizeof(raw));
            for (size_t c = len > 3 ? len - 3 : 0; c < len; c++) {
                raw[c] = " -_a\"\\"[kit_below(&random, 6)];
            }
            text = arena_copy(&arena, span_of(raw, len));
        }
        made[all] = jira_label(&arena, "koji-theme-", text);
        from[all] = text;
        assert_label(made[all], i < count ? texts[i].name : "random");
        for (size_t other = 0; other < all; other++) {
            if (span_equal(made[other], made[all]) != span_equal(from[other], from[all])) {
                fail_msg("\"" SPAN_FMT "\" of two texts", SPAN_ARG(made[all]));
            }
        }
        all++;
    }
    arena_close(&arena);
}

static void over_long_labels(void **state)
{
    (void)state;
    char text[1000];
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    memset(text, 'a', sizeof(text));
    for (size_t len = 1; len <= sizeof(text); len++) {
        span label = jira_label(&arena, "koji-theme-", span_of(text, len));
        assert_label(label, "long");
        assert_int_equal(label.len, len <= 227 ? 11 + len : JIRA_LABEL_MAX);
    }
    arena_close(&arena);
    arena_init(&arena, 10);
    assert_null(jira_label(&arena, "p-", span_text("a")).at);
    arena_close(&arena);
}

/* ---- create ------------------------------------------------------------------------------- */

static void an_issue(void **state)
{
    (void)state;
    struct built b;
    span two[] = {span_text("koji-research"), span_text("koji-theme-7")};
    struct jira_issue issue = {.project = "R\"ES",
                               .issue_type = "Ta\\sk",
                               .summary = span_text("[Research] Exports time out"),
                               .description = span_text(DOCUMENT),
                               .labels = two,
                               .label_count = 2,
                               .property = span_text("{\"v\":1,\"told\":[\"s/i\"]}")};
    begin(&b);
    assert_false(failed(jira_create(&b.call, &issue)));
    assert_call(&b, "POST", "/rest/api/3/issue");
    KIT_JSON body = kit_json(b.call.body);
    kit_assert_text(kit_text_at(body, "/fields/project/key"), "R\"ES");
    kit_assert_text(kit_text_at(body, "/fields/issuetype/name"), "Ta\\sk");
    kit_assert_text(kit_text_at(body, "/fields/summary"), "[Research] Exports time out");
    kit_assert_text(kit_text_at(body, "/fields/description/type"), "doc");
    kit_assert_text(kit_text_at(body, "/fields/labels/0"), "koji-research");
    kit_assert_text(kit_text_at(body, "/fields/labels/1"), "koji-theme-7");
    assert_null(json_at(body, "/fields/labels/2"));
    assert_int_equal(json_object_object_length(json_at(body, "/fields")), 5);
    kit_assert_text(kit_text_at(body, "/properties/0/key"), "hearback");
    kit_assert_text(kit_text_at(body, "/properties/0/value/told/0"), "s/i");
    assert_int_equal(json_object_object_length(body), 2);
    issue.label_count = 0;
    assert_false(failed(jira_create(&b.call, &issue)));
    KIT_JSON bare = kit_json(b.call.body);
    assert_int_equal(json_object_array_length(json_at(bare, "/fields/labels")), 0);
    arena_close(&b.arena);
}

/* The summary as Jira would store it. */
static span summary_of(struct built *b, span text, struct json_object **body)
{
    struct jira_issue issue = {.project = "RES",
                               .issue_type = "Task",
                               .summary = text,
                               .description = span_text(DOCUMENT),
                               .property = span_text("{}")};
    assert_false(failed(jira_create(&b->call, &issue)));
    *body = kit_json(b->call.body);
    return kit_text_at(*body, "/fields/summary");
}

static void hostile_summaries(void **state)
{
    (void)state;
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    for (size_t i = 0; i < count; i++) {
        struct built b;
        KIT_JSON body = NULL;
        begin(&b);
        span summary = summary_of(&b, texts[i].text, &body);
        bool control = false;
        for (size_t c = 0; c < summary.len; c++) {
            control = control || summary.at[c] < ' ' || summary.at[c] == 0x7F;
        }
        if (control || !span_utf8(summary) || jsonx_units(summary) > JIRA_SUMMARY_MAX) {
            fail_msg("%s: %zu units", texts[i].name, jsonx_units(summary));
        }
        arena_close(&b.arena);
    }
}

static void summaries_are_cut_between_characters(void **state)
{
    (void)state;
    static const struct {
        const char *character;
        size_t units;
    } kinds[] = {{"a", 1}, {"\xC3\xA9", 1}, {"\xE2\x82\xAC", 1}, {"\xF0\x9F\x98\x80", 2}};
    for (size_t i = 0; i < COUNT_OF(kinds) * 6; i++) {
        char text[2000];
        const char *character = kinds[i / 6].character;
        size_t width = strlen(character);
        size_t wanted = (252 + i % 6) / kinds[i / 6].units;
        for (size_t n = 0; n < wanted; n++) {
            memcpy(text + n * width, character, width);
        }
        struct built b;
        KIT_JSON body = NULL;
        begin(&b);
        span summary = summary_of(&b, span_of(text, wanted * width), &body);
        size_t kept = 254 / kinds[i / 6].units;
        kept = kept < wanted ? kept : wanted;
        assert_true(span_equal(summary, span_of(text, kept * width)));
        arena_close(&b.arena);
    }
    /* Bytes that are no characters count one each, as what replaces them. */
    char bad[600];
    memset(bad, 0x80, sizeof(bad));
    bad[0] = (char)0xC3;
    struct built b;
    KIT_JSON body = NULL;
    begin(&b);
    assert_int_equal(jsonx_units(summary_of(&b, span_of(bad, sizeof(bad)), &body)), 254);
    arena_close(&b.arena);
}

/* ---- comments ----------------------------------------------------------------------------- */

static void a_comment(void **state)
{
    (void)state;
    struct built b;
    begin(&b);
    assert_false(failed(jira_comment(&b.call, span_text("10001"), span_text(DOCUMENT),
                                     span_text("{\"v\":1,\"interview\":\"s/i\"}"))));
    assert_call(&b, "POST", "/rest/api/3/issue/10001/comment");
    KIT_JSON body = kit_json(b.call.body);
    kit_assert_text(kit_text_at(body, "/body/type"), "doc");
    kit_assert_text(kit_text_at(body, "/properties/0/key"), "hearback");
    kit_assert_text(kit_text_at(body, "/properties/0/value/interview"), "s/i");
    assert_int_equal(json_object_object_length(body), 2);
    assert_false(failed(jira_comments(&b.call, span_text("RES-1"), 0)));
    assert_call(&b, "GET",
                "/rest/api/3/issue/RES-1/"
                "comment?expand=properties&orderBy=-created&maxResults=100&startAt=0");
    assert_false(failed(jira_comments(&b.call, span_text("1/../x?y#"), 300)));
    assert_call(&b, "GET",
                "/rest/api/3/issue/1%2F..%2Fx%3Fy%23/"
                "comment?expand=properties&orderBy=-created&maxResults=100&startAt=300");
    arena_close(&b.arena);
}

/* ---- limits and memory -------------------------------------------------------------------- */

static struct err build(struct call *call, size_t which)
{
    static const span label = {.at = (const uint8_t *)"koji-theme-7", .len = 12};
    struct jira_issue issue = {.project = "RES",
                               .issue_type = "Task",
                               .summary = span_text("Exports time out"),
                               .description = span_text(DOCUMENT),
                               .labels = &label,
                               .label_count = 1,
                               .property = span_text("{}")};
    switch (which) {
    case 0:
        return jira_search(call, "RES", label);
    case 1:
        return jira_create(call, &issue);
    case 2:
        return jira_comment(call, span_text("1"), span_text(DOCUMENT), span_text("{}"));
    default:
        return jira_comments(call, span_text("1"), 100);
    }
}

static void memory_runs_out(void **state)
{
    (void)state;
    for (size_t which = 0; which < 4; which++) {
        struct built whole;
        begin(&whole);
        assert_false(failed(build(&whole.call, which)));
        for (unsigned long n = 1; n < 20; n++) {
            struct built b;
            begin(&b);
            mem_fail_after(n);
            struct err err = build(&b.call, which);
            mem_fail_after(0);
            if (failed(err)) {
                assert_int_equal(err.class, ERR_RETRY);
            } else if (!span_equal(b.call.body, whole.call.body) ||
                       !span_equal(b.call.path, whole.call.path)) {
                fail_msg("builder %zu, allocation %lu: " SPAN_FMT, which, n, SPAN_ARG(b.call.body));
            }
            arena_close(&b.arena);
        }
        struct built small;
        arena_init(&small.arena, 20);
        small.call = (struct call){.arena = &small.arena};
        assert_int_equal(build(&small.call, which).class, ERR_RETRY);
        arena_close(&small.arena);
        arena_close(&whole.arena);
    }
}

static void bodies_are_bounded(void **state)
{
    (void)state;
    struct built b;
    static char much[JIRA_BODY_MAX];
    memset(much, 'a', sizeof(much));
    begin(&b);
    assert_int_equal(
        jira_comment(&b.call, span_text("1"), span_of(much, sizeof(much)), span_text("{}")).class,
        ERR_RETRY);
    assert_int_equal(jira_comments(&b.call, span_of(much, 3000), 0).class, ERR_RETRY);
    assert_int_equal(jira_search(&b.call, "RES", span_of(much, 5000)).class, ERR_RETRY);
    arena_close(&b.arena);
}

/* ---- the destination ---------------------------------------------------------------------- */

static void the_destination(void **state)
{
    (void)state;
    struct config config;
    struct destination_settings settings = {.base_url = NULL};
    kit_config(&config);
    assert_string_equal(jira_destination.name, "jira");
    assert_false(failed(jira_destination.open(&config, &settings)));
    assert_string_equal(settings.base_url, "https://example.atlassian.net");
    assert_int_equal(settings.timeout_ms, config.jira.timeout_ms);
    /* printf me@example.com:token-for-tests | base64 */
    assert_true(secret_equal(&settings.authorization,
                             span_text("Basic bWVAZXhhbXBsZS5jb206dG9rZW4tZm9yLXRlc3Rz")));
    secret_close(&settings.authorization);
    secret_close(&config.jira.token);
    assert_int_equal(jira_destination.open(&config, &settings).class, ERR_CONFIG);
    config_close(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search),
        cmocka_unit_test(jql_is_escaped),
        cmocka_unit_test(no_text_changes_the_query),
        cmocka_unit_test(labels),
        cmocka_unit_test(two_texts_are_never_one_label),
        cmocka_unit_test(a_label_as_text),
        cmocka_unit_test(over_long_labels),
        cmocka_unit_test(an_issue),
        cmocka_unit_test(hostile_summaries),
        cmocka_unit_test(summaries_are_cut_between_characters),
        cmocka_unit_test(a_comment),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(bodies_are_bounded),
        cmocka_unit_test(the_destination),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
