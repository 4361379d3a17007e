/* SPDX-License-Identifier: Apache-2.0
 *
 * Four passes over the text, each linear: whatever looks like an e-mail
 * address, then the respondent's own address, id and name. When in doubt a
 * byte too many goes rather than one too few. Pure but for the arena.
 */
#include "common/redact.h"

#include "common/own.h"

#define KNOWN_BYTES_MAX  256 /* of an address, id or name that is looked for; the rest is not */
#define KNOWN_BYTES_MIN  3   /* shorter ones are words of any text */
#define QUOTED_BYTES_MAX 66  /* of "john doe"@ and @[192.0.2.1] */

struct range {
    size_t start;
    size_t end;
};

/* Finds the next range at or behind `from`; false when there is none. */
struct finder {
    bool (*find)(const struct finder *finder, span text, size_t from, struct range *out);
    const char *word; /* what is written instead */
    span known;
    bool whole_words;
    uint8_t fall_back[KNOWN_BYTES_MAX + 1]; /* see prepare() */
};

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool word_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* --- what looks like an address --------------------------------------------------------------- */

/* Letters of Latin, Greek, Cyrillic and their neighbours, two bytes each: U+00C0 to U+07FF without
 * the signs for times and divided by. */
static bool two_byte_letter(const uint8_t *at)
{
    return at[0] >= 0xC3 && at[0] <= 0xDF && (at[1] & 0xC0) == 0x80 &&
           !(at[0] == 0xC3 && (at[1] == 0x97 || at[1] == 0xB7));
}

/* Three bytes: letters of all other scripts, not the punctuation of U+2000 to U+303F and not the
 * full-width forms. */
static bool three_byte_letter(const uint8_t *at)
{
    bool script = at[0] == 0xE0 || at[0] == 0xE1 || (at[0] >= 0xE3 && at[0] <= 0xED);
    bool punctuation = at[0] == 0xE3 && at[1] == 0x80;
    return script && !punctuation && (at[1] & 0xC0) == 0x80 && (at[2] & 0xC0) == 0x80;
}

static bool local_char(uint8_t c)
{
    return word_char(c) || (c != 0 && strchr(".!#$%'+^_~-", c) != NULL);
}

/* Bytes of the character that ends before `at` and may stand in front of the @. `wide`: letters of
 * three bytes too, which are taken only when one touches the @: scripts without blanks would
 * otherwise lose the words around. */
static size_t local_step(span text, size_t floor, size_t at, bool wide)
{
    if (at > floor && local_char(text.at[at - 1])) {
        return 1;
    }
    if (at >= floor + 2 && two_byte_letter(text.at + at - 2)) {
        return 2;
    }
    return wide && at >= floor + 3 && three_byte_letter(text.at + at - 3) ? 3 : 0;
}

static size_t local_start(span text, size_t floor, size_t at)
{
    if (at > floor + 1 && text.at[at - 1] == '"') {
        for (size_t i = at - 1; i > floor && at - i < QUOTED_BYTES_MAX; i--) {
            if (text.at[i - 1] == '"') {
                return i - 1;
            }
        }
        return at;
    }
    size_t start = at;
    bool wide = local_step(text, floor, at, false) == 0;
    for (size_t step = 1; step > 0; start -= step) {
        step = local_step(text, floor, start, wide);
    }
    while (start < at &&
           (text.at[start] == '.' || text.at[start] == '\'' || text.at[start] == '-')) {
        start++;
    }
    return start;
}

/* Bytes of the character at `at` that may stand in a domain's label; 0 when none may. */
static size_t domain_step(span text, size_t at, bool wide)
{
    if (at < text.len && (word_char(text.at[at]) || text.at[at] == '-')) {
        return 1;
    }
    if (at + 2 <= text.len && two_byte_letter(text.at + at)) {
        return 2;
    }
    return wide && at + 3 <= text.len && three_byte_letter(text.at + at) ? 3 : 0;
}

/* "[192.0.2.1]" or "[IPv6:…]", and not "[e-mail]", which stands behind the first @ of a@b@c.de once
 * the rest is gone. */
static size_t literal_end(span text, size_t at)
{
    const size_t room = text.len - at < QUOTED_BYTES_MAX ? text.len - at : QUOTED_BYTES_MAX;
    bool digit = room > 1 && text.at[at + 1] >= '0' && text.at[at + 1] <= '9';
    bool tagged = room > 6 && span_is_nocase(span_of(text.at + at + 1, 5), "IPv6:");
    size_t len = 1;
    while ((digit || tagged) && len < room &&
           (word_char(text.at[at + len]) || text.at[at + len] == '.' || text.at[at + len] == ':')) {
        len++;
    }
    return len > 1 && len < room && text.at[at + len] == ']' ? at + len + 1 : at;
}

/* The end of the domain that starts at `at`, or `at`: it wants two labels, the last of which is no
 * single letter. A dot at the end belongs to the sentence. */
static size_t domain_end(span text, size_t at)
{
    if (at < text.len && text.at[at] == '[') {
        return literal_end(text, at);
    }
    bool wide = domain_step(text, at, false) == 0;
    size_t end = at;
    size_t label = at;
    size_t labels = 0;
    for (size_t i = at;;) {
        size_t step = domain_step(text, i, wide);
        i += step;
        if (step > 0) {
            continue;
        }
        if (i == label || (labels > 0 && i - label < 2)) {
            break;
        }
        labels++;
        end = i;
        if (i >= text.len || text.at[i] != '.') {
            break;
        }
        label = ++i;
    }
    while (end > at && text.at[end - 1] == '-') {
        end--;
    }
    return labels >= 2 ? end : at;
}

