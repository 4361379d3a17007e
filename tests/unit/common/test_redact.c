/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses in all odd places, what is known of the respondent, what must be
 * left alone, and that time grows with the text and not with its square.
 */
#include "common/redact.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct sample {
    const char *text;
    const char *expected; /* NULL: left alone */
};

static const struct redact_person nobody;

static bool check_sample(const struct redact_person *person, const struct sample *sample)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    span text = span_text(sample->text);
    span got = redact(&arena, text, person);
    bool same = sample->expected == NULL ? got.at == text.at && got.len == text.len
                                         : span_is(got, sample->expected);
    if (!same) {
        print_error("%s\n  expected %s\n  got      " SPAN_FMT "\n", sample->text,
                    sample->expected == NULL ? "the same" : sample->expected, SPAN_ARG(got));
    }
    arena_close(&arena);
    return same;
}

static void check_samples(const struct redact_person *person, const struct sample *samples,
                          size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        wrong += check_sample(person, &samples[i]) ? 0 : 1;
    }
    assert_int_equal(wrong, 0);
}

static void addresses(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"ada@example.com", "[e-mail]"},
        {"Write to ADA@Example.COM please", "Write to [e-mail] please"},
        {"ada+tag.x_y%z@mail.example.co.uk", "[e-mail]"},
        {"<ada@example.com>", "<[e-mail]>"},
        {"(ada@example.com)", "([e-mail])"},
        {"\"ada@example.com\"", "\"[e-mail]\""},
        {"'ada@example.com'", "'[e-mail]'"},
        {"mailto:ada@example.com?subject=x", "mailto:[e-mail]?subject=x"},
        {"I am ada@example.com.", "I am [e-mail]."},
        {"ada@example.com, bob@example.org; eve@example.net", "[e-mail], [e-mail]; [e-mail]"},
        {"ada@example.com\nbob@example.org", "[e-mail]\n[e-mail]"},
        {"a@b.co", "[e-mail]"},
        {"-ada@example.com", "-[e-mail]"},
        {"...ada@example.com...", "...[e-mail]..."},
        {"ada@ex-ample.com-", "[e-mail]-"},
        {"o'neil@example.com", "[e-mail]"},
        {"x=ada@example.com&y=1", "x=[e-mail]&y=1"},
        {"https://k/u?e=ada%40example.com&x=1", "https://k/u?e=[e-mail]&x=1"},
        {"\"john doe\"@example.com", "[e-mail]"},
        {"ada@[192.0.2.1] said", "[e-mail] said"},
        {"a@b@example.com", "a@[e-mail]"},
        {"@ada@example.social", "@[e-mail]"},
    };
    check_samples(&nobody, samples, COUNT_OF(samples));
}

static void addresses_among_other_scripts(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"“ada@example.com”", "“[e-mail]”"},
        {"«ada@example.com»", "«[e-mail]»"},
        {"请联系ada@example.com谢谢", "请联系[e-mail]谢谢"},
        {"用户@例子.广告 说", "[e-mail] 说"},
        {"jörg@müller.de", "[e-mail]"},
        {"δοκιμή@παράδειγμα.δοκιμή!", "[e-mail]!"},
        {"🙂ada@example.com🙂", "🙂[e-mail]🙂"},
        {"ada@example.com…", "[e-mail]…"},
        {"\xC2\xA0"
         "ada@example.com\xC2\xA0",
         "\xC2\xA0[e-mail]\xC2\xA0"},
        {"\xFF\xFE"
         "ada@example.com\xFF",
         "\xFF\xFE[e-mail]\xFF"},
    };
    check_samples(&nobody, samples, COUNT_OF(samples));
}

static void left_alone(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"nothing here", NULL},
        {"a@b", NULL},
        {"a@b.", NULL},
        {"a@b.c", NULL},
        {"@example.com", NULL},
        {"meet @ noon. ok", NULL},
        {"ada@", NULL},
        {"ada @ example.com", NULL},
        {"@", NULL},
        {"%40", NULL},
        {"100%4", NULL},
        {"ada@.com", NULL},
        {"ada@-", NULL},
        {"ada@[not closed", NULL},
        {".@example.com", NULL},
    };
    check_samples(&nobody, samples, COUNT_OF(samples));
}

static void the_respondent(void **state)
{
    (void)state;
    const struct redact_person ada = {.email = span_text("ada@intranet"),
                                      .id = span_text(" User-1001 "),
                                      .name = span_text("Ada Lovelace")};
    static const struct sample samples[] = {
        {"I am Ada Lovelace.", "I am [name]."},
        {"ADA LOVELACE'S table", "[name]'S table"},
        {"xada lovelace, ada lovelaces", NULL},
        {"ada lovelacex, ada lovelace", "ada lovelacex, [name]"},
        {"“Ada Lovelace”", "“[name]”"},
        {"my id is user-1001, not user-10011", "my id is [id], not user-10011"},
        {"https://k/u/user-1001/x", "https://k/u/[id]/x"},
        {"mail ADA@Intranet today", "mail [e-mail] today"},
        {"maria.ada@example.com and ada@intranet.example.com", "[e-mail] and [e-mail]"},
        {"Ada Lovelace (user-1001, ada@intranet)", "[name] ([id], [e-mail])"},
        {"Ada said so", NULL},
    };
    check_samples(&ada, samples, COUNT_OF(samples));
}

