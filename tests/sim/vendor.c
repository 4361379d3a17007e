/* SPDX-License-Identifier: Apache-2.0
 *
 * Tickets, comments and the search's index.
 */
#define _GNU_SOURCE /* memmem */
#include "tests/sim/vendor.h"

#include "common/json.h"
#include "tests/sim/truth.h"

#include <inttypes.h>

#define VENDOR_COMMENTS_MAX 64
#define VENDOR_FIRST_ID     10001
#define VENDOR_LABEL        "koji-theme-"

struct issue {
    int theme;
    int64_t found_ms; /* the search finds it from then on */
    int told[PLAN_INTERVIEWS_MAX];
    size_t told_count;
    int comments[VENDOR_COMMENTS_MAX]; /* by interview, oldest first */
    size_t comment_count;
};

static struct {
    struct issue issues[VENDOR_ISSUES_MAX];
    size_t count;
} vendor;

const char *vendor_stage(enum vendor_kind kind)
{
    static const char *const names[] = {"find", "create", "comments", "comment"};
    return names[kind];
}

/* ---- reading ----------------------------------------------------------------------------- */

static bool find_label(struct json_object *labels, int *theme)
{
    size_t count =
        json_object_is_type(labels, json_type_array) ? json_object_array_length(labels) : 0;
    for (size_t i = 0; i < count; i++) {
        span label = json_text(json_object_array_get_idx(labels, i));
        if (span_starts(label, VENDOR_LABEL)) {
            size_t cut = sizeof(VENDOR_LABEL) - 1;
            *theme = truth_theme(span_of(label.at + cut, label.len - cut));
            return *theme >= 0;
        }
    }
    return false;
}

static struct json_object *our_property(struct json_object *body)
{
    struct json_object *property = json_at(body, "/properties/0");
    return span_is(json_text_at(property, "/key"), "hearback") ? json_at(property, "/value") : NULL;
}

static bool read_create(struct json_object *body, struct vendor_request *out)
{
    struct json_object *told = json_at(our_property(body), "/told");
    out->kind = VENDOR_CREATE;
    if (!json_object_is_type(told, json_type_array) ||
        !span_is(json_text_at(body, "/fields/project/key"), "RES") ||
        json_object_array_length(told) == 0 ||
        json_object_array_length(told) > PLAN_INTERVIEWS_MAX) {
        return false;
    }
    out->told_count = json_object_array_length(told);
    for (size_t i = 0; i < out->told_count; i++) {
        out->told[i] = truth_interview(json_text(json_object_array_get_idx(told, i)));
    }
    return find_label(json_at(body, "/fields/labels"), &out->theme);
}

/* project = "RES" AND labels = "koji-theme-th2" ORDER BY created ASC */
static bool read_search(struct json_object *body, struct vendor_request *out)
{
    span jql = json_text_at(body, "/jql");
    static const char before[] = "labels = \"" VENDOR_LABEL;
    const uint8_t *at = jql.len == 0 ? NULL : memmem(jql.at, jql.len, before, sizeof(before) - 1);
    out->kind = VENDOR_SEARCH;
    if (at == NULL) {
        return false;
    }
    at += sizeof(before) - 1;
    const uint8_t *end = memchr(at, '"', (size_t)(jql.at + jql.len - at));
    out->theme = end == NULL ? -1 : truth_theme(span_of(at, (size_t)(end - at)));
    return out->theme >= 0;
}

/* /rest/api/3/issue/10001/comment?… */
static bool read_comment(const struct transfer *t, struct json_object *body,
                         struct vendor_request *out)
{
    static const char before[] = "/rest/api/3/issue/";
    static const char start[] = "startAt=";
    int64_t id = 0;
    if (!span_starts(t->path, before)) {
        return false;
    }
    const uint8_t *at = t->path.at + sizeof(before) - 1;
    const uint8_t *end = memchr(at, '/', (size_t)(t->path.at + t->path.len - at));
    if (end == NULL || !span_number(span_of(at, (size_t)(end - at)), VENDOR_FIRST_ID,
                                    VENDOR_FIRST_ID + (int64_t)vendor.count - 1, &id)) {
        return false;
    }
    out->issue = (int)(id - VENDOR_FIRST_ID);
    out->theme = vendor.issues[out->issue].theme;
    if (strcmp(t->method, "GET") == 0) {
        const uint8_t *query = memmem(t->path.at, t->path.len, start, sizeof(start) - 1);
        out->kind = VENDOR_COMMENTS;
        query = query == NULL ? NULL : query + sizeof(start) - 1;
        return query != NULL &&
               span_number(span_of(query, (size_t)(t->path.at + t->path.len - query)), 0,
                           VENDOR_COMMENTS_MAX, &out->start);
    }
    out->kind = VENDOR_COMMENT;
    out->told_count = 1;
    out->told[0] = truth_interview(json_text_at(our_property(body), "/interview"));
    return out->told[0] >= 0;
}

