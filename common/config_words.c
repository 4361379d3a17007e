/* SPDX-License-Identifier: Apache-2.0
 *
 * One value, from the member of the struct to the words of the file. Numbers
 * with units are exact: what is printed is read as the same number. Pure.
 */
#include "common/config_table.h"
#include "common/own.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static bool word_of_yaml(span text)
{
    static const char *const words[] = {"y",   "yes",  "n",     "no",  "on",
                                        "off", "true", "false", "null"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (span_is_nocase(text, words[i])) {
            return true;
        }
    }
    return false;
}

static bool letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void config_print_text(span text, struct buf *out)
{
    bool plain = text.len > 0 && !word_of_yaml(text) && text.at[text.len - 1] != ':' &&
                 (letter(text.at[0]) || text.at[0] == '/');
    for (size_t i = 0; i < text.len && plain; i++) {
        uint8_t c = text.at[i];
        plain = letter(c) || (c >= '0' && c <= '9') || (c != 0 && strchr("_./:-", c) != NULL);
    }
    if (plain) {
        buf_add(out, text);
    } else {
        buf_add_json(out, text);
    }
}

static void print_number(const struct config_row *row, int64_t value, struct buf *out)
{
    if (row->type == CONFIG_WHOLE) {
        buf_addf(out, "%" PRId64, value);
        return;
    }
    const struct config_unit *unit = config_units(row->type);
    while (value % unit->is != 0 || (value == 0 && unit->is > 1000)) {
        unit++;
    }
    buf_addf(out, "%" PRId64 "%s", value / unit->is, unit->name);
}

static void print_real(double value, struct buf *out)
{
    char text[40];
    (void)snprintf(text, sizeof(text), "%.15g", value);
    double back = strtod(text, NULL);
    if (back < value || back > value) {
        (void)snprintf(text, sizeof(text), "%.17g", value);
    }
    buf_add_text(out, text);
}

static bool print_pointer_line(const char *line, struct buf *out)
{
    span rest = span_text(line);
    span pointer;
    buf_add_char(out, '[');
    for (bool first = true; config_next_pointer(&rest, &pointer); first = false) {
        buf_add_text(out, first ? "" : ", ");
        config_print_text(pointer, out);
    }
    buf_add_char(out, ']');
    return true;
}

bool config_value_print(const struct config_row *row, const void *member, struct buf *out)
{
    char *const *text = member;
    const struct config_pointers *list = member;
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_CHOICE:
        if (*text != NULL) {
            config_print_text(span_text(*text), out);
        }
        return *text != NULL;
    case CONFIG_WHOLE:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        print_number(row, *(const int64_t *)member, out);
        return true;
    case CONFIG_REAL:
        print_real(*(const double *)member, out);
        return true;
    case CONFIG_POINTERS:
        buf_add_char(out, '[');
        for (size_t i = 0; i < list->count; i++) {
            buf_add_text(out, i == 0 ? "" : ", ");
            config_print_text(span_text(list->pointers[i]), out);
        }
        buf_add_char(out, ']');
        return true;
    case CONFIG_POINTER_LINE:
        return *text != NULL && print_pointer_line(*text, out);
    }
    return false;
}

const char *config_type_name(enum config_type type)
{
    switch (type) {
    case CONFIG_TEXT:
        return "text";
    case CONFIG_CHOICE:
        return "choice";
    case CONFIG_WHOLE:
        return "whole number";
    case CONFIG_REAL:
        return "number";
    case CONFIG_SIZE:
        return "size";
    case CONFIG_DURATION:
        return "duration";
    case CONFIG_POINTERS:
    case CONFIG_POINTER_LINE:
        return "JSON pointers";
    }
    return "unknown";
}

void config_value_expected(const struct config_row *row, struct buf *out)
{
    switch (row->type) {
    case CONFIG_TEXT:
        buf_add_text(out, row->form == NULL
                              ? "a text of 1 to " ERR_STRING(CONFIG_TEXT_MAX) " bytes on one line"
                              : row->form->expected);
        return;
    case CONFIG_CHOICE:
        buf_add_text(out, "one of ");
        buf_add_text(out, row->choices);
        return;
    case CONFIG_WHOLE:
        buf_addf(out, "a whole number from %s to %s", row->min, row->max);
        return;
    case CONFIG_REAL:
        buf_addf(out, "a number from %s to %s", row->min, row->max);
        return;
    case CONFIG_SIZE:
        buf_addf(out, "a size with its unit (B, KiB, MiB, GiB) from %s to %s", row->min, row->max);
        return;
    case CONFIG_DURATION:
        buf_addf(out, "a duration with its unit (ms, s, m, h) from %s to %s", row->min, row->max);
        return;
    case CONFIG_POINTERS:
    case CONFIG_POINTER_LINE:
        buf_addf(out, "JSON pointers such as /data/id, %s to " ERR_STRING(CONFIG_POINTERS_MAX),
                 row->min == NULL ? "0" : row->min);
        return;
    }
}
