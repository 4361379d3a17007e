/* SPDX-License-Identifier: Apache-2.0
 *
 * How issues, comments and people look from outside: ids as strings, times with
 * an offset without colon, only the fields and properties that were asked for.
 * `self` is built from the Host the caller used. Trees returned belong to the
 * caller and share parts with the store by reference.
 */
#include "tests/sandbox/jira.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void put_self(json_object *tree, const struct jira_call *call, const char *format, ...)
    PRINTF_LIKE(3, 4);

static void put_self(json_object *tree, const struct jira_call *call, const char *format, ...)
{
    char path[256];
    char self[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    (void)snprintf(self, sizeof(self), "http://%.200s/jira/rest/api/3%s", call->req->host, path);
    jsonx_put_text(tree, "self", self);
}

static void put_id(json_object *tree, int64_t id)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, id);
    jsonx_put_text(tree, "id", text);
}

void jira_time(int64_t wall_ms, char *out, size_t room)
{
    char zulu[32];
    clock_format(wall_ms, zulu, sizeof(zulu));
    (void)snprintf(out, room, "%.23s+0000", zulu);
}

json_object *jira_show_user(const struct jira_call *call)
{
    json_object *user = json_object_new_object();
    put_self(user, call, "/user?accountId=%s", JIRA_ACCOUNT_ID);
    jsonx_put_text(user, "accountId", JIRA_ACCOUNT_ID);
    jsonx_put_text(user, "accountType", "atlassian");
    jsonx_put_text(user, "displayName", "Hearback Sandbox");
    json_object_object_add(user, "active", json_object_new_boolean(1));
    jsonx_put_text(user, "timeZone", "Etc/UTC");
    return user;
}

/* Calls `each` for every entry of a comma-separated list. */
static void each_name(const char *names, void (*each)(json_object *, const json_object *, span),
                      json_object *into, const json_object *from)
{
    while (*names != 0) {
        size_t len = strcspn(names, ",");
        span name = span_trim(span_of(names, len));
        if (name.len > 0) {
            each(into, from, name);
        }
        names += len + (names[len] == ',' ? 1 : 0);
    }
}

static void pick(json_object *into, const json_object *from, span name)
{
    if (span_is(name, "*all") || span_is(name, "*navigable")) {
        json_object_object_foreach(from, key, value)
        {
            jsonx_put_again(into, key, value);
        }
        return;
    }
    char key[300];
    bool without = name.at[0] == '-';
    span bare = without ? span_of(name.at + 1, name.len - 1) : name;
    if (bare.len >= sizeof(key)) {
        return;
    }
    memcpy(key, bare.at, bare.len);
    key[bare.len] = 0;
    if (without) {
        json_object_object_del(into, key);
    } else if (jsonx_has(from, key)) {
        jsonx_put_again(into, key, jsonx_get(from, key));
    }
}

static json_object *show_project(const struct jira_call *call, const struct project *project)
{
    json_object *tree = json_object_new_object();
    put_self(tree, call, "/project/%" PRId64, project->id);
    put_id(tree, project->id);
    jsonx_put_text(tree, "key", project->key);
    jsonx_put_text(tree, "name", project->key);
    return tree;
}

json_object *jira_show_issue(const struct jira_call *call, const struct issue *issue,
                             const char *fields, const char *properties, const char *otherwise)
{
    const char *wanted = fields == NULL || *fields == 0 ? otherwise : fields;
    json_object *tree = json_object_new_object();
    jsonx_put_text(tree, "expand", "renderedFields,names,schema,operations,editmeta,changelog");
    put_id(tree, issue->id);
    put_self(tree, call, "/issue/%" PRId64, issue->id);
    jsonx_put_text(tree, "key", issue->key);
    SCOPED_JSON all = json_object_new_object();
    pick(all, issue->fields, span_text("*all"));
    json_object_object_add(all, "project", show_project(call, issue->project));
    json_object *shown = json_object_new_object();
    if (wanted[0] == '-') {
        pick(shown, all, span_text("*all"));
    }
    each_name(wanted, pick, shown, all);
    json_object_object_add(tree, "fields", shown);
    if (properties != NULL && *properties != 0) {
        json_object *chosen = json_object_new_object();
        each_name(properties, pick, chosen, issue->properties);
        json_object_object_add(tree, "properties", chosen);
    }
    return tree;
}

json_object *jira_show_comment(const struct jira_call *call, const struct comment *comment,
                               bool properties)
{
    char at[40];
    jira_time(comment->wall_ms, at, sizeof(at));
    json_object *tree = json_object_new_object();
    put_self(tree, call, "/issue/%" PRId64 "/comment/%" PRId64, comment->issue->id, comment->id);
    put_id(tree, comment->id);
    json_object_object_add(tree, "author", jira_show_user(call));
    jsonx_put_again(tree, "body", comment->body);
    json_object_object_add(tree, "updateAuthor", jira_show_user(call));
    jsonx_put_text(tree, "created", at);
    jsonx_put_text(tree, "updated", at);
    json_object_object_add(tree, "jsdPublic", json_object_new_boolean(1));
    if (comment->visibility != NULL) {
        jsonx_put_again(tree, "visibility", comment->visibility);
    }
    if (properties) {
        json_object *list = json_object_new_array();
        json_object_object_foreach(comment->properties, key, value)
        {
            json_object *row = json_object_new_object();
            jsonx_put_text(row, "key", key);
            jsonx_put_again(row, "value", value);
            json_object_array_add(list, row);
        }
        json_object_object_add(tree, "properties", list);
    }
    return tree;
}
