/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share. Pure.
 */
#include "tests/fuzz/fuzz.h"

span fuzz_until(span *rest, uint8_t cut)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->at, cut, rest->len);
    span piece = end == NULL ? *rest : span_of(rest->at, (size_t)(end - rest->at));
    *rest = end == NULL ? SPAN_NONE : span_of(end + 1, rest->len - piece.len - 1);
    return piece;
}

span fuzz_piece(span *rest)
{
    return fuzz_until(rest, FUZZ_CUT);
}

uint8_t fuzz_byte(span *rest)
{
    if (rest->len == 0) {
        return 0;
    }
    uint8_t byte = rest->at[0];
    *rest = span_of(rest->at + 1, rest->len - 1);
    return byte;
}

static uint8_t small(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool fuzz_contains(span text, span part)
{
    for (size_t i = 0; part.len > 0 && i + part.len <= text.len; i++) {
        size_t same = 0;
        while (same < part.len && small(text.at[i + same]) == small(part.at[same])) {
            same++;
        }
        if (same == part.len) {
            return true;
        }
    }
    return false;
}

void fuzz_touch(span text)
{
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        sum = sum ^ text.at[i];
    }
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = small(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

span fuzz_url_decoded(struct arena *arena, span text)
{
    uint8_t *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    CHECK(out != NULL);
    for (size_t i = 0; i < text.len; i++) {
        int high = i + 2 < text.len ? hex_digit(text.at[i + 1]) : -1;
        int low = i + 2 < text.len ? hex_digit(text.at[i + 2]) : -1;
        bool coded = text.at[i] == '%' && high >= 0 && low >= 0;
        out[len++] = coded ? (uint8_t)(high * 16 + low) : text.at[i];
        i += coded ? 2 : 0;
    }
    return span_of(out, len);
}
