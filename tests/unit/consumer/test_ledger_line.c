/* SPDX-License-Identifier: Apache-2.0
 *
 * The changelog's keys: what is written is read as the same line again, and what
 * is no line is told so.
 */
#include "consumer/engine/ledger.h"

#include "tests/unit/consumer/kit.h"

static void test_line_keys(void **state)
{
    (void)state;
    static const struct {
        char kind;
        span key;
        span field;
        bool parses;
    } rows[] = {
        {'S', {(const uint8_t *)"k", 1}, {NULL, 0}, true},
        {'S',
         {(const uint8_t *)"a:b{c}\x1f"
                           "d\n\0e",
          11},
         {NULL, 0},
         true},
        {'H', {(const uint8_t *)"k", 1}, {(const uint8_t *)"f", 1}, true},
        {'H', {(const uint8_t *)"k", 1}, {(const uint8_t *)"", 0}, true},
        {'Z', {(const uint8_t *)"k", 1}, {(const uint8_t *)"m\x1f:", 3}, true},
        {'H', {(const uint8_t *)"k:{x}", 5}, {(const uint8_t *)"\x1f\xff\0\n ", 5}, true},
        {'H', {(const uint8_t *)"\xf0\x9f\x99\x82", 4}, {(const uint8_t *)"\x80", 1}, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf key;
        struct ledger_line back;
        struct ledger_line line = {
            .kind = rows[i].kind, .key = rows[i].key, .field = rows[i].field};
        buf_init(&key, 1024);
        ledger_line_key(&line, &key);
        assert_true(ledger_line_parse(buf_span(&key), span_text("7"), &back));
        assert_int_equal(back.kind, line.kind);
        assert_true(span_equal(back.key, line.key));
        assert_true(span_equal(back.field, line.field));
        assert_true(span_is(back.value, "7"));
        buf_close(&key);
    }
}

static void test_keys_that_are_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "S", "S:", "H:", "X:k", "Z:", "s:k", "Sk", "H:no field", ":S:", "Z:no member"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct ledger_line back;
        assert_false(ledger_line_parse(span_text(wrong[i]), SPAN_NONE, &back));
    }
}

/* A score that Redis refuses would stop the restore. */
static void test_scores(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
    } scores[] = {{"0", true},
                  {"-17", true},
                  {"1790000000000", true},
                  {"3.25", true},
                  {"", false},
                  {"-", false},
                  {".5", false},
                  {"1.2.3", false},
                  {"nan", false},
                  {"inf", false},
                  {"1e9", false},
                  {" 1", false},
                  {"0x10", false},
                  {"1 ", false},
                  {"1--", false},
                  {"123456789012345678901234567890123", false}};
    for (size_t i = 0; i < COUNT_OF(scores); i++) {
        struct ledger_line back;
        assert_int_equal(ledger_line_parse(span_text("Z:k\x1fm"), span_text(scores[i].text), &back),
                         scores[i].fits);
    }
    struct ledger_line gone;
    assert_true(ledger_line_parse(span_text("Z:k\x1fm"), SPAN_NONE, &gone));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_keys),
        cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
