/* SPDX-License-Identifier: Apache-2.0
 *
 * The played Jira as a vendor: its routes in one table, and the order in which a
 * call is judged: known path, login, burst limit, whether strangers may ask,
 * then the route's own function. A stranger is somebody without or with wrong
 * credentials: Jira serves him anonymously where it can.
 */
#include "tests/sandbox/jira.h"

#include "common/mem.h"

#include <stdio.h>

#define API "/rest/api/3"

struct route {
    const char *method;
    const char *path; /* below API */
    void (*serve)(struct jira_call *call);
    int per_second;
    bool strangers; /* served to them too; else 401 */
};

static const struct route routes[] = {
    {"GET", "/myself", jira_myself, 100, false},
    {"GET", "/field", jira_list_fields, 100, false},
    {"POST", "/issue", jira_create, 100, false},
    {"GET", "/issue/{idOrKey}", jira_read, 150, true},
    {"PUT", "/issue/{idOrKey}", jira_edit, 50, false},
    {"POST", "/issue/{idOrKey}/comment", jira_comment_add, 100, false},
    {"GET", "/issue/{idOrKey}/comment", jira_comment_list, 100, true},
    {"GET", "/issue/{idOrKey}/comment/{id}", jira_comment_read, 100, true},
    {"GET", "/issue/{idOrKey}/properties", jira_issue_property_list, 100, true},
    {"GET", "/issue/{idOrKey}/properties/{key}", jira_issue_property, 100, true},
    {"PUT", "/issue/{idOrKey}/properties/{key}", jira_issue_property, 50, false},
    {"DELETE", "/issue/{idOrKey}/properties/{key}", jira_issue_property, 50, false},
    {"GET", "/comment/{id}/properties", jira_comment_property_list, 100, true},
    {"GET", "/comment/{id}/properties/{key}", jira_comment_property, 100, true},
    {"PUT", "/comment/{id}/properties/{key}", jira_comment_property, 50, false},
    {"DELETE", "/comment/{id}/properties/{key}", jira_comment_property, 50, false},
    {"GET", "/search/jql", jira_search, 100, true},
    {"POST", "/search/jql", jira_search, 100, true},
    {"GET", "/search", jira_search_removed, 100, true},
    {"POST", "/search", jira_search_removed, 100, true},
};
_Static_assert(COUNT_OF(routes) <= JIRA_ROUTES_MAX, "a bucket and a count for every route");

/* The row, or NULL after answering 404 or 405. */
static const struct route *find_route(struct jira_call *call)
{
    struct request *req = call->req;
    struct buf allow;
    buf_init(&allow, 256);
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        char pattern[96];
        (void)snprintf(pattern, sizeof(pattern), API "%s", routes[i].path);
        if (!request_fits(req, pattern)) {
            continue;
        }
        if (strcmp(req->method, routes[i].method) == 0) {
            buf_close(&allow);
            return &routes[i];
        }
        buf_addf(&allow, "%s%s", allow.len > 0 ? ", " : "", routes[i].method);
    }
    if (allow.len > 0) {
        answer_header(call->answer, "Allow", "%s", buf_text(&allow));
        jira_fail(call, 405, "Method Not Allowed");
    } else {
        answer_json(call->answer, 404,
                    json_tokener_parse("{\"message\":\"null for uri\",\"status-code\":404}"));
    }
    buf_close(&allow);
    return NULL;
}

