/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading borrowed bytes. Pure functions, any thread.
 */
#include "common/span.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool span_is_nocase(span s, const char *text)
{
    if (s.len != strlen(text)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (lower(s.at[i]) != lower((uint8_t)text[i])) {
            return false;
        }
    }
    return true;
}

bool span_starts(span s, const char *prefix)
{
    size_t len = strlen(prefix);
    return s.len >= len && (len == 0 || memcmp(s.at, prefix, len) == 0);
}

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

span span_trim(span s)
{
    while (s.len > 0 && blank(s.at[0])) {
        s = span_of(s.at + 1, s.len - 1);
    }
    while (s.len > 0 && blank(s.at[s.len - 1])) {
        s.len--;
    }
    return s;
}

span span_of_whole(int64_t whole, char room[SPAN_WHOLE_ROOM])
{
    uint64_t left = whole < 0 ? 0 - (uint64_t)whole : (uint64_t)whole;
    size_t at = SPAN_WHOLE_ROOM;
    do {
        room[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (whole < 0) {
        room[--at] = '-';
    }
    return span_of(room + at, SPAN_WHOLE_ROOM - at);
}

bool span_number(span s, int64_t min, int64_t max, int64_t *out)
{
    bool negative = s.len > 0 && s.at[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i == s.len || s.len - i > 18) {
        return false;
    }
    int64_t value = 0;
    for (; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') {
            return false;
        }
        value = value * 10 + (s.at[i] - '0');
    }
    value = negative ? -value : value;
    if (value < min || value > max) {
        return false;
    }
    *out = value;
    return true;
}

/* Length of the valid UTF-8 sequence at the start of s, 0 when there is none. */
static size_t utf8_sequence(span s)
{
    uint8_t c = s.at[0];
    if (c < 0x80) {
        return 1;
    }
    size_t len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || s.len < len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((s.at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    uint8_t second = s.at[1];
    bool overlong = (c == 0xE0 && second < 0xA0) || (c == 0xF0 && second < 0x90);
    bool surrogate = c == 0xED && second > 0x9F;
    bool beyond = c == 0xF4 && second > 0x8F;
    return overlong || surrogate || beyond ? 0 : len;
}

bool span_utf8(span s)
{
    while (s.len > 0) {
        size_t len = utf8_sequence(s);
        if (len == 0) {
            return false;
        }
        s = span_of(s.at + len, s.len - len);
    }
    return true;
}

size_t span_cut_utf8(span s, size_t max)
{
    if (s.len <= max) {
        return s.len;
    }
    size_t cut = max;
    while (cut > 0 && (s.at[cut] & 0xC0) == 0x80) {
        cut--;
    }
    return cut;
}

void span_to_text(span s, char *out, size_t room)
{
    size_t len = span_cut_utf8(s, room - 1);
    if (len > 0) {
        memcpy(out, s.at, len);
    }
    out[len] = 0;
}

uint64_t span_hash_more(uint64_t hash, span s)
{
    for (size_t i = 0; i < s.len; i++) {
        hash = (hash ^ s.at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

uint64_t span_hash(span s)
{
    return span_hash_more(UINT64_C(0xcbf29ce484222325), s);
}
