/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths, methods, headers.
 */
#include "tests/unit/producer/cmocka_kit.h"

#include "common/own.h"
#include "producer/request.h"
#include "producer/source.h"
#include "tests/unit/producer/kit.h"

static const struct {
    const char *path;
    const char *name; /* NULL: no hook */
} paths[] = {
    {"/hooks/koji", "koji"},
    {"/hooks/koji-2_x", "koji-2_x"},
    {"/hooks/%6boji", "%6boji"}, /* decoding is the server's */
    {"/hooks/", NULL},
    {"/hooks", NULL},
    {"/hooks/koji/", NULL},
    {"/hooks/koji/more", NULL},
    {"/hooks//koji", NULL},
    {"//hooks/koji", NULL},
    {"/HOOKS/koji", NULL},
    {"/", NULL},
    {"", NULL},
    {"hooks/koji", NULL},
    {"/metrics", NULL},
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        span name = request_hook(span_text(paths[i].path));
        ROW_CHECK(paths[i].path,
                  paths[i].name == NULL ? name.at == NULL : span_is(name, paths[i].name));
    }
    assert_null(request_hook(span_of("/hooks/a\0b", 10)).at);
}

static void test_methods(void **state)
{
    (void)state;
    assert_int_equal(request_method("POST"), REQUEST_POST);
    assert_int_equal(request_method("GET"), REQUEST_GET);
    assert_int_equal(request_method("HEAD"), REQUEST_HEAD);
    assert_int_equal(request_method("post"), REQUEST_OTHER);
    assert_int_equal(request_method("PUT"), REQUEST_OTHER);
    assert_int_equal(request_method(""), REQUEST_OTHER);
}

static void test_headers(void **state)
{
    struct request request = {.method = REQUEST_POST};
    span value = SPAN_NONE;
    (void)state;
    kit_header(&request, "A", " one ");
    kit_header(&request, "B", "1");
    kit_header(&request, "a", "one");
    kit_header(&request, "b", "2");
    kit_header(&request, "", "nameless");
    assert_int_equal(request_header(&request, "a", &value), REQUEST_ONE);
    assert_true(span_is(value, "one"));
    assert_int_equal(request_header(&request, "B", &value), REQUEST_UNLIKE);
    assert_int_equal(request_header(&request, "C", &value), REQUEST_NONE);
    assert_null(value.at);
    assert_int_equal(request_header(&request, "", &value), REQUEST_NONE);
}

static void test_room_for_headers_and_query(void **state)
{
    struct request request = {.method = REQUEST_POST};
    (void)state;
    for (size_t i = 0; i < REQUEST_HEADERS_MAX; i++) {
        assert_true(request_add_header(&request, span_text("a"), span_text("b")));
    }
    assert_false(request_add_header(&request, span_text("a"), span_text("b")));
    for (size_t i = 0; i < REQUEST_QUERY_MAX; i++) {
        assert_true(request_add_query(&request, span_text(i == 3 ? "q" : "a"), span_text("b")));
    }
    assert_false(request_add_query(&request, span_text("a"), span_text("b")));
    assert_true(span_is(request_query(&request, span_text("q")), "b"));
    assert_null(request_query(&request, span_text("Q")).at);
}

static void test_printable(void **state)
{
    (void)state;
    assert_true(request_printable(span_text("a b~"), 4));
    assert_false(request_printable(span_text("abcde"), 4));
    assert_false(request_printable(span_text(""), 4));
    assert_false(request_printable(span_text("a\n"), 4));
    assert_false(request_printable(span_text("\x7f"), 4));
    assert_false(request_printable(span_text("\xc3\xa4"), 4));
}

static void test_sources_are_listed(void **state)
{
    (void)state;
    assert_ptr_equal(source_find("koji"), &source_koji);
    assert_null(source_find("Koji"));
    assert_null(source_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),     cmocka_unit_test(test_methods),
        cmocka_unit_test(test_headers),   cmocka_unit_test(test_room_for_headers_and_query),
        cmocka_unit_test(test_printable), cmocka_unit_test(test_sources_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
