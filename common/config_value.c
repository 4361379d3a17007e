/* SPDX-License-Identifier: Apache-2.0
 *
 * One value, from the words of the file to the member of the struct.
 * Pure but for the texts that members own; used at start, by one thread.
 */
#include "common/config_table.h"
#include "common/mem.h"

#include <math.h>
#include <stdlib.h>

/* The largest first: printing takes the first that divides. */
static const struct config_unit duration_units[] = {
    {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct config_unit size_units[] = {
    {"GiB", INT64_C(1) << 30}, {"MiB", INT64_C(1) << 20}, {"KiB", 1024}, {"B", 1}, {NULL, 0}};

const struct config_unit *config_units(enum config_type type)
{
    return type == CONFIG_DURATION ? duration_units : size_units;
}

bool config_number(enum config_type type, span text, int64_t *out)
{
    if (type == CONFIG_WHOLE) {
        return span_number(text, INT64_MIN / 2, INT64_MAX / 2, out);
    }
    size_t digits = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9') {
        digits++;
    }
    span unit_name = span_of(text.at + digits, text.len - digits);
    for (const struct config_unit *unit = config_units(type); unit->name != NULL; unit++) {
        if (span_is(unit_name, unit->name)) {
            bool fits = span_number(span_of(text.at, digits), 0, INT64_MAX / unit->is, out);
            *out = fits ? *out * unit->is : 0;
            return fits;
        }
    }
    return false;
}

static bool real_number(span text, double *out)
{
    char copy[40];
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("+-.0123456789eE", text.at[i]) == NULL || text.at[i] == 0) {
            return false;
        }
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    char *end = NULL;
    *out = strtod(copy, &end);
    return *end == 0 && isfinite(*out);
}

bool config_next_pointer(span *rest, span *pointer)
{
    if (rest->at == NULL) {
        return false;
    }
    const uint8_t *comma = rest->len == 0 ? NULL : memchr(rest->at, ',', rest->len);
    size_t len = comma == NULL ? rest->len : (size_t)(comma - rest->at);
    *pointer = span_trim(span_of(rest->at, len));
    *rest = comma == NULL ? SPAN_NONE : span_of(comma + 1, rest->len - len - 1);
    return true;
}

bool config_pointer_fits(span pointer)
{
    if (pointer.len > 256 || (pointer.len > 0 && pointer.at[0] != '/')) {
        return false;
    }
    for (size_t i = 0; i < pointer.len; i++) {
        uint8_t next = i + 1 < pointer.len ? pointer.at[i + 1] : 0;
        bool bad_escape = pointer.at[i] == '~' && next != '0' && next != '1';
        if (bad_escape || pointer.at[i] < 0x20 || pointer.at[i] == ',') {
            return false;
        }
    }
    return true;
}

static void set_text(char **member, const char *text)
{
    char *copy = mem_must_copy_text(text);
    mem_free_text(member);
    *member = copy;
}

static bool read_number(const struct config_row *row, span text, int64_t *member)
{
    int64_t value = 0;
    int64_t min = 0;
    int64_t max = 0;
    CHECK(config_number(row->type, span_text(row->min), &min) &&
          config_number(row->type, span_text(row->max), &max));
    if (!config_number(row->type, text, &value) || value < min || value > max) {
        return false;
    }
    *member = value;
    return true;
}

static bool read_real(const struct config_row *row, span text, double *member)
{
    double value = 0;
    double min = 0;
    double max = 0;
    CHECK(real_number(span_text(row->min), &min) && real_number(span_text(row->max), &max));
    if (!real_number(text, &value) || value < min || value > max) {
        return false;
    }
    *member = value;
    return true;
}

static bool is_choice(const char *choices, span text)
{
    span rest = span_text(choices);
    while (rest.len > 0) {
        const uint8_t *blank = memchr(rest.at, ' ', rest.len);
        size_t len = blank == NULL ? rest.len : (size_t)(blank - rest.at);
        if (span_equal(span_of(rest.at, len), text)) {
            return true;
        }
        rest = blank == NULL ? SPAN_NONE : span_of(blank + 1, rest.len - len - 1);
    }
    return false;
}

static bool read_text(const struct config_row *row, span text, char **member)
{
    if (text.len > CONFIG_TEXT_MAX || (text.len == 0 && row->min == NULL)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < 0x20 || text.at[i] == 0x7F) {
            return false;
        }
    }
    if (row->type == CONFIG_CHOICE && !is_choice(row->choices, text)) {
        return false;
    }
    char copy[CONFIG_TEXT_MAX + 1];
    memcpy(copy, text.len == 0 ? (const uint8_t *)"" : text.at, text.len);
    copy[text.len] = 0;
    if (row->form != NULL && text.len > 0 && !row->form->fits(copy)) {
        return false;
    }
    set_text(member, copy);
    return true;
}

/* `text` is a list with commas; SPAN_NONE is the empty list. */
static bool read_pointers(const struct config_row *row, span text, struct config_pointers *member)
{
    struct config_pointers read = {.count = 0};
    span rest = text;
    span pointer;
    bool fits = true;
    while (fits && config_next_pointer(&rest, &pointer)) {
        fits = read.count < CONFIG_POINTERS_MAX && config_pointer_fits(pointer);
        if (fits) {
            char *copy = mem_must_alloc(pointer.len + 1);
            memcpy(copy, pointer.at, pointer.len);
            read.pointers[read.count++] = copy;
        }
    }
    fits = fits && (read.count > 0 || row->min == NULL);
    if (!fits) {
        config_value_free(row, &read);
        return false;
    }
    config_value_free(row, member);
    *member = read;
    return true;
}

static bool read_pointer_line(const struct config_row *row, span text, char **member)
{
    struct config_pointers read = {.count = 0};
    struct config_row list_row = *row;
    list_row.type = CONFIG_POINTERS;
    if (!read_pointers(&list_row, text, &read)) {
        return false;
    }
    struct buf line;
    buf_init(&line, CONFIG_POINTERS_MAX * (size_t)300);
    for (size_t i = 0; i < read.count; i++) {
        buf_add_text(&line, i == 0 ? "" : ",");
        buf_add_text(&line, read.pointers[i]);
    }
    CHECK(!failed(buf_ok(&line)));
    set_text(member, buf_text(&line));
    buf_close(&line);
    config_value_free(&list_row, &read);
    return true;
}

bool config_value_read(const struct config_row *row, span text, void *member)
{
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_CHOICE:
        return read_text(row, text, member);
    case CONFIG_WHOLE:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        return read_number(row, text, member);
    case CONFIG_REAL:
        return read_real(row, text, member);
    case CONFIG_POINTERS:
        return read_pointers(row, text, member);
    case CONFIG_POINTER_LINE:
        return read_pointer_line(row, text, member);
    }
    return false;
}

void config_value_free(const struct config_row *row, void *member)
{
    if (row->type == CONFIG_POINTERS) {
        struct config_pointers *list = member;
        for (size_t i = 0; i < list->count; i++) {
            mem_free_text(&list->pointers[i]);
        }
        list->count = 0;
    } else if (row->type == CONFIG_TEXT || row->type == CONFIG_CHOICE ||
               row->type == CONFIG_POINTER_LINE) {
        mem_free_text(member);
    }
}
