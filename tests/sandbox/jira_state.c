/* SPDX-License-Identifier: Apache-2.0
 *
 * What the control API shows of the played Jira: everything as JSON for tests,
 * or a board for people, one card an issue with its text and comments below it.
 */
#include "tests/sandbox/jira.h"

#include "tests/sandbox/jira_adf.h"

#include <inttypes.h>
#include <stdio.h>

static void put_id(json_object *tree, int64_t id)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, id);
    jsonx_put_text(tree, "id", text);
}

static json_object *comment_state(const struct comment *comment)
{
    char at[40];
    jira_time(comment->wall_ms, at, sizeof(at));
    json_object *tree = json_object_new_object();
    put_id(tree, comment->id);
    jsonx_put_again(tree, "body", comment->body);
    jsonx_put_again(tree, "properties", comment->properties);
    jsonx_put_text(tree, "created", at);
    return tree;
}

/* The name of a chosen value, as one text. */
static void put_name(json_object *tree, const struct issue *issue, const char *field)
{
    const char *name = jsonx_text(jsonx_get(issue->fields, field), "name");
    if (name != NULL) {
        jsonx_put_text(tree, field, name);
    }
}

static json_object *issue_state(const struct issue *issue)
{
    json_object *tree = json_object_new_object();
    put_id(tree, issue->id);
    jsonx_put_text(tree, "key", issue->key);
    json_object_object_foreach(issue->fields, field, value)
    {
        jsonx_put_again(tree, field, value);
    }
    put_name(tree, issue, "priority");
    put_name(tree, issue, "issuetype");
    put_name(tree, issue, "status");
    jsonx_put_again(tree, "properties", issue->properties);
    json_object *comments = json_object_new_array();
    for (size_t i = 0; i < issue->comment_count; i++) {
        json_object_array_add(comments, comment_state(issue->comments[i]));
    }
    json_object_object_add(tree, "comments", comments);
    return tree;
}

json_object *jira_state(struct jira *jira)
{
    json_object *issues = json_object_new_array();
    for (size_t i = 0; i < jira->store.issue_count; i++) {
        json_object_array_add(issues, issue_state(jira->store.issues[i]));
    }
    json_object *tree = json_object_new_object();
    json_object_object_add(tree, "issues", issues);
    return tree;
}

/* Plain text with every line indented. */
static void add_indented(struct buf *out, const char *indent, const json_object *doc)
{
    struct buf plain;
    buf_init(&plain, ANSWER_BODY_MAX);
    adf_plain(doc, &plain);
    for (const char *line = buf_text(&plain); *line != 0;) {
        size_t len = strcspn(line, "\n");
        buf_addf(out, "%s%.*s\n", indent, (int)len, line);
        line += len + (line[len] == '\n' ? 1 : 0);
    }
    buf_close(&plain);
}

static void add_card(struct buf *out, const struct issue *issue)
{
    const json_object *fields = issue->fields;
    const char *status = jsonx_text(jsonx_get(fields, "status"), "name");
    const char *priority = jsonx_text(jsonx_get(fields, "priority"), "name");
    const char *type = jsonx_text(jsonx_get(fields, "issuetype"), "name");
    buf_addf(out, "%s  [%s]  %s, %s\n  %s\n", issue->key, status == NULL ? "-" : status,
             type == NULL ? "-" : type, priority == NULL ? "-" : priority,
             jsonx_text(fields, "summary"));
    json_object *labels = jsonx_get(fields, "labels");
    for (size_t i = 0; labels != NULL && i < json_object_array_length(labels); i++) {
        buf_addf(out, "%s%s", i == 0 ? "  labels: " : ", ",
                 json_object_get_string(json_object_array_get_idx(labels, i)));
    }
    buf_add_text(out, labels != NULL && json_object_array_length(labels) > 0 ? "\n" : "");
    add_indented(out, "  | ", jsonx_get(fields, "description"));
    for (size_t i = 0; i < issue->comment_count; i++) {
        char at[40];
        jira_time(issue->comments[i]->wall_ms, at, sizeof(at));
        buf_addf(out, "  comment %zu, %.19s\n", i + 1, at);
        add_indented(out, "    | ", issue->comments[i]->body);
    }
    buf_add_char(out, '\n');
}

void jira_board(struct jira *jira, struct buf *out)
{
    buf_addf(out, "JIRA: %zu issue%s\n\n", jira->store.issue_count,
             jira->store.issue_count == 1 ? "" : "s");
    for (size_t i = 0; i < jira->store.issue_count; i++) {
        add_card(out, jira->store.issues[i]);
    }
}
