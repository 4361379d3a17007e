/* SPDX-License-Identifier: Apache-2.0
 *
 * The enhanced search, /search/jql, by GET and by POST, and the removed one that
 * answers 410. A stranger gets an empty page whatever he asks for. A page token
 * is bound to its query and ends after seven days. A stale hit hides young issues
 * unless reconcileIssues names them. By default an issue is its id and nothing else.
 */
#include "tests/sandbox/jira_search.h"

#include "common/mem.h"
#include "tests/sandbox/jql.h"

#include <inttypes.h>
#include <stdlib.h>

#define RESULTS_MAX       5000
#define PROPERTIES_MAX    5
#define TOKEN_LIFETIME_MS (INT64_C(7) * 24 * 3600 * 1000)
#define NAMES_BYTES_MAX   (64U << 10)

static bool has_label(const struct issue *issue, const char *label)
{
    json_object *labels = jsonx_get(issue->fields, "labels");
    for (size_t i = 0; labels != NULL && i < json_object_array_length(labels); i++) {
        if (span_is(jsonx_span(json_object_array_get_idx(labels, i)), label)) {
            return true;
        }
    }
    return false;
}

/* Is the issue's value of the field this one? Names in any case, labels exactly. */
static bool is_value(struct store *store, const struct issue *issue, enum jql_field field,
                     const char *value)
{
    switch (field) {
    case JQL_PROJECT:
        return store_project(store, value) == issue->project;
    case JQL_LABELS:
        return has_label(issue, value);
    case JQL_KEY:
        return store_issue(store, value) == issue;
    case JQL_STATUS: {
        const json_object *status = jsonx_get(issue->fields, "status");
        return span_is_nocase(span_text(jsonx_text(status, "name")), value) ||
               span_is(span_text(jsonx_text(status, "id")), value);
    }
    case JQL_CREATED:
    case JQL_UPDATED:
        return false; /* the parser takes them in ORDER BY only */
    }
    return false;
}

static bool matches(struct store *store, const struct issue *issue, const struct jql *jql)
{
    for (size_t i = 0; i < jql->clause_count; i++) {
        const struct jql_clause *clause = &jql->clauses[i];
        bool any = false;
        for (size_t v = 0; !any && v < clause->value_count; v++) {
            any = is_value(store, issue, clause->field, clause->values[v]);
        }
        if (any == clause->negated) {
            return false;
        }
    }
    return true;
}

struct found {
    const struct issue *issue;
    const struct jql *jql;
};

static int compare_by(enum jql_field field, const struct issue *a, const struct issue *b)
{
    if (field == JQL_UPDATED) {
        return strcmp(jsonx_text(a->fields, "updated"), jsonx_text(b->fields, "updated"));
    }
    if (field == JQL_KEY && a->project != b->project) {
        return strcmp(a->project->key, b->project->key);
    }
    return (a->id > b->id) - (a->id < b->id);
}

static int compare(const void *left, const void *right)
{
    const struct found *a = left;
    const struct found *b = right;
    for (size_t i = 0; i < a->jql->order_count; i++) {
        int order = compare_by(a->jql->orders[i].field, a->issue, b->issue);
        if (order != 0) {
            return a->jql->orders[i].descending ? -order : order;
        }
    }
    return compare_by(JQL_CREATED, b->issue, a->issue); /* the newest first */
}

static bool visible(const struct jira_call *call, const struct search *search,
                    const struct issue *issue)
{
    int64_t age = clock_mono_ms(call->jira->clock) - issue->born_mono_ms;
    if (call->stale_ms == 0 || age >= call->stale_ms) {
        return true;
    }
    for (size_t i = 0; i < search->reconcile_count; i++) {
        if (search->reconcile[i] == issue->id) {
            return true;
        }
    }
    return false;
}

/* Everything that matches, in order; the caller frees it with mem_free. */
static struct found *find(struct jira_call *call, const struct search *search,
                          const struct jql *jql, size_t *count)
{
    struct store *store = &call->jira->store;
    struct found *found = mem_must_array(store->issue_count + 1, sizeof(*found));
    *count = 0;
    for (size_t i = 0; i < store->issue_count; i++) {
        const struct issue *issue = store->issues[i];
        if (visible(call, search, issue) && matches(store, issue, jql)) {
            found[(*count)++] = (struct found){.issue = issue, .jql = jql};
        }
    }
    qsort(found, *count, sizeof(*found), compare);
    return found;
}

/* A token is "hash.born.offset". False when it is none, another query's, or too old. */
static bool read_token(const struct jira_call *call, const struct search *search, size_t *offset)
{
    *offset = 0;
    if (search->token == NULL || *search->token == 0) {
        return true;
    }
    char *end = NULL;
    uint64_t hash = strtoull(search->token, &end, 16);
    if (*end != '.' || hash != span_hash(span_text(search->jql))) {
        return false;
    }
    const char *born = end + 1;
    size_t len = strcspn(born, ".");
    int64_t born_ms = 0;
    int64_t at = 0;
    if (born[len] == 0 || !span_number(span_of(born, len), 0, INT64_MAX, &born_ms) ||
        !span_number(span_text(born + len + 1), 0, INT32_MAX, &at)) {
        return false;
    }
    *offset = (size_t)at;
    return clock_wall_ms(call->jira->clock) - born_ms <= TOKEN_LIFETIME_MS;
}

