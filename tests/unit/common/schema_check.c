/* SPDX-License-Identifier: Apache-2.0
 *
 * A small JSON Schema validator: one function a keyword, one table of them.
 * Patterns must mean the same as POSIX extended regular expressions.
 */
#include "tests/unit/common/schema_check.h"

#include <regex.h>
#include <stdio.h>

#define PATH_MAX_BYTES 512

struct check {
    struct json_object *root;
    struct buf *why;
    char path[PATH_MAX_BYTES];
    size_t depth;
};

static bool fits(struct check *check, struct json_object *schema, struct json_object *value);

/* The same at one step further down. */
static bool fits_below(struct check *check, struct json_object *schema, const char *step,
                       struct json_object *value)
{
    size_t len = strlen(check->path);
    (void)snprintf(check->path + len, sizeof(check->path) - len, "/%s", step);
    bool is = fits(check, schema, value);
    check->path[len] = 0;
    return is;
}

/* Without a word about why not. */
static bool fits_silently(struct check *check, struct json_object *schema,
                          struct json_object *value)
{
    struct buf why;
    struct check silent = *check;
    buf_init(&why, 4096);
    silent.why = &why;
    bool is = fits(&silent, schema, value);
    buf_close(&why);
    return is;
}

static bool is_type(struct json_object *value, const char *name)
{
    static const struct {
        const char *name;
        enum json_type type;
    } types[] = {{"null", json_type_null},     {"boolean", json_type_boolean},
                 {"integer", json_type_int},   {"number", json_type_int},
                 {"number", json_type_double}, {"string", json_type_string},
                 {"array", json_type_array},   {"object", json_type_object}};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (strcmp(types[i].name, name) == 0 && json_object_is_type(value, types[i].type)) {
            return true;
        }
    }
    return false;
}

typedef bool keyword_fn(struct check *check, struct json_object *says, struct json_object *schema,
                        struct json_object *value);

static bool on_any(struct check *check, struct json_object *says, struct json_object *schema,
                   struct json_object *value)
{
    (void)check;
    (void)says;
    (void)schema;
    (void)value;
    return true;
}

static bool on_ref(struct check *check, struct json_object *says, struct json_object *schema,
                   struct json_object *value)
{
    (void)schema;
    struct json_object *to = json_at(check->root, json_object_get_string(says) + 1);
    return to != NULL && fits(check, to, value);
}

static bool on_type(struct check *check, struct json_object *says, struct json_object *schema,
                    struct json_object *value)
{
    (void)check;
    (void)schema;
    if (json_object_is_type(says, json_type_string)) {
        return is_type(value, json_object_get_string(says));
    }
    bool any = false;
    for (size_t i = 0; i < json_object_array_length(says); i++) {
        any = any || is_type(value, json_object_get_string(json_object_array_get_idx(says, i)));
    }
    return any;
}

static bool on_enum(struct check *check, struct json_object *says, struct json_object *schema,
                    struct json_object *value)
{
    (void)check;
    (void)schema;
    bool any = false;
    for (size_t i = 0; i < json_object_array_length(says); i++) {
        any = any || json_object_equal(json_object_array_get_idx(says, i), value) == 1;
    }
    return any;
}

