/* SPDX-License-Identifier: Apache-2.0
 *
 * The ADF writer. Pure: text in, JSON out.
 */
#include "consumer/apis/adf.h"

bool adf_is_link(span link)
{
    if (link.len > 2000 || !(span_starts(link, "https://") || span_starts(link, "http://"))) {
        return false;
    }
    for (size_t i = 0; i < link.len; i++) {
        if (link.at[i] <= ' ' || link.at[i] == '"' || link.at[i] == '<' || link.at[i] == 0x7F) {
            return false;
        }
    }
    return true;
}

void adf_begin(struct adf *adf, struct buf *out)
{
    *adf = (struct adf){.out = out};
    buf_add_text(out, "{\"type\":\"doc\",\"version\":1,\"content\":[");
}

void adf_end(struct adf *adf)
{
    buf_add_text(adf->out, "]}");
}

static void next_block(struct adf *adf)
{
    if (adf->any_block) {
        buf_add_char(adf->out, ',');
    }
    adf->any_block = true;
}

/* One line as a text node, control characters as blanks. */
static void add_line(struct buf *out, span line, const char *marks)
{
    struct buf clean;
    buf_init(&clean, line.len + 1);
    for (size_t i = 0; i < line.len; i++) {
        bool control = line.at[i] < ' ' || line.at[i] == 0x7F;
        buf_add_char(&clean, control ? ' ' : (char)line.at[i]);
    }
    buf_add_text(out, "{\"type\":\"text\",\"text\":");
    buf_add_json(out, buf_span(&clean));
    buf_add_text(out, marks);
    buf_add_char(out, '}');
    if (failed(buf_ok(&clean))) {
        buf_break(out);
    }
    buf_close(&clean);
}

/* Text nodes with hard breaks between the lines, the last lines as one when there are too many;
 * says whether there was any. */
static bool add_text(struct buf *out, span text, bool after_other)
{
    bool any = after_other;
    text = span_trim(text);
    for (int lines = 1; text.len > 0; lines++) {
        const uint8_t *end = lines == ADF_LINES_MAX ? NULL : memchr(text.at, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.at);
        span line = span_trim(span_of(text.at, len));
        if (line.len > 0) {
            if (any) {
                buf_add_char(out, ',');
            }
            add_line(out, line, "");
            any = true;
        }
        if (end == NULL) {
            break;
        }
        if (any) {
            buf_add_text(out, ",{\"type\":\"hardBreak\"}");
        }
        text = span_of(end + 1, text.len - len - 1);
    }
    return any;
}

static void add_link_node(struct buf *out, const char *words, span link)
{
    struct buf marks;
    buf_init(&marks, 16384);
    buf_add_text(&marks, ",\"marks\":[{\"type\":\"link\",\"attrs\":{\"href\":");
    buf_add_json(&marks, link);
    buf_add_text(&marks, "}}]");
    add_line(out, span_text(words), buf_text(&marks));
    if (failed(buf_ok(&marks))) {
        buf_break(out);
    }
    buf_close(&marks);
}

void adf_paragraph(struct adf *adf, span text)
{
    if (span_trim(text).len == 0) {
        return;
    }
    next_block(adf);
    buf_add_text(adf->out, "{\"type\":\"paragraph\",\"content\":[");
    (void)add_text(adf->out, text, false);
    buf_add_text(adf->out, "]}");
}

void adf_fact(struct adf *adf, const char *label, span value)
{
    if (span_trim(value).len == 0) {
        return;
    }
    next_block(adf);
    buf_add_text(adf->out, "{\"type\":\"paragraph\",\"content\":[");
    add_line(adf->out, span_text(label), ",\"marks\":[{\"type\":\"strong\"}]");
    buf_add_text(adf->out, ",{\"type\":\"text\",\"text\":\": \"}");
    (void)add_text(adf->out, value, true);
    buf_add_text(adf->out, "]}");
}

void adf_quote(struct adf *adf, span text, span link)
{
    if (span_trim(text).len == 0) {
        return;
    }
    next_block(adf);
    buf_add_text(adf->out,
                 "{\"type\":\"blockquote\",\"content\":[{\"type\":\"paragraph\",\"content\":[");
    (void)add_text(adf->out, text, false);
    if (adf_is_link(link)) {
        buf_add_text(adf->out, ",{\"type\":\"hardBreak\"},");
        add_link_node(adf->out, "transcript", link);
    }
    buf_add_text(adf->out, "]}]}");
}

void adf_link(struct adf *adf, const char *words, span link)
{
    if (!adf_is_link(link)) {
        return;
    }
    next_block(adf);
    buf_add_text(adf->out, "{\"type\":\"paragraph\",\"content\":[");
    add_link_node(adf->out, words, link);
    buf_add_text(adf->out, "]}");
}
