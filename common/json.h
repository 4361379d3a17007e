/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON that others wrote: strict, bounded in depth, whole. The tree is
 * json-c's; spans that these functions return are borrowed from it.
 */
#ifndef HEARBACK_COMMON_JSON_H
#define HEARBACK_COMMON_JSON_H

#include "common/arena.h"
#include "common/err.h"
#include "common/own.h"
#include "common/span.h"

#include <json-c/json.h>

#define JSON_DEPTH_MAX 32

/* The caller owns *out (json_object_put). ERR_REJECT with the parser's words when the text is not
 * one JSON value in valid UTF-8; *out is then NULL. A bare null is accepted and is NULL, too. */
MUST_USE struct err json_parse(span text, struct json_object **out);
/* As json_parse; the tree goes with the arena. */
MUST_USE struct err json_parse_in(struct arena *arena, span text, struct json_object **out);

SCOPED_FREE(json_free, struct json_object *, json_object_put)

/* What a JSON pointer (RFC 6901; "" is the root) names, NULL when there is nothing. Borrowed. */
struct json_object *json_at(struct json_object *root, const char *pointer);

/* The member's string, or SPAN_NONE (.at == NULL) when it is no string. */
span json_text(struct json_object *value);
span json_text_at(struct json_object *root, const char *pointer);
/* A string, or an integer written out, copied to the arena: ids come as either. SPAN_NONE
 * otherwise. */
span json_id_in(struct arena *arena, struct json_object *value);
/* A number, or a string that is one ("4.5"). */
bool json_number(struct json_object *value, double *out);
bool json_whole(struct json_object *value, int64_t *out);

#endif
