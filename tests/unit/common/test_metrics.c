/* SPDX-License-Identifier: Apache-2.0
 *
 * The metrics and what they look like to whoever scrapes them.
 */
#include "common/metrics.h"

#include "tests/unit/consumer/kit.h"

#include <pthread.h>

#define THREADS 4
#define TIMES   20000

static char shown[65536];

static const char *encode(void)
{
    struct buf out;
    buf_init(&out, sizeof(shown) - 1);
    metrics_encode(&out);
    assert_false(failed(buf_ok(&out)));
    span_to_text(buf_span(&out), shown, sizeof(shown));
    buf_close(&out);
    return shown;
}

static void assert_shows(const char *text)
{
    if (strstr(encode(), text) == NULL) {
        fail_msg("no \"%s\" in\n%s", text, shown);
    }
}

static void a_counter_and_a_gauge(void **state)
{
    (void)state;
    struct metric *plain = metric_counter("t_plain_total", "Plain things.", NULL, NULL);
    struct metric *gauge = metric_gauge("t_gauge", "How much there is.", NULL, NULL);
    assert_shows("# HELP t_plain_total Plain things.\n# TYPE t_plain_total counter\n"
                 "t_plain_total 0\n");
    metric_add(plain, 1);
    metric_add(plain, 41);
    metric_set(gauge, -7);
    assert_int_equal(metric_value(plain), 42);
    assert_int_equal(metric_value(gauge), -7);
    assert_shows("\nt_plain_total 42\n");
    assert_shows("# TYPE t_gauge gauge\nt_gauge -7\n");
    metric_add(gauge, 10);
    metric_add(gauge, -1);
    assert_int_equal(metric_value(gauge), 2);
}

static void a_label_makes_a_series(void **state)
{
    (void)state;
    struct metric *b = metric_counter("t_by_total", "By reason.", "reason", "b");
    struct metric *a = metric_counter("t_by_total", "By reason.", "reason", "a");
    struct metric *again = metric_counter("t_by_total", "By reason.", "reason", "b");
    assert_ptr_equal(again, b);
    assert_ptr_not_equal(a, b);
    metric_add(b, 2);
    metric_add(a, 1);
    /* One head for all, sorted. */
    assert_shows("# HELP t_by_total By reason.\n# TYPE t_by_total counter\n"
                 "t_by_total{reason=\"a\"} 1\nt_by_total{reason=\"b\"} 2\n");
    char name[] = "t_copied_total";
    char label[] = "key";
    char value[] = "v";
    struct metric *copied = metric_counter(name, "Copied.", label, value);
    name[0] = label[0] = value[0] = 'X';
    assert_ptr_equal(metric_counter("t_copied_total", "Copied.", "key", "v"), copied);
    assert_shows("t_copied_total{key=\"v\"} 0\n");
}

static void names_are_sorted(void **state)
{
    (void)state;
    (void)metric_counter("t_z_total", "Last.", NULL, NULL);
    (void)metric_counter("t_a_total", "First.", NULL, NULL);
    (void)metric_counter("t_m_total", "Middle.", NULL, NULL);
    const char *text = encode();
    const char *first = strstr(text, "# HELP t_a_total");
    const char *middle = strstr(text, "# HELP t_m_total");
    const char *final = strstr(text, "# HELP t_z_total");
    assert_true(first != NULL && middle > first && final > middle);
}

static void a_histogram(void **state)
{
    (void)state;
    static const double seconds[] = {0, 0.0005, 0.0006, 0.3, 1.0, 60, 61, 1000};
    struct metric *plain = metric_histogram("t_wait_seconds", "Waits.", NULL, NULL);
    for (size_t i = 0; i < COUNT_OF(seconds); i++) {
        metric_observe(plain, seconds[i]);
    }
    assert_int_equal(metric_value(plain), COUNT_OF(seconds));
    assert_shows("# TYPE t_wait_seconds histogram\nt_wait_seconds_bucket{le=\"0.0005\"} 2\n"
                 "t_wait_seconds_bucket{le=\"0.001\"} 3\n"); /* a bound belongs to its bucket */
    assert_shows("t_wait_seconds_bucket{le=\"0.25\"} 3\nt_wait_seconds_bucket{le=\"0.5\"} 4\n"
                 "t_wait_seconds_bucket{le=\"1\"} 5\n");
    assert_shows("t_wait_seconds_bucket{le=\"60\"} 6\nt_wait_seconds_bucket{le=\"+Inf\"} 8\n"
                 "t_wait_seconds_sum{} 1122.301100\nt_wait_seconds_count{} 8\n");
    struct metric *by = metric_histogram("t_step_seconds", "Steps.", "stage", "find");
    metric_observe(by, 0.02);
    assert_shows("t_step_seconds_bucket{stage=\"find\",le=\"0.01\"} 0\n"
                 "t_step_seconds_bucket{stage=\"find\",le=\"0.025\"} 1\n");
    assert_shows("t_step_seconds_sum{stage=\"find\"} 0.020000\n"
                 "t_step_seconds_count{stage=\"find\"} 1\n");
}

/* ---- misuse, and threads ------------------------------------------------------------------ */

static void two_kinds(void *what)
{
    (void)what;
    (void)metric_counter("t_kind", "A kind.", NULL, NULL);
    (void)metric_gauge("t_kind", "A kind.", NULL, NULL);
}

static void no_help(void *what)
{
    (void)what;
    (void)metric_counter("t_helpless_total", "", NULL, NULL);
}

static void misuse_is_found(void **state)
{
    (void)state;
    assert_true(kit_dies(two_kinds, NULL));
    assert_true(kit_dies(no_help, NULL));
}

static void *count_much(void *what)
{
    (void)what;
    for (size_t i = 0; i < TIMES; i++) {
        metric_add(metric_counter("t_threads_total", "By threads.", NULL, NULL), 1);
    }
    return NULL;
}

static void threads_share_a_series(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(metric_value(metric_counter("t_threads_total", "By threads.", NULL, NULL)),
                     THREADS * TIMES);
}

static void a_small_buffer_breaks_and_nothing_else(void **state)
{
    (void)state;
    struct buf out;
    (void)metric_counter("t_plain_total", "Plain things.", NULL, NULL);
    buf_init(&out, 10);
    metrics_encode(&out);
    assert_int_equal(buf_ok(&out).class, ERR_RETRY);
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_and_a_gauge),
        cmocka_unit_test(a_label_makes_a_series),
        cmocka_unit_test(names_are_sorted),
        cmocka_unit_test(a_histogram),
        cmocka_unit_test(misuse_is_found),
        cmocka_unit_test(threads_share_a_series),
        cmocka_unit_test(a_small_buffer_breaks_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
