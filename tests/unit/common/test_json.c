/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict edge of JSON: what is one value and what is not, and how numbers,
 * ids and texts that others wrote are read.
 */
#include "common/json.h"

#include "common/buf.h"
#include "tests/unit/consumer/kit.h"

#define BYTES(literal) span_of((literal), sizeof(literal) - 1)

static void accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *printed; /* NULL: a bare null */
    } cases[] = {
        {"{}", "{}"},
        {" \t\r\n{}\n ", "{}"},
        {"[1,2,[]]", "[1,2,[]]"},
        {"{\"a\":{\"b\":null}}", "{\"a\":{\"b\":null}}"},
        {"\"text\"", "\"text\""},
        {"\"\\u00e9\\ud83d\\ude00\"", "\"\xC3\xA9\xF0\x9F\x98\x80\""},
        {"12", "12"}, /* bare scalars end with the text */
        {"1", "1"},
        {"-0.5", "-0.5"},
        {"12 ", "12"},
        {"12\n", "12"},
        {"1e2", "1e2"},
        {"true", "true"},
        {"false", "false"},
        {"null", NULL},
        {" null ", NULL},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_object *tree = NULL;
        struct err err = json_parse(span_text(cases[i].text), &tree);
        if (failed(err)) {
            fail_msg("%s: %s", cases[i].text, err.text);
        }
        assert_int_equal(tree == NULL, cases[i].printed == NULL);
        if (tree != NULL) {
            assert_string_equal(json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN),
                                cases[i].printed);
        }
        json_object_put(tree);
    }
}

static void rejected(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        span text;
    } cases[] = {
        {"nothing", {NULL, 0}},
        {"empty", {(const uint8_t *)"", 0}},
        {"blank", {(const uint8_t *)" \n", 2}},
        {"cut object", {(const uint8_t *)"{\"a\":1", 6}},
        {"cut list", {(const uint8_t *)"[1,", 3}},
        {"cut text", {(const uint8_t *)"\"a", 2}},
        {"cut word", {(const uint8_t *)"tru", 3}},
        {"cut null", {(const uint8_t *)"nul", 3}},
        {"minus alone", {(const uint8_t *)"-", 1}},
        {"two values", {(const uint8_t *)"{}{}", 4}},
        {"two numbers", {(const uint8_t *)"12 34", 5}},
        {"value and word", {(const uint8_t *)"[] x", 4}},
        {"value and comma", {(const uint8_t *)"{},", 3}},
        {"NUL behind", {(const uint8_t *)"{}\0", 3}},
        {"NUL and more behind", {(const uint8_t *)"{}\0{}", 5}},
        {"NUL behind a number", {(const uint8_t *)"12\0", 3}},
        {"NUL inside", {(const uint8_t *)"[1,\0 2]", 7}},
        {"comma at the end", {(const uint8_t *)"[1,]", 4}},
        {"comma at the end of an object", {(const uint8_t *)"{\"a\":1,}", 8}},
        {"single quotes", {(const uint8_t *)"['a']", 5}},
        {"no quotes", {(const uint8_t *)"{a:1}", 5}},
        {"comment", {(const uint8_t *)"{}//x", 5}},
        {"comment inside", {(const uint8_t *)"[/*x*/1]", 8}},
        {"capital word", {(const uint8_t *)"True", 4}},
        {"leading zero", {(const uint8_t *)"012", 3}},
        {"plus", {(const uint8_t *)"+1", 2}},
        {"invalid UTF-8", {(const uint8_t *)"\"\xFF\"", 3}},
        {"cut UTF-8", {(const uint8_t *)"\"\xC3\"", 3}},
        {"overlong", {(const uint8_t *)"\"\xC0\xAF\"", 4}},
        {"surrogate", {(const uint8_t *)"\"\xED\xA0\x80\"", 5}},
        {"beyond Unicode", {(const uint8_t *)"\"\xF4\x90\x80\x80\"", 6}},
        {"unknown escape", {(const uint8_t *)"\"\\x41\"", 6}},
        {"short escape", {(const uint8_t *)"\"\\u12\"", 6}},
        {"words", {(const uint8_t *)"hello", 5}},
        {"markup", {(const uint8_t *)"<html>", 6}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_object *tree = json_object_new_object();
        struct json_object *before = tree;
        struct err err = json_parse(cases[i].text, &tree);
        json_object_put(before);
        if (err.class != ERR_REJECT || tree != NULL || err.text == NULL) {
            fail_msg("%s: %s", cases[i].name, err_class_name(err.class));
        }
    }
}

