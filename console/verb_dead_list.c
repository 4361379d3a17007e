/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback dead list: a table of letters, and how many there are of each reason.
 */
#include "console/text.h"
#include "console/verb_dead.h"
#include "console/when.h"

#include <inttypes.h>
#include <stdio.h>

#define COLUMNS     7
#define COLUMN_MAX  40 /* wider ones push their line */
#define REASONS_MAX 64

static const char *const titles[COLUMNS] = {"AGE",      "WORKER", "REASON", "STAGE",
                                            "ATTEMPTS", "KEY",    "EFFECT"};

struct row {
    char age[16];
    struct buf name; /* of a whole record */
    span cells[COLUMNS];
};

static void row_of(struct row *row, const struct letter *letter)
{
    when_age(clock_wall_ms(clock_system()) - letter->at_ms, row->age, sizeof(row->age));
    buf_init(&row->name, DEAD_LINE_BYTES_MAX);
    if (letter->whole) {
        letter_key_copy(&row->name, &letter->first);
    }
    const span cells[COLUMNS] = {span_text(row->age),
                                 letter->worker,
                                 letter->reason,
                                 letter->stage,
                                 letter->attempts,
                                 letter->order,
                                 letter->whole ? buf_span(&row->name) : letter->effect};
    memcpy(row->cells, cells, sizeof(cells));
}

static void add_row(struct buf *out, const span *cells, const size_t *widths)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        bool last = i + 1 == COLUMNS;
        text_cell(out, cells[i], last ? 0 : widths[i]);
        buf_add_text(out, last ? "\n" : "  ");
    }
}

static void find_widths(const struct letters *letters, size_t *widths)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        widths[c] = strlen(titles[c]);
    }
    for (size_t i = 0; i < letters->listed; i++) {
        struct row row;
        row_of(&row, &letters->list[i]->letter);
        for (size_t c = 0; c < COLUMNS; c++) {
            size_t width = text_width(row.cells[c]);
            width = width > COLUMN_MAX ? COLUMN_MAX : width;
            widths[c] = width > widths[c] ? width : widths[c];
        }
        buf_close(&row.name);
    }
}

void dead_table(const struct letters *letters)
{
    size_t widths[COLUMNS];
    span heads[COLUMNS];
    struct buf out;
    buf_init(&out, DEAD_LINE_BYTES_MAX);
    find_widths(letters, widths);
    for (size_t c = 0; c < COLUMNS; c++) {
        heads[c] = span_text(titles[c]);
    }
    add_row(&out, heads, widths);
    dead_say(&out);
    for (size_t i = 0; i < letters->listed; i++) {
        struct row row;
        row_of(&row, &letters->list[i]->letter);
        add_row(&out, row.cells, widths);
        dead_say(&out);
        buf_close(&row.name);
    }
    buf_close(&out);
}

struct reasons {
    struct {
        span reason;
        size_t count;
    } rows[REASONS_MAX];
    size_t count;
    size_t others;
};

static void count_reason(struct reasons *reasons, span reason)
{
    for (size_t i = 0; i < reasons->count; i++) {
        if (span_equal(reasons->rows[i].reason, reason)) {
            reasons->rows[i].count++;
            return;
        }
    }
    if (reasons->count == REASONS_MAX) {
        reasons->others++;
        return;
    }
    reasons->rows[reasons->count].reason = reason;
    reasons->rows[reasons->count++].count = 1;
}

static void say_reasons(const struct letters *letters)
{
    struct reasons reasons = {0};
    struct buf out;
    buf_init(&out, DEAD_LINE_BYTES_MAX);
    for (size_t i = 0; i < letters->total; i++) {
        count_reason(&reasons, letters->list[i]->letter.reason);
    }
    buf_addf(&out, "\n%zu letter%s", letters->total, letters->total == 1 ? "" : "s");
    if (letters->listed < letters->total) {
        buf_addf(&out, ", the newest %zu of which are shown", letters->listed);
    }
    for (size_t i = 0; i < reasons.count; i++) {
        buf_addf(&out, "%s" SPAN_FMT " %zu", i == 0 ? ": " : ", ", SPAN_ARG(reasons.rows[i].reason),
                 reasons.rows[i].count);
    }
    if (reasons.others > 0) {
        buf_addf(&out, ", other reasons %zu", reasons.others);
    }
    buf_add_char(&out, '\n');
    dead_say(&out);
    buf_close(&out);
}

void dead_members(struct buf *out, const struct letter *letter)
{
    char at[32];
    clock_format(letter->at_ms < 0 ? 0 : letter->at_ms, at, sizeof(at));
    text_member(out, "kind", span_text(letter->whole ? LETTER_KIND_WHOLE : LETTER_KIND_ITEM));
    text_member(out, "worker", letter->worker);
    text_member(out, "reason", letter->reason);
    text_member(out, "detail", letter->detail);
    text_member(out, "written_at", span_text(at));
    if (!letter->whole) {
        text_member(out, "effect", letter->effect);
        text_member(out, "order", letter->order);
        text_member(out, "stage", letter->stage);
        text_member(out, "attempts", letter->attempts);
        text_member(out, "first_at", letter->first_at);
        text_member(out, "last_at", letter->last_at);
    }
    text_member(out, "topic", letter->first.topic);
    buf_addf(out, "\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",", letter->first.partition,
             letter->first.offset);
    if (letter->traceparent.len > 0) {
        text_member(out, "traceparent", letter->traceparent);
    }
    text_member(out, "letter_key", letter->key);
    buf_addf(out, "\"letter_partition\":%" PRId32 ",\"letter_offset\":%" PRId64, letter->partition,
             letter->offset);
}

void dead_name(struct buf *out, const struct letter *letter)
{
    text_plain(out, letter->worker);
    buf_add_char(out, ' ');
    if (letter->whole) {
        letter_key_copy(out, &letter->first);
    } else {
        text_plain(out, letter->effect);
    }
}

static void list_json(const struct letters *letters)
{
    struct buf out;
    buf_init(&out, DEAD_LINE_BYTES_MAX);
    for (size_t i = 0; i < letters->listed; i++) {
        buf_add_char(&out, '{');
        dead_members(&out, &letters->list[i]->letter);
        buf_add_text(&out, "}\n");
        dead_say(&out);
    }
    buf_close(&out);
}

enum verb_exit dead_list(const struct config *config, const struct dead_asked *asked,
                         struct letters *letters)
{
    (void)config;
    letters_sort(letters, LETTERS_NEWEST, asked->limit);
    if (asked->json) {
        list_json(letters);
    } else if (letters->total == 0) {
        (void)puts("no letters");
    } else {
        dead_table(letters);
        say_reasons(letters);
    }
    return VERB_DONE;
}
