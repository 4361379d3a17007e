/* SPDX-License-Identifier: Apache-2.0
 *
 * The log: a line is JSON whatever is put in it, a call site cannot flood, and
 * errno survives.
 */
#include "common/log.h"

#include "common/clock.h"
#include "tests/unit/consumer/kit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

static char last[65536];
static size_t last_len;
static size_t lines;

static void sink(span line)
{
    lines++;
    last_len = line.len < sizeof(last) ? line.len : sizeof(last);
    memcpy(last, line.at, last_len);
    errno = EBADF; /* as a write would */
}

/* The last line, which must be one line and JSON. */
static struct json_object *last_line(void)
{
    assert_true(last_len > 1);
    assert_null(memchr(last, '\n', last_len - 1));
    assert_int_equal(last[last_len - 1], '\n');
    return kit_json(span_of(last, last_len - 1));
}

static int start(void **state)
{
    (void)state;
    lines = 0;
    last_len = 0;
    log_init("test", LOG_INFO);
    log_divert(sink);
    return 0;
}

static int end(void **state)
{
    (void)state;
    log_divert(NULL);
    return 0;
}

static void a_line(void **state)
{
    (void)state;
    LOG(LOG_WARN, "breaker_open", L_TEXT("destination", "jira"), L_INT("status", 401),
        L_REAL("rate", 0.25), L_SPAN("cut", span_of("abcdef", 3)), L_TEXT("none", NULL),
        L_INT("low", INT64_MIN));
    assert_int_equal(lines, 1);
    KIT_JSON line = last_line();
    kit_assert_text(kit_text_at(line, "/level"), "warn");
    kit_assert_text(kit_text_at(line, "/program"), "test");
    kit_assert_text(kit_text_at(line, "/event"), "breaker_open");
    kit_assert_text(kit_text_at(line, "/destination"), "jira");
    kit_assert_text(kit_text_at(line, "/cut"), "abc");
    kit_assert_text(kit_text_at(line, "/none"), "");
    assert_int_equal(kit_text_at(line, "/at").len, 24);
    int64_t number = 0;
    assert_true(json_whole(json_at(line, "/status"), &number) && number == 401);
    assert_true(json_whole(json_at(line, "/low"), &number) && number == INT64_MIN);
    double real = 0;
    assert_true(json_number(json_at(line, "/rate"), &real) && real > 0.24 && real < 0.26);
    assert_null(json_at(line, "/held_back"));
}

static void an_error(void **state)
{
    (void)state;
    struct err err = {.class = ERR_POISON, .code = 7, .text = "what happened", .where = "a.c:1"};
    LOG_ERR(LOG_ERROR, "settled", err, L_INT("offset", 5));
    KIT_JSON line = last_line();
    kit_assert_text(kit_text_at(line, "/class"), "poison");
    kit_assert_text(kit_text_at(line, "/error"), "what happened");
    kit_assert_text(kit_text_at(line, "/where"), "a.c:1");
    int64_t number = 0;
    assert_true(json_whole(json_at(line, "/code"), &number) && number == 7);
    LOG_ERR(LOG_ERROR, "settled", NO_ERROR, L_INT("offset", 5)); /* texts may be missing */
    KIT_JSON second = last_line();
    kit_assert_text(kit_text_at(second, "/class"), "ok");
}

static void hostile_values_are_json(void **state)
{
    (void)state;
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    for (size_t i = 0; i < count; i++) {
        lines = 0;
        LOG(LOG_INFO, "hostile", L_SPAN("text", texts[i].text), L_TEXT("behind", "x"));
        if (lines != 1) {
            fail_msg("%s: %zu lines", texts[i].name, lines);
        }
        KIT_JSON line = last_line();
        kit_assert_text(kit_text_at(line, "/behind"), "x");
        span text = kit_text_at(line, "/text");
        assert_true(text.len <= 512 * 3); /* cut, and each byte at most one U+FFFD */
        if (texts[i].text.len <= 512 && span_utf8(texts[i].text)) {
            assert_true(span_equal(text, texts[i].text));
        }
    }
    static const double reals[] = {(double)NAN, (double)INFINITY, -(double)INFINITY,
                                   1e308,       -1e-308,          0.1};
    for (size_t i = 0; i < COUNT_OF(reals); i++) {
        LOG(LOG_INFO, "hostile", L_REAL("real", reals[i]));
        KIT_JSON line = last_line();
        assert_non_null(json_at(line, "/real"));
    }
}

