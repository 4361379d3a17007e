/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling in an answer. A vendor area calls one of answer_json, answer_text or
 * answer_empty once (a later call replaces the earlier one) and answer_header as
 * often as it needs. Runs in the connection's thread, under the sandbox's lock.
 */
#include "tests/sandbox/jsonx.h"
#include "tests/sandbox/request.h"

#include <stdarg.h>
#include <stdio.h>

void answer_init(struct answer *answer, struct arena *arena)
{
    *answer = (struct answer){.arena = arena, .status = 500, .type = "text/plain;charset=UTF-8"};
    buf_init(&answer->body, ANSWER_BODY_MAX);
}

void answer_close(struct answer *answer)
{
    buf_close(&answer->body);
}

void answer_header(struct answer *answer, const char *name, const char *format, ...)
{
    char value[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    CHECK(answer->header_count < ANSWER_HEADERS_MAX);
    struct pair pair = {.name = arena_printf(answer->arena, "%s", name),
                        .value = arena_printf(answer->arena, "%s", value)};
    if (pair.name != NULL && pair.value != NULL) {
        answer->headers[answer->header_count++] = pair;
    }
}

void answer_json(struct answer *answer, unsigned status, json_object *tree)
{
    answer->status = status;
    answer->type = "application/json;charset=UTF-8";
    buf_clear(&answer->body);
    buf_add(&answer->body, jsonx_print(tree));
    json_object_put(tree);
}

void answer_text(struct answer *answer, unsigned status, const char *text)
{
    answer->status = status;
    answer->type = "text/plain;charset=UTF-8";
    buf_clear(&answer->body);
    buf_add_text(&answer->body, text);
}

void answer_empty(struct answer *answer, unsigned status)
{
    answer_text(answer, status, "");
}
