/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded buffer: its maximum, what is left when it is passed, who owns the
 * bytes, and what it writes for others: JSON, URLs, hex.
 */
#include "common/buf.h"

#include "common/mem.h"
#include "tests/unit/consumer/kit.h"

#include <errno.h>

#define BYTES(literal) span_of((literal), sizeof(literal) - 1)

static void assert_broken(struct buf *buf)
{
    struct err err = buf_ok(buf);
    assert_int_equal(err.class, ERR_RETRY);
    assert_int_equal(err.code, ENOMEM);
    assert_int_equal(buf_span(buf).len, 0);
    assert_null(buf->at); /* what it held is freed */
    assert_string_equal(buf_text(buf), "");
}

static void appending(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    assert_false(failed(buf_ok(&buf)));
    assert_int_equal(buf_span(&buf).len, 0);
    assert_string_equal(buf_text(&buf), "");
    buf_add(&buf, SPAN_NONE);
    buf_add_text(&buf, NULL);
    buf_add_text(&buf, "ab");
    buf_add_char(&buf, 'c');
    buf_addf(&buf, "%d-%s", 42, "x");
    buf_addf(&buf, "%s", "");
    buf_add(&buf, BYTES("\0z"));
    assert_true(span_equal(buf_span(&buf), BYTES("abc42-x\0z")));
    assert_string_equal(buf_text(&buf), "abc42-x");
    assert_int_equal(buf_text(&buf)[9], 0);
    assert_int_equal(buf.len, 9);
    buf_close(&buf);
    buf_init(&buf, 3);
    buf_add_text(&buf, "abc");
    assert_string_equal(buf_text(&buf), "abc");
    buf_close(&buf);
}

enum how { HOW_BYTES, HOW_TEXT, HOW_CHAR, HOW_FORMAT, HOW_JSON, HOW_URL, HOW_HEX, HOW_COUNT };

static void add_one_too_many(struct buf *buf, enum how how)
{
    switch (how) {
    case HOW_BYTES:
        buf_add(buf, span_text("x"));
        break;
    case HOW_TEXT:
        buf_add_text(buf, "x");
        break;
    case HOW_CHAR:
        buf_add_char(buf, 'x');
        break;
    case HOW_FORMAT:
        buf_addf(buf, "%s", "x");
        break;
    case HOW_JSON:
        buf_add_json(buf, SPAN_NONE);
        break;
    case HOW_URL:
        buf_add_url(buf, span_text("x"));
        break;
    case HOW_HEX:
        buf_add_hex(buf, span_text("x"));
        break;
    case HOW_COUNT:
        break;
    }
}

static void the_maximum(void **state)
{
    (void)state;
    static const size_t bounds[] = {0, 1, 255, 256, 257, 1000, 4096};
    for (size_t i = 0; i < COUNT_OF(bounds) * HOW_COUNT; i++) {
        struct buf buf;
        buf_init(&buf, bounds[i / HOW_COUNT]);
        for (size_t n = 0; n < bounds[i / HOW_COUNT]; n++) {
            buf_add_char(&buf, 'a');
        }
        assert_false(failed(buf_ok(&buf))); /* full is not broken */
        assert_int_equal(strlen(buf_text(&buf)), bounds[i / HOW_COUNT]);
        assert_false(failed(buf_ok(&buf)));
        add_one_too_many(&buf, (enum how)(i % HOW_COUNT));
        assert_broken(&buf);
        buf_add_text(&buf, "more"); /* and stays so */
        buf_add_json(&buf, span_text("more"));
        assert_broken(&buf);
        buf_clear(&buf);
        if (bounds[i / HOW_COUNT] > 0) {
            buf_add_char(&buf, 'b');
            assert_string_equal(buf_text(&buf), "b");
        }
        buf_close(&buf);
    }
}

static void clearing_keeps_the_memory(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_add_text(&buf, "abc");
    const uint8_t *before = buf.at;
    buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    buf_add_text(&buf, "d");
    assert_ptr_equal(buf.at, before);
    assert_string_equal(buf_text(&buf), "d");
    buf_close(&buf);
    buf_close(&buf); /* twice is once */
    buf_add_text(&buf, "e");
    assert_string_equal(buf_text(&buf), "e");
    buf_close(&buf);
}

static void taking(void **state)
{
    (void)state;
    struct buf buf;
    size_t len = 7;
    buf_init(&buf, 10);
    assert_null(buf_take(&buf, &len)); /* nothing was ever there */
    assert_int_equal(len, 0);
    buf_add_text(&buf, "abc");
    uint8_t *bytes = buf_take(&buf, &len);
    assert_true(span_equal(span_of(bytes, len), span_text("abc")));
    assert_int_equal(buf.len, 0);
    buf_add_text(&buf, "d"); /* its own again */
    assert_string_equal(buf_text(&buf), "d");
    assert_true(span_equal(span_of(bytes, len), span_text("abc")));
    mem_free(bytes);
    buf_add_text(&buf, "too much for it");
    assert_null(buf_take(&buf, &len));
    assert_int_equal(len, 0);
    buf_close(&buf);
}

/* Written by hand into the room that was asked for, and no further. */
static void reserving(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_add_text(&buf, "ab");
    for (size_t i = 0; i < 300; i++) { /* over several growths */
        uint8_t *to = buf_reserve(&buf, 3);
        assert_ptr_equal(to, buf.at + buf.len);
        to[0] = 'x';
        buf_wrote(&buf, 1); /* less than was asked for */
    }
    assert_int_equal(buf.len, 302);
    assert_int_equal(buf_text(&buf)[301], 'x');
    assert_non_null(buf_reserve(&buf, 698));
    buf_wrote(&buf, 698);
    assert_int_equal(buf.len, 1000);
    assert_null(buf_reserve(&buf, 1)); /* the maximum was passed */
    assert_broken(&buf);
    buf_close(&buf);
}

