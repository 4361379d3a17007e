/* SPDX-License-Identifier: Apache-2.0
 *
 * Pure look-ups in a request. Any thread.
 */
#include "producer/request.h"

#include "common/own.h"

enum request_method request_method(const char *name)
{
    static const struct {
        const char *name;
        enum request_method method;
    } methods[] = {{"POST", REQUEST_POST}, {"GET", REQUEST_GET}, {"HEAD", REQUEST_HEAD}};
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (strcmp(name, methods[i].name) == 0) {
            return methods[i].method;
        }
    }
    return REQUEST_OTHER;
}

span request_hook(span path)
{
    size_t skip = strlen(REQUEST_HOOK_PATH);
    if (!span_starts(path, REQUEST_HOOK_PATH) || path.len == skip) {
        return SPAN_NONE;
    }
    span name = span_of(path.at + skip, path.len - skip);
    return memchr(name.at, '/', name.len) != NULL || memchr(name.at, 0, name.len) != NULL
               ? SPAN_NONE
               : name;
}

static bool add(struct request_pair *pairs, size_t *count, size_t max, struct request_pair pair)
{
    if (*count == max) {
        return false;
    }
    pairs[(*count)++] = pair;
    return true;
}

bool request_add_header(struct request *request, span name, span value)
{
    return add(request->headers, &request->header_count, REQUEST_HEADERS_MAX,
               (struct request_pair){name, value});
}

bool request_add_query(struct request *request, span name, span value)
{
    return add(request->query, &request->query_count, REQUEST_QUERY_MAX,
               (struct request_pair){name, value});
}

enum request_found request_header(const struct request *request, const char *name, span *value)
{
    enum request_found found = REQUEST_NONE;
    *value = SPAN_NONE;
    for (size_t i = 0; i < request->header_count; i++) {
        if (name[0] == 0 || !span_is_nocase(request->headers[i].name, name)) {
            continue;
        }
        span one = span_trim(request->headers[i].value);
        if (found == REQUEST_NONE) {
            found = REQUEST_ONE;
            *value = one;
        } else if (!span_equal(one, *value)) {
            found = REQUEST_UNLIKE;
        }
    }
    return found;
}

span request_query(const struct request *request, span name)
{
    for (size_t i = 0; i < request->query_count; i++) {
        if (span_equal(request->query[i].name, name)) {
            return request->query[i].value;
        }
    }
    return SPAN_NONE;
}

bool request_printable(span text, size_t max)
{
    if (text.len == 0 || text.len > max) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < 0x20 || text.at[i] > 0x7E) {
            return false;
        }
    }
    return true;
}
