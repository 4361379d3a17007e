/* SPDX-License-Identifier: Apache-2.0
 *
 * libyaml's events become a tree. Nothing here knows a setting. Stops at the
 * first trouble, because what follows a syntax error means nothing.
 */
#include "common/config_tree.h"

#include "common/own.h"

#include <stdarg.h>
#include <yaml.h>

struct frame {
    struct config_node *node;
    const char *key; /* read, its value is next; NULL otherwise */
    int key_line;
};

struct anchor {
    const char *name;
    struct config_node *node;
};

struct builder {
    struct arena *arena;
    struct config_trouble *trouble;
    struct config_node *root;
    struct frame frames[CONFIG_DEPTH_MAX];
    size_t depth;
    struct anchor anchors[CONFIG_ANCHORS_MAX];
    size_t anchor_count;
    size_t node_count;
    size_t document_count;
};

static void free_parser(yaml_parser_t *parser)
{
    yaml_parser_delete(parser);
}

static struct err refuse(struct builder *build, yaml_mark_t mark, const char *found,
                         const char *expected, const char *advice)
{
    *build->trouble = (struct config_trouble){.line = (int)mark.line + 1,
                                              .column = (int)mark.column + 1,
                                              .found = found,
                                              .expected = expected,
                                              .advice = advice};
    FAIL(ERR_CONFIG, 0, "the YAML text cannot be read");
}

static struct err no_memory(struct builder *build, yaml_mark_t mark)
{
    return refuse(build, mark, "no memory left", "a file that fits",
                  "give the process more memory");
}

/* Hangs a finished or just opened node under the one that is open. */
static struct err attach(struct builder *build, struct config_node *node, yaml_mark_t mark)
{
    if (build->depth == 0) {
        build->root = node;
        return NO_ERROR;
    }
    struct frame *frame = &build->frames[build->depth - 1];
    CHECK(frame->node != NULL);
    if (frame->node->kind == CONFIG_NODE_MAPPING && frame->key == NULL) {
        if (node->kind != CONFIG_NODE_SCALAR) {
            return refuse(build, mark, "a key that is a list or a mapping", "a word as the key",
                          "mend the indentation or put quotes around the braces");
        }
        frame->key = (const char *)node->text.at;
        frame->key_line = node->line;
        return NO_ERROR;
    }
    node->key = TAKE(frame->key);
    node->key_line = frame->key_line;
    if (frame->node->first == NULL) {
        frame->node->first = node;
    } else {
        frame->node->last->next = node;
    }
    frame->node->last = node;
    return NO_ERROR;
}

static struct err new_node(struct builder *build, yaml_mark_t mark, enum config_node_kind kind,
                           struct config_node **out)
{
    if (++build->node_count > CONFIG_NODES_MAX) {
        return refuse(build, mark, "more than " ERR_STRING(CONFIG_NODES_MAX) " values",
                      "a configuration of a few hundred", "check that this is the right file");
    }
    struct config_node *node = arena_alloc(build->arena, sizeof(*node));
    if (node == NULL) {
        return no_memory(build, mark);
    }
    *node = (struct config_node){.kind = kind, .line = (int)mark.line + 1};
    *out = node;
    return NO_ERROR;
}

static struct err name_anchor(struct builder *build, const yaml_char_t *name, yaml_mark_t mark,
                              struct config_node *node)
{
    if (name == NULL) {
        return NO_ERROR;
    }
    if (build->anchor_count == CONFIG_ANCHORS_MAX) {
        return refuse(build, mark, "more than " ERR_STRING(CONFIG_ANCHORS_MAX) " anchors",
                      "a few at most", "write the values out");
    }
    span copy = arena_copy(build->arena, span_text((const char *)name));
    if (copy.at == NULL) {
        return no_memory(build, mark);
    }
    build->anchors[build->anchor_count++] =
        (struct anchor){.name = (const char *)copy.at, .node = node};
    return NO_ERROR;
}

static struct err on_scalar(struct builder *build, const yaml_event_t *event)
{
    struct config_node *node = NULL;
    TRY(new_node(build, event->start_mark, CONFIG_NODE_SCALAR, &node));
    node->text =
        arena_copy(build->arena, span_of(event->data.scalar.value, event->data.scalar.length));
    if (node->text.at == NULL) {
        return no_memory(build, event->start_mark);
    }
    if (strlen((const char *)node->text.at) != node->text.len) {
        return refuse(build, event->start_mark, "a text with a NUL character in it",
                      "a text without", "remove \\0");
    }
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    TRY(name_anchor(build, event->data.scalar.anchor, event->start_mark, node));
    return attach(build, node, event->start_mark);
}

