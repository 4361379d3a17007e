/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict edge of json-c. Pure but for the tree it allocates; any thread.
 */
#include "common/json.h"

#include <inttypes.h>
#include <json-c/json_pointer.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

SCOPED_FREE(free_tokener, struct json_tokener *, json_tokener_free)

struct err json_parse(span text, struct json_object **out)
{
    *out = NULL;
    if (text.len == 0 || text.len > INT_MAX) {
        FAIL(ERR_REJECT, 0, "the text is empty or over 2 GiB, not a JSON value");
    }
    if (!span_utf8(text)) { /* json-c's own look lets overlong forms and surrogates pass */
        FAIL(ERR_REJECT, 0, "the text is not valid UTF-8");
    }
    SCOPED(free_tokener) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    if (tokener == NULL) {
        FAIL(ERR_RETRY, 0, "no memory for the JSON parser");
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *tree = json_tokener_parse_ex(tokener, (const char *)text.at, (int)text.len);
    enum json_tokener_error code = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    if (code == json_tokener_continue) {
        /* A bare number or word ends only with what follows it. */
        tree = json_tokener_parse_ex(tokener, "", 1);
        code = json_tokener_get_error(tokener);
    }
    span rest = span_of(text.at + end, text.len - end);
    if (code == json_tokener_success && span_trim(rest).len > 0) {
        json_object_put(tree);
        FAIL(ERR_REJECT, 0, "there is more behind the JSON value");
    }
    if (code != json_tokener_success) {
        json_object_put(tree);
        FAIL(ERR_REJECT, (int)code, json_tokener_error_desc(code));
    }
    *out = tree;
    return NO_ERROR;
}

static void put_tree(void *tree)
{
    json_object_put(tree);
}

struct err json_parse_in(struct arena *arena, span text, struct json_object **out)
{
    struct json_object *tree = NULL;
    *out = NULL;
    TRY(json_parse(text, &tree));
    if (tree != NULL) {
        TRY(arena_on_close(arena, put_tree, tree));
    }
    *out = tree;
    return NO_ERROR;
}

struct json_object *json_at(struct json_object *root, const char *pointer)
{
    struct json_object *found = NULL;
    if (root == NULL) {
        return NULL;
    }
    if (pointer[0] == 0) {
        return root;
    }
    return json_pointer_get(root, pointer, &found) == 0 ? found : NULL;
}

span json_text(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string)) {
        return SPAN_NONE;
    }
    return span_of(json_object_get_string(value), (size_t)json_object_get_string_len(value));
}

span json_text_at(struct json_object *root, const char *pointer)
{
    return json_text(json_at(root, pointer));
}

span json_id_in(struct arena *arena, struct json_object *value)
{
    if (json_object_is_type(value, json_type_int)) {
        int64_t number = json_object_get_int64(value);
        uint64_t large = json_object_get_uint64(value);
        if (number == INT64_MIN || large == UINT64_MAX) {
            return SPAN_NONE; /* may stand for any number beyond: two ids would become one */
        }
        return span_text(number < 0 ? arena_printf(arena, "%" PRId64, number)
                                    : arena_printf(arena, "%" PRIu64, large));
    }
    span text = json_text(value);
    return text.at == NULL ? SPAN_NONE : arena_copy(arena, text);
}

bool json_number(struct json_object *value, double *out)
{
    if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double)) {
        *out = json_object_get_double(value);
        return isfinite(*out);
    }
    span text = json_text(value);
    if (text.len == 0 || text.len > 32) {
        return false;
    }
    char *end = NULL;
    *out = strtod((const char *)text.at, &end); /* json-c strings end in NUL */
    return end == (const char *)text.at + text.len && isfinite(*out);
}

bool json_whole(struct json_object *value, int64_t *out)
{
    double real = 0;
    if (json_object_is_type(value, json_type_int)) {
        *out = json_object_get_int64(value);
        return true;
    }
    if (!json_number(value, &real) || real != floor(real) || fabs(real) > 9e15) {
        return false;
    }
    *out = (int64_t)real;
    return true;
}
