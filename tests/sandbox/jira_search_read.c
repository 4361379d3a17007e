/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a search from a query (where lists may be repeated or comma-separated)
 * or a body (where they are arrays, but expand is one text). Strict about what
 * Jira is strict about.
 */
#include "tests/sandbox/jira_search.h"

#define RESULTS_DEFAULT 50

static void add_names(struct buf *list, const char *names, size_t *count)
{
    if (*names != 0) {
        buf_addf(list, "%s%s", list->len > 0 ? "," : "", names);
        *count += 1;
        for (const char *at = names; (at = strchr(at, ',')) != NULL; at++) {
            *count += 1;
        }
    }
}

static bool add_reconcile(struct search *search, span id)
{
    return search->reconcile_count < SEARCH_RECONCILE_MAX &&
           span_number(id, 1, INT64_MAX, &search->reconcile[search->reconcile_count++]);
}

bool search_from_query(const struct request *req, struct search *search)
{
    size_t field_count = 0;
    search->jql = request_query(req, "jql");
    search->token = request_query(req, "nextPageToken");
    for (size_t i = 0; i < req->queries; i++) {
        const struct pair *pair = &req->query[i];
        if (strcmp(pair->name, "fields") == 0) {
            add_names(&search->fields, pair->value, &field_count);
        } else if (strcmp(pair->name, "properties") == 0) {
            add_names(&search->properties, pair->value, &search->property_count);
        } else if (strcmp(pair->name, "reconcileIssues") == 0 &&
                   !add_reconcile(search, span_text(pair->value))) {
            return false;
        }
    }
    return !failed(request_query_int(req, "maxResults", RESULTS_DEFAULT, &search->most));
}

/* An array of texts, or absent. */
static bool take_names(const json_object *body, const char *key, struct buf *list, size_t *count)
{
    json_object *names = jsonx_get(body, key);
    if (names != NULL && !jsonx_is_array(names)) {
        return false;
    }
    for (size_t i = 0; names != NULL && i < json_object_array_length(names); i++) {
        json_object *name = json_object_array_get_idx(names, i);
        if (!jsonx_is_string(name)) {
            return false;
        }
        add_names(list, json_object_get_string(name), count);
    }
    return true;
}

bool search_from_body(const json_object *body, struct search *search)
{
    size_t field_count = 0;
    json_object *expand = jsonx_get(body, "expand");
    json_object *most = jsonx_get(body, "maxResults");
    json_object *ids = jsonx_get(body, "reconcileIssues");
    search->jql = jsonx_text(body, "jql");
    search->token = jsonx_text(body, "nextPageToken");
    search->most = jsonx_int(body, "maxResults", RESULTS_DEFAULT);
    bool good = jira_only_keys(body, "jql nextPageToken maxResults fields expand properties "
                                     "fieldsByKeys failFast reconcileIssues") &&
                (expand == NULL || jsonx_is_string(expand)) &&
                (most == NULL || json_object_is_type(most, json_type_int)) &&
                (ids == NULL || jsonx_is_array(ids)) && search->most >= 0;
    for (size_t i = 0; good && ids != NULL && i < json_object_array_length(ids); i++) {
        json_object *id = json_object_array_get_idx(ids, i);
        good = json_object_is_type(id, json_type_int) &&
               add_reconcile(search, span_text(json_object_get_string(id)));
    }
    return good && take_names(body, "fields", &search->fields, &field_count) &&
           take_names(body, "properties", &search->properties, &search->property_count);
}
