/* SPDX-License-Identifier: Apache-2.0
 *
 * Comments of an issue. A comment's properties are shown when expand names them.
 * An issue takes comments_max of them, then 413. Reads see every write at once:
 * only the search lags.
 */
#include "tests/sandbox/jira.h"

#include "tests/sandbox/jira_adf.h"

struct comment *jira_find_comment(struct jira_call *call)
{
    struct comment *comment =
        call->login == JIRA_KNOWN ? store_comment(&call->jira->store, call->req->args[0]) : NULL;
    if (comment == NULL) {
        jira_fail(call, 404, "Can not find a comment for the id.");
    }
    return comment;
}

static bool visibility_fits(const json_object *visibility)
{
    const char *type = jsonx_text(visibility, "type");
    return jira_only_keys(visibility, "type value identifier") && type != NULL &&
           adf_word_in("role group", type) &&
           (jsonx_text(visibility, "value") != NULL ||
            jsonx_text(visibility, "identifier") != NULL);
}

/* Checks everything; the properties come out in `properties`. */
static void check_comment(struct jira_call *call, const json_object *body, json_object *properties,
                          struct jira_errors *errors)
{
    json_object *text = jsonx_get(body, "body");
    if (!jira_only_keys(body, "body visibility properties jsdPublic")) {
        jira_errors_say(errors, JIRA_BAD_PAYLOAD);
    }
    if (text == NULL) {
        jira_errors_field(errors, "comment", "Comment body can not be empty!");
    } else {
        (void)jira_check_adf(call, "comment", "Comment body is not valid!", text, errors);
    }
    json_object *given = jsonx_get(body, "properties");
    if (given != NULL) {
        jira_take_properties(given, properties, errors);
    }
    if (jsonx_has(body, "visibility") && !visibility_fits(jsonx_get(body, "visibility"))) {
        jira_errors_field(errors, "commentLevel",
                          "The visibility of a comment is a role or group.");
    }
}

static bool expands_properties(const struct jira_call *call)
{
    const char *expand = request_query(call->req, "expand");
    return expand != NULL && strstr(expand, "properties") != NULL;
}

void jira_comment_add(struct jira_call *call)
{
    struct issue *issue = jira_find_issue(call);
    if (issue == NULL || !jira_limit_writes(call, issue)) {
        return;
    }
    SCOPED_JSON body = jira_body(call);
    if (body == NULL) {
        return;
    }
    SCOPED_JSON properties = json_object_new_object();
    struct jira_errors errors;
    jira_errors_init(&errors);
    check_comment(call, body, properties, &errors);
    if (jira_errors_any(&errors)) {
        jira_errors_answer(&errors, 400, call->answer);
    } else if ((int64_t)issue->comment_count >= call->jira->comments_max) {
        jira_fail(call, 413, "The issue has reached its limit of comments.");
    } else {
        struct comment *comment =
            store_add_comment(&call->jira->store, issue, json_object_get(jsonx_get(body, "body")));
        json_object_put(comment->properties);
        comment->properties = TAKE(properties);
        comment->visibility = json_object_get(jsonx_get(body, "visibility"));
        comment->wall_ms = clock_wall_ms(call->jira->clock);
        answer_json(call->answer, 201, jira_show_comment(call, comment, expands_properties(call)));
    }
    jira_errors_close(&errors);
}

/* False after answering 400. `backward` becomes true for "-created". */
static bool read_order(struct jira_call *call, bool *backward)
{
    const char *order = request_query(call->req, "orderBy");
    *backward = order != NULL && strcmp(order, "-created") == 0;
    /* A plus that was not encoded arrives as a blank. */
    bool known = order == NULL || *backward || strcmp(order, "created") == 0 ||
                 strcmp(order, "+created") == 0 || strcmp(order, " created") == 0;
    if (!known) {
        jira_fail(call, 400, "The orderBy parameter is not one of created, +created, -created.");
    }
    return known;
}

void jira_comment_list(struct jira_call *call)
{
    const struct issue *issue = jira_find_issue(call);
    bool backward = false;
    if (issue == NULL || !read_order(call, &backward)) {
        return;
    }
    int64_t start = 0;
    int64_t most = 100;
    if (failed(request_query_int(call->req, "startAt", 0, &start)) ||
        failed(request_query_int(call->req, "maxResults", 100, &most))) {
        jira_fail(call, 400, "startAt and maxResults are numbers.");
        return;
    }
    int64_t total = (int64_t)issue->comment_count;
    json_object *list = json_object_new_array();
    for (int64_t i = start; i < total && i - start < most; i++) {
        const struct comment *comment = issue->comments[backward ? total - 1 - i : i];
        json_object_array_add(list, jira_show_comment(call, comment, expands_properties(call)));
    }
    json_object *page = json_object_new_object();
    jsonx_put_int(page, "startAt", start);
    jsonx_put_int(page, "maxResults", most);
    jsonx_put_int(page, "total", total);
    json_object_object_add(page, "comments", list);
    answer_json(call->answer, 200, page);
}

void jira_comment_read(struct jira_call *call)
{
    const struct issue *issue = jira_find_issue(call);
    if (issue == NULL) {
        return;
    }
    const struct comment *comment = store_comment(&call->jira->store, call->req->args[1]);
    if (comment == NULL || comment->issue != issue) {
        jira_fail(call, 404, "Can not find a comment for the id.");
        return;
    }
    answer_json(call->answer, 200, jira_show_comment(call, comment, expands_properties(call)));
}