static struct err on_open(struct builder *build, const yaml_event_t *event,
                          enum config_node_kind kind, const yaml_char_t *anchor)
{
    struct config_node *node = NULL;
    TRY(new_node(build, event->start_mark, kind, &node));
    node->open = true;
    TRY(name_anchor(build, anchor, event->start_mark, node));
    TRY(attach(build, node, event->start_mark));
    if (build->depth == CONFIG_DEPTH_MAX) {
        return refuse(build, event->start_mark, "more than " ERR_STRING(CONFIG_DEPTH_MAX) " levels",
                      "four at most", "check the brackets and the indentation");
    }
    build->frames[build->depth++] = (struct frame){.node = node};
    return NO_ERROR;
}

static struct err on_close(struct builder *build)
{
    CHECK(build->depth > 0); /* the parser sees to it */
    struct config_node *node = build->frames[--build->depth].node;
    CHECK(node != NULL);
    node->open = false;
    return NO_ERROR;
}

static struct err on_alias(struct builder *build, const yaml_event_t *event)
{
    const struct config_node *named = NULL;
    for (size_t i = build->anchor_count; i > 0 && named == NULL; i--) {
        if (strcmp(build->anchors[i - 1].name, (const char *)event->data.alias.anchor) == 0) {
            named = build->anchors[i - 1].node;
        }
    }
    if (named == NULL || named->open) {
        return refuse(build, event->start_mark, "an alias of nothing that stands before it",
                      "the name of an anchor above", "write the value out");
    }
    struct config_node *node = NULL;
    TRY(new_node(build, event->start_mark, named->kind, &node));
    node->plain = named->plain;
    node->text = named->text;
    node->first = named->first;
    node->last = named->last;
    return attach(build, node, event->start_mark);
}

static struct err on_event(struct builder *build, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++build->document_count > 1) {
            return refuse(build, event->start_mark, "a second document", "one",
                          "remove what follows the line of three dashes");
        }
        return NO_ERROR;
    case YAML_SCALAR_EVENT:
        return on_scalar(build, event);
    case YAML_ALIAS_EVENT:
        return on_alias(build, event);
    case YAML_MAPPING_START_EVENT:
        return on_open(build, event, CONFIG_NODE_MAPPING, event->data.mapping_start.anchor);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(build, event, CONFIG_NODE_SEQUENCE, event->data.sequence_start.anchor);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return on_close(build);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return NO_ERROR;
    }
    return NO_ERROR;
}

/* The parser's own words and place; a byte that is no text has only an offset. */
static struct err syntax_fault(struct builder *build, const yaml_parser_t *parser, span yaml)
{
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR) {
        mark = (yaml_mark_t){.index = parser->problem_offset};
        for (size_t i = 0; i < parser->problem_offset && i < yaml.len; i++) {
            mark.column = yaml.at[i] == '\n' ? 0 : mark.column + 1;
            mark.line += yaml.at[i] == '\n' ? 1 : 0;
        }
    }
    const char *found = arena_printf(build->arena, "YAML that cannot be read (%s%s%s)",
                                     parser->context == NULL ? "" : parser->context,
                                     parser->context == NULL ? "" : ": ",
                                     parser->problem == NULL ? "no reason given" : parser->problem);
    return refuse(build, mark, found == NULL ? "YAML that cannot be read" : found,
                  "valid YAML in UTF-8", "mend the line or the one above it");
}

struct err config_tree_read(struct arena *arena, span yaml, struct config_node **root,
                            struct config_trouble *trouble)
{
    struct builder build = {.arena = arena, .trouble = trouble};
    SCOPED(free_parser) yaml_parser_t parser;
    *root = NULL;
    CHECK(yaml_parser_initialize(&parser) == 1);
    yaml_parser_set_input_string(&parser, yaml.at == NULL ? (const uint8_t *)"" : yaml.at,
                                 yaml.len);
    bool more = true;
    while (more) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) != 1) {
            return syntax_fault(&build, &parser, yaml);
        }
        more = event.type != YAML_STREAM_END_EVENT;
        struct err err = on_event(&build, &event);
        yaml_event_delete(&event);
        TRY(err);
    }
    *root = build.root;
    return NO_ERROR;
}

bool config_node_is_null(const struct config_node *node)
{
    return node->kind == CONFIG_NODE_SCALAR && node->plain &&
           (node->text.len == 0 || span_is(node->text, "~") || span_is(node->text, "null") ||
            span_is(node->text, "Null") || span_is(node->text, "NULL"));
}