/* The length of an @ here, also as a URL writes it. */
static size_t at_sign(span text, size_t at)
{
    if (text.at[at] == '@') {
        return 1;
    }
    bool encoded = text.at[at] == '%' && at + 3 <= text.len && text.at[at + 1] == '4' &&
                   text.at[at + 2] == '0';
    return encoded ? 3 : 0;
}

static bool find_address(const struct finder *finder, span text, size_t from, struct range *out)
{
    (void)finder;
    size_t floor = from; /* nothing before an @ that was looked at is looked at again */
    for (size_t i = from; i < text.len; i++) {
        size_t sign = at_sign(text, i);
        if (sign == 0) {
            continue;
        }
        size_t start = local_start(text, floor, i);
        size_t end = domain_end(text, i + sign);
        if (start < i && end > i + sign) {
            *out = (struct range){.start = start, .end = end};
            return true;
        }
        floor = i + sign;
        i += sign - 1;
    }
    return false;
}

/* --- what is known of the respondent ---------------------------------------------------------- */

/* Knuth, Morris and Pratt: fall_back[n] is the longest proper prefix of the first n bytes that also
 * ends them, so the search never goes back in the text. */
static void prepare(struct finder *finder, span known)
{
    size_t len = span_cut_utf8(known, KNOWN_BYTES_MAX);
    if (len < KNOWN_BYTES_MIN) { /* no characters at all: it is cut like bytes */
        len = known.len < KNOWN_BYTES_MAX ? known.len : KNOWN_BYTES_MAX;
    }
    finder->known = span_of(known.at, len);
    finder->fall_back[0] = 0;
    size_t same = 0;
    for (size_t i = 1; i < finder->known.len; i++) {
        finder->fall_back[i] = (uint8_t)same;
        while (same > 0 && lower(known.at[i]) != lower(known.at[same])) {
            same = finder->fall_back[same];
        }
        same += lower(known.at[i]) == lower(known.at[same]) ? 1 : 0;
    }
    finder->fall_back[finder->known.len] = (uint8_t)same;
}

static bool ends_words(span text, struct range range)
{
    bool joined_before =
        range.start > 0 && word_char(text.at[range.start]) && word_char(text.at[range.start - 1]);
    bool joined_after =
        range.end < text.len && word_char(text.at[range.end - 1]) && word_char(text.at[range.end]);
    return !joined_before && !joined_after;
}

static bool find_known(const struct finder *finder, span text, size_t from, struct range *out)
{
    size_t same = 0;
    for (size_t i = from; i < text.len; i++) {
        while (same > 0 && lower(text.at[i]) != lower(finder->known.at[same])) {
            same = finder->fall_back[same];
        }
        same += lower(text.at[i]) == lower(finder->known.at[same]) ? 1 : 0;
        if (same < finder->known.len) {
            continue;
        }
        *out = (struct range){.start = i + 1 - same, .end = i + 1};
        if (!finder->whole_words || ends_words(text, *out)) {
            return true;
        }
        same = finder->fall_back[same];
    }
    return false;
}

/* --- a pass ------------------------------------------------------------------------------------
 */

/* Twice over the text: to measure, then to write. */
static span pass(struct arena *arena, span text, const struct finder *finder)
{
    struct range range;
    size_t word_len = strlen(finder->word);
    size_t bytes = text.len;
    size_t from = 0;
    size_t found = 0;
    for (; finder->find(finder, text, from, &range); from = range.end) {
        bytes = bytes - (range.end - range.start) + word_len;
        found++;
    }
    if (found == 0) {
        return text;
    }
    uint8_t *copy = arena_alloc(arena, bytes + 1);
    if (copy == NULL) {
        return SPAN_NONE;
    }
    size_t len = 0;
    for (from = 0; finder->find(finder, text, from, &range); from = range.end) {
        memcpy(copy + len, text.at + from, range.start - from);
        len += range.start - from;
        memcpy(copy + len, finder->word, word_len);
        len += word_len;
    }
    memcpy(copy + len, text.at + from, text.len - from);
    len += text.len - from;
    CHECK(len == bytes);
    copy[len] = 0;
    return span_of(copy, len);
}

span redact(struct arena *arena, span text, const struct redact_person *person)
{
    const struct {
        span known;
        const char *word;
        bool whole_words;
    } own[] = {{person->email, "[e-mail]", false},
               {person->id, "[id]", true},
               {person->name, "[name]", true}};
    if (text.len == 0) {
        return text.at == NULL ? span_text("") : text;
    }
    const struct finder address = {.find = find_address, .word = "[e-mail]"};
    text = pass(arena, text, &address);
    for (size_t i = 0; i < COUNT_OF(own) && text.at != NULL; i++) {
        struct finder finder = {
            .find = find_known, .word = own[i].word, .whole_words = own[i].whole_words};
        span known = span_trim(own[i].known);
        if (known.len >= KNOWN_BYTES_MIN) {
            prepare(&finder, known);
            text = pass(arena, text, &finder);
        }
    }
    return text;
}
