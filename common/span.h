/* SPDX-License-Identifier: Apache-2.0
 *
 * A borrowed range of bytes, passed by value. Whoever made the span says how
 * long the bytes live; a span never owns them and need not end in NUL.
 */
#ifndef HEARBACK_COMMON_SPAN_H
#define HEARBACK_COMMON_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct span {
    const uint8_t *at;
    size_t len;
} span;

#define SPAN_NONE ((span){.at = NULL, .len = 0})

/* For printf's "%.*s". */
#define SPAN_FMT    "%.*s"
#define SPAN_ARG(s) (int)((s).len), (const char *)((s).at == NULL ? (const uint8_t *)"" : (s).at)

static inline span span_of(const void *at, size_t len)
{
    return (span){.at = at, .len = len};
}

static inline span span_text(const char *text)
{
    return text == NULL ? SPAN_NONE : span_of(text, strlen(text));
}

static inline bool span_equal(span a, span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool span_is(span s, const char *text)
{
    return span_equal(s, span_text(text));
}

/* ASCII case does not matter; for header names, schemes and the like. */
bool span_is_nocase(span s, const char *text);
bool span_starts(span s, const char *prefix);

/* Without blanks, tabs and line ends at either side. */
span span_trim(span s);

/* The number when the whole span is a decimal in [min, max]; false otherwise. */
bool span_number(span s, int64_t min, int64_t max, int64_t *out);

/* The number in decimal, in the room given, without a NUL. */
#define SPAN_WHOLE_ROOM 24
span span_of_whole(int64_t whole, char room[SPAN_WHOLE_ROOM]);

/* Every byte sequence is valid UTF-8 (no surrogates, no overlong forms). */
bool span_utf8(span s);

/* Bytes of the longest prefix that is at most `max` bytes and ends at a UTF-8 border. */
size_t span_cut_utf8(span s, size_t max);

/* As a C string in `out`, cut at a character border when it does not fit. */
void span_to_text(span s, char *out, size_t room);

/* FNV-1a, 64 bits: hash tables and digests that no attacker gains from. */
uint64_t span_hash(span s);
uint64_t span_hash_more(uint64_t hash, span s);

#endif
