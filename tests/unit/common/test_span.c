/* SPDX-License-Identifier: Apache-2.0
 *
 * Spans: numbers at their borders, UTF-8 in all its wrong forms, cuts that never
 * split a character.
 */
#include "common/span.h"

#include "tests/unit/consumer/kit.h"

#define BYTES(literal) span_of((literal), sizeof(literal) - 1)

static void equality(void **state)
{
    (void)state;
    assert_true(span_equal(SPAN_NONE, SPAN_NONE));
    assert_true(span_equal(SPAN_NONE, span_text("")));
    assert_true(span_equal(span_text(NULL), SPAN_NONE));
    assert_true(span_equal(BYTES("a\0b"), BYTES("a\0b")));
    assert_false(span_equal(BYTES("a\0b"), BYTES("a\0c")));
    assert_false(span_equal(span_text("a"), span_text("ab")));
    assert_true(span_is(span_text("ab"), "ab"));
    assert_false(span_is(span_text("ab"), "a"));
    assert_false(span_is(BYTES("a\0"), "a"));
    assert_true(span_is(SPAN_NONE, ""));
    assert_true(span_is_nocase(span_text("Retry-AFTER"), "retry-after"));
    assert_true(span_is_nocase(span_text("AZ[az{"), "az[AZ{")); /* only letters fold */
    assert_false(span_is_nocase(span_text("@"), "`"));
    assert_false(span_is_nocase(span_text("["), "{"));
    assert_false(span_is_nocase(span_text("ab"), "abc"));
    assert_true(span_starts(span_text("https://x"), "https://"));
    assert_true(span_starts(span_text("a"), ""));
    assert_true(span_starts(SPAN_NONE, ""));
    assert_false(span_starts(span_text("http"), "https"));
    assert_false(span_starts(span_text("Http"), "http"));
}

static void trimming(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *trimmed;
    } cases[] = {{"", ""},
                 {" ", ""},
                 {" \t\r\n", ""},
                 {"a", "a"},
                 {" a ", "a"},
                 {"a b", "a b"},
                 {"\r\n a\tb \n", "a\tb"},
                 {"\v\fa\v", "\v\fa\v"},
                 {"\xC2\xA0 a", "\xC2\xA0 a"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        kit_assert_text(span_trim(span_text(cases[i].text)), cases[i].trimmed);
    }
    assert_int_equal(span_trim(SPAN_NONE).len, 0);
    assert_int_equal(span_trim(BYTES("\0 ")).len, 1);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t min;
        int64_t max;
        bool fits;
        int64_t number;
    } cases[] = {
        {"0", 0, 10, true, 0},
        {"10", 0, 10, true, 10},
        {"11", 0, 10, false, 0},
        {"-1", 0, 10, false, 0},
        {"-1", -1, 10, true, -1},
        {"-2", -1, 10, false, 0},
        {"-0", 0, 0, true, 0},
        {"007", 0, 10, true, 7},
        {"999999999999999999", 0, INT64_MAX, true, INT64_C(999999999999999999)},
        {"-999999999999999999", INT64_MIN, 0, true, INT64_C(-999999999999999999)},
        {"1000000000000000000", 0, INT64_MAX, false, 0}, /* 19 digits are no number of ours */
        {"9223372036854775808", 0, INT64_MAX, false, 0},
        {"99999999999999999999999999", INT64_MIN, INT64_MAX, false, 0},
        {"", 0, 10, false, 0},
        {"-", INT64_MIN, INT64_MAX, false, 0},
        {"--1", INT64_MIN, INT64_MAX, false, 0},
        {"+1", 0, 10, false, 0},
        {" 1", 0, 10, false, 0},
        {"1 ", 0, 10, false, 0},
        {"1a", 0, 10, false, 0},
        {"a1", 0, 10, false, 0},
        {"1.0", 0, 10, false, 0},
        {"1e3", 0, 10000, false, 0},
        {"0x10", 0, 100, false, 0},
        {"/", 0, 100, false, 0}, /* the neighbours of the digits */
        {":", 0, 100, false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t number = 77;
        bool fits = span_number(span_text(cases[i].text), cases[i].min, cases[i].max, &number);
        if (fits != cases[i].fits || number != (cases[i].fits ? cases[i].number : 77)) {
            fail_msg("\"%s\": %d, %lld", cases[i].text, fits, (long long)number);
        }
    }
    int64_t number = 0;
    assert_false(span_number(BYTES("1\0"), 0, 10, &number));
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"\x7F", true},
        {"\xC2\x80", true},
        {"\xDF\xBF", true},
        {"\xE0\xA0\x80", true},
        {"\xED\x9F\xBF", true}, /* the last before the surrogates */
        {"\xEE\x80\x80", true}, /* the first behind them */
        {"\xEF\xBF\xBF", true},
        {"\xF0\x90\x80\x80", true},
        {"\xF4\x8F\xBF\xBF", true}, /* U+10FFFF */
        {"a\xC3\xA9z\xE2\x82\xAC\xF0\x9F\x98\x80", true},
        {"\x80", false},
        {"\xBF", false},
        {"\xC0\x80", false}, /* overlong */
        {"\xC1\xBF", false},
        {"\xE0\x9F\xBF", false},
        {"\xF0\x8F\xBF\xBF", false},
        {"\xED\xA0\x80", false}, /* surrogates */
        {"\xED\xBF\xBF", false},
        {"\xF4\x90\x80\x80", false}, /* beyond */
        {"\xF5\x80\x80\x80", false},
        {"\xFF", false},
        {"\xFE", false},
        {"\xC3", false}, /* cut */
        {"\xE2\x82", false},
        {"\xF0\x9F\x98", false},
        {"\xC3"
         "a",
         false},
        {"\xE2\x82"
         "a",
         false},
        {"\xE2"
         "a\x82",
         false},
        {"\xF0\x9F\x98"
         "a",
         false},
        {"\xC3\xC3\xA9", false},
        {"ok\xC3\xA9\x80", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (span_utf8(span_text(cases[i].text)) != cases[i].valid) {
            fail_msg("case %zu: expected %d", i, cases[i].valid);
        }
    }
    assert_true(span_utf8(BYTES("a\0b")));
    assert_true(span_utf8(SPAN_NONE));
}

