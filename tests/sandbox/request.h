/* SPDX-License-Identifier: Apache-2.0
 *
 * What a vendor area sees of HTTP: a request taken apart and an answer to fill
 * in. Neither knows the HTTP library. Everything a request holds lives in its
 * arena; an answer's body is its own buffer and its header values live in the
 * request's arena too. One thread, one request.
 */
#ifndef HEARBACK_TESTS_SANDBOX_REQUEST_H
#define HEARBACK_TESTS_SANDBOX_REQUEST_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/span.h"

#include <json-c/json.h>

#define REQUEST_PAIRS_MAX  64
#define REQUEST_ARGS_MAX   4
#define REQUEST_ARENA_MAX  (4U << 20)
#define REQUEST_BODY_MAX   (10U << 20)
#define ANSWER_BODY_MAX    (1U << 30)
#define ANSWER_HEADERS_MAX 24

struct pair {
    const char *name;
    const char *value;
};

struct request {
    struct arena arena;
    const char *method;
    const char *target; /* path and query as they were sent */
    const char *vendor; /* the path's first segment */
    const char *path;   /* what follows it, still percent-encoded, "/" at least */
    const char *host;
    struct pair query[REQUEST_PAIRS_MAX]; /* decoded */
    size_t queries;
    struct pair headers[REQUEST_PAIRS_MAX];
    size_t header_count;
    const char *args[REQUEST_ARGS_MAX]; /* decoded; set by request_fits */
    span body;                          /* borrowed */
};

void request_init(struct request *req, const char *method, const char *target);
void request_close(struct request *req);
void request_add_header(struct request *req, const char *name, const char *value);

/* NULL when absent. */
const char *request_header(const struct request *req, const char *name);
const char *request_query(const struct request *req, const char *name);
/* A query value as a number; `otherwise` when absent. ERR_REJECT when it is none or out of range.
 */
MUST_USE struct err request_query_int(const struct request *req, const char *name,
                                      int64_t otherwise, int64_t *out);

/* Does the path fit a pattern such as "/issue/{key}/comment"? Sets args to what
 * stood at the braces. A braced segment is never empty. */
bool request_fits(struct request *req, const char *pattern);

struct answer {
    struct arena *arena;
    unsigned status;
    const char *type; /* Content-Type */
    struct pair headers[ANSWER_HEADERS_MAX];
    size_t header_count;
    struct buf body;
};

void answer_init(struct answer *answer, struct arena *arena);
void answer_close(struct answer *answer);
void answer_header(struct answer *answer, const char *name, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Takes `tree`. */
void answer_json(struct answer *answer, unsigned status, json_object *tree);
void answer_text(struct answer *answer, unsigned status, const char *text);
void answer_empty(struct answer *answer, unsigned status);

#endif
