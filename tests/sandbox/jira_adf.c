/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk over an Atlassian document, rows of jira_adf_schema.c in hand. Stops
 * at the first thing wrong and says where. Recursion is bounded by the depth the
 * JSON parser allows. Pure.
 */
#include "tests/sandbox/jira_adf.h"

#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>

struct walk {
    struct adf_reason *reason;
    char path[160]; /* of the node being looked at */
    size_t path_len;
};

static bool wrong(struct walk *walk, const char *format, ...) PRINTF_LIKE(2, 3);

static bool wrong(struct walk *walk, const char *format, ...)
{
    char why[100];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    (void)snprintf(walk->reason->text, sizeof(walk->reason->text), "%s: %s",
                   walk->path_len == 0 ? "doc" : walk->path, why);
    return false;
}

/* Goes down to content[i] or marks[i]; the caller comes back with the length returned. */
static size_t descend(struct walk *walk, const char *list, size_t i)
{
    size_t before = walk->path_len;
    int more = snprintf(walk->path + before, sizeof(walk->path) - before, "%s%s[%zu]",
                        before == 0 ? "" : ".", list, i);
    walk->path_len = before + (size_t)(more < 0 ? 0 : more);
    if (walk->path_len >= sizeof(walk->path)) {
        walk->path_len = sizeof(walk->path) - 1;
    }
    return before;
}

static void ascend(struct walk *walk, size_t to)
{
    walk->path_len = to;
    walk->path[to] = 0;
}

static bool attr_fits(const struct adf_attr *attr, const json_object *value)
{
    switch (attr->value) {
    case ADF_STRING: {
        span text = jsonx_span(value);
        if (!jsonx_is_string(value) || text.len < (size_t)attr->min) {
            return false;
        }
        return attr->choices == NULL || adf_word_in(attr->choices, (const char *)text.at);
    }
    case ADF_NUMBER: {
        if (!json_object_is_type(value, json_type_int) &&
            !json_object_is_type(value, json_type_double)) {
            return false;
        }
        double number = json_object_get_double(value);
        return number >= attr->min && (attr->max == 0 || number <= attr->max);
    }
    case ADF_FLAG:
        return json_object_is_type(value, json_type_boolean) != 0;
    }
    return false;
}

static const struct adf_attr *attr_named(const struct adf_attr *attrs, const char *name)
{
    for (const struct adf_attr *attr = attrs; attr->name != NULL; attr++) {
        if (strcmp(attr->name, name) == 0) {
            return attr;
        }
    }
    return NULL;
}

static bool attrs_fit(struct walk *walk, const struct adf_node *row, const json_object *node)
{
    json_object *attrs = jsonx_get(node, "attrs");
    if (!jsonx_has(node, "attrs")) {
        return !row->attrs_required || wrong(walk, "%s needs attrs", row->type);
    }
    if (row->attrs == NULL || !jsonx_is_object(attrs)) {
        return wrong(walk, "%s takes no such attrs", row->type);
    }
    json_object_object_foreach(attrs, name, value)
    {
        const struct adf_attr *attr = attr_named(row->attrs, name);
        if (attr == NULL || !attr_fits(attr, value)) {
            return wrong(walk, "attribute %.40s of %s is unknown or invalid", name, row->type);
        }
    }
    for (const struct adf_attr *attr = row->attrs; attr->name != NULL; attr++) {
        if (attr->required && !jsonx_has(attrs, attr->name)) {
            return wrong(walk, "%s needs attribute %s", row->type, attr->name);
        }
    }
    return true;
}

static bool mark_fits(struct walk *walk, const char *allowed, const json_object *mark)
{
    const char *type = jsonx_text(mark, "type");
    const struct adf_node *row = type == NULL ? NULL : adf_find(adf_marks, type);
    if (row == NULL || !adf_word_in(allowed, type)) {
        return wrong(walk, "mark %.40s is unknown or not allowed here", type == NULL ? "?" : type);
    }
    json_object_object_foreach(mark, key, value)
    {
        (void)value;
        if (strcmp(key, "type") != 0 && strcmp(key, "attrs") != 0) {
            return wrong(walk, "key %.40s of mark %s is not allowed", key, type);
        }
    }
    return attrs_fit(walk, row, mark);
}

