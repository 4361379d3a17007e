/* SPDX-License-Identifier: Apache-2.0
 *
 * Others' words on a terminal: whatever they are, they do nothing there.
 */
#include "console/text.h"

#include "tests/unit/consumer/kit.h"

static void plain(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
    } cases[] = {
        {"", ""},
        {"koji/th_export", "koji/th_export"},
        {"na\xc3\xafve \xe2\x80\xa6 \xf0\x9f\x99\x82",
         "na\xc3\xafve \xe2\x80\xa6 \xf0\x9f\x99\x82"},
        {"\x1b[2J\x1b[H", "?[2J?[H"},
        {"a\nb\rc\td\x7f", "a?b?c?d?"},
        {"\xc2\x9b"
         "31m",
         "??31m"}, /* CSI in one character */
        {"\xc2\xa0", "\xc2\xa0"},
        {"\xff\xfe", "??"},
        {"\xe2\x80", "??"},
        {"\xed\xa0\x80", "???"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        buf_init(&out, 4096);
        text_plain(&out, span_text(cases[i].from));
        assert_string_equal(buf_text(&out), cases[i].to);
        buf_close(&out);
    }
}

static void hostile(void **state)
{
    (void)state;
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    for (size_t i = 0; i < count; i++) {
        struct buf out;
        buf_init(&out, 8u << 20);
        text_plain(&out, texts[i].text);
        assert_true(span_utf8(buf_span(&out)));
        for (size_t at = 0; at < out.len; at++) {
            assert_true(out.at[at] >= 0x20 && out.at[at] != 0x7F);
        }
        buf_close(&out);
    }
}

static void cells(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    text_cell(&out, span_text("\xc3\xa4\xc3\xb6"), 4);
    text_cell(&out, SPAN_NONE, 3);
    text_cell(&out, span_text("longer"), 2);
    text_member(&out, "a", span_text("\"\x01"));
    assert_string_equal(buf_text(&out), "\xc3\xa4\xc3\xb6  -  longer\"a\":\"\\\"\\u0001\",");
    assert_int_equal(text_width(span_text("\xc3\xa4\xff")), 2);
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(hostile),
        cmocka_unit_test(cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
