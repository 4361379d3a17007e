/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON Schema (2020-12) of hearback.yaml, for editors: what the rows alone
 * say. What must fit together, and what only one program needs, is left to the
 * programs. Written by hand so that the text is the same everywhere.
 */
#include "common/config_table.h"

struct writer {
    struct buf *out;
    int depth;
    bool first; /* nothing stands in the open brackets yet */
};

static void new_line(struct writer *w)
{
    if (w->depth > 0) {
        buf_addf(w->out, "%s\n%*s", w->first ? "" : ",", w->depth * 2, "");
    }
    w->first = false;
}

static void name(struct writer *w, const char *key)
{
    new_line(w);
    buf_add_json(w->out, span_text(key));
    buf_add_text(w->out, ": ");
}

static void begin(struct writer *w, const char *key, char bracket)
{
    if (key == NULL) {
        new_line(w);
    } else {
        name(w, key);
    }
    buf_add_char(w->out, bracket);
    w->depth++;
    w->first = true;
}

static void end(struct writer *w, char bracket)
{
    w->depth--;
    buf_addf(w->out, "\n%*s%c", w->depth * 2, "", bracket);
    w->first = false;
}

static void text(struct writer *w, const char *key, const char *value)
{
    name(w, key);
    buf_add_json(w->out, span_text(value));
}

/* A number, true, or anything else that is JSON as it stands. */
static void raw(struct writer *w, const char *key, const char *value)
{
    name(w, key);
    buf_add_text(w->out, value);
}

static void words(struct writer *w, const char *key, const char *list, char between)
{
    begin(w, key, '[');
    while (list[0] != 0) {
        const char *end = strchr(list, between);
        size_t len = end == NULL ? strlen(list) : (size_t)(end - list);
        new_line(w);
        buf_add_json(w->out, span_of(list, len));
        list += len + (end == NULL ? 0 : 1);
    }
    end(w, ']');
}

static void type_of_text(struct writer *w, const struct config_row *row)
{
    text(w, "type", "string");
    raw(w, "minLength", row->min == NULL ? "1" : "0");
    raw(w, "maxLength", ERR_STRING(CONFIG_TEXT_MAX));
    if (row->form != NULL) {
        text(w, "pattern", row->form->pattern);
    }
}

static void type_of_pointers(struct writer *w, const struct config_row *row)
{
    begin(w, "anyOf", '[');
    begin(w, NULL, '{');
    text(w, "$ref", "#/$defs/pointer_line");
    end(w, '}');
    begin(w, NULL, '{');
    text(w, "type", "array");
    raw(w, "minItems", row->min == NULL ? "0" : row->min);
    raw(w, "maxItems", ERR_STRING(CONFIG_POINTERS_MAX));
    begin(w, "items", '{');
    text(w, "$ref", "#/$defs/pointer");
    end(w, '}');
    end(w, '}');
    end(w, ']');
}

static void type_of(struct writer *w, const struct config_row *row)
{
    switch (row->type) {
    case CONFIG_TEXT:
        type_of_text(w, row);
        return;
    case CONFIG_CHOICE:
        words(w, "enum", row->choices, ' ');
        return;
    case CONFIG_WHOLE:
    case CONFIG_REAL:
        text(w, "type", row->type == CONFIG_WHOLE ? "integer" : "number");
        raw(w, "minimum", row->min);
        raw(w, "maximum", row->max);
        return;
    case CONFIG_SIZE:
        text(w, "$ref", "#/$defs/size");
        return;
    case CONFIG_DURATION:
        text(w, "$ref", "#/$defs/duration");
        return;
    case CONFIG_POINTERS:
    case CONFIG_POINTER_LINE:
        type_of_pointers(w, row);
        return;
    }
}

static void default_of(struct writer *w, const struct config_row *row)
{
    if (row->standard == NULL) {
        return;
    }
    if (row->type == CONFIG_WHOLE || row->type == CONFIG_REAL) {
        raw(w, "default", row->standard);
    } else if (row->type == CONFIG_POINTERS || row->type == CONFIG_POINTER_LINE) {
        words(w, "default", row->standard, ',');
    } else {
        text(w, "default", row->standard);
    }
}

static void one_row(struct writer *w, const struct config_row *row, const char *key)
{
    struct buf help;
    buf_init(&help, 4096);
    buf_add_text(&help, row->help);
    if (row->type == CONFIG_SIZE || row->type == CONFIG_DURATION) {
        buf_addf(&help, " From %s to %s.", row->min, row->max);
    }
    begin(w, key, '{');
    text(w, "description", buf_text(&help));
    type_of(w, row);
    default_of(w, row);
    if (row->example != NULL) {
        words(w, "examples", row->example, '\n');
    }
    end(w, '}');
    buf_close(&help);
}