void vendor_read(const struct transfer *t, struct vendor_request *out)
{
    struct json_object *body = NULL;
    *out = (struct vendor_request){.theme = -1};
    bool read = t->body.len == 0 || !failed(json_parse(t->body, &body));
    if (read && span_is(t->path, "/rest/api/3/issue")) {
        read = read_create(body, out);
    } else if (read && span_is(t->path, "/rest/api/3/search/jql")) {
        read = read_search(body, out);
    } else {
        read = read && read_comment(t, body, out);
    }
    json_object_put(body);
    if (!read) {
        world_violated("a request that the vendor does not understand: %s " SPAN_FMT " " SPAN_FMT,
                       t->method, SPAN_ARG(t->path), SPAN_ARG(t->body));
    }
}

/* ---- doing ------------------------------------------------------------------------------- */

static void add_told(const struct issue *issue, struct buf *body)
{
    for (size_t i = 0; i < issue->told_count; i++) {
        buf_addf(body, "%s\"" TRUTH_SOURCE "/%s\"", i == 0 ? "" : ",",
                 plan_get()->interviews[issue->told[i]].id);
    }
}

static int search(const struct vendor_request *request, struct buf *body)
{
    size_t found = 0;
    buf_add_text(body, "{\"issues\":[");
    for (size_t i = 0; i < vendor.count && found < 2; i++) {
        const struct issue *issue = &vendor.issues[i];
        if (issue->theme == request->theme && issue->found_ms <= world_now()) {
            buf_addf(body,
                     "%s{\"id\":\"%zu\",\"key\":\"RES-%zu\",\"fields\":{\"labels\":[]},"
                     "\"properties\":{\"hearback\":{\"v\":1,\"told\":[",
                     found++ == 0 ? "" : ",", i + VENDOR_FIRST_ID, i + 1);
            add_told(issue, body);
            buf_add_text(body, "]}}}");
        }
    }
    buf_add_text(body, "]}");
    return 200;
}

static int create(const struct vendor_request *request, struct buf *body)
{
    if (plan_get()->themes[request->theme].refused) {
        buf_add_text(body, "{\"errorMessages\":[],\"errors\":{\"summary\":\"is not liked\"}}");
        return 400;
    }
    CHECK(vendor.count < VENDOR_ISSUES_MAX);
    struct issue *issue = &vendor.issues[vendor.count];
    /* A little before the settling time is over it is found at last. */
    int64_t lag = plan_get()->stale ? world_between(WORLD_EDGE, 0, plan_get()->settle_ms - 1)
                                    : world_between(WORLD_EDGE, 0, 300);
    *issue = (struct issue){
        .theme = request->theme, .found_ms = world_now() + lag, .told_count = request->told_count};
    memcpy(issue->told, request->told, sizeof(issue->told));
    vendor.count++;
    truth_created(request->theme, request->told, request->told_count);
    buf_addf(body, "{\"id\":\"%zu\",\"key\":\"RES-%zu\"}", vendor.count - 1 + VENDOR_FIRST_ID,
             vendor.count);
    return 201;
}

static int comment(const struct vendor_request *request, struct buf *body)
{
    struct issue *issue = &vendor.issues[request->issue];
    CHECK(issue->comment_count < VENDOR_COMMENTS_MAX);
    issue->comments[issue->comment_count++] = request->told[0];
    truth_commented(request->theme, request->told[0]);
    buf_addf(body, "{\"id\":\"%d%02zu\"}", request->issue + 2, issue->comment_count);
    return 201;
}

/* Newest first, as they are asked for. */
static int comments(const struct vendor_request *request, struct buf *body)
{
    const struct issue *issue = &vendor.issues[request->issue];
    size_t page = (size_t)plan_get()->comments_a_page;
    buf_addf(body, "{\"startAt\":%" PRId64 ",\"maxResults\":%zu,\"total\":%zu,\"comments\":[",
             request->start, page, issue->comment_count);
    for (size_t i = 0; i < page && (size_t)request->start + i < issue->comment_count; i++) {
        size_t at = issue->comment_count - 1 - ((size_t)request->start + i);
        buf_addf(body,
                 "%s{\"id\":\"%zu\",\"properties\":[{\"key\":\"hearback\",\"value\":{\"v\":1,"
                 "\"interview\":\"" TRUTH_SOURCE "/%s\"}}]}",
                 i == 0 ? "" : ",", at, plan_get()->interviews[issue->comments[at]].id);
    }
    buf_add_text(body, "]}");
    return 200;
}

int vendor_do(const struct vendor_request *request, struct buf *body)
{
    switch (request->kind) {
    case VENDOR_SEARCH:
        return search(request, body);
    case VENDOR_CREATE:
        return create(request, body);
    case VENDOR_COMMENTS:
        return comments(request, body);
    case VENDOR_COMMENT:
        return comment(request, body);
    }
    NEVER("a request of no kind");
}
