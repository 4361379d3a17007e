/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of fault rules. A path is an fnmatch glob over the path below the
 * vendor's name, without query ("*" matches slashes too), so "/rest/api/3/issue"
 * is exactly create; a star at the end makes a prefix, one in front a suffix. A rule counts
 * the requests it fits; it strikes every `every`-th of them, `count` times in all.
 * Left out, count and every are 1. Runs under the sandbox's lock and owns its rules.
 */
#include "tests/sandbox/faults.h"

#include "common/mem.h"
#include "tests/sandbox/jsonx.h"

#include <fnmatch.h>

struct fault {
    struct fault *next;
    json_object *rule; /* as given, the source of texts and headers */
    int64_t id;
    enum fault_kind kind;
    unsigned status;
    bool after_effect;
    int64_t ms;
    int64_t seconds;
    int64_t count; /* negative: for ever */
    int64_t every;
    int64_t seen;
    int64_t applied;
};

static const char *const kind_names[] = {
    [FAULT_NONE] = "none",
    [FAULT_DELAY] = "delay",
    [FAULT_DROP_BEFORE] = "drop_before",
    [FAULT_DROP_AFTER] = "drop_after",
    [FAULT_STATUS] = "status",
    [FAULT_STALE] = "stale",
    [FAULT_GARBAGE] = "garbage",
    [FAULT_TRUNCATE] = "truncate",
    [FAULT_ENDLESS] = "endless",
    [FAULT_CLOSE_IDLE] = "close_idle",
};

const char *fault_name(enum fault_kind kind)
{
    return kind_names[kind];
}

static enum fault_kind kind_of(const char *name)
{
    for (size_t i = 1; name != NULL && i < COUNT_OF(kind_names); i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            return (enum fault_kind)i;
        }
    }
    return FAULT_NONE;
}

/* Is it an object of these members only? */
static bool only_keys(const json_object *object, const char *const *keys, size_t count)
{
    if (!jsonx_is_object(object)) {
        return false;
    }
    json_object_object_foreach(object, key, value)
    {
        (void)value;
        bool known = false;
        for (size_t i = 0; i < count; i++) {
            known = known || strcmp(key, keys[i]) == 0;
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

static bool shape_fits(const json_object *rule)
{
    static const char *const keys[] = {"vendor",  "match", "fault",       "status",
                                       "headers", "body",  "ms",          "count",
                                       "seconds", "every", "after_effect"};
    static const char *const match_keys[] = {"method", "path"};
    return only_keys(rule, keys, COUNT_OF(keys)) &&
           (!jsonx_has(rule, "match") ||
            only_keys(jsonx_get(rule, "match"), match_keys, COUNT_OF(match_keys))) &&
           (!jsonx_has(rule, "headers") || jsonx_is_object(jsonx_get(rule, "headers")));
}

struct err faults_add(struct faults *faults, json_object *rule, int64_t *id)
{
    if (!shape_fits(rule)) {
        FAIL(ERR_REJECT, 400,
             "a fault is an object of vendor, match {method, path}, fault, status, "
             "headers, body, ms, seconds, count, every, after_effect");
    }
    enum fault_kind kind = kind_of(jsonx_text(rule, "fault"));
    if (kind == FAULT_NONE || jsonx_text(rule, "vendor") == NULL) {
        FAIL(ERR_REJECT, 400, "vendor or fault is missing or unknown");
    }
    int64_t status = jsonx_int(rule, "status", 0);
    if (kind == FAULT_STATUS && (status < 200 || status > 599)) {
        FAIL(ERR_REJECT, 400, "fault status needs a status from 200 to 599");
    }
    int64_t every = jsonx_int(rule, "every", 1);
    int64_t seconds = jsonx_int(rule, "seconds", 0);
    if (every < 1 || (kind == FAULT_STALE && seconds < 1)) {
        FAIL(ERR_REJECT, 400, "every is at least 1, and stale needs seconds");
    }
    struct fault *fault = mem_must_alloc(sizeof(*fault));
    *fault = (struct fault){
        .rule = json_object_get(rule),
        .id = ++faults->next_id,
        .kind = kind,
        .status = (unsigned)status,
        .after_effect = jsonx_bool(rule, "after_effect", false),
        .ms = jsonx_int(rule, "ms", 0),
        .seconds = seconds,
        .count = jsonx_int(rule, "count", 1),
        .every = every,
    };
    struct fault **end = &faults->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = fault;
    *id = fault->id;
    return NO_ERROR;
}

void faults_clear(struct faults *faults)
{
    while (faults->first != NULL) {
        struct fault *fault = faults->first;
        faults->first = fault->next;
        jsonx_free(&fault->rule);
        mem_free(fault);
    }
}

json_object *faults_list(const struct faults *faults)
{
    json_object *list = json_object_new_array();
    for (const struct fault *fault = faults->first; fault != NULL; fault = fault->next) {
        json_object *row = json_object_new_object();
        jsonx_put_int(row, "id", fault->id);
        jsonx_put_int(row, "matched", fault->seen);
        jsonx_put_int(row, "applied", fault->applied);
        jsonx_put_again(row, "rule", fault->rule);
        json_object_array_add(list, row);
    }
    return list;
}

static bool fits(const struct fault *fault, const struct request *req)
{
    const char *vendor = jsonx_text(fault->rule, "vendor");
    const json_object *match = jsonx_get(fault->rule, "match");
    const char *method = jsonx_text(match, "method");
    const char *path = jsonx_text(match, "path");
    if (path == NULL && fault->kind == FAULT_STALE) {
        path = "*/search/jql";
    }
    return strcmp(vendor, req->vendor) == 0 &&
           (method == NULL || strcmp(method, req->method) == 0) &&
           (path == NULL || fnmatch(path, req->path, 0) == 0);
}

static bool due(struct fault *fault)
{
    fault->seen++;
    if (fault->seen % fault->every != 0 || (fault->count >= 0 && fault->applied >= fault->count)) {
        return false;
    }
    fault->applied++;
    return true;
}

/* The rule may be gone before the answer is: texts are copied. */
static void describe(const struct fault *fault, struct arena *arena, struct hit *hit)
{
    hit->kind = fault->kind;
    hit->status = fault->status;
    hit->ms = fault->ms;
    hit->after_effect = fault->after_effect;
    const char *body = jsonx_text(fault->rule, "body");
    hit->body = body == NULL ? NULL : arena_printf(arena, "%s", body);
    json_object *headers = jsonx_get(fault->rule, "headers");
    if (!jsonx_is_object(headers)) {
        return;
    }
    json_object_object_foreach(headers, name, value)
    {
        if (hit->header_count < ANSWER_HEADERS_MAX) {
            hit->headers[hit->header_count++] =
                (struct pair){.name = arena_printf(arena, "%s", name),
                              .value = arena_printf(arena, "%s", json_object_get_string(value))};
        }
    }
}

void faults_strike(struct faults *faults, const struct request *req, struct arena *arena,
                   struct hit *hit)
{
    *hit = (struct hit){.kind = FAULT_NONE};
    for (struct fault *fault = faults->first; fault != NULL; fault = fault->next) {
        bool free_turn = fault->kind == FAULT_STALE ? hit->stale_ms == 0 : hit->kind == FAULT_NONE;
        if (!free_turn || !fits(fault, req) || !due(fault)) {
            continue;
        }
        if (fault->kind == FAULT_STALE) {
            hit->stale_ms = fault->seconds * 1000;
        } else {
            describe(fault, arena, hit);
        }
    }
}
