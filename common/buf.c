/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded buffer. One owner, one thread.
 */
#include "common/buf.h"

#include "common/mem.h"
#include "common/own.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define BUF_FIRST_ROOM 256

void buf_init(struct buf *buf, size_t bytes_max)
{
    *buf = (struct buf){.max = bytes_max};
}

void buf_close(struct buf *buf)
{
    mem_free(TAKE(buf->at));
    buf->len = 0;
    buf->room = 0;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->broken = false;
}

void buf_break(struct buf *buf)
{
    buf_close(buf);
    buf->broken = true;
}

/* Room for `more` bytes and a NUL behind them; false when the buffer is broken. */
static bool reserve(struct buf *buf, size_t more)
{
    if (buf->broken) {
        return false;
    }
    if (more > buf->max - buf->len) {
        buf_break(buf);
        return false;
    }
    size_t need = buf->len + more + 1;
    if (need <= buf->room) {
        return true;
    }
    size_t room = buf->room == 0 ? BUF_FIRST_ROOM : buf->room;
    while (room < need) {
        room *= 2;
    }
    if (room > buf->max + 1) {
        room = buf->max + 1;
    }
    uint8_t *grown = mem_try_grow(buf->at, room);
    if (grown == NULL) {
        buf_break(buf);
        return false;
    }
    buf->at = grown;
    buf->room = room;
    return true;
}

uint8_t *buf_reserve(struct buf *buf, size_t most)
{
    return reserve(buf, most) ? buf->at + buf->len : NULL;
}

void buf_wrote(struct buf *buf, size_t bytes)
{
    CHECK(!buf->broken && bytes < buf->room - buf->len);
    buf->len += bytes;
}

void buf_add(struct buf *buf, span bytes)
{
    if (bytes.len > 0 && reserve(buf, bytes.len)) {
        memcpy(buf->at + buf->len, bytes.at, bytes.len);
        buf->len += bytes.len;
    }
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, span_text(text));
}

void buf_add_char(struct buf *buf, char c)
{
    if (reserve(buf, 1)) {
        buf->at[buf->len++] = (uint8_t)c;
    }
}

void buf_add_whole(struct buf *buf, int64_t whole)
{
    char room[SPAN_WHOLE_ROOM];
    buf_add(buf, span_of_whole(whole, room));
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;
    size_t spare = buf->room - (buf->room > 0 ? buf->len : 0);
    va_start(args, format);
    int need = vsnprintf(spare > 0 ? (char *)buf->at + buf->len : NULL, spare, format, args);
    va_end(args);
    CHECK(need >= 0);
    if ((size_t)need < spare) {
        buf->len += (size_t)need;
        return;
    }
    if (!reserve(buf, (size_t)need)) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf((char *)buf->at + buf->len, (size_t)need + 1, format, args);
    va_end(args);
    buf->len += (size_t)need;
}

static void add_json_char(struct buf *buf, uint8_t c)
{
    switch (c) {
    case '"':
        buf_add_text(buf, "\\\"");
        return;
    case '\\':
        buf_add_text(buf, "\\\\");
        return;
    case '\n':
        buf_add_text(buf, "\\n");
        return;
    case '\r':
        buf_add_text(buf, "\\r");
        return;
    case '\t':
        buf_add_text(buf, "\\t");
        return;
    default:
        buf_addf(buf, "\\u%04x", c);
    }
}

void buf_add_json(struct buf *buf, span text)
{
    buf_add_char(buf, '"');
    size_t plain = 0; /* start of the run that needs no change */
    if (text.len == 0) {
        text.at = (const uint8_t *)""; /* nothing is added to NULL */
    }
    size_t i = 0;
    while (i < text.len) {
        uint8_t c = text.at[i];
        size_t step = 1;
        bool escape = c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
        bool invalid = false;
        if (c >= 0x80) {
            step = 2;
            while (step <= 4 && i + step <= text.len && !span_utf8(span_of(text.at + i, step))) {
                step++;
            }
            invalid = step > 4 || i + step > text.len;
            step = invalid ? 1 : step;
        }
        if (escape || invalid) {
            buf_add(buf, span_of(text.at + plain, i - plain));
            if (invalid) {
                buf_add_text(buf, "\xEF\xBF\xBD"); /* U+FFFD */
            } else {
                add_json_char(buf, c);
            }
            plain = i + 1;
        }
        i += step;
    }
    buf_add(buf, span_of(text.at + plain, text.len - plain));
    buf_add_char(buf, '"');
}

void buf_add_url(struct buf *buf, span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            buf_add_char(buf, (char)c);
        } else {
            buf_addf(buf, "%%%02X", c);
        }
    }
}

void buf_add_hex(struct buf *buf, span bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        buf_add_char(buf, digits[bytes.at[i] >> 4]);
        buf_add_char(buf, digits[bytes.at[i] & 15]);
    }
}

struct err buf_ok(const struct buf *buf)
{
    if (buf->broken) {
        FAIL(ERR_RETRY, ENOMEM, "a buffer passed its maximum or memory ran out");
    }
    return NO_ERROR;
}

span buf_span(const struct buf *buf)
{
    return span_of(buf->at, buf->len);
}

const char *buf_text(struct buf *buf)
{
    if (!reserve(buf, 0)) {
        return "";
    }
    buf->at[buf->len] = 0;
    return (const char *)buf->at;
}

struct err buf_into(struct buf *buf, struct arena *arena, span *out)
{
    struct err err = buf_ok(buf);
    if (!failed(err)) {
        *out = arena_copy(arena, buf_span(buf));
        if (out->at == NULL) {
            err = (struct err){
                .class = ERR_RETRY, .code = ENOMEM, .text = "the arena is full", .where = ERR_HERE};
        }
    }
    buf_close(buf);
    return err;
}

uint8_t *buf_take(struct buf *buf, size_t *len)
{
    *len = buf->len;
    buf->len = 0;
    buf->room = 0;
    return TAKE(buf->at);
}