static void cuts(void **state)
{
    (void)state;
    const char *text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"
                       "b"; /* 1 + 2 + 3 + 4 + 1 bytes */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    char out[16];
    for (size_t max = 0; max < COUNT_OF(expected); max++) {
        assert_int_equal(span_cut_utf8(span_text(text), max), expected[max]);
        span_to_text(span_text(text), out, max + 1);
        assert_int_equal(strlen(out), expected[max]);
        assert_true(span_utf8(span_text(out)));
    }
    assert_int_equal(span_cut_utf8(span_text("\x80\x80\x80\x80"), 2), 0); /* ends in any case */
    assert_int_equal(span_cut_utf8(SPAN_NONE, 5), 0);
    span_to_text(SPAN_NONE, out, 1);
    assert_string_equal(out, "");
}

static void wholes(void **state)
{
    static const struct {
        int64_t whole;
        const char *text;
    } rows[] = {{0, "0"},
                {7, "7"},
                {-1, "-1"},
                {1790000000000, "1790000000000"},
                {INT64_MAX, "9223372036854775807"},
                {INT64_MIN, "-9223372036854775808"}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char room[SPAN_WHOLE_ROOM];
        assert_true(span_is(span_of_whole(rows[i].whole, room), rows[i].text));
    }
}

static void hashes(void **state)
{
    (void)state;
    /* The published values of FNV-1a, 64 bits. */
    assert_true(span_hash(SPAN_NONE) == UINT64_C(0xcbf29ce484222325));
    assert_true(span_hash(span_text("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(span_hash(span_text("foobar")) == UINT64_C(0x85944171f73967e8));
    assert_true(span_hash_more(span_hash(span_text("foo")), span_text("bar")) ==
                span_hash(span_text("foobar")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality), cmocka_unit_test(trimming), cmocka_unit_test(numbers),
        cmocka_unit_test(wholes),   cmocka_unit_test(utf8),     cmocka_unit_test(cuts),
        cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
