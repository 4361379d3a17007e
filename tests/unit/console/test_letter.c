/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in hearback.dead: what the workers write is read, anything else is
 * strange; and which letters a filter means.
 */
#include "console/letter.h"

#include "tests/unit/consumer/kit.h"

#include <stdio.h>

#define HEADERS_MAX 24

struct paper {
    struct letter_header headers[HEADERS_MAX];
    size_t count;
};

static void put(struct paper *paper, const char *name, const char *value)
{
    for (size_t i = 0; i < paper->count; i++) {
        if (strcmp(paper->headers[i].name, name) == 0) {
            paper->headers[i].value = span_text(value);
            return;
        }
    }
    paper->headers[paper->count++] = (struct letter_header){name, span_text(value)};
}

static void leave_out(struct paper *paper, const char *name)
{
    for (size_t i = 0; i < paper->count; i++) {
        if (strcmp(paper->headers[i].name, name) == 0) {
            paper->headers[i] = paper->headers[--paper->count];
            return;
        }
    }
}

static struct paper an_item(void)
{
    static const char *const rows[][2] = {{"kind", "item"},
                                          {"topic", "hearback.interviews"},
                                          {"partition", "3"},
                                          {"offset", "41"},
                                          {"digest", "7e2d5ba318222325"},
                                          {"worker", "ticket-filer"},
                                          {"effect", "koji/i1~t1"},
                                          {"order", "koji/t1"},
                                          {"stage", "create"},
                                          {"reason", "http_400"},
                                          {"detail", "No."},
                                          {"attempts", "2"},
                                          {"first_at", "2026-05-27T02:07:11.363Z"},
                                          {"last_at", "2026-05-27T02:07:12.004Z"}};
    struct paper paper = {.count = 0};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        put(&paper, rows[i][0], rows[i][1]);
    }
    return paper;
}

static enum letter_read read_it(const struct paper *paper, struct letter *letter)
{
    return letter_read(span_text("ticket-filer/koji/t1/koji/i1~t1"), span_text("{}"),
                       paper->headers, paper->count, letter);
}

static void an_items_letter(void **state)
{
    (void)state;
    struct paper paper = an_item();
    struct letter letter = {.partition = 2, .offset = 7, .at_ms = 1000};
    assert_int_equal(read_it(&paper, &letter), LETTER_READ_LETTER);
    assert_false(letter.whole);
    assert_true(span_is(letter.worker, "ticket-filer") && span_is(letter.effect, "koji/i1~t1") &&
                span_is(letter.order, "koji/t1") && span_is(letter.stage, "create") &&
                span_is(letter.reason, "http_400") && span_is(letter.attempts, "2") &&
                span_is(letter.first.topic, "hearback.interviews"));
    assert_int_equal(letter.first.partition, 3);
    assert_int_equal(letter.first.offset, 41);
    assert_int_equal(letter.partition, 2);
    assert_int_equal(letter.offset, 7);
    assert_int_equal(letter.at_ms, 1000);
}

static void the_other_kinds(void **state)
{
    (void)state;
    struct paper paper = an_item();
    struct letter letter = {.at_ms = 5};
    put(&paper, "kind", "whole");
    leave_out(&paper, "effect");
    leave_out(&paper, "order");
    assert_int_equal(read_it(&paper, &letter), LETTER_READ_LETTER);
    assert_true(letter.whole && letter.effect.len == 0);
    put(&paper, "kind", "record");
    leave_out(&paper, "worker");
    leave_out(&paper, "reason");
    assert_int_equal(read_it(&paper, &letter), LETTER_READ_COPY);
    assert_int_equal(letter.first.offset, 41);
    assert_int_equal(letter_read(span_text("k"), SPAN_NONE, NULL, 0, &letter),
                     LETTER_READ_TOMBSTONE);
    assert_true(span_is(letter.key, "k") && letter.worker.len == 0);
    assert_int_equal(letter.at_ms, 5);
}

/* One header is wrong: it is nothing of ours. */
static void strange_ones(void **state)
{
    (void)state;
    static char long_text[LETTER_TEXT_MAX + 2];
    memset(long_text, 'a', sizeof(long_text) - 1);
    const struct {
        const char *name;
        const char *value; /* NULL: left out */
    } cases[] = {{"kind", NULL},
                 {"kind", "Item"},
                 {"worker", NULL},
                 {"worker", ""},
                 {"worker", "../x"},
                 {"worker", "Ticket"},
                 {"worker", "a\nb"},
                 {"worker", long_text},
                 {"reason", NULL},
                 {"reason", "http 400"},
                 {"topic", NULL},
                 {"topic", "a/b"},
                 {"topic", long_text},
                 {"partition", NULL},
                 {"partition", "-1"},
                 {"partition", "3000000000"},
                 {"partition", "3x"},
                 {"offset", NULL},
                 {"offset", "-1"},
                 {"offset", "99999999999999999999"},
                 {"digest", NULL},
                 {"digest", "7e2d5ba31822232"},
                 {"digest", "7e2d5ba3182223255"},
                 {"digest", "7E2D5BA318222325"},
                 {"effect", NULL},
                 {"effect", ""},
                 {"effect", long_text},
                 {"order", NULL},
                 {"order", long_text}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct paper paper = an_item();
        struct letter letter = {0};
        if (cases[i].value == NULL) {
            leave_out(&paper, cases[i].name);
        } else {
            put(&paper, cases[i].name, cases[i].value);
        }
        if (read_it(&paper, &letter) != LETTER_READ_STRANGE) {
            fail_msg("%s=%s is taken", cases[i].name, cases[i].value);
        }
    }
}