static void many_long_values_fit(void **state)
{
    (void)state;
    char worst[512];
    memset(worst, 1, sizeof(worst)); /* six bytes each in JSON */
    span text = span_of(worst, sizeof(worst));
    LOG(LOG_INFO, "wide", L_SPAN("a", text), L_SPAN("b", text), L_SPAN("c", text),
        L_SPAN("d", text), L_SPAN("e", text), L_SPAN("f", text), L_SPAN("g", text),
        L_SPAN("h", text));
    assert_int_equal(lines, 1);
    KIT_JSON line = last_line();
    assert_true(span_equal(kit_text_at(line, "/h"), text));
}

static void levels(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool known;
        enum log_level level;
    } cases[] = {{"debug", true, LOG_DEBUG}, {"info", true, LOG_INFO},     {"warn", true, LOG_WARN},
                 {"error", true, LOG_ERROR}, {"INFO", false, LOG_DEBUG},   {"", false, LOG_DEBUG},
                 {"inf", false, LOG_DEBUG},  {"warning", false, LOG_DEBUG}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum log_level level = LOG_DEBUG;
        assert_int_equal(log_level_parse(span_text(cases[i].text), &level), cases[i].known);
        assert_int_equal(level, cases[i].level);
    }
    LOG(LOG_DEBUG, "quiet", L_INT("n", 1));
    assert_int_equal(lines, 0);
    log_init("test", LOG_ERROR);
    LOG(LOG_WARN, "quiet", L_INT("n", 1));
    assert_int_equal(lines, 0);
    LOG(LOG_ERROR, "loud", L_INT("n", 1));
    assert_int_equal(lines, 1);
    log_init("test", LOG_DEBUG);
    LOG(LOG_DEBUG, "loud", L_INT("n", 1));
    assert_int_equal(lines, 2);
}

static void errno_is_kept(void **state)
{
    (void)state;
    errno = ENOENT;
    LOG(LOG_INFO, "loud", L_INT("n", 1));
    assert_int_equal(errno, ENOENT);
    LOG(LOG_DEBUG, "quiet", L_INT("n", 1));
    assert_int_equal(errno, ENOENT);
}

static void a_site_cannot_flood(void **state)
{
    (void)state;
    struct log_site site = {0};
    struct log_site other = {0};
    int64_t now_ms = clock_mono_ms(clock_system());
    /* The window began just now, and ends long after this test: no clock is waited for. */
    atomic_store(&site.window_start_ms, now_ms + 3600000);
    for (int i = 0; i < LOG_BURST + 30; i++) {
        log_write(&site, LOG_INFO, "flood", NULL, 0);
    }
    assert_int_equal(lines, LOG_BURST);
    assert_int_equal(atomic_load(&site.held), 30);
    log_write(&other, LOG_INFO, "elsewhere", NULL, 0); /* each site has its own */
    assert_int_equal(lines, LOG_BURST + 1);
    atomic_store(&site.window_start_ms, now_ms - LOG_WINDOW_MS); /* the window is over */
    log_write(&site, LOG_INFO, "flood", NULL, 0);
    assert_int_equal(lines, LOG_BURST + 2);
    KIT_JSON line = last_line();
    int64_t held = 0;
    assert_true(json_whole(json_at(line, "/held_back"), &held) && held == 30);
    log_write(&site, LOG_INFO, "flood", NULL, 0); /* said once */
    KIT_JSON next = last_line();
    assert_null(json_at(next, "/held_back"));
    atomic_store(&site.window_start_ms, now_ms - LOG_WINDOW_MS);
    log_write(&site, LOG_INFO, "flood", NULL, 0); /* nor in the next window */
    KIT_JSON later = last_line();
    assert_null(json_at(later, "/held_back"));
}

static void without_a_sink_it_is_stderr(void **state)
{
    (void)state;
    int ends[2];
    char out[4096];
    assert_int_equal(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    log_divert(NULL);
    (void)dup2(ends[1], STDERR_FILENO);
    LOG(LOG_INFO, "to_stderr", L_INT("n", 1));
    (void)dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t got = read(ends[0], out, sizeof(out));
    close(ends[0]);
    assert_true(got > 0);
    KIT_JSON line = kit_json(span_of(out, (size_t)got));
    kit_assert_text(kit_text_at(line, "/event"), "to_stderr");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line, start, end),
        cmocka_unit_test_setup_teardown(an_error, start, end),
        cmocka_unit_test_setup_teardown(hostile_values_are_json, start, end),
        cmocka_unit_test_setup_teardown(many_long_values_fit, start, end),
        cmocka_unit_test_setup_teardown(levels, start, end),
        cmocka_unit_test_setup_teardown(errno_is_kept, start, end),
        cmocka_unit_test_setup_teardown(a_site_cannot_flood, start, end),
        cmocka_unit_test_setup_teardown(without_a_sink_it_is_stderr, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