static json_object *show(const struct jira_call *call, struct search *search,
                         const struct issue *issue)
{
    const char *fields = buf_text(&search->fields);
    json_object *tree = jira_show_issue(call, issue, fields, buf_text(&search->properties), "id");
    if (*fields == 0 || strcmp(fields, "id") == 0) {
        json_object_object_del(tree, "expand");
        json_object_object_del(tree, "self");
        json_object_object_del(tree, "key");
        json_object_object_del(tree, "fields");
    }
    return tree;
}

static void answer_page(struct jira_call *call, struct search *search, const struct jql *jql,
                        size_t offset)
{
    size_t count = 0;
    struct found *found = find(call, search, jql, &count);
    size_t most = search->most > RESULTS_MAX ? RESULTS_MAX : (size_t)search->most;
    size_t end = offset > count || count - offset < most ? count : offset + most;
    json_object *issues = json_object_new_array();
    for (size_t i = offset; i < end; i++) {
        json_object_array_add(issues, show(call, search, found[i].issue));
    }
    mem_free(found);
    json_object *page = json_object_new_object();
    json_object_object_add(page, "issues", issues);
    if (end < count) {
        const char *token =
            arena_printf(&call->req->arena, "%016" PRIx64 ".%" PRId64 ".%zu",
                         span_hash(span_text(search->jql)), clock_wall_ms(call->jira->clock), end);
        jsonx_put_text(page, "nextPageToken", token == NULL ? "" : token);
    }
    json_object_object_add(page, "isLast", json_object_new_boolean(end >= count));
    answer_json(call->answer, 200, page);
}

/* Jira refuses a query that names a project or an issue there is not. */
static bool value_exists(struct jira_call *call, enum jql_field field, const char *value)
{
    struct store *store = &call->jira->store;
    const char *said = NULL;
    if (field == JQL_PROJECT && store_project(store, value) == NULL) {
        said = arena_printf(&call->req->arena,
                            "The value '%s' does not exist for the field 'project'.", value);
    } else if (field == JQL_KEY && store_issue(store, value) == NULL) {
        said = arena_printf(&call->req->arena,
                            "An issue with key '%s' does not exist for field 'key'.", value);
    } else {
        return true;
    }
    jira_fail(call, 400, said == NULL ? "" : said);
    return false;
}

static bool values_exist(struct jira_call *call, const struct jql *jql)
{
    for (size_t i = 0; i < jql->clause_count; i++) {
        const struct jql_clause *clause = &jql->clauses[i];
        for (size_t v = 0; v < clause->value_count; v++) {
            if (!value_exists(call, clause->field, clause->values[v])) {
                return false;
            }
        }
    }
    return true;
}

static void run(struct jira_call *call, struct search *search)
{
    if (search->jql == NULL) {
        search->jql = "";
    }
    struct jql jql;
    struct err e = jql_parse(&jql, span_text(search->jql), &call->req->arena);
    size_t offset = 0;
    if (failed(e)) {
        jira_fail(call, 400, e.class == ERR_REJECT ? jql.error : e.text);
    } else if (jql.clause_count == 0) {
        jira_fail(call, 400,
                  "Unbounded JQL queries are not allowed here. Please add a search restriction to "
                  "your query.");
    } else if (search->property_count > PROPERTIES_MAX) {
        jira_fail(call, 400, "At most 5 issue properties can be requested.");
    } else if (call->login != JIRA_KNOWN) {
        answer_json(call->answer, 200, json_tokener_parse("{\"issues\":[],\"isLast\":true}"));
    } else if (!read_token(call, search, &offset)) {
        jira_fail(call, 400, "The provided next page token is invalid or expired.");
    } else if (values_exist(call, &jql)) {
        answer_page(call, search, &jql, offset);
    }
}

void jira_search(struct jira_call *call)
{
    bool posted = strcmp(call->req->method, "POST") == 0;
    SCOPED_JSON body = posted ? jira_body(call) : NULL;
    if (posted && body == NULL) {
        return;
    }
    struct search search = {.jql = NULL};
    buf_init(&search.fields, NAMES_BYTES_MAX);
    buf_init(&search.properties, NAMES_BYTES_MAX);
    if (posted ? search_from_body(body, &search) : search_from_query(call->req, &search)) {
        run(call, &search);
    } else {
        jira_fail(call, 400, JIRA_BAD_PAYLOAD);
    }
    buf_close(&search.fields);
    buf_close(&search.properties);
}

void jira_search_removed(struct jira_call *call)
{
    jira_fail(call, 410,
              "The requested API has been removed. Please migrate to the /rest/api/3/search/jql "
              "API. A full migration guideline is available at "
              "https://developer.atlassian.com/changelog/#CHANGE-2046");
}