static void strange_keys(void **state)
{
    (void)state;
    static char key[LETTER_KEY_MAX + 1];
    struct paper paper = an_item();
    struct letter letter = {0};
    memset(key, 'k', sizeof(key));
    assert_int_equal(letter_read(span_of(key, LETTER_KEY_MAX), span_text(""), paper.headers,
                                 paper.count, &letter),
                     LETTER_READ_LETTER);
    assert_int_equal(letter_read(span_of(key, LETTER_KEY_MAX + 1), span_text(""), paper.headers,
                                 paper.count, &letter),
                     LETTER_READ_STRANGE);
    assert_int_equal(letter_read(SPAN_NONE, span_text(""), paper.headers, paper.count, &letter),
                     LETTER_READ_STRANGE);
    assert_int_equal(letter_read(SPAN_NONE, SPAN_NONE, NULL, 0, &letter), LETTER_READ_STRANGE);
}

/* What only describes does not make it strange. */
static void what_only_describes(void **state)
{
    (void)state;
    static const char *const names[] = {"detail",   "stage",   "attempts",
                                        "first_at", "last_at", "traceparent"};
    static char long_text[LETTER_TEXT_MAX + 2];
    memset(long_text, 'a', sizeof(long_text) - 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct paper paper = an_item();
        struct letter letter = {0};
        put(&paper, names[i], long_text);
        assert_int_equal(read_it(&paper, &letter), LETTER_READ_LETTER);
        leave_out(&paper, names[i]);
        assert_int_equal(read_it(&paper, &letter), LETTER_READ_LETTER);
    }
    /* The last of a name counts, as the workers' readers have it. */
    struct paper paper = an_item();
    struct letter letter = {0};
    paper.headers[paper.count++] = (struct letter_header){"reason", span_text("gave_up")};
    assert_int_equal(read_it(&paper, &letter), LETTER_READ_LETTER);
    assert_true(span_is(letter.reason, "gave_up"));
}

static void filters(void **state)
{
    (void)state;
    struct paper paper = an_item();
    struct letter letter = {.at_ms = 1000};
    assert_int_equal(read_it(&paper, &letter), LETTER_READ_LETTER);
    const struct {
        struct letter_filter filter;
        bool matches;
    } cases[] = {
        {{.worker = NULL}, true},
        {{.worker = "ticket-filer"}, true},
        {{.worker = "ticket"}, false},
        {{.reason = "http_400"}, true},
        {{.reason = "http_4"}, false},
        {{.effect = "koji/i1~t1"}, true},
        {{.effect = "koji/i1"}, false},
        {{.key = "koji/t1"}, true},
        {{.key = "ticket-filer/koji/t1/koji/i1~t1"}, true},
        {{.key = "t1"}, false},
        {{.key = ""}, false},
        {{.since_ms = 1000}, true},
        {{.since_ms = 1001}, false},
        {{.until_ms = 1001}, true},
        {{.until_ms = 1000}, false},
        {{.worker = "ticket-filer", .reason = "gave_up"}, false},
        {{.worker = "ticket-filer", .reason = "http_400", .since_ms = 1, .until_ms = 5000}, true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (letter_matches(&cases[i].filter, &letter) != cases[i].matches) {
            fail_msg("case %zu", i);
        }
    }
    /* A whole record has no effect and no order key. */
    struct letter whole = {.whole = true, .key = span_text("w/record:t/0/1")};
    assert_false(letter_matches(&(struct letter_filter){.effect = ""}, &letter));
    assert_false(letter_matches(&(struct letter_filter){.key = ""}, &whole));
    assert_true(letter_matches(&(struct letter_filter){.key = "w/record:t/0/1"}, &whole));
}

static void keys(void **state)
{
    (void)state;
    struct buf out;
    struct letter_place first = {span_text("hearback.interviews"), 3, 41};
    struct letter_place retried = {span_text("hearback.retry.w"), 0, 7};
    buf_init(&out, 4096);
    letter_key_copy(&out, &first);
    buf_add_char(&out, ' ');
    letter_key_item(&out, "w", span_text("o/1"), span_text("e"), NULL);
    buf_add_char(&out, ' ');
    letter_key_item(&out, "w", span_text("o/1"), span_text("e"), &retried);
    buf_add_char(&out, ' ');
    letter_key_whole(&out, "w", &first, NULL);
    buf_add_char(&out, ' ');
    letter_key_whole(&out, "w", &first, &retried);
    assert_string_equal(buf_text(&out),
                        "record:hearback.interviews/3/41 w/o/1/e w/o/1/e@0/7 "
                        "w/record:hearback.interviews/3/41 w/record:hearback.interviews/3/41@0/7");
    buf_close(&out);
    char digest[LETTER_DIGEST_ROOM];
    letter_digest(SPAN_NONE, digest);
    assert_string_equal(digest, "cbf29ce484222325"); /* FNV-1a's offset basis */
    letter_digest(span_text("a"), digest);
    assert_string_equal(digest, "af63dc4c8601ec8c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_items_letter),
        cmocka_unit_test(the_other_kinds),
        cmocka_unit_test(strange_ones),
        cmocka_unit_test(strange_keys),
        cmocka_unit_test(what_only_describes),
        cmocka_unit_test(filters),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
