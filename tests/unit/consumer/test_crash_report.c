/* SPDX-License-Identifier: Apache-2.0
 *
 * What a dying process writes, byte by byte, and how long it listens: a socket
 * pair stands for Redis, whose answers lie ready or never come.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include "consumer/engine/crash_report.h"

#include "common/own.h"
#include "consumer/engine/crash.h"
#include "consumer/engine/suspects.h"
#include "tests/unit/consumer/kit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY       "hearback:crash:{w}"
#define LAST_WORD "hearback:that-was-all"
#define ENDING                                                                                     \
    "*3\r\n$6\r\nEXPIRE\r\n$18\r\n" KEY "\r\n$6\r\n604800\r\n"                                     \
    "*2\r\n$4\r\nECHO\r\n$21\r\n" LAST_WORD "\r\n"
#define LAST_ANSWER "$21\r\n" LAST_WORD "\r\n"

/* ---- numbers and texts ------------------------------------------------------------------- */

static void numbers_are_written_in_full(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 7, 10, -1, 604800, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        char at[32] = "";
        char expected[32];
        struct crash_text text = {.at = at, .room = sizeof(at) - 1};
        crash_add_number(&text, numbers[i]);
        (void)snprintf(expected, sizeof(expected), "%" PRId64, numbers[i]);
        assert_string_equal(at, expected);
        assert_int_equal(text.len, strlen(expected));
    }
}

static void what_does_not_fit_is_cut(void **state)
{
    (void)state;
    char at[8] = "zzzzzzz";
    struct crash_text text = {.at = at, .room = 4};
    crash_add(&text, "ab");
    crash_add(&text, "cdefgh");
    crash_add_number(&text, 5);
    assert_int_equal(text.len, 4);
    assert_memory_equal(at, "abcdzzz", 7);
}

/* ---- the report -------------------------------------------------------------------------- */

struct line {
    int ours;
    int theirs;
    struct crash_report report;
};

static void line_open(struct line *line, int64_t patience_ms)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    line->ours = fds[0];
    line->theirs = fds[1];
    crash_report_begin(&line->report, line->ours, KEY, crash_now_ms() + patience_ms);
}

static void line_close(struct line *line)
{
    (void)close(line->ours);
    if (line->theirs >= 0) {
        (void)close(line->theirs);
    }
}

static void answer(const struct line *line, const char *words)
{
    assert_int_equal(write(line->theirs, words, strlen(words)), strlen(words));
}

/* All that was said, at most a megabyte. Static. */
static const char *said(const struct line *line)
{
    static char all[1 << 20];
    size_t len = 0;
    ssize_t count = 0;
    while (len < sizeof(all) - 1 &&
           (count = read(line->theirs, all + len, sizeof(all) - 1 - len)) > 0) {
        len += (size_t)count;
    }
    all[len] = 0;
    return all;
}

static void add_two(struct line *line)
{
    struct crash_position one = {
        .topic = "hearback.interviews", .partition = 2, .offset = 41, .at_ms = 1700000000041};
    struct crash_position two = {.topic = "t", .partition = 0, .offset = INT64_MAX, .alone = true};
    crash_report_add(&line->report, &one);
    crash_report_add(&line->report, &two);
}

static void every_byte_of_a_report(void **state)
{
    (void)state;
    struct line line;
    line_open(&line, 10000);
    add_two(&line);
    answer(&line, ":1\r\n:2\r\n:1\r\n" LAST_ANSWER);
    assert_true(crash_report_end(&line.report));
    assert_string_equal(said(&line),
                        "*4\r\n$7\r\nHINCRBY\r\n$18\r\n" KEY
                        "\r\n$38\r\nhearback.interviews/2/41/1700000000041\r\n$1\r\n1\r\n"
                        "*4\r\n$7\r\nHINCRBY\r\n$18\r\n" KEY
                        "\r\n$31\r\nt/0/9223372036854775807/0/alone\r\n$1\r\n1\r\n" ENDING);
    line_close(&line);
}

static void answers_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *answers;
        bool taken;
    } cases[] = {
        {"+OK\r\n+PONG\r\n:1\r\n:2\r\n:1\r\n" LAST_ANSWER, true}, /* older ones come first */
        {":1\r\n-WRONGTYPE Operation against a key\r\n:1\r\n" LAST_ANSWER, false},
        {"-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n", false},
        {"-READONLY You can't write\r\n:0\r\n" LAST_ANSWER, false},
        {":1\r\n:1\r\n:1\r\n$21\r\nhearback:that-was-al", false}, /* and no more */
        {":1\r\n:1\r\n:1\r\nx" LAST_WORD "\r\n", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct line line;
        line_open(&line, cases[i].taken ? 10000 : 30);
        add_two(&line);
        answer(&line, cases[i].answers);
        assert_int_equal(crash_report_end(&line.report), cases[i].taken);
        line_close(&line);
    }
}

