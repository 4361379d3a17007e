/* SPDX-License-Identifier: Apache-2.0
 *
 * Building Jira's requests and reading its replies. Pure functions.
 */
#include "consumer/apis/jira.h"

#include "common/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

/* ---- the destination --------------------------------------------------------------------- */

static struct err open_jira(const struct config *config, struct destination_settings *out)
{
    span token = secret_reveal(&config->jira.token);
    if (config->jira.url == NULL || config->jira.user == NULL || token.len == 0) {
        FAIL(ERR_CONFIG, 0, "jira.url, jira.user or HEARBACK_JIRA_TOKEN is missing");
    }
    struct buf plain;
    buf_init(&plain, 16384);
    buf_addf(&plain, "%s:", config->jira.user);
    buf_add(&plain, token);
    CHECK(!plain.broken); /* both were bounded when they were read */
    size_t room = (plain.len + 2) / 3 * 4 + 8;
    uint8_t *value = mem_must_alloc(room);
    memcpy(value, "Basic ", 6);
    int len = EVP_EncodeBlock(value + 6, plain.at, (int)plain.len);
    secret_init(&out->authorization, span_of(value, (size_t)len + 6));
    OPENSSL_cleanse(value, room);
    OPENSSL_cleanse(plain.at, plain.len);
    mem_free(value);
    buf_close(&plain);
    out->base_url = config->jira.url;
    out->timeout_ms = config->jira.timeout_ms;
    return NO_ERROR;
}

/* ErrorCollection (section 1): errorMessages, then errors by field. Bodies may be no JSON at all.
 */
static void explain(const struct reply *reply, struct buf *out)
{
    struct json_object *messages = json_at(reply_json(reply), "/errorMessages");
    struct json_object *errors = json_at(reply_json(reply), "/errors");
    if (json_object_is_type(messages, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(messages); i++) {
            buf_add(out, json_text(json_object_array_get_idx(messages, i)));
            buf_add_text(out, " ");
        }
    }
    if (json_object_is_type(errors, json_type_object)) {
        json_object_object_foreach(errors, field, text)
        {
            buf_addf(out, "%s: ", field);
            buf_add(out, json_text(text));
            buf_add_text(out, " ");
        }
    }
    if (reply_json(reply) == NULL && reply->body.len > 0) {
        buf_add(out, span_of(reply->body.at, span_cut_utf8(reply->body, 200)));
    }
}

/* Section 6: bursts a second for each method, and writes on one issue. (Bursts are counted for each
 * endpoint apart; kept for all of them together, which is never too many.) The hourly quota of
 * points does not concern API tokens. */
static const struct limit limits[] = {
    {.class = "POST",
     .most = 100,
     .window_ms = 1000,
     .setting = offsetof(struct config, jira.post_per_s)},
    {.class = "PUT",
     .most = 50,
     .window_ms = 1000,
     .setting = offsetof(struct config, jira.put_per_s)},
    {.class = "GET",
     .most = 100,
     .window_ms = 1000,
     .setting = offsetof(struct config, jira.get_per_s)},
    {.class = "DELETE",
     .most = 50,
     .window_ms = 1000,
     .setting = offsetof(struct config, jira.delete_per_s)},
    {.by_key = true,
     .most = 20,
     .window_ms = 2000,
     .setting = offsetof(struct config, jira.issue_writes_per_2s)},
    {.by_key = true,
     .most = 100,
     .window_ms = 30000,
     .setting = offsetof(struct config, jira.issue_writes_per_30s)},
};

static enum limit_scope limited(const struct reply *reply)
{
    span reason = reply_header(reply, "ratelimit-reason");
    if (span_is(reason, "jira-per-issue-on-write")) {
        return LIMIT_SCOPE_KEY;
    }
    return span_starts(reason, "jira-quota-") ? LIMIT_SCOPE_ALL : LIMIT_SCOPE_CLASS;
}

const struct destination_kind jira_destination = {.name = "jira",
                                                  .limits = limits,
                                                  .limit_count = COUNT_OF(limits),
                                                  .limited = limited,
                                                  .open = open_jira,
                                                  .explain = explain};

bool jira_login_proven(const struct reply *reply)
{
    return reply_header(reply, "x-aaccountid").len > 0;
}

/* ---- building ---------------------------------------------------------------------------- */