/* What json-c takes though no JSON: known, and harmless where it is read. */
static void taken_all_the_same(void **state)
{
    (void)state;
    static const char *const cases[] = {"{'a':1}", "[1.]", "[\"a\nb\"]"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_object *tree = NULL;
        assert_false(failed(json_parse(span_text(cases[i]), &tree)));
        json_object_put(tree);
    }
    static const char *const no_numbers[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < COUNT_OF(no_numbers); i++) {
        KIT_JSON value = kit_json(span_text(no_numbers[i]));
        double real = 0;
        int64_t whole = 0;
        assert_false(json_number(value, &real));
        assert_false(json_whole(value, &whole));
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[JSON_DEPTH_MAX * 2 + 8];
    for (size_t depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 2; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct json_object *tree = NULL;
        struct err err = json_parse(span_of(text, depth * 2), &tree);
        if (depth < JSON_DEPTH_MAX) {
            assert_false(failed(err));
        } else if (depth > JSON_DEPTH_MAX) {
            assert_int_equal(err.class, ERR_REJECT);
        }
        json_object_put(tree);
    }
    static char deep[200000];
    memset(deep, '[', sizeof(deep));
    struct json_object *tree = NULL;
    assert_int_equal(json_parse(span_of(deep, sizeof(deep)), &tree).class, ERR_REJECT);
}

/* ---- in an arena -------------------------------------------------------------------------- */

static void a_tree_goes_with_its_arena(void **state)
{
    (void)state;
    struct arena arena;
    struct json_object *tree = NULL;
    arena_init(&arena, 1000);
    assert_false(failed(json_parse_in(&arena, span_text("{\"a\":[1]}"), &tree)));
    assert_non_null(json_at(tree, "/a/0"));
    assert_false(failed(json_parse_in(&arena, span_text("null"), &tree)));
    assert_null(tree);
    tree = (void *)&arena;
    assert_int_equal(json_parse_in(&arena, span_text("{"), &tree).class, ERR_REJECT);
    assert_null(tree);
    arena_close(&arena); /* the leak check sees the first tree freed */
    arena_init(&arena, 1);
    assert_int_equal(json_parse_in(&arena, span_text("{}"), &tree).class, ERR_RETRY);
    assert_null(tree);
    arena_close(&arena);
}

/* ---- values ------------------------------------------------------------------------------- */

static void pointers(void **state)
{
    (void)state;
    KIT_JSON tree = kit_json(span_text("{\"a\":[{\"b\":\"x\"},null],\"s/l\":1,\"\":2,\"n\":null}"));
    assert_ptr_equal(json_at(tree, ""), tree);
    kit_assert_text(json_text_at(tree, "/a/0/b"), "x");
    assert_null(json_at(tree, "/a/1"));
    assert_null(json_at(tree, "/a/2"));
    assert_null(json_at(tree, "/a/0/c"));
    assert_null(json_at(tree, "/a/x"));
    assert_null(json_at(tree, "/n"));
    assert_null(json_at(tree, "/n/deeper"));
    assert_non_null(json_at(tree, "/s~1l"));
    assert_non_null(json_at(tree, "/"));
    assert_null(json_at(tree, "a"));
    assert_null(json_at(NULL, ""));
    assert_null(json_at(NULL, "/a"));
    assert_null(json_text_at(tree, "/a").at);
    assert_null(json_text_at(tree, "/s~1l").at);
    assert_null(json_text(NULL).at);
}

static void texts(void **state)
{
    (void)state;
    KIT_JSON tree = kit_json(span_text("{\"e\":\"\",\"z\":\"a\\u0000b\"}"));
    span empty = json_text_at(tree, "/e");
    assert_non_null(empty.at); /* empty is not absent */
    assert_int_equal(empty.len, 0);
    assert_true(span_equal(json_text_at(tree, "/z"), BYTES("a\0b")));
}

static void ids(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *id; /* NULL: none */
    } cases[] = {
        {"\"abc\"", "abc"},
        {"\"\"", ""},
        {"12", "12"},
        {"-3", "-3"},
        {"9223372036854775807", "9223372036854775807"},
        {"1.5", NULL},
        {"true", NULL},
        {"{}", NULL},
        {"[1]", NULL},
        {"null", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        arena_init(&arena, 1000);
        KIT_JSON value = kit_json(span_text(cases[i].json));
        span id = json_id_in(&arena, value);
        assert_int_equal(id.at == NULL, cases[i].id == NULL);
        if (cases[i].id != NULL) {
            kit_assert_text(id, cases[i].id);
        }
        arena_close(&arena);
    }
    struct arena arena;
    arena_init(&arena, 1);
    KIT_JSON value = kit_json(span_text("12"));
    assert_null(json_id_in(&arena, value).at);
    arena_close(&arena);
}

static void ids_beyond_64_bits_stay_apart(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1000);
    KIT_JSON a = kit_json(span_text("9223372036854775808"));
    KIT_JSON b = kit_json(span_text("18446744073709551615"));
    span id_a = json_id_in(&arena, a);
    span id_b = json_id_in(&arena, b);
    assert_false(id_a.at != NULL && span_equal(id_a, id_b)); /* two are never one */
    KIT_JSON c = kit_json(span_text("99999999999999999999998"));
    KIT_JSON d = kit_json(span_text("99999999999999999999999"));
    span id_c = json_id_in(&arena, c);
    span id_d = json_id_in(&arena, d);
    assert_false(id_c.at != NULL && span_equal(id_c, id_d));
    arena_close(&arena);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool is_number;
        double number;
        bool is_whole;
        int64_t whole;
    } cases[] = {
        {"4", true, 4, true, 4},
        {"-4.5", true, -4.5, false, 0},
        {"4.0", true, 4, true, 4},
        {"\"4.5\"", true, 4.5, false, 0},
        {"\"-7\"", true, -7, true, -7},
        {"1e3", true, 1000, true, 1000},
        {"9007199254740993", true, 9007199254740992.0, true, INT64_C(9007199254740993)},
        {"1e300", true, 1e300, false, 0},
        {"1e999", false, 0, false, 0},
        {"\"1e999\"", false, 0, false, 0},
        {"\"nan\"", false, 0, false, 0},
        {"\"inf\"", false, 0, false, 0},
        {"\"4.5x\"", false, 0, false, 0},
        {"\"4.5 \"", false, 0, false, 0},
        {"\"\"", false, 0, false, 0},
        {"\"high\"", false, 0, false, 0},
        {"\"4\\u00005\"", false, 0, false, 0},
        {"\"000000000000000000000000000000001\"", false, 0, false, 0},
        {"true", false, 0, false, 0},
        {"null", false, 0, false, 0},
        {"[4]", false, 0, false, 0},
        {"{}", false, 0, false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        KIT_JSON value = kit_json(span_text(cases[i].json));
        double real = 0;
        int64_t whole = 0;
        bool is_number = json_number(value, &real);
        bool is_whole = json_whole(value, &whole);
        if (is_number != cases[i].is_number || is_whole != cases[i].is_whole ||
            (is_number && (real < cases[i].number || real > cases[i].number)) ||
            (is_whole && whole != cases[i].whole)) {
            fail_msg("%s: %d %g, %d %lld", cases[i].json, is_number, real, is_whole,
                     (long long)whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(rejected),
        cmocka_unit_test(taken_all_the_same),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_tree_goes_with_its_arena),
        cmocka_unit_test(pointers),
        cmocka_unit_test(texts),
        cmocka_unit_test(ids),
        cmocka_unit_test(ids_beyond_64_bits_stay_apart),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