static void memory_runs_out(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100000);
    mem_fail_after(1);
    buf_add_text(&buf, "a");
    assert_broken(&buf);
    buf_clear(&buf);
    buf_add_text(&buf, "a");
    mem_fail_after(1);
    for (size_t i = 0; i < 1000; i++) {
        buf_add_char(&buf, 'a'); /* the second growth fails */
    }
    assert_broken(&buf);
    mem_fail_after(0);
    buf_close(&buf);
}

static void json_strings(void **state)
{
    (void)state;
    static const struct {
        span in;
        const char *out;
    } cases[] = {
        {{(const uint8_t *)"", 0}, "\"\""},
        {{NULL, 0}, "\"\""},
        {{(const uint8_t *)"abc", 3}, "\"abc\""},
        {{(const uint8_t *)"\"\\/", 3}, "\"\\\"\\\\/\""},
        {{(const uint8_t *)"\n\r\t", 3}, "\"\\n\\r\\t\""},
        {{(const uint8_t *)"\0\x01\x1f\x7f", 4}, "\"\\u0000\\u0001\\u001f\\u007f\""},
        {{(const uint8_t *)"a\"b\"c", 5}, "\"a\\\"b\\\"c\""},
        {{(const uint8_t *)"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9},
         "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {{(const uint8_t *)"a\x80"
                           "b",
          3},
         "\"a\xEF\xBF\xBD"
         "b\""},
        {{(const uint8_t *)"\xC3", 1}, "\"\xEF\xBF\xBD\""},
        {{(const uint8_t *)"\xC3\"", 2}, "\"\xEF\xBF\xBD\\\"\""}, /* the quote is not swallowed */
        {{(const uint8_t *)"\xE2\x82\"", 3}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\\\"\""},
        {{(const uint8_t *)"\xF0\x9F\x98\xC3\xA9", 5},
         "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9\""},
        {{(const uint8_t *)"\xC0\xAF", 2}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {{(const uint8_t *)"\xED\xA0\x80", 3}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf buf;
        buf_init(&buf, 1000);
        buf_add_json(&buf, cases[i].in);
        if (!span_is(buf_span(&buf), cases[i].out)) {
            fail_msg("case %zu: %s, expected %s", i, buf_text(&buf), cases[i].out);
        }
        buf_close(&buf);
    }
}

static void json_of_any_bytes_is_json(void **state)
{
    (void)state;
    struct kit_random random = kit_random();
    for (size_t i = 0; i < 5000; i++) {
        uint8_t bytes[24];
        size_t len = kit_below(&random, sizeof(bytes) + 1);
        for (size_t b = 0; b < len; b++) {
            static const uint8_t edges[] = {'"',  '\\', 0,    0x1F, 0x7F, 0x80,
                                            0xBF, 0xC2, 0xE2, 0xED, 0xF0, 0xF4};
            bytes[b] = kit_below(&random, 2) == 0 ? edges[kit_below(&random, COUNT_OF(edges))]
                                                  : (uint8_t)kit_draw(&random);
        }
        struct buf buf;
        buf_init(&buf, 1000);
        buf_add_json(&buf, span_of(bytes, len));
        assert_true(span_utf8(buf_span(&buf)));
        KIT_JSON tree = kit_json(buf_span(&buf));
        if (span_utf8(span_of(bytes, len))) {
            assert_true(span_equal(json_text(tree), span_of(bytes, len)));
        }
        buf_close(&buf);
    }
}

static void urls_and_hex(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_add_url(&buf, span_text("AZaz09-_.~"));
    buf_add_url(&buf, span_text(" /?&=%+#@:"));
    buf_add_url(&buf, BYTES("\0\xC3\xA9\x7F"));
    assert_string_equal(buf_text(&buf), "AZaz09-_.~%20%2F%3F%26%3D%25%2B%23%40%3A%00%C3%A9%7F");
    buf_clear(&buf);
    buf_add_hex(&buf, BYTES("\0\x0F\xA5\xFF"));
    assert_string_equal(buf_text(&buf), "000fa5ff");
    buf_clear(&buf);
    buf_add_url(&buf, SPAN_NONE);
    buf_add_hex(&buf, SPAN_NONE);
    assert_int_equal(buf.len, 0);
    buf_close(&buf);
}

static void long_formats(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 10000);
    buf_add_text(&buf, "<");
    buf_addf(&buf, "%5000d", 7);
    buf_add_text(&buf, ">");
    assert_int_equal(buf.len, 5002);
    assert_string_equal(buf_text(&buf) + 5000, "7>");
    for (size_t i = 0; i < 600; i++) { /* over every border of the growing room */
        size_t before = buf.len;
        buf_addf(&buf, "%d", 1234567);
        assert_int_equal(buf.len, before + 7);
        assert_string_equal(buf_text(&buf) + before, "1234567");
    }
    buf_add_whole(&buf, -12);
    assert_string_equal(buf_text(&buf) + buf.len - 4, "7-12");
    buf_addf(&buf, "%5000d", 7); /* would be over 10,000 */
    assert_broken(&buf);
    buf_close(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appending),
        cmocka_unit_test(the_maximum),
        cmocka_unit_test(clearing_keeps_the_memory),
        cmocka_unit_test(taking),
        cmocka_unit_test(reserving),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(json_of_any_bytes_is_json),
        cmocka_unit_test(urls_and_hex),
        cmocka_unit_test(long_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
