/* SPDX-License-Identifier: Apache-2.0
 *
 * The JQL tokenizer. Strings are quoted by " or ' and take the escapes Jira
 * lists; an unquoted word may hold anything but blanks, signs and the characters
 * JQL reserves. Pure.
 */
#include "tests/sandbox/jql_token.h"

#include "common/buf.h"
#include "common/own.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct err jql_wrong(struct jql *jql, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(jql->error, sizeof(jql->error), format, args);
    va_end(args);
    FAIL(ERR_REJECT, 400, "invalid JQL");
}

static bool among(uint8_t c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static void skip(struct jql_lexer *lexer, size_t bytes)
{
    lexer->rest = span_of(lexer->rest.at + bytes, lexer->rest.len - bytes);
}

static int hex_digit(uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == 0 ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* \uXXXX as UTF-8; false when it is no character of the basic plane. */
static bool add_unicode(span digits, struct buf *out)
{
    unsigned point = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < digits.len ? hex_digit(digits.at[i]) : -1;
        if (digit < 0) {
            return false;
        }
        point = point * 16 + (unsigned)digit;
    }
    if (point == 0 || (point >= 0xD800 && point <= 0xDFFF)) {
        return false;
    }
    if (point < 0x80) {
        buf_add_char(out, (char)point);
    } else if (point < 0x800) {
        buf_add_char(out, (char)(0xC0 | (point >> 6)));
        buf_add_char(out, (char)(0x80 | (point & 0x3F)));
    } else {
        buf_add_char(out, (char)(0xE0 | (point >> 12)));
        buf_add_char(out, (char)(0x80 | ((point >> 6) & 0x3F)));
        buf_add_char(out, (char)(0x80 | (point & 0x3F)));
    }
    return true;
}

/* What stands behind a backslash; steps over it. */
static struct err unescape(struct jql_lexer *lexer, struct buf *out)
{
    static const char from[] = "nrt\\'\" ";
    static const char to[] = "\n\r\t\\'\" ";
    uint8_t c = lexer->rest.len > 1 ? lexer->rest.at[1] : 0;
    const char *at = c == 0 ? NULL : strchr(from, c);
    if (at != NULL) {
        buf_add_char(out, to[at - from]);
        skip(lexer, 2);
        return NO_ERROR;
    }
    if (c == 'u' && add_unicode(span_of(lexer->rest.at + 2, lexer->rest.len - 2), out)) {
        skip(lexer, 6);
        return NO_ERROR;
    }
    return jql_wrong(lexer->jql,
                     "Error in the JQL Query: '\\%c' is an illegal JQL escape sequence. The valid "
                     "escape sequences are \\', \\\", \\t, \\n, \\r, \\\\, '\\ ' and \\uXXXX.",
                     c == 0 ? ' ' : c);
}

static struct err keep(struct jql_lexer *lexer, enum jql_kind kind, span text)
{
    lexer->kind = kind;
    lexer->text = (const char *)arena_copy(lexer->arena, text).at;
    if (lexer->text == NULL) {
        FAIL(ERR_RETRY, ENOMEM, "a query is larger than its arena");
    }
    return NO_ERROR;
}

static struct err quoted(struct jql_lexer *lexer, struct buf *out)
{
    uint8_t quote = lexer->rest.at[0];
    skip(lexer, 1);
    while (lexer->rest.len > 0 && lexer->rest.at[0] != quote) {
        if (lexer->rest.at[0] == '\\') {
            TRY(unescape(lexer, out));
        } else {
            buf_add(out, span_of(lexer->rest.at, 1));
            skip(lexer, 1);
        }
    }
    if (lexer->rest.len == 0) {
        return jql_wrong(
            lexer->jql,
            "Error in the JQL Query: The quoted string '%.100s' has not been completed.",
            buf_text(out));
    }
    skip(lexer, 1);
    return keep(lexer, JQL_STRING, buf_span(out));
}

static struct err word(struct jql_lexer *lexer, struct buf *out)
{
    while (lexer->rest.len > 0 && !among(lexer->rest.at[0], " \t\r\n=!<>~(),&|'\"")) {
        uint8_t c = lexer->rest.at[0];
        if (c == '\\') {
            TRY(unescape(lexer, out));
            continue;
        }
        if (c < 0x20 || among(c, "{}*/%^$#@[]+;?")) {
            return jql_wrong(lexer->jql,
                             "Error in the JQL Query: The character '%c' is a reserved JQL "
                             "character. You must enclose it in a string or use the escape "
                             "'\\u%04x' instead.",
                             c < 0x20 ? ' ' : c, c);
        }
        buf_add(out, span_of(&c, 1));
        skip(lexer, 1);
    }
    return keep(lexer, JQL_WORD, buf_span(out));
}

struct err jql_next(struct jql_lexer *lexer)
{
    static const char *const signs[] = {"!=", "!~", "<=", ">=", "&&", "||", "=",
                                        "~",  "<",  ">",  "(",  ")",  ",",  "!"};
    while (lexer->rest.len > 0 && among(lexer->rest.at[0], " \t\r\n")) {
        skip(lexer, 1);
    }
    if (lexer->rest.len == 0) {
        lexer->kind = JQL_END;
        lexer->text = "(EOF)";
        return NO_ERROR;
    }
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        if (span_starts(lexer->rest, signs[i])) {
            lexer->kind = JQL_SIGN;
            lexer->text = signs[i];
            skip(lexer, strlen(signs[i]));
            return NO_ERROR;
        }
    }
    struct buf out;
    buf_init(&out, lexer->rest.len);
    bool string = among(lexer->rest.at[0], "'\"");
    struct err e = string ? quoted(lexer, &out) : word(lexer, &out);
    buf_close(&out);
    return e;
}
