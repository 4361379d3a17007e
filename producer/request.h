/* SPDX-License-Identifier: Apache-2.0
 *
 * One webhook request as the door's pure parts see it: method, headers, query
 * and raw body, all borrowed from whoever received it. What each step decides
 * stands in the comments of verify.h, source.h and route.h.
 */
#ifndef HEARBACK_PRODUCER_REQUEST_H
#define HEARBACK_PRODUCER_REQUEST_H

#include "common/span.h"

#define REQUEST_HEADERS_MAX 64 /* more: 431 */
#define REQUEST_QUERY_MAX   16 /* more: 400 */
#define REQUEST_HOOK_PATH   "/hooks/"

enum request_method { REQUEST_GET, REQUEST_HEAD, REQUEST_POST, REQUEST_OTHER };

struct request_pair {
    span name;
    span value;
};

struct request {
    enum request_method method;
    struct request_pair headers[REQUEST_HEADERS_MAX];
    size_t header_count;
    struct request_pair query[REQUEST_QUERY_MAX];
    size_t query_count;
    span body;
};

/* How a header stands in a request. */
enum request_found {
    REQUEST_NONE,
    REQUEST_ONE,    /* once, or several times with the same value */
    REQUEST_UNLIKE, /* several times, with different values */
};

enum request_method request_method(const char *name);

/* The <name> of "/hooks/<name>"; SPAN_NONE for any other path. Borrowed from `path`. */
span request_hook(span path);

/* False when there is no room for it. */
bool request_add_header(struct request *request, span name, span value);
bool request_add_query(struct request *request, span name, span value);

/* The value of a header, without blanks around it; an empty `name` is found nowhere. */
enum request_found request_header(const struct request *request, const char *name, span *value);
/* The first value of a query parameter; SPAN_NONE when it is absent. */
span request_query(const struct request *request, span name);

/* Printable ASCII of 1 to `max` bytes: fit for a record's header. */
bool request_printable(span text, size_t max);

#endif
