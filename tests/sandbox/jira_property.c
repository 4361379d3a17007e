/* SPDX-License-Identifier: Apache-2.0
 *
 * Entity properties of issues and comments: the same four calls on two kinds of
 * owner. A key has at most 255 characters, a value is any JSON but null, at most
 * 32,768 bytes as sent. A write counts as a write on the issue.
 */
#include "tests/sandbox/jira.h"

#include <stdio.h>

/* Whose properties, and the part of `self` before the key. */
struct owner {
    json_object *properties;
    struct issue *issue; /* whose writes count */
    const char *kind;
};

static void put_self(json_object *tree, const struct jira_call *call, const struct owner *owner,
                     const char *key)
{
    char self[640];
    (void)snprintf(self, sizeof(self), "http://%.200s/jira/rest/api/3/%s/%.64s/properties/%.255s",
                   call->req->host, owner->kind, call->req->args[0], key);
    jsonx_put_text(tree, "self", self);
}

static void list(struct jira_call *call, const struct owner *owner)
{
    json_object *keys = json_object_new_array();
    json_object_object_foreach(owner->properties, key, value)
    {
        (void)value;
        json_object *row = json_object_new_object();
        put_self(row, call, owner, key);
        jsonx_put_text(row, "key", key);
        json_object_array_add(keys, row);
    }
    json_object *page = json_object_new_object();
    json_object_object_add(page, "keys", keys);
    answer_json(call->answer, 200, page);
}

static void write(struct jira_call *call, const struct owner *owner, const char *key)
{
    if (jsonx_units(span_text(key)) > JIRA_PROPERTY_KEY_MAX) {
        jira_fail(call, 400, "The property key is longer than 255 characters.");
        return;
    }
    if (call->req->body.len > JIRA_PROPERTY_BYTES_MAX) {
        jira_fail(call, 400, "The property value is longer than 32768 bytes.");
        return;
    }
    json_object *value = jsonx_parse(call->req->body);
    if (value == NULL) {
        jira_fail(call, 400, "The property value is not a valid, non-empty JSON value.");
        return;
    }
    bool was = jsonx_has(owner->properties, key);
    json_object_object_add(owner->properties, key, value);
    json_object *tree = json_object_new_object();
    put_self(tree, call, owner, key);
    answer_json(call->answer, was ? 200 : 201, tree);
}

static void serve(struct jira_call *call, const struct owner *owner)
{
    const char *key = call->req->args[1];
    bool reads = strcmp(call->req->method, "GET") == 0;
    if (!reads && !jira_limit_writes(call, owner->issue)) {
        return;
    }
    if (strcmp(call->req->method, "PUT") == 0) {
        write(call, owner, key);
        return;
    }
    if (!jsonx_has(owner->properties, key)) {
        jira_fail(call, 404, "The property was not found.");
        return;
    }
    if (reads) {
        json_object *tree = json_object_new_object();
        jsonx_put_text(tree, "key", key);
        jsonx_put_again(tree, "value", jsonx_get(owner->properties, key));
        answer_json(call->answer, 200, tree);
    } else {
        json_object_object_del(owner->properties, key);
        answer_empty(call->answer, 204);
    }
}

static bool issue_owner(struct jira_call *call, struct owner *owner)
{
    struct issue *issue = jira_find_issue(call);
    if (issue == NULL) {
        return false;
    }
    *owner = (struct owner){.properties = issue->properties, .issue = issue, .kind = "issue"};
    return true;
}

static bool comment_owner(struct jira_call *call, struct owner *owner)
{
    struct comment *comment = jira_find_comment(call);
    if (comment == NULL) {
        return false;
    }
    *owner = (struct owner){
        .properties = comment->properties, .issue = comment->issue, .kind = "comment"};
    return true;
}

void jira_issue_property_list(struct jira_call *call)
{
    struct owner owner;
    if (issue_owner(call, &owner)) {
        list(call, &owner);
    }
}

void jira_issue_property(struct jira_call *call)
{
    struct owner owner;
    if (issue_owner(call, &owner)) {
        serve(call, &owner);
    }
}

void jira_comment_property_list(struct jira_call *call)
{
    struct owner owner;
    if (comment_owner(call, &owner)) {
        list(call, &owner);
    }
}

void jira_comment_property(struct jira_call *call)
{
    struct owner owner;
    if (comment_owner(call, &owner)) {
        serve(call, &owner);
    }
}
