/* SPDX-License-Identifier: Apache-2.0
 *
 * Creating, reading and editing issues. A create that is refused with 400 uses
 * up a number of its project all the same (as Jira's does), once the project is
 * known. A transition in the body is ignored on edit and refused on create,
 * where none is configured.
 */
#include "tests/sandbox/jira.h"

struct issue *jira_find_issue(struct jira_call *call)
{
    struct issue *issue =
        call->login == JIRA_KNOWN ? store_issue(&call->jira->store, call->req->args[0]) : NULL;
    if (issue == NULL) {
        jira_fail(call, 404, JIRA_ISSUE_GONE);
    }
    return issue;
}

void jira_list_fields(struct jira_call *call)
{
    answer_json(call->answer, 200, jira_fields_list());
}

/* The project, or NULL with the reason among the errors. */
static struct project *chosen_project(struct jira_call *call, const json_object *fields,
                                      struct jira_errors *errors)
{
    const json_object *given = jsonx_get(fields, "project");
    const char *key = jsonx_text(given, "key");
    const char *id = jsonx_text(given, "id");
    struct project *project = NULL;
    if (key != NULL || id != NULL) {
        project = store_project(&call->jira->store, id != NULL ? id : key);
    }
    if (project == NULL) {
        jira_errors_field(errors, "project", "Specify a valid project ID or key");
    }
    return project;
}

static json_object *named(const char *id, const char *name)
{
    json_object *tree = json_object_new_object();
    jsonx_put_text(tree, "id", id);
    jsonx_put_text(tree, "name", name);
    return tree;
}

/* What a new issue has before anything is set. */
static json_object *first_fields(const struct jira_call *call)
{
    char now[40];
    jira_time(clock_wall_ms(call->jira->clock), now, sizeof(now));
    json_object *fields = json_object_new_object();
    json_object_object_add(fields, "labels", json_object_new_array());
    json_object_object_add(fields, "description", NULL);
    json_object_object_add(fields, "priority", named("3", "Medium"));
    json_object_object_add(fields, "status", named("10000", "To Do"));
    json_object_object_add(fields, "resolution", NULL);
    json_object_object_add(fields, "resolutiondate", NULL);
    json_object_object_add(fields, "reporter", jira_show_user(call));
    jsonx_put_text(fields, "created", now);
    jsonx_put_text(fields, "updated", now);
    return fields;
}

/* Everything but the project. */
static void fill_draft(struct draft *draft, const json_object *body, json_object *properties)
{
    if (!jira_only_keys(body, "fields update properties transition historyMetadata")) {
        jira_errors_say(&draft->errors, JIRA_BAD_PAYLOAD);
    }
    if (draft->creating && jsonx_has(body, "transition")) {
        jira_errors_say(&draft->errors, "Transition id is not valid for this issue.");
    }
    const json_object *fields = jsonx_get(body, "fields");
    const json_object *update = jsonx_get(body, "update");
    if ((fields != NULL && !jsonx_is_object(fields)) ||
        (update != NULL && !jsonx_is_object(update))) {
        jira_errors_say(&draft->errors, JIRA_BAD_PAYLOAD);
        return;
    }
    draft_apply(draft, fields, update);
    json_object *given = jsonx_get(body, "properties");
    if (given != NULL) {
        jira_take_properties(given, properties, &draft->errors);
    }
    if (!jsonx_has(draft->fields, "summary") && !jsonx_has(draft->errors.fields, "summary")) {
        jira_errors_field(&draft->errors, "summary", "You must specify a summary of the issue.");
    }
    if (!jsonx_has(draft->fields, "issuetype") && !jsonx_has(draft->errors.fields, "issuetype")) {
        jira_errors_field(&draft->errors, "issuetype", "The issue type selected is invalid.");
    }
}

static void answer_created(struct jira_call *call, const struct issue *issue)
{
    json_object *full = jira_show_issue(call, issue, NULL, NULL, "none");
    json_object_object_del(full, "fields");
    json_object_object_del(full, "expand");
    answer_json(call->answer, 201, full);
}

void jira_create(struct jira_call *call)
{
    SCOPED_JSON body = jira_body(call);
    if (body == NULL) {
        return;
    }
    struct draft draft = {.call = call, .fields = first_fields(call), .creating = true};
    jira_errors_init(&draft.errors);
    SCOPED_JSON properties = json_object_new_object();
    struct project *project = chosen_project(call, jsonx_get(body, "fields"), &draft.errors);
    int64_t number = project == NULL ? 0 : ++project->counter;
    fill_draft(&draft, body, properties);
    if (jira_errors_any(&draft.errors) || project == NULL) {
        jira_errors_answer(&draft.errors, 400, call->answer);
    } else {
        struct issue *issue =
            store_add_issue(&call->jira->store, project, number, TAKE(draft.fields));
        json_object_put(issue->properties);
        issue->properties = TAKE(properties);
        issue->born_mono_ms = clock_mono_ms(call->jira->clock);
        jira_note_write(call->jira, issue);
        answer_created(call, issue);
    }
    jsonx_free(&draft.fields);
    jira_errors_close(&draft.errors);
}

void jira_read(struct jira_call *call)
{
    struct issue *issue = jira_find_issue(call);
    if (issue != NULL) {
        answer_json(call->answer, 200,
                    jira_show_issue(call, issue, request_query(call->req, "fields"),
                                    request_query(call->req, "properties"), "*all"));
    }
}

static json_object *copy_of(json_object *tree)
{
    json_object *copy = NULL;
    CHECK(json_object_deep_copy(tree, &copy, NULL) == 0);
    return copy;
}

static void settle_edit(struct jira_call *call, struct issue *issue, struct draft *draft,
                        json_object *properties)
{
    char now[40];
    jira_time(clock_wall_ms(call->jira->clock), now, sizeof(now));
    jsonx_put_text(draft->fields, "updated", now);
    json_object_put(issue->fields);
    issue->fields = TAKE(draft->fields);
    json_object_object_foreach(properties, key, value)
    {
        jsonx_put_again(issue->properties, key, value);
    }
    const char *wanted = request_query(call->req, "returnIssue");
    if (wanted != NULL && strcmp(wanted, "true") == 0) {
        answer_json(call->answer, 200, jira_show_issue(call, issue, NULL, NULL, "*all"));
    } else {
        answer_empty(call->answer, 204);
    }
}

void jira_edit(struct jira_call *call)
{
    struct issue *issue = jira_find_issue(call);
    if (issue == NULL || !jira_limit_writes(call, issue)) {
        return;
    }
    SCOPED_JSON body = jira_body(call);
    if (body == NULL) {
        return;
    }
    struct draft draft = {.call = call, .fields = copy_of(issue->fields)};
    jira_errors_init(&draft.errors);
    SCOPED_JSON properties = json_object_new_object();
    fill_draft(&draft, body, properties);
    if (!jsonx_has(body, "fields") && !jsonx_has(body, "update") &&
        !jsonx_has(body, "properties")) {
        jira_errors_say(&draft.errors, "one of 'fields' or 'update' required");
    }
    if (jira_errors_any(&draft.errors)) {
        jira_errors_answer(&draft.errors, 400, call->answer);
    } else {
        settle_edit(call, issue, &draft, properties);
    }
    jsonx_free(&draft.fields);
    jira_errors_close(&draft.errors);
}