static struct err make_path(struct call *call, const char *format, span issue, int64_t start)
{
    struct buf path;
    buf_init(&path, 2048);
    buf_add_text(&path, "/rest/api/3/issue/");
    buf_add_url(&path, issue);
    buf_add_text(&path, format);
    if (start >= 0) {
        buf_addf(&path, "&startAt=%" PRId64, start);
    }
    return buf_into(&path, call->arena, &call->path);
}

/* As a JQL string inside a JSON string: JQL's own escapes first. */
static void add_jql_text(struct buf *jql, span text)
{
    buf_add_char(jql, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\') {
            buf_add_char(jql, '\\');
        }
        buf_add_char(jql, (char)text.at[i]);
    }
    buf_add_char(jql, '"');
}

struct err jira_search(struct call *call, const char *project, span label)
{
    struct buf jql;
    struct buf body;
    buf_init(&jql, 4096);
    buf_init(&body, JIRA_BODY_MAX);
    buf_add_text(&jql, "project = ");
    add_jql_text(&jql, span_text(project));
    buf_add_text(&jql, " AND labels = ");
    add_jql_text(&jql, label);
    buf_add_text(&jql, " ORDER BY created ASC");
    buf_add_text(&body, "{\"jql\":");
    buf_add_json(&body, buf_span(&jql));
    buf_add_text(&body, ",\"maxResults\":2,\"fields\":[\"labels\"],\"properties\":[\"" JIRA_PROPERTY
                        "\"]}");
    if (failed(buf_ok(&jql))) {
        buf_break(&body); /* an empty query would find somebody else's ticket */
    }
    buf_close(&jql);
    call->kind = CALL_HTTP;
    call->method = "POST";
    call->path = span_text("/rest/api/3/search/jql");
    return buf_into(&body, call->arena, &call->body);
}

/* Bytes of the longest beginning of at most `max` characters as Jira counts them: in UTF-16, where
 * an emoji is two. What is no UTF-8 becomes U+FFFD byte by byte. */
static size_t cut_units(span text, size_t max)
{
    size_t bytes = 0;
    size_t units = 0;
    while (bytes < text.len) {
        size_t step = 1;
        while (step <= 4 && step <= text.len - bytes &&
               !span_utf8(span_of(text.at + bytes, step))) {
            step++;
        }
        bool valid = step <= 4 && step <= text.len - bytes;
        units += valid && step == 4 ? 2 : 1;
        if (units > max) {
            break;
        }
        bytes += valid ? step : 1;
    }
    return bytes;
}

static void add_summary(struct buf *body, span summary)
{
    size_t bytes = cut_units(summary, JIRA_SUMMARY_MAX);
    struct buf line; /* Jira refuses line ends in a summary */
    buf_init(&line, bytes + 1);
    for (size_t i = 0; i < bytes; i++) {
        bool control = summary.at[i] < ' ' || summary.at[i] == 0x7F;
        buf_add_char(&line, control ? ' ' : (char)summary.at[i]);
    }
    buf_add_json(body, buf_span(&line));
    if (failed(buf_ok(&line))) {
        buf_break(body);
    }
    buf_close(&line);
}

struct err jira_create(struct call *call, const struct jira_issue *issue)
{
    struct buf body;
    buf_init(&body, JIRA_BODY_MAX);
    buf_add_text(&body, "{\"fields\":{\"project\":{\"key\":");
    buf_add_json(&body, span_text(issue->project));
    buf_add_text(&body, "},\"issuetype\":{\"name\":");
    buf_add_json(&body, span_text(issue->issue_type));
    buf_add_text(&body, "},\"summary\":");
    add_summary(&body, issue->summary);
    buf_add_text(&body, ",\"description\":");
    buf_add(&body, issue->description);
    buf_add_text(&body, ",\"labels\":[");
    for (size_t i = 0; i < issue->label_count; i++) {
        buf_add_text(&body, i == 0 ? "" : ",");
        buf_add_json(&body, issue->labels[i]);
    }
    buf_add_text(&body, "]},\"properties\":[{\"key\":\"" JIRA_PROPERTY "\",\"value\":");
    buf_add(&body, issue->property);
    buf_add_text(&body, "}]}");
    call->kind = CALL_HTTP;
    call->method = "POST";
    call->path = span_text("/rest/api/3/issue");
    return buf_into(&body, call->arena, &call->body);
}