static void short_and_repeating(void **state)
{
    (void)state;
    const struct redact_person tiny = {
        .email = span_text("x"), .id = span_text("10"), .name = span_text("Al")};
    static const struct sample alone[] = {{"Al gave 10 of 10, x", NULL}};
    check_samples(&tiny, alone, COUNT_OF(alone));
    const struct redact_person three = {.name = span_text("Bob")};
    static const struct sample bobs[] = {{"bob Bobby BOB", "[name] Bobby [name]"}};
    check_samples(&three, bobs, COUNT_OF(bobs));
    const struct redact_person repeating = {.id = span_text("aab-aab-aac")};
    static const struct sample repeats[] = {{"aab-aab-aab-aac aab-aab-aac", "aab-[id] [id]"},
                                            {"aab-aab aab-aab-aac", "aab-aab [id]"},
                                            {"/aab-/aab-aab-aac", "/aab-/[id]"}};
    check_samples(&repeating, repeats, COUNT_OF(repeats));
    const struct redact_person li = {.name = span_text("李明")};
    static const struct sample chinese[] = {{"我叫李明。", "我叫[name]。"}};
    check_samples(&li, chinese, COUNT_OF(chinese));
}

/* Only the first bytes of a very long name are looked for, and none is read beyond it. */
static void very_long_name(void **state)
{
    (void)state;
    struct arena arena;
    struct buf name;
    arena_init(&arena, 1 << 20);
    buf_init(&name, 1 << 16);
    for (size_t i = 0; i < 1000; i++) {
        buf_add_text(&name, "ab");
    }
    const struct redact_person person = {.name = buf_span(&name)};
    assert_true(span_starts(redact(&arena, buf_span(&name), &person), "ab"));
    buf_add_char(&name, '!');
    const struct redact_person short_one = {.email = span_of(buf_span(&name).at, 256)};
    span got = redact(&arena, buf_span(&name), &short_one);
    assert_true(span_starts(got, "[e-mail]"));
    assert_int_equal(got.len, 7 * 8 + (2001 - 7 * 256));
    buf_close(&name);
    arena_close(&arena);
}

/* Bytes that are no characters were cut to nothing, and nothing was found everywhere. */
static void an_address_without_characters(void **state)
{
    (void)state;
    struct arena arena;
    uint8_t *text = mem_must_alloc(300); /* of its own, so that a sanitizer sees its end */
    arena_init(&arena, 1 << 20);
    memset(text, 0x9A, 300);
    struct redact_person person = {.email = span_of(text, 300)};
    span got = redact(&arena, span_of(text, 300), &person);
    assert_int_equal(got.len, 8 + 300 - 256);
    assert_true(span_starts(got, "[e-mail]"));
    mem_free(text);
    arena_close(&arena);
}

static void empty_and_full(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 8);
    assert_non_null(redact(&arena, SPAN_NONE, &nobody).at);
    assert_int_equal(redact(&arena, span_text(""), &nobody).len, 0);
    span plain = span_text("no address in this text");
    assert_ptr_equal(redact(&arena, plain, &nobody).at, plain.at);
    assert_null(redact(&arena, span_text("ada@example.com"), &nobody).at);
    arena_close(&arena);
    arena_init(&arena, 1 << 20);
    mem_fail_after(1);
    assert_null(redact(&arena, span_text("ada@example.com"), &nobody).at);
    mem_fail_after(0);
    arena_close(&arena);
}

/* Milliseconds for a megabyte of `pattern` over and over. */
static int64_t time_of(const char *pattern, const struct redact_person *person)
{
    struct arena arena;
    struct buf text;
    arena_init(&arena, 64u << 20);
    buf_init(&text, 2u << 20);
    while (text.len < 1u << 20) {
        buf_add_text(&text, pattern);
    }
    int64_t start = clock_mono_ms(clock_system());
    assert_non_null(redact(&arena, buf_span(&text), person).at);
    int64_t took = clock_mono_ms(clock_system()) - start;
    buf_close(&text);
    arena_close(&arena);
    return took;
}

static void linear_time(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "a",  "@",       "a@",        "%40",  "a%40",      ".",   "a.b@", "a@b.",
        "\"", "\"@",     "@[",        "-@-.", "\xC3\xA4",  "李@", "aab",  "aaaaaaab",
        "ä@", "a@b.co ", "\xE6@\xE6", "%4",   "@a.b.c.d.", "a a"};
    const struct redact_person person = {.email = span_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"),
                                         .id = span_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
                                         .name = span_text("a a a a a a a a a a a a a a a b")};
    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        int64_t took = time_of(patterns[i], &person);
        if (took >= 4000) {
            print_error("a megabyte of %s took %lld ms\n", patterns[i], (long long)took);
        }
        assert_true(took < 4000); /* some 30 ms; a square would be many minutes */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(addresses_among_other_scripts),
        cmocka_unit_test(left_alone),
        cmocka_unit_test(the_respondent),
        cmocka_unit_test(short_and_repeating),
        cmocka_unit_test(very_long_name),
        cmocka_unit_test(an_address_without_characters),
        cmocka_unit_test(empty_and_full),
        cmocka_unit_test(linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