static void thousands_of_records_go_in_pieces(void **state)
{
    (void)state;
    struct line line;
    size_t commands = 0;
    line_open(&line, 10000);
    answer(&line, LAST_ANSWER); /* it is not said how many answers there were */
    for (int64_t offset = 1000; offset < 3000; offset++) {
        struct crash_position one = {.topic = "t", .partition = 7, .offset = offset, .at_ms = 5};
        crash_report_add(&line.report, &one);
    }
    assert_true(crash_report_end(&line.report));
    const char *at = said(&line);
    for (int64_t offset = 1000; offset < 3000; offset++) {
        char field[64];
        (void)snprintf(field, sizeof(field), "\r\n$10\r\nt/7/%" PRId64 "/5\r\n$1\r\n1\r\n", offset);
        at = strstr(at, field);
        assert_non_null(at);
        commands++;
    }
    assert_int_equal(commands, 2000);
    assert_non_null(strstr(at, ENDING));
    line_close(&line);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct line line;
    line_open(&line, 50);
    int64_t began = crash_now_ms();
    for (int64_t offset = 0; offset < 50000; offset++) { /* far more than a socket holds */
        struct crash_position one = {.topic = "t", .partition = 7, .offset = offset};
        crash_report_add(&line.report, &one);
    }
    assert_false(crash_report_end(&line.report));
    assert_in_range(crash_now_ms() - began, 50, 5000);
    line_close(&line);
}

static void the_line_is_dead(void **state)
{
    (void)state;
    struct line line;
    int64_t began = crash_now_ms();
    line_open(&line, 60000);
    (void)close(line.theirs);
    line.theirs = -1;
    add_two(&line);
    assert_false(crash_report_end(&line.report));
    crash_report_begin(&line.report, -1, KEY, crash_now_ms() + 60000);
    add_two(&line);
    assert_false(crash_report_end(&line.report));
    assert_in_range(crash_now_ms() - began, 0, 30000);
    line_close(&line);
}

/* ---- what is read after the restart ------------------------------------------------------ */

static void fields_are_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        bool good, alone;
        int32_t partition;
        int64_t offset;
        int64_t at_ms;
    } cases[] = {
        {"hearback.interviews/2/41/5", true, false, 2, 41, 5},
        {"hearback.interviews/2/41/5/alone", true, true, 2, 41, 5},
        {"alone/0/0/0", true, false, 0, 0, 0},
        {"t/2147483647/999999999999999999/888888888888888888/alone", true, true, INT32_MAX,
         999999999999999999, 888888888888888888},
        {"t/2147483648/1/1", false, false, 0, 0, 0},
        {"t/1/9223372036854775808/1", false, false, 0, 0, 0},
        {"t/1/1/9223372036854775808", false, false, 0, 0, 0},
        {"t/-1/1/1", false, false, 0, 0, 0},
        {"t/1/-1/1", false, false, 0, 0, 0},
        {"t/1/1/-1", false, false, 0, 0, 0},
        {"t/1/1", false, false, 0, 0, 0},
        {"t/1/1/alone", false, false, 0, 0, 0},
        {"/1/1/1", false, false, 0, 0, 0},
        {"1/1/1", false, false, 0, 0, 0},
        {"another/1/1/1", false, false, 0, 0, 0},
        {"alone", false, false, 0, 0, 0},
        {"/alone", false, false, 0, 0, 0},
        {"/", false, false, 0, 0, 0},
        {"////", false, false, 0, 0, 0},
        {"", false, false, 0, 0, 0},
        {"t/1/1/1/ALONE", false, false, 0, 0, 0},
        {"t/1/1/1x", false, false, 0, 0, 0},
    };
    assert_true(crash_topic("hearback.interviews") >= 0 && crash_topic("t") >= 0 &&
                crash_topic("alone") >= 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct suspect one;
        bool alone = false;
        bool good = suspects_parse(span_text(cases[i].field), &one, &alone);
        if (good != cases[i].good ||
            (good && (alone != cases[i].alone || one.partition != cases[i].partition ||
                      one.offset != cases[i].offset || one.at_ms != cases[i].at_ms))) {
            fail_msg("%s: %d %d %d %" PRId64, cases[i].field, good, alone, one.partition,
                     one.offset);
        }
    }
}

static void hostile_fields(void **state)
{
    (void)state;
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    for (size_t i = 0; i < count; i++) {
        struct suspect one;
        bool alone = false;
        (void)suspects_parse(texts[i].text, &one, &alone);
        assert_true(one.topic < CRASH_TOPICS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_in_full),
        cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(every_byte_of_a_report),
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(thousands_of_records_go_in_pieces),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(the_line_is_dead),
        cmocka_unit_test(fields_are_read_back),
        cmocka_unit_test(hostile_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