static bool on_pattern(struct check *check, struct json_object *says, struct json_object *schema,
                       struct json_object *value)
{
    (void)check;
    (void)schema;
    regex_t regex;
    if (!json_object_is_type(value, json_type_string)) {
        return true;
    }
    if (regcomp(&regex, json_object_get_string(says), REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    bool is = regexec(&regex, json_object_get_string(value), 0, NULL, 0) == 0;
    regfree(&regex);
    return is;
}

static bool on_min_length(struct check *check, struct json_object *says, struct json_object *schema,
                          struct json_object *value)
{
    (void)check;
    (void)schema;
    return !json_object_is_type(value, json_type_string) ||
           json_object_get_string_len(value) >= json_object_get_int(says);
}

static bool on_max_length(struct check *check, struct json_object *says, struct json_object *schema,
                          struct json_object *value)
{
    (void)check;
    (void)schema;
    return !json_object_is_type(value, json_type_string) ||
           json_object_get_string_len(value) <= json_object_get_int(says);
}

static bool on_minimum(struct check *check, struct json_object *says, struct json_object *schema,
                       struct json_object *value)
{
    (void)check;
    (void)schema;
    return !is_type(value, "number") ||
           json_object_get_double(value) >= json_object_get_double(says);
}

static bool on_maximum(struct check *check, struct json_object *says, struct json_object *schema,
                       struct json_object *value)
{
    (void)check;
    (void)schema;
    return !is_type(value, "number") ||
           json_object_get_double(value) <= json_object_get_double(says);
}

static bool on_items(struct check *check, struct json_object *says, struct json_object *schema,
                     struct json_object *value)
{
    (void)schema;
    bool all = true;
    for (size_t i = 0; is_type(value, "array") && i < json_object_array_length(value); i++) {
        char step[24];
        (void)snprintf(step, sizeof(step), "%zu", i);
        all = all && fits_below(check, says, step, json_object_array_get_idx(value, i));
    }
    return all;
}

static bool on_min_items(struct check *check, struct json_object *says, struct json_object *schema,
                         struct json_object *value)
{
    (void)check;
    (void)schema;
    return !is_type(value, "array") ||
           json_object_array_length(value) >= (size_t)json_object_get_int(says);
}

static bool on_max_items(struct check *check, struct json_object *says, struct json_object *schema,
                         struct json_object *value)
{
    (void)check;
    (void)schema;
    return !is_type(value, "array") ||
           json_object_array_length(value) <= (size_t)json_object_get_int(says);
}

static bool on_max_properties(struct check *check, struct json_object *says,
                              struct json_object *schema, struct json_object *value)
{
    (void)check;
    (void)schema;
    return !is_type(value, "object") ||
           json_object_object_length(value) <= json_object_get_int(says);
}

static bool on_required(struct check *check, struct json_object *says, struct json_object *schema,
                        struct json_object *value)
{
    (void)check;
    (void)schema;
    bool all = true;
    for (size_t i = 0; is_type(value, "object") && i < json_object_array_length(says); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(says, i));
        all = all && json_object_object_get_ex(value, name, NULL) == 1;
    }
    return all;
}

static bool on_dependent(struct check *check, struct json_object *says, struct json_object *schema,
                         struct json_object *value)
{
    bool all = true;
    json_object_object_foreach(says, name, needs)
    {
        if (is_type(value, "object") && json_object_object_get_ex(value, name, NULL) == 1) {
            all = all && on_required(check, needs, schema, value);
        }
    }
    return all;
}

static bool on_properties(struct check *check, struct json_object *says, struct json_object *schema,
                          struct json_object *value)
{
    (void)schema;
    bool all = true;
    json_object_object_foreach(says, name, part)
    {
        struct json_object *member = NULL;
        if (is_type(value, "object") && json_object_object_get_ex(value, name, &member) == 1) {
            all = all && fits_below(check, part, name, member);
        }
    }
    return all;
}

static bool on_additional(struct check *check, struct json_object *says, struct json_object *schema,
                          struct json_object *value)
{
    struct json_object *known = json_object_object_get(schema, "properties");
    bool all = true;
    if (!is_type(value, "object")) {
        return true;
    }
    json_object_object_foreach(value, name, member)
    {
        bool named = known != NULL && json_object_object_get_ex(known, name, NULL) == 1;
        if (!named) {
            all = all && is_type(says, "object") && fits_below(check, says, name, member);
        }
    }
    return all;
}

static bool on_property_names(struct check *check, struct json_object *says,
                              struct json_object *schema, struct json_object *value)
{
    (void)schema;
    bool all = true;
    if (!is_type(value, "object")) {
        return true;
    }
    json_object_object_foreach(value, name, member)
    {
        (void)member;
        struct json_object *text = json_object_new_string(name);
        all = all && fits_below(check, says, name, text);
        json_object_put(text);
    }
    return all;
}

static size_t fitting(struct check *check, struct json_object *says, struct json_object *value)
{
    size_t count = 0;
    for (size_t i = 0; i < json_object_array_length(says); i++) {
        count += fits_silently(check, json_object_array_get_idx(says, i), value) ? 1 : 0;
    }
    return count;
}

static bool on_any_of(struct check *check, struct json_object *says, struct json_object *schema,
                      struct json_object *value)
{
    (void)schema;
    return fitting(check, says, value) > 0;
}

static bool on_one_of(struct check *check, struct json_object *says, struct json_object *schema,
                      struct json_object *value)
{
    (void)schema;
    return fitting(check, says, value) == 1;
}

static bool on_not(struct check *check, struct json_object *says, struct json_object *schema,
                   struct json_object *value)
{
    (void)schema;
    return !fits_silently(check, says, value);
}

static const struct {
    const char *name;
    keyword_fn *fn;
} keywords[] = {{"$schema", on_any},
                {"$defs", on_any},
                {"title", on_any},
                {"description", on_any},
                {"default", on_any},
                {"examples", on_any},
                {"format", on_any},
                {"$ref", on_ref},
                {"type", on_type},
                {"enum", on_enum},
                {"pattern", on_pattern},
                {"minLength", on_min_length},
                {"maxLength", on_max_length},
                {"minimum", on_minimum},
                {"maximum", on_maximum},
                {"items", on_items},
                {"minItems", on_min_items},
                {"maxItems", on_max_items},
                {"maxProperties", on_max_properties},
                {"required", on_required},
                {"dependentRequired", on_dependent},
                {"properties", on_properties},
                {"additionalProperties", on_additional},
                {"propertyNames", on_property_names},
                {"anyOf", on_any_of},
                {"oneOf", on_one_of},
                {"not", on_not}};

static bool one_keyword(struct check *check, const char *name, struct json_object *says,
                        struct json_object *schema, struct json_object *value)
{
    for (size_t i = 0; i < COUNT_OF(keywords); i++) {
        if (strcmp(keywords[i].name, name) == 0) {
            return keywords[i].fn(check, says, schema, value);
        }
    }
    return false;
}

static bool fits(struct check *check, struct json_object *schema, struct json_object *value)
{
    bool all = ++check->depth < 100 && is_type(schema, "object");
    if (all) {
        json_object_object_foreach(schema, name, says)
        {
            all = all && one_keyword(check, name, says, schema, value);
            if (!all && check->why->len == 0) {
                buf_addf(check->why, "%s: %s", check->path[0] == 0 ? "/" : check->path, name);
            }
        }
    }
    check->depth--;
    return all;
}

bool schema_fits(struct json_object *root, struct json_object *schema, struct json_object *value,
                 struct buf *why)
{
    struct check check = {.root = root, .why = why};
    return fits(&check, schema, value);
}
