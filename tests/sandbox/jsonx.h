/* SPDX-License-Identifier: Apache-2.0
 *
 * The few things every vendor area asks of a json-c tree: read a member, read
 * it as text, parse strictly, print compactly. Trees are owned by whoever
 * parsed or made them; members are borrowed. json-c's reference counts are not
 * atomic, so trees are touched under the sandbox's lock only.
 */
#ifndef HEARBACK_TESTS_SANDBOX_JSONX_H
#define HEARBACK_TESTS_SANDBOX_JSONX_H

#include "common/own.h"
#include "common/span.h"

#include <json-c/json.h>

static inline void jsonx_free(json_object **tree)
{
    if (*tree != NULL) {
        json_object_put(*tree);
    }
    *tree = NULL;
}
#define SCOPED_JSON SCOPED(jsonx_free) json_object *

/* NULL unless the whole text is one valid JSON value (UTF-8, nested at most 200 deep). */
json_object *jsonx_parse(span text);

/* A member, or NULL when `tree` is no object, lacks it, or holds null there. */
json_object *jsonx_get(const json_object *tree, const char *key);
/* Is there such a member, null or not? */
bool jsonx_has(const json_object *tree, const char *key);
/* A member's text, or NULL when it is no string. Borrowed. */
const char *jsonx_text(const json_object *tree, const char *key);
int64_t jsonx_int(const json_object *tree, const char *key, int64_t otherwise);
bool jsonx_bool(const json_object *tree, const char *key, bool otherwise);

bool jsonx_is_object(const json_object *tree);
bool jsonx_is_array(const json_object *tree);
bool jsonx_is_string(const json_object *tree);
/* A string's bytes; SPAN_NONE when it is none. */
span jsonx_span(const json_object *tree);

void jsonx_put_text(json_object *object, const char *key, const char *text);
void jsonx_put_int(json_object *object, const char *key, int64_t number);
/* Appends another reference to `value`. */
void jsonx_push_again(json_object *array, json_object *value);
void jsonx_put_again(json_object *object, const char *key, json_object *value);

/* Compact text, borrowed from the tree until it is printed again or freed. */
span jsonx_print(json_object *tree);

/* Length as the vendors' Java and JavaScript count it: UTF-16 units. */
size_t jsonx_units(span utf8);

#endif
