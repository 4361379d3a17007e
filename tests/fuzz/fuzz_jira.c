/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes consumer/apis/jira.c and adf.c. Pieces: a reply's body, a link, an
 * issue, a label, a text. The readers bear any body; what the builders make of
 * any text is JSON, a document that the sandbox's validator takes, a query that
 * its JQL parser reads back as the label that was meant, and within Jira's limits.
 */
#include "common/own.h"
#include "consumer/apis/jira.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sandbox/jira_adf.h"
#include "tests/sandbox/jql.h"

#define ARENA_BYTES       (4u << 20)
#define SUMMARY_UNITS_MAX 255
#define PROPERTY          "{\"v\":1,\"told\":[]}"

struct texts {
    span link;
    span issue;
    span label;
    span text;
};

/* ---- reading ----------------------------------------------------------------------------- */

static void read_comments(const struct reply *reply, span value)
{
    struct jira_page page = jira_comments_read(reply, "interview", value);
    int64_t start = 0;
    CHECK(page.readable || (!page.found && !page.more));
    CHECK(!page.found || !page.more);
    if (page.more) {
        CHECK(json_whole(json_at(reply_json(reply), "/startAt"), &start) && page.next > start);
    }
}

static void read_reply(struct arena *arena, span body, span value)
{
    struct reply_tree tree = {0};
    struct reply reply = {.status = 200, .body = body, .tree = &tree, .arena = arena};
    struct jira_found found;
    struct buf words;
    span id;
    span key;
    if (jira_search_read(&reply, &found) && found.count > 0) {
        CHECK(found.id.len > 0);
        fuzz_touch(found.id);
        fuzz_touch(found.key);
        (void)json_object_get_type(found.property);
    }
    if (jira_created_read(&reply, &id, &key)) {
        CHECK(id.len > 0 && key.len > 0);
    }
    (void)jira_commented_read(&reply, &id);
    read_comments(&reply, value);
    CHECK(!jira_login_proven(&reply));
    buf_init(&words, 8192);
    jira_destination.explain(&reply, &words);
    fuzz_touch(buf_span(&words));
    buf_close(&words);
}

/* ---- building ---------------------------------------------------------------------------- */

static json_object *sound_json(const struct call *call)
{
    json_object *tree = jsonx_parse(call->body);
    CHECK(tree != NULL && jsonx_is_object(tree));
    CHECK(call->kind == CALL_HTTP && span_starts(call->path, "/rest/api/3/"));
    return tree;
}

static void sound_document(const json_object *doc)
{
    struct adf_reason reason;
    if (adf_check(doc, &reason) != ADF_VALID) {
        err_check_failed(reason.text, ERR_HERE);
    }
}

static void sound_label(span label)
{
    CHECK(label.at != NULL && label.len > 0 && label.len <= JIRA_LABEL_MAX);
    for (size_t i = 0; i < label.len; i++) {
        CHECK(label.at[i] > ' ' && label.at[i] < 0x7F && label.at[i] != '"' &&
              label.at[i] != '\\' && label.at[i] != '\'');
    }
}

static void write_document(const struct texts *texts, struct buf *out)
{
    struct adf adf;
    adf_begin(&adf, out);
    adf_paragraph(&adf, texts->text);
    adf_quote(&adf, texts->text, texts->link);
    adf_fact(&adf, "Sentiment", texts->text);
    adf_link(&adf, "Transcript", texts->link);
    adf_quote(&adf, texts->label, SPAN_NONE);
    adf_end(&adf);
    CHECK(!failed(buf_ok(out)));
}

static void build_issue(struct arena *arena, const struct texts *texts, span document)
{
    const span labels[] = {span_text("koji-research"),
                           jira_label(arena, "koji-theme-", texts->label),
                           jira_label(arena, "", texts->text)};
    struct call call = {.arena = arena};
    struct jira_issue issue = {.project = "RES",
                               .issue_type = "Task",
                               .summary = texts->text,
                               .description = document,
                               .labels = labels,
                               .label_count = COUNT_OF(labels),
                               .property = span_text(PROPERTY)};
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        sound_label(labels[i]);
    }
    if (failed(jira_create(&call, &issue))) {
        CHECK(document.len > JIRA_BODY_MAX / 2);
        return;
    }
    SCOPED_JSON body = sound_json(&call);
    const json_object *fields = jsonx_get(body, "fields");
    sound_document(jsonx_get(fields, "description"));
    span summary = jsonx_span(jsonx_get(fields, "summary"));
    CHECK(jsonx_units(summary) <= SUMMARY_UNITS_MAX);
    for (size_t i = 0; i < summary.len; i++) {
        CHECK(summary.at[i] >= ' ');
    }
}

static void build_comment(struct arena *arena, const struct texts *texts, span document)
{
    struct call call = {.arena = arena};
    struct call list = {.arena = arena};
    if (!failed(jira_comment(&call, texts->issue, document, span_text(PROPERTY)))) {
        SCOPED_JSON body = sound_json(&call);
        sound_document(jsonx_get(body, "body"));
        span issue = span_of(call.path.at + 18, call.path.len - 18 - strlen("/comment"));
        CHECK(span_equal(fuzz_url_decoded(arena, issue), texts->issue));
        CHECK(issue.len == 0 || memchr(issue.at, '/', issue.len) == NULL);
    }
    (void)failed(jira_comments(&list, texts->issue, (int64_t)texts->text.len));
    fuzz_touch(list.path);
}

/* The query means the label, whatever stands in it. */
static void build_search(struct arena *arena, const struct texts *texts)
{
    struct call call = {.arena = arena};
    struct jql jql;
    span label = jira_label(arena, "koji-theme-", texts->label);
    CHECK(!failed(jira_search(&call, "RES", label)));
    SCOPED_JSON body = sound_json(&call);
    CHECK(!failed(jql_parse(&jql, jsonx_span(jsonx_get(body, "jql")), arena)));
    CHECK(jql.clause_count == 2 && jql.clauses[1].field == JQL_LABELS &&
          jql.clauses[1].value_count == 1 && span_is(label, jql.clauses[1].values[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = span_of(data, size);
    struct arena arena;
    struct buf document;
    struct texts texts;
    arena_init(&arena, ARENA_BYTES);
    buf_init(&document, ARENA_BYTES);
    span body = fuzz_piece(&rest);
    texts.link = fuzz_piece(&rest);
    texts.issue = fuzz_piece(&rest);
    texts.label = fuzz_piece(&rest);
    texts.text = rest;
    read_reply(&arena, body, texts.label);
    write_document(&texts, &document);
    build_issue(&arena, &texts, buf_span(&document));
    build_comment(&arena, &texts, buf_span(&document));
    build_search(&arena, &texts);
    buf_close(&document);
    arena_close(&arena);
    return 0;
}
