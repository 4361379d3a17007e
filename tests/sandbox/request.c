/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes a request's target apart and matches paths. Percent-decoding happens
 * segment by segment, so a "%2F" inside a property key stays inside it. More
 * query values than fit are left out: no vendor call has that many. Runs in the
 * connection's thread.
 */
#include "tests/sandbox/request.h"

#include <stdlib.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Decoded copy; in a query a plus sign is a blank. */
static const char *decode(struct arena *arena, span text, bool plus)
{
    char *out = arena_alloc(arena, text.len + 1);
    if (out == NULL) {
        return "";
    }
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.at[i];
        if (c == '%' && i + 2 < text.len && hex((char)text.at[i + 1]) >= 0 &&
            hex((char)text.at[i + 2]) >= 0) {
            c = (char)(hex((char)text.at[i + 1]) * 16 + hex((char)text.at[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = 0;
    return out;
}

static span until(const char *at, const char *stops)
{
    return span_of(at, strcspn(at, stops));
}

static void parse_query(struct request *req, const char *at)
{
    while (*at != 0 && req->queries < REQUEST_PAIRS_MAX) {
        span pair = until(at, "&#");
        size_t name = strcspn(at, "=&#");
        struct pair *to = &req->query[req->queries];
        to->name = decode(&req->arena, span_of(at, name), true);
        to->value = name < pair.len
                        ? decode(&req->arena, span_of(at + name + 1, pair.len - name - 1), true)
                        : "";
        req->queries += pair.len > 0 ? 1 : 0;
        at += pair.len;
        if (*at != '&') {
            return;
        }
        at++;
    }
}

void request_init(struct request *req, const char *method, const char *target)
{
    *req = (struct request){.method = "", .target = "", .vendor = "", .path = "/", .host = ""};
    arena_init(&req->arena, REQUEST_ARENA_MAX);
    char *copy = arena_printf(&req->arena, "%s", target);
    req->method = arena_printf(&req->arena, "%s", method);
    if (copy == NULL || req->method == NULL) {
        req->method = "";
        return;
    }
    req->target = copy;
    size_t path_len = strcspn(copy, "?#");
    if (copy[path_len] == '?') {
        parse_query(req, copy + path_len + 1);
    }
    if (copy[0] != '/') {
        return;
    }
    span first = until(copy + 1, "/?#");
    req->vendor = (const char *)arena_copy(&req->arena, first).at;
    span rest = span_of(copy + 1 + first.len, path_len - 1 - first.len);
    req->path = rest.len == 0 ? "/" : (const char *)arena_copy(&req->arena, rest).at;
    if (req->vendor == NULL || req->path == NULL) {
        req->vendor = "";
        req->path = "/";
    }
}

void request_close(struct request *req)
{
    arena_close(&req->arena);
}

void request_add_header(struct request *req, const char *name, const char *value)
{
    if (req->header_count == REQUEST_PAIRS_MAX) {
        return;
    }
    struct pair pair = {.name = arena_printf(&req->arena, "%s", name),
                        .value = arena_printf(&req->arena, "%s", value == NULL ? "" : value)};
    if (pair.name == NULL || pair.value == NULL) {
        return;
    }
    req->headers[req->header_count++] = pair;
    if (span_is_nocase(span_text(name), "Host")) {
        req->host = pair.value;
    }
}

const char *request_header(const struct request *req, const char *name)
{
    for (size_t i = 0; i < req->header_count; i++) {
        if (span_is_nocase(span_text(req->headers[i].name), name)) {
            return req->headers[i].value;
        }
    }
    return NULL;
}

const char *request_query(const struct request *req, const char *name)
{
    for (size_t i = 0; i < req->queries; i++) {
        if (strcmp(req->query[i].name, name) == 0) {
            return req->query[i].value;
        }
    }
    return NULL;
}

struct err request_query_int(const struct request *req, const char *name, int64_t otherwise,
                             int64_t *out)
{
    const char *value = request_query(req, name);
    *out = otherwise;
    if (value != NULL && !span_number(span_text(value), 0, INT32_MAX, out)) {
        FAIL(ERR_REJECT, 400, "a query value is not a number");
    }
    return NO_ERROR;
}

bool request_fits(struct request *req, const char *pattern)
{
    const char *path = req->path;
    size_t args = 0;
    while (*pattern != 0 && *path != 0) {
        if (*pattern == '{') {
            span segment = until(path, "/");
            if (segment.len == 0 || args == REQUEST_ARGS_MAX) {
                return false;
            }
            req->args[args++] = decode(&req->arena, segment, false);
            path += segment.len;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == 0 && *path == 0;
}
