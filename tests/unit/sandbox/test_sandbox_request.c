/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking targets apart and matching paths.
 */
#include "tests/sandbox/request.h"

#include "common/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *target;
    const char *pattern;
    bool fits;
    const char *first; /* argument; NULL: not looked at */
    const char *second;
} paths[] = {
    {"/jira/issue", "/issue", true, NULL, NULL},
    {"/jira/issue/", "/issue", false, NULL, NULL},
    {"/jira/issue?x=1", "/issue", true, NULL, NULL},
    {"/jira/issue/P-1", "/issue/{key}", true, "P-1", NULL},
    {"/jira/issue/P-1/comment", "/issue/{key}", false, NULL, NULL},
    {"/jira/issue/P-1/comment", "/issue/{key}/comment", true, "P-1", NULL},
    {"/jira/issue//comment", "/issue/{key}/comment", false, NULL, NULL},
    {"/jira/issue/1/properties/a%2Fb%20c+d", "/issue/{key}/properties/{p}", true, "1", "a/b c+d"},
    {"/jira/issue/a%zzb%4", "/issue/{key}", true, "a%zzb%4", NULL},
    {"/jira", "/", true, NULL, NULL},
    {"/jira?x", "/", true, NULL, NULL},
};

static void each_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct request req;
        request_init(&req, "GET", paths[i].target);
        bool good = request_fits(&req, paths[i].pattern) == paths[i].fits &&
                    strcmp(req.vendor, "jira") == 0;
        if (good && paths[i].first != NULL) {
            good = strcmp(req.args[0], paths[i].first) == 0;
        }
        if (good && paths[i].second != NULL) {
            good = strcmp(req.args[1], paths[i].second) == 0;
        }
        if (!good) {
            fail_msg("%s against %s", paths[i].target, paths[i].pattern);
        }
        request_close(&req);
    }
}

static void queries(void **state)
{
    (void)state;
    struct request req;
    request_init(&req, "GET", "/jira/s?jql=a%3D%22b+c%22&&empty=&bare&n=12&m=-1&bad=x#ignored");
    assert_string_equal(request_query(&req, "jql"), "a=\"b c\"");
    assert_string_equal(request_query(&req, "empty"), "");
    assert_string_equal(request_query(&req, "bare"), "");
    assert_null(request_query(&req, "gone"));
    int64_t number = 0;
    assert_false(failed(request_query_int(&req, "n", 5, &number)));
    assert_int_equal(number, 12);
    assert_false(failed(request_query_int(&req, "gone", 5, &number)));
    assert_int_equal(number, 5);
    assert_int_equal(request_query_int(&req, "m", 5, &number).class, ERR_REJECT);
    assert_int_equal(request_query_int(&req, "bad", 5, &number).class, ERR_REJECT);
    request_close(&req);
}

static void headers(void **state)
{
    (void)state;
    struct request req;
    request_init(&req, "GET", "/jira/s");
    request_add_header(&req, "Content-Type", "text/plain");
    request_add_header(&req, "hOST", "h:1");
    assert_string_equal(request_header(&req, "content-type"), "text/plain");
    assert_string_equal(req.host, "h:1");
    assert_null(request_header(&req, "Accept"));
    request_close(&req);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path),
        cmocka_unit_test(queries),
        cmocka_unit_test(headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
