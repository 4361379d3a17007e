/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations port, asked over the network by libcurl.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/metrics.h"
#include "common/ops.h"
#include "common/own.h"

#include <curl/curl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct page {
    long status;
    char text[64 * 1024];
    size_t len;
    char allow[64];
};

static size_t take_body(char *data, size_t one, size_t len, void *opaque)
{
    struct page *page = opaque;
    size_t room = sizeof(page->text) - 1 - page->len;
    size_t bytes = one * len < room ? one * len : room;
    memcpy(page->text + page->len, data, bytes);
    page->len += bytes;
    page->text[page->len] = 0;
    return one * len;
}

static size_t take_header(char *data, size_t one, size_t len, void *opaque)
{
    struct page *page = opaque;
    span line = span_of(data, one * len);
    if (span_starts(line, "Allow: ")) {
        span value = span_trim(span_of(line.at + 7, line.len - 7));
        size_t bytes = value.len < sizeof(page->allow) ? value.len : sizeof(page->allow) - 1;
        memcpy(page->allow, value.at, bytes);
    }
    return one * len;
}

static const struct page *ask(const struct ops *ops, const char *method, const char *path)
{
    static struct page page;
    char url[128];
    page = (struct page){.status = 0};
    CURL *curl = curl_easy_init();
    assert_non_null(curl);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)ops_port(ops), path);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_URL, url), CURLE_OK);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L), CURLE_OK);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 10000L), CURLE_OK);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method), CURLE_OK);
    if (strcmp(method, "HEAD") == 0) {
        assert_int_equal(curl_easy_setopt(curl, CURLOPT_NOBODY, 1L), CURLE_OK);
    }
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body), CURLE_OK);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_WRITEDATA, &page), CURLE_OK);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header), CURLE_OK);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_HEADERDATA, &page), CURLE_OK);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    assert_int_equal(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &page.status), CURLE_OK);
    curl_easy_cleanup(curl);
    return &page;
}

static int set_up(void **state)
{
    struct ops *ops = NULL;
    if (failed(ops_start("127.0.0.1:0", &ops))) {
        return -1;
    }
    *state = ops;
    return 0;
}

static int tear_down(void **state)
{
    struct ops *ops = *state;
    ops_stop(&ops);
    return ops == NULL ? 0 : -1;
}

static void test_ready(void **state)
{
    struct ops *ops = *state;
    assert_true(ops_port(ops) != 0);
    assert_int_equal(ask(ops, "GET", "/healthz")->status, 200);
    assert_int_equal(ask(ops, "GET", "/readyz")->status, 503); /* not before it is told so */
    ops_ready(ops, NULL);
    assert_int_equal(ask(ops, "GET", "/readyz")->status, 200);
    ops_ready(ops, "draining");
    const struct page *page = ask(ops, "GET", "/readyz");
    assert_int_equal(page->status, 503);
    assert_string_equal(page->text, "draining\n");
    assert_int_equal(ask(ops, "GET", "/healthz")->status, 200);
}

static void test_metrics(void **state)
{
    struct metric *metric = metric_counter("ops_test_total", "Of this test", NULL, NULL);
    metric_add(metric, 41);
    metric_add(metric, 1);
    const struct page *page = ask(*state, "GET", "/metrics");
    assert_int_equal(page->status, 200);
    assert_non_null(strstr(page->text, "\nops_test_total 42\n"));
}

static void test_methods_and_paths(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        long status;
    } rows[] = {
        {"HEAD", "/healthz", 200},   {"POST", "/healthz", 405}, {"DELETE", "/metrics", 405},
        {"GET", "/", 404},           {"GET", "/healthz/", 404}, {"GET", "/Healthz", 404},
        {"OPTIONS", "/readyz", 405},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct page *page = ask(*state, rows[i].method, rows[i].path);
        if (page->status != rows[i].status) {
            print_error("%s %s: %ld\n", rows[i].method, rows[i].path, page->status);
        }
        assert_int_equal(page->status, rows[i].status);
        assert_string_equal(page->allow, rows[i].status == 405 ? "GET, HEAD" : "");
    }
}

static void test_address_taken(void **state)
{
    struct ops *ops = *state;
    struct ops *second = NULL;
    char address[32];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", (unsigned)ops_port(ops));
    struct err err = ops_start(address, &second);
    assert_int_equal(err.class, ERR_CONFIG);
    assert_null(second);
}

static void test_addresses(void **state)
{
    static const char *const wrong[] = {"127.0.0.1", "no.such.host.invalid:0", "127.0.0.1:99999",
                                        "192.0.2.1:0"};
    int fd = -1;
    uint16_t port = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(ops_listen(wrong[i], &fd, &port).class, ERR_CONFIG);
        assert_int_equal(fd, -1);
    }
    assert_false(failed(ops_listen("[::1]:0", &fd, &port)));
    assert_true(fd >= 0 && port > 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ready, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_methods_and_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_address_taken, set_up, tear_down),
        cmocka_unit_test(test_addresses),
    };
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return 1;
    }
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failures;
}
