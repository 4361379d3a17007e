/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of the played Jira: arrays of pointers that only grow, found by id,
 * or by number within a project. Runs under the sandbox's lock and owns all of it.
 */
#include "tests/sandbox/store.h"

#include "common/err.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>

bool store_init(struct store *store, const char *projects)
{
    *store = (struct store){.project_count = 0};
    while (*projects != 0) {
        size_t len = strcspn(projects, ",");
        if (len == 0 || len >= STORE_PROJECT_KEY_BYTES ||
            store->project_count == STORE_PROJECTS_MAX) {
            return false;
        }
        struct project *project = &store->projects[store->project_count];
        memcpy(project->key, projects, len);
        project->id = 10000 + (int64_t)store->project_count++;
        projects += len + (projects[len] == ',' ? 1 : 0);
    }
    return store->project_count > 0;
}

static void free_comment(struct comment *comment)
{
    jsonx_free(&comment->body);
    jsonx_free(&comment->visibility);
    jsonx_free(&comment->properties);
    mem_free(comment);
}

static void free_issue(struct issue *issue)
{
    jsonx_free(&issue->fields);
    jsonx_free(&issue->properties);
    mem_free(issue->comments);
    mem_free(issue);
}

void store_clear(struct store *store)
{
    for (size_t i = 0; i < store->comment_count; i++) {
        free_comment(store->comments[i]);
    }
    for (size_t i = 0; i < store->issue_count; i++) {
        free_issue(store->issues[i]);
    }
    store->comment_count = 0;
    store->issue_count = 0;
    for (size_t i = 0; i < store->project_count; i++) {
        struct project *project = &store->projects[i];
        project->counter = 0;
        mem_free(project->issues);
        project->issues = NULL;
        project->room = 0;
    }
}

void store_close(struct store *store)
{
    store_clear(store);
    mem_free(store->issues);
    mem_free(store->comments);
    *store = (struct store){.project_count = 0};
}

struct project *store_project(struct store *store, const char *key_or_id)
{
    int64_t id = -1;
    (void)span_number(span_text(key_or_id), 0, INT64_MAX, &id);
    for (size_t i = 0; i < store->project_count; i++) {
        struct project *project = &store->projects[i];
        if (project->id == id || span_is_nocase(span_text(project->key), key_or_id)) {
            return project;
        }
    }
    return NULL;
}

static struct issue *by_key(struct store *store, const char *key)
{
    const char *dash = strrchr(key, '-');
    int64_t number = 0;
    if (dash == NULL || !span_number(span_text(dash + 1), 1, INT64_MAX, &number)) {
        return NULL;
    }
    for (size_t i = 0; i < store->project_count; i++) {
        const struct project *project = &store->projects[i];
        if (span_is_nocase(span_of(key, (size_t)(dash - key)), project->key)) {
            return (uint64_t)number < project->room ? project->issues[number] : NULL;
        }
    }
    return NULL;
}

struct issue *store_issue(struct store *store, const char *key_or_id)
{
    int64_t id = 0;
    if (!span_number(span_text(key_or_id), 0, INT64_MAX, &id)) {
        return by_key(store, key_or_id);
    }
    bool known = id >= STORE_ISSUE_FIRST && (uint64_t)id - STORE_ISSUE_FIRST < store->issue_count;
    return known ? store->issues[id - STORE_ISSUE_FIRST] : NULL;
}

struct comment *store_comment(struct store *store, const char *id_text)
{
    int64_t id = 0;
    bool known = span_number(span_text(id_text), STORE_COMMENT_FIRST, INT64_MAX, &id) &&
                 (uint64_t)id - STORE_COMMENT_FIRST < store->comment_count;
    return known ? store->comments[id - STORE_COMMENT_FIRST] : NULL;
}

/* Room for index `need` in an array of pointers; new places are NULL. */
static void *grown(void *array, size_t *room, size_t need)
{
    if (need < *room) {
        return array;
    }
    size_t more = *room == 0 ? 16 : *room;
    while (more <= need) {
        more *= 2;
    }
    void **to = mem_try_grow(array, more * sizeof(*to));
    CHECK(to != NULL);
    for (size_t i = *room; i < more; i++) {
        to[i] = NULL;
    }
    *room = more;
    return to;
}

struct issue *store_add_issue(struct store *store, struct project *project, int64_t number,
                              json_object *fields)
{
    struct issue *issue = mem_must_alloc(sizeof(*issue));
    *issue = (struct issue){
        .id = STORE_ISSUE_FIRST + (int64_t)store->issue_count,
        .project = project,
        .number = number,
        .fields = fields,
        .properties = json_object_new_object(),
    };
    (void)snprintf(issue->key, sizeof(issue->key), "%s-%" PRId64, project->key, number);
    store->issues = grown(store->issues, &store->issue_room, store->issue_count);
    store->issues[store->issue_count++] = issue;
    project->issues = grown(project->issues, &project->room, (size_t)number);
    project->issues[number] = issue;
    return issue;
}

struct comment *store_add_comment(struct store *store, struct issue *issue, json_object *body)
{
    struct comment *comment = mem_must_alloc(sizeof(*comment));
    *comment = (struct comment){
        .id = STORE_COMMENT_FIRST + (int64_t)store->comment_count,
        .issue = issue,
        .body = body,
        .properties = json_object_new_object(),
    };
    store->comments = grown(store->comments, &store->comment_room, store->comment_count);
    store->comments[store->comment_count++] = comment;
    issue->comments = grown(issue->comments, &issue->comment_room, issue->comment_count);
    issue->comments[issue->comment_count++] = comment;
    return comment;
}