static void object(struct writer *w, const char *key, const char *help)
{
    begin(w, key, '{');
    if (help != NULL) {
        text(w, "description", help);
    }
    text(w, "type", "object");
    raw(w, "additionalProperties", "false");
}

/* Rows of a group stand next to each other in the table. */
static void properties(struct writer *w, const struct config_section *section)
{
    begin(w, "properties", '{');
    const char *group = NULL;
    size_t group_len = 0;
    for (size_t i = 0; i < section->row_count; i++) {
        const struct config_row *row = &section->rows[i];
        const char *dot = strchr(row->key, '.');
        bool same = group != NULL && strncmp(row->key, group, group_len + 1) == 0;
        if (group != NULL && !same) {
            end(w, '}');
            end(w, '}');
            group = NULL;
        }
        if (dot != NULL && !same) {
            char word[CONFIG_KEY_MAX];
            group = row->key;
            group_len = (size_t)(dot - row->key);
            CHECK(group_len < sizeof(word));
            memcpy(word, group, group_len);
            word[group_len] = 0;
            object(w, word, NULL);
            begin(w, "properties", '{');
        }
        one_row(w, row, dot == NULL ? row->key : dot + 1);
    }
    CHECK(group == NULL);
    end(w, '}');
}

/* Rows that every program needs wherever their section stands. */
static void required(struct writer *w, const struct config_section *section, unsigned by)
{
    bool any = false;
    for (size_t i = 0; i < section->row_count; i++) {
        if ((section->rows[i].needed_for & by) == by) {
            if (!any) {
                begin(w, "required", '[');
            }
            new_line(w);
            buf_add_json(w->out, span_text(section->rows[i].key));
            any = true;
        }
    }
    if (any) {
        end(w, ']');
    }
}

static void one_section(struct writer *w, const struct config_section *section)
{
    if (section->each == 0) {
        object(w, section->name, section->help);
        properties(w, section);
        required(w, section, CONFIG_FOR_INGEST | CONFIG_FOR_WORKER | CONFIG_FOR_CONSOLE);
        end(w, '}');
        return;
    }
    begin(w, section->name, '{');
    text(w, "description", section->help);
    text(w, "type", "object");
    raw(w, "maxProperties", ERR_STRING(CONFIG_SOURCES_MAX));
    begin(w, "propertyNames", '{');
    text(w, "pattern", "^[a-z0-9-]{1,40}$");
    end(w, '}');
    object(w, "additionalProperties", NULL);
    properties(w, section);
    required(w, section, CONFIG_ALWAYS);
    end(w, '}');
    end(w, '}');
}

static void definition(struct writer *w, const char *key, const char *help, const char *pattern)
{
    begin(w, key, '{');
    text(w, "description", help);
    text(w, "type", "string");
    text(w, "pattern", pattern);
    end(w, '}');
}

void config_schema(struct buf *out)
{
    struct writer w = {.out = out, .first = true};
    size_t count = 0;
    const struct config_section *sections = config_sections(&count);
    begin(&w, NULL, '{');
    text(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    text(&w, "title", "hearback.yaml");
    text(&w, "description",
         "The configuration of all Hearback programs. Secrets are not in it: they come from the "
         "environment. Every row has a default unless it is required.");
    text(&w, "type", "object");
    raw(&w, "additionalProperties", "false");
    words(&w, "required", "kafka", ' ');
    begin(&w, "properties", '{');
    for (size_t i = 0; i < count; i++) {
        one_section(&w, &sections[i]);
    }
    end(&w, '}');
    begin(&w, "$defs", '{');
    definition(&w, "duration", "A whole number and its unit: ms, s, m or h.", "^[0-9]+(ms|s|m|h)$");
    definition(&w, "size", "A whole number and its unit: B, KiB, MiB or GiB.",
               "^[0-9]+(B|KiB|MiB|GiB)$");
    definition(&w, "pointer", "A JSON pointer (RFC 6901) without a comma in it.",
               "^(/([^~,]|~[01])*)?$");
    definition(&w, "pointer_line", "JSON pointers with commas between.",
               "^(/([^~,]|~[01])*)?( *, *(/([^~,]|~[01])*)?)*$");
    end(&w, '}');
    end(&w, '}');
    buf_add_char(out, '\n');
}
