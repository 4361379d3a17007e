/* SPDX-License-Identifier: Apache-2.0
 *
 * Others' words, made harmless.
 */
#include "console/text.h"

/* Bytes of the character at the front, 0 when it is none or moves the terminal. */
static size_t harmless(span text)
{
    uint8_t c = text.at[0];
    size_t len = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0x20 || c == 0x7F || len > text.len || !span_utf8(span_of(text.at, len))) {
        return 0;
    }
    bool c1 = c == 0xC2 && text.at[1] < 0xA0; /* control characters, too */
    return c1 ? 0 : len;
}

void text_plain(struct buf *out, span text)
{
    while (text.len > 0) {
        size_t len = harmless(text);
        if (len == 0) {
            buf_add_char(out, '?');
            len = 1;
        } else {
            buf_add(out, span_of(text.at, len));
        }
        text = span_of(text.at + len, text.len - len);
    }
}

size_t text_width(span text)
{
    size_t width = 0;
    while (text.len > 0) {
        size_t len = harmless(text);
        len = len == 0 ? 1 : len;
        text = span_of(text.at + len, text.len - len);
        width++;
    }
    return width;
}

void text_cell(struct buf *out, span text, size_t width)
{
    text = text.len == 0 ? span_text("-") : text;
    text_plain(out, text);
    for (size_t has = text_width(text); has < width; has++) {
        buf_add_char(out, ' ');
    }
}

void text_member(struct buf *out, const char *name, span text)
{
    buf_addf(out, "\"%s\":", name);
    buf_add_json(out, text);
    buf_add_char(out, ',');
}
