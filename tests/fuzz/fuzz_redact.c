/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes redact (common/redact.c): pieces are address, id, name and text. The
 * address given does not stand in what comes out, in whatever case, and what
 * came out is not changed by a second pass. Both hold but for addresses, ids and
 * names that are made of the words the redactor itself writes, the second also
 * but for "a@b.de"@c.de, where a second pass takes what it finds in quotes.
 */
#include "common/own.h"
#include "common/redact.h"
#include "tests/fuzz/fuzz.h"

static bool has(span text, char c)
{
    return text.len > 0 && memchr(text.at, c, text.len) != NULL;
}

/* Could it stand in, or across the border of, a word the redactor writes? */
static bool of_our_words(span known)
{
    return has(known, '[') || has(known, ']') || fuzz_contains(span_text("[e-mail]"), known) ||
           fuzz_contains(span_text("[id]"), known) || fuzz_contains(span_text("[name]"), known);
}

static void check_gone(span out, span address)
{
    span known = span_trim(address);
    if (known.len >= 3 && !of_our_words(known)) {
        CHECK(!fuzz_contains(out, known));
    }
}

static bool quotes_before_at(span text)
{
    return fuzz_contains(text, span_text("\"@")) || fuzz_contains(text, span_text("\"%40"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = span_of(data, size);
    struct arena arena;
    struct redact_person person;
    person.email = fuzz_piece(&rest);
    person.id = fuzz_piece(&rest);
    person.name = fuzz_piece(&rest);
    const struct redact_person nobody = {.email = person.email};
    arena_init(&arena, 64u << 20);
    span out = redact(&arena, rest, &person);
    CHECK(out.at != NULL);
    fuzz_touch(out);
    check_gone(out, person.email);
    CHECK(!span_utf8(rest) || !span_utf8(person.email) || !span_utf8(person.id) ||
          !span_utf8(person.name) || span_utf8(out));
    if (!of_our_words(span_trim(person.email)) && !quotes_before_at(rest)) {
        span once = redact(&arena, rest, &nobody);
        CHECK(span_equal(redact(&arena, once, &nobody), once));
    }
    arena_close(&arena);
    return 0;
}