static void serve(void *self, struct request *req, const struct hit *hit, struct answer *answer)
{
    struct jira *jira = self;
    struct jira_call call = {.jira = jira, .req = req, .answer = answer, .stale_ms = hit->stale_ms};
    const struct route *route = find_route(&call);
    if (route == NULL) {
        return;
    }
    size_t index = (size_t)(route - routes);
    jira->requests[index]++;
    call.login = jira_authenticate(jira, req, answer);
    if (!jira_limit_burst(&call, index, route->per_second)) {
        return;
    }
    jira_count_accepted(&call);
    if (call.login == JIRA_REFUSED) {
        answer_json(
            answer, 403,
            json_tokener_parse("{\"error\":\"Failed to parse Connect Session Auth Token\"}"));
    } else if (call.login == JIRA_ANONYMOUS && !route->strangers) {
        if (route->serve == jira_myself) {
            answer_text(answer, 401,
                        JIRA_LOGIN_NEEDED); /* seen as plain text, and as JSON: play both */
        } else {
            jira_fail(&call, 401, JIRA_LOGIN_NEEDED);
        }
    } else {
        route->serve(&call);
    }
}

static struct err open_jira(const struct options *options, const struct clock *clock, void **self)
{
    struct jira *jira = mem_must_alloc(sizeof(*jira));
    if (options->jira_user == NULL || options->jira_token == NULL ||
        !store_init(&jira->store, options->projects)) {
        mem_free(jira);
        FAIL(ERR_CONFIG, 0, "Jira needs a user, a token and one to eight project keys");
    }
    jira->clock = clock;
    jira->user = mem_must_copy_text(options->jira_user);
    secret_init(&jira->token, span_text(options->jira_token));
    jira->limits = jira->limits_at_start = options->limits;
    jira->comments_max = jira->comments_max_at_start = options->comments_max;
    *self = jira;
    return NO_ERROR;
}

static void close_jira(void *self)
{
    struct jira *jira = self;
    store_close(&jira->store);
    secret_close(&jira->token);
    mem_free_text(&jira->user);
    mem_free(jira);
}

static void reset(void *self)
{
    struct jira *jira = self;
    store_clear(&jira->store);
    jira->limits = jira->limits_at_start;
    jira->comments_max = jira->comments_max_at_start;
    memset(jira->buckets, 0, sizeof(jira->buckets));
    memset(jira->requests, 0, sizeof(jira->requests));
    memset(jira->methods, 0, sizeof(jira->methods));
    memset(jira->accepted, 0, sizeof(jira->accepted));
    jira->refused = 0;
    jira->sliding = false;
}

static struct err set(void *self, const json_object *settings)
{
    struct jira *jira = self;
    if (!jira_only_keys(settings, "limits sliding comments_max")) {
        FAIL(ERR_REJECT, 400,
             "jira has the settings limits and sliding (true or false) and comments_max");
    }
    jira->sliding = jsonx_bool(settings, "sliding", jira->sliding);
    jira->limits = jsonx_bool(settings, "limits", jira->limits);
    jira->comments_max = jsonx_int(settings, "comments_max", jira->comments_max);
    return NO_ERROR;
}

/* Calls that were let in by the limits, for each method, and those that were not. */
static json_object *rates(const struct jira *jira)
{
    json_object *tree = json_object_new_object();
    for (size_t i = 0; i < JIRA_METHODS; i++) {
        jsonx_put_int(tree, jira_methods[i], jira->accepted[i]);
    }
    jsonx_put_int(tree, "refused", jira->refused);
    return tree;
}

static json_object *state(void *self)
{
    struct jira *jira = self;
    json_object *tree = jira_state(jira);
    json_object *requests = json_object_new_object();
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        char name[96];
        (void)snprintf(name, sizeof(name), "%s %s", routes[i].method, routes[i].path);
        if (jira->requests[i] > 0) {
            jsonx_put_int(requests, name, jira->requests[i]);
        }
    }
    json_object_object_add(tree, "requests", requests);
    json_object_object_add(tree, "rates", rates(jira));
    return tree;
}

static void board(void *self, struct buf *out)
{
    jira_board(self, out);
}

const struct vendor vendor_jira = {
    .name = "jira",
    .open = open_jira,
    .close = close_jira,
    .reset = reset,
    .set = set,
    .serve = serve,
    .state = state,
    .board = board,
};
