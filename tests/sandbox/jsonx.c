/* SPDX-License-Identifier: Apache-2.0
 *
 * json-c with shorter names and no surprises: a wrong type reads as absent.
 * Runs under the sandbox's lock; owns nothing.
 */
#include "tests/sandbox/jsonx.h"

#include "common/err.h"

#include <limits.h>

#define JSONX_DEPTH_MAX 200

json_object *jsonx_parse(span text)
{
    if (text.len == 0 || text.len > INT_MAX) {
        return NULL;
    }
    json_tokener *tokener = json_tokener_new_ex(JSONX_DEPTH_MAX);
    CHECK(tokener != NULL);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object *tree = json_tokener_parse_ex(tokener, (const char *)text.at, (int)text.len);
    size_t end = json_tokener_get_parse_end(tokener);
    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        tree = json_tokener_parse_ex(tokener, "", 1); /* a bare number may have ended here */
        end = text.len;
    }
    bool whole = json_tokener_get_error(tokener) == json_tokener_success;
    json_tokener_free(tokener);
    if (!whole || (end < text.len && span_trim(span_of(text.at + end, text.len - end)).len > 0)) {
        json_object_put(tree);
        return NULL;
    }
    return tree;
}

json_object *jsonx_get(const json_object *tree, const char *key)
{
    json_object *value = NULL;
    if (!jsonx_is_object(tree) || !json_object_object_get_ex(tree, key, &value)) {
        return NULL;
    }
    return value;
}

bool jsonx_has(const json_object *tree, const char *key)
{
    return jsonx_is_object(tree) && json_object_object_get_ex(tree, key, NULL);
}

const char *jsonx_text(const json_object *tree, const char *key)
{
    json_object *value = jsonx_get(tree, key);
    return jsonx_is_string(value) ? json_object_get_string(value) : NULL;
}

int64_t jsonx_int(const json_object *tree, const char *key, int64_t otherwise)
{
    json_object *value = jsonx_get(tree, key);
    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : otherwise;
}

bool jsonx_bool(const json_object *tree, const char *key, bool otherwise)
{
    json_object *value = jsonx_get(tree, key);
    return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value) != 0
                                                         : otherwise;
}

bool jsonx_is_object(const json_object *tree)
{
    return json_object_is_type(tree, json_type_object) != 0;
}

bool jsonx_is_array(const json_object *tree)
{
    return json_object_is_type(tree, json_type_array) != 0;
}

bool jsonx_is_string(const json_object *tree)
{
    return json_object_is_type(tree, json_type_string) != 0;
}

span jsonx_span(const json_object *tree)
{
    if (!jsonx_is_string(tree)) {
        return SPAN_NONE;
    }
    /* json-c caches a number's text in the tree, hence not const; a string's it only returns. */
    union {
        const json_object *is;
        json_object *was;
    } string = {.is = tree};
    return span_of(json_object_get_string(string.was),
                   (size_t)json_object_get_string_len(string.is));
}

void jsonx_put_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text));
}

void jsonx_put_int(json_object *object, const char *key, int64_t number)
{
    json_object_object_add(object, key, json_object_new_int64(number));
}

void jsonx_push_again(json_object *array, json_object *value)
{
    json_object_array_add(array, json_object_get(value));
}

void jsonx_put_again(json_object *object, const char *key, json_object *value)
{
    json_object_object_add(object, key, json_object_get(value));
}

span jsonx_print(json_object *tree)
{
    size_t len = 0;
    const char *text = json_object_to_json_string_length(
        tree, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
    return span_of(text, len);
}

size_t jsonx_units(span utf8)
{
    size_t units = 0;
    for (size_t i = 0; i < utf8.len; i++) {
        uint8_t c = utf8.at[i];
        if ((c & 0xC0) != 0x80) {
            units += c >= 0xF0 ? 2 : 1; /* beyond the basic plane: a surrogate pair */
        }
    }
    return units;
}