struct err jira_comment(struct call *call, span issue, span adf, span property)
{
    struct buf body;
    TRY(make_path(call, "/comment", issue, -1));
    buf_init(&body, JIRA_BODY_MAX);
    buf_add_text(&body, "{\"body\":");
    buf_add(&body, adf);
    buf_add_text(&body, ",\"properties\":[{\"key\":\"" JIRA_PROPERTY "\",\"value\":");
    buf_add(&body, property);
    buf_add_text(&body, "}]}");
    call->kind = CALL_HTTP;
    call->method = "POST";
    call->budget_key = issue;
    return buf_into(&body, call->arena, &call->body);
}

struct err jira_comments(struct call *call, span issue, int64_t start)
{
    call->kind = CALL_HTTP;
    call->method = "GET";
    return make_path(call, "/comment?expand=properties&orderBy=-created&maxResults=100", issue,
                     start);
}

/* ---- reading ----------------------------------------------------------------------------- */

bool jira_search_read(const struct reply *reply, struct jira_found *found)
{
    struct json_object *issues = json_at(reply_json(reply), "/issues");
    *found = (struct jira_found){0};
    if (!json_object_is_type(issues, json_type_array)) {
        return false;
    }
    found->count = json_object_array_length(issues);
    if (found->count == 0) {
        return true;
    }
    struct json_object *oldest = json_object_array_get_idx(issues, 0);
    found->id = json_text_at(oldest, "/id");
    found->key = json_text_at(oldest, "/key");
    found->property = json_at(oldest, "/properties/" JIRA_PROPERTY);
    return found->id.len > 0;
}

bool jira_created_read(const struct reply *reply, span *id, span *key)
{
    *id = json_text_at(reply_json(reply), "/id");
    *key = json_text_at(reply_json(reply), "/key");
    return id->len > 0 && key->len > 0;
}

bool jira_commented_read(const struct reply *reply, span *id)
{
    *id = json_text_at(reply_json(reply), "/id");
    return id->len > 0;
}

static bool names(struct json_object *comment, const char *member, span value)
{
    struct json_object *properties = json_at(comment, "/properties");
    for (size_t i = 0; json_object_is_type(properties, json_type_array) &&
                       i < json_object_array_length(properties);
         i++) {
        struct json_object *property = json_object_array_get_idx(properties, i);
        struct json_object *held = NULL;
        if (span_is(json_text_at(property, "/key"), JIRA_PROPERTY) &&
            json_object_object_get_ex(json_at(property, "/value"), member, &held) &&
            span_equal(json_text(held), value)) {
            return true;
        }
    }
    return false;
}

struct jira_page jira_comments_read(const struct reply *reply, const char *member, span value)
{
    struct jira_page page = {0};
    struct json_object *comments = json_at(reply_json(reply), "/comments");
    int64_t start = 0;
    int64_t total = 0;
    if (!json_object_is_type(comments, json_type_array) ||
        !json_whole(json_at(reply_json(reply), "/startAt"), &start) ||
        !json_whole(json_at(reply_json(reply), "/total"), &total) || start < 0 ||
        start > INT32_MAX) {
        return page;
    }
    page.readable = true;
    size_t count = json_object_array_length(comments);
    for (size_t i = 0; i < count && !page.found; i++) {
        page.found = names(json_object_array_get_idx(comments, i), member, value);
    }
    page.next = start + (int64_t)count;
    page.more = !page.found && count > 0 && page.next < total;
    return page;
}

/* ---- labels ------------------------------------------------------------------------------ */

span jira_label(struct arena *arena, const char *prefix, span text)
{
    size_t prefix_len = strlen(prefix);
    size_t room = JIRA_LABEL_MAX - prefix_len - 17; /* "~" and the digest */
    bool changed = text.len == 0 || text.len > room;
    size_t len = text.len > room ? room : text.len;
    char *label = arena_alloc(arena, JIRA_LABEL_MAX + 1);
    if (label == NULL) {
        return SPAN_NONE;
    }
    memcpy(label, prefix, prefix_len);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.';
        label[prefix_len + i] = plain ? (char)c : '-';
        changed = changed || !plain;
    }
    size_t total = prefix_len + len;
    label[total] = 0;
    if (changed) {
        total += (size_t)snprintf(label + total, JIRA_LABEL_MAX + 1 - total, "~%016" PRIx64,
                                  span_hash(text));
    }
    return span_of(label, total);
}
