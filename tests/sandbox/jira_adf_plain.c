/* SPDX-License-Identifier: Apache-2.0
 *
 * An Atlassian document as people read it in a terminal: a block a line, lists
 * dashed and indented, headings and quotes marked. For the board of the demo and
 * for tests that look for words. Pure; the tree is a valid document.
 */
#include "tests/sandbox/jira_adf.h"

static bool is(const char *type, const char *name)
{
    return strcmp(type, name) == 0;
}

static void add_inline(const json_object *node, struct buf *out)
{
    const char *type = jsonx_text(node, "type");
    const json_object *attrs = jsonx_get(node, "attrs");
    if (type == NULL) {
        return;
    }
    if (is(type, "text")) {
        buf_add(out, jsonx_span(jsonx_get(node, "text")));
        json_object *marks = jsonx_get(node, "marks");
        for (size_t i = 0; marks != NULL && i < json_object_array_length(marks); i++) {
            const char *href =
                jsonx_text(jsonx_get(json_object_array_get_idx(marks, i), "attrs"), "href");
            if (href != NULL) {
                buf_addf(out, " <%s>", href);
            }
        }
    } else if (is(type, "hardBreak")) {
        buf_add_char(out, '\n');
    } else {
        const char *said = jsonx_text(attrs, "text");
        const char *url = jsonx_text(attrs, "url");
        const char *name = jsonx_text(attrs, "shortName");
        const char *shown = said != NULL ? said : (url != NULL ? url : name);
        buf_add_text(out, shown != NULL ? shown : "");
    }
}

static void add_block(const json_object *node, int indent, const char *lead, struct buf *out);

static void add_list(const json_object *list, int indent, bool numbered, struct buf *out)
{
    json_object *items = jsonx_get(list, "content");
    for (size_t i = 0; items != NULL && i < json_object_array_length(items); i++) {
        json_object *blocks = jsonx_get(json_object_array_get_idx(items, i), "content");
        for (size_t b = 0; blocks != NULL && b < json_object_array_length(blocks); b++) {
            const char *lead = b > 0 ? "  " : (numbered ? "# " : "- ");
            add_block(json_object_array_get_idx(blocks, b), indent, lead, out);
        }
    }
}

static void add_block(const json_object *node, int indent, const char *lead, struct buf *out)
{
    const char *type = jsonx_text(node, "type");
    json_object *content = jsonx_get(node, "content");
    size_t count = content == NULL ? 0 : json_object_array_length(content);
    if (type == NULL) {
        return;
    }
    if (is(type, "bulletList") || is(type, "orderedList")) {
        add_list(node, indent + (*lead == 0 ? 0 : 2), is(type, "orderedList"), out);
        return;
    }
    if (is(type, "blockquote") || is(type, "panel") || is(type, "taskList")) {
        for (size_t i = 0; i < count; i++) {
            add_block(json_object_array_get_idx(content, i), indent, "> ", out);
        }
        return;
    }
    buf_addf(out, "%*s%s%s", indent, "", lead, is(type, "heading") ? "## " : "");
    if (is(type, "rule")) {
        buf_add_text(out, "----");
    } else if (is(type, "blockCard")) {
        add_inline(node, out);
    }
    for (size_t i = 0; i < count; i++) {
        add_inline(json_object_array_get_idx(content, i), out);
    }
    buf_add_char(out, '\n');
}

void adf_plain(const json_object *node, struct buf *out)
{
    json_object *content = jsonx_get(node, "content");
    for (size_t i = 0; content != NULL && i < json_object_array_length(content); i++) {
        add_block(json_object_array_get_idx(content, i), 0, "", out);
    }
}