static bool has_mark(const json_object *marks, const char *type)
{
    for (size_t i = 0; i < json_object_array_length(marks); i++) {
        const char *name = jsonx_text(json_object_array_get_idx(marks, i), "type");
        if (name != NULL && strcmp(name, type) == 0) {
            return true;
        }
    }
    return false;
}

/* Which marks this node may carry under that parent. */
static const char *marks_here(const struct adf_node *row, const struct adf_node *parent,
                              const json_object *marks)
{
    if (strcmp(row->type, "text") == 0) {
        if (parent != NULL && strcmp(parent->type, "codeBlock") == 0) {
            return "";
        }
        return has_mark(marks, "code") ? "code link annotation" : row->marks;
    }
    if (parent != NULL && strcmp(parent->type, "doc") == 0) {
        return row->marks;
    }
    return adf_word_in(row->marks, "fontSize") ? "fontSize" : "";
}

static bool marks_fit(struct walk *walk, const struct adf_node *row, const struct adf_node *parent,
                      const json_object *node)
{
    if (!jsonx_has(node, "marks")) {
        return true;
    }
    json_object *marks = jsonx_get(node, "marks");
    if (row->marks == NULL || !jsonx_is_array(marks)) {
        return wrong(walk, "%s takes no such marks", row->type);
    }
    const char *allowed = marks_here(row, parent, marks);
    for (size_t i = 0; i < json_object_array_length(marks); i++) {
        size_t back = descend(walk, "marks", i);
        if (!mark_fits(walk, allowed, json_object_array_get_idx(marks, i))) {
            return false;
        }
        ascend(walk, back);
    }
    return true;
}

static bool keys_fit(struct walk *walk, const struct adf_node *row, const json_object *node)
{
    bool text = strcmp(row->type, "text") == 0;
    bool doc = strcmp(row->type, "doc") == 0;
    json_object_object_foreach(node, key, value)
    {
        (void)value;
        bool known = strcmp(key, "type") == 0 || (text && strcmp(key, "text") == 0) ||
                     (doc && strcmp(key, "version") == 0) ||
                     (row->content != ADF_LEAF && strcmp(key, "content") == 0) ||
                     strcmp(key, "attrs") == 0 || strcmp(key, "marks") == 0;
        if (!known) {
            return wrong(walk, "key %.40s of %s is not allowed", key, row->type);
        }
    }
    if (text && jsonx_span(jsonx_get(node, "text")).len == 0) {
        return wrong(walk, "text is missing or empty");
    }
    if (doc && jsonx_int(node, "version", 0) != 1) {
        return wrong(walk, "version is not 1");
    }
    return true;
}

static bool node_fits(struct walk *walk, const json_object *node, const struct adf_node *parent)
{
    const char *type = jsonx_text(node, "type");
    const struct adf_node *row = type == NULL ? NULL : adf_find(adf_nodes, type);
    const char *allowed = parent == NULL ? "doc" : parent->children;
    if (row == NULL || !adf_word_in(allowed, type)) {
        return wrong(walk, "node %.40s is unknown or not allowed here", type == NULL ? "?" : type);
    }
    if (!keys_fit(walk, row, node) || !attrs_fit(walk, row, node) ||
        !marks_fit(walk, row, parent, node)) {
        return false;
    }
    json_object *content = jsonx_get(node, "content");
    if (!jsonx_has(node, "content")) {
        return row->content < ADF_MUST_HOLD || wrong(walk, "%s needs content", type);
    }
    if (!jsonx_is_array(content)) {
        return wrong(walk, "content is no list");
    }
    size_t count = json_object_array_length(content);
    if (row->content == ADF_MUST_HOLD && count == 0) {
        return wrong(walk, "%s holds nothing", type);
    }
    for (size_t i = 0; i < count; i++) {
        size_t back = descend(walk, "content", i);
        if (!node_fits(walk, json_object_array_get_idx(content, i), row)) {
            return false;
        }
        ascend(walk, back);
    }
    return true;
}

enum adf_verdict adf_check(const json_object *doc, struct adf_reason *reason)
{
    struct walk walk = {.reason = reason};
    reason->text[0] = 0;
    const char *type = jsonx_text(doc, "type");
    if (type == NULL || strcmp(type, "doc") != 0) {
        (void)wrong(&walk, "not an object of type doc");
        return ADF_NO_DOCUMENT;
    }
    return node_fits(&walk, doc, NULL) ? ADF_VALID : ADF_INVALID;
}
