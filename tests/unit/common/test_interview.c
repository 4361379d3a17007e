/* SPDX-License-Identifier: Apache-2.0
 *
 * What a body yields: each file of interview/ is an input, perhaps a field map,
 * and the interview or the error that is expected. What is too large for a file
 * is made here.
 */
#include "common/interview.h"

#include "common/mem.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CASES     HEARBACK_SOURCE_DIR "/tests/unit/common/interview"
#define CASES_MIN 25
#define ARENA_MAX (8u << 20)

static struct config *config_of(struct json_object *fields)
{
    static struct config config;
    struct buf yaml;
    struct buf faults;
    buf_init(&yaml, 1 << 16);
    buf_init(&faults, 1 << 16);
    buf_addf(&yaml, "{\"fields\": %s}",
             fields == NULL ? "{}"
                            : json_object_to_json_string_ext(
                                  fields, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    struct err err = config_parse(&config, buf_span(&yaml), "fields", 0, &faults);
    if (failed(err)) {
        print_error("%s", buf_text(&faults));
    }
    assert_false(failed(err));
    buf_close(&yaml);
    buf_close(&faults);
    return &config;
}

/* ---- an interview as JSON, without what is empty ------------------------------------------ */

static void put_text(struct json_object *to, const char *name, span text)
{
    if (text.len > 0) {
        json_object_object_add(to, name,
                               json_object_new_string_len((const char *)text.at, (int)text.len));
    }
}

static const char *severity_name(enum severity severity)
{
    switch (severity) {
    case SEVERITY_NONE:
        return "";
    case SEVERITY_BUG:
        return "bug";
    case SEVERITY_BLOCKER:
        return "blocker";
    case SEVERITY_PREFERENCE:
        return "preference";
    case SEVERITY_NICE_TO_HAVE:
        return "nice_to_have";
    }
    return "?";
}

static struct json_object *theme_json(const struct theme *theme)
{
    struct json_object *out = json_object_new_object();
    put_text(out, "id", theme->id);
    put_text(out, "name", theme->name);
    put_text(out, "summary", theme->summary);
    put_text(out, "severity", span_text(severity_name(theme->severity)));
    if (theme->has_sentiment) {
        json_object_object_add(out, "sentiment", json_object_new_double(theme->sentiment));
    }
    struct json_object *tags = json_object_new_array();
    for (size_t i = 0; i < theme->tag_count; i++) {
        json_object_array_add(tags, json_object_new_string_len((const char *)theme->tags[i].at,
                                                               (int)theme->tags[i].len));
    }
    struct json_object *quotes = json_object_new_array();
    for (size_t i = 0; i < theme->quote_count; i++) {
        struct json_object *quote = json_object_new_object();
        put_text(quote, "text", theme->quotes[i].text);
        put_text(quote, "link", theme->quotes[i].link);
        json_object_array_add(quotes, quote);
    }
    json_object_object_add(out, "tags", tags);
    json_object_object_add(out, "quotes", quotes);
    if (theme->tag_count == 0) {
        json_object_object_del(out, "tags");
    }
    if (theme->quote_count == 0) {
        json_object_object_del(out, "quotes");
    }
    return out;
}

static struct json_object *interview_json(const struct interview *interview)
{
    struct json_object *out = json_object_new_object();
    put_text(out, "event", interview->event);
    put_text(out, "id", interview->id);
    put_text(out, "study_id", interview->study_id);
    put_text(out, "study_url", interview->study_url);
    put_text(out, "transcript_url", interview->transcript_url);
    put_text(out, "respondent_email", interview->respondent_email);
    put_text(out, "respondent_id", interview->respondent_id);
    put_text(out, "respondent_name", interview->respondent_name);
    if (interview->has_quality) {
        json_object_object_add(out, "quality", json_object_new_double(interview->quality));
    }
    if (interview->has_sentiment) {
        json_object_object_add(out, "sentiment", json_object_new_double(interview->sentiment));
    }
    if (interview->at_ms != 0) {
        json_object_object_add(out, "at_ms", json_object_new_int64(interview->at_ms));
    }
    struct json_object *themes = json_object_new_array();
    for (size_t i = 0; i < interview->theme_count; i++) {
        json_object_array_add(themes, theme_json(&interview->themes[i]));
    }
    json_object_object_add(out, "themes", themes);
    if (interview->theme_count == 0) {
        json_object_object_del(out, "themes");
    }
    return out;
}

/* ---- the case files ----------------------------------------------------------------------- */

static bool judge(const char *name, struct json_object *test, struct err err,
                  const struct interview *interview)
{
    struct json_object *expected = json_at(test, "/expected");
    span expected_error = json_text_at(test, "/expected_error");
    if (expected_error.at != NULL) {
        bool same = err.class == ERR_POISON && span_is(expected_error, err.text);
        if (!same) {
            print_error("%s: expected poison, " SPAN_FMT "; got %s, %s\n", name,
                        SPAN_ARG(expected_error), err_class_name(err.class), err.text);
        }
        return same;
    }
    if (failed(err)) {
        print_error("%s: %s: %s\n", name, err_class_name(err.class), err.text);
        return false;
    }
    struct json_object *got = interview_json(interview);
    bool same = json_object_equal(got, expected) == 1;
    if (!same) {
        print_error("%s: got %s\n", name, json_object_to_json_string(got));
    }
    json_object_put(got);
    return same;
}

static bool run_case(const char *name)
{
    char path[512];
    struct arena arena;
    struct interview interview;
    (void)snprintf(path, sizeof(path), "%s/%s", CASES, name);
    struct json_object *test = json_object_from_file(path);
    if (test == NULL || json_object_object_get_ex(test, "input", NULL) == 0 ||
        json_object_object_get_ex(test, "expected", NULL) ==
            json_object_object_get_ex(test, "expected_error", NULL)) {
        print_error("%s: no JSON with input and one of expected and expected_error\n", name);
        return false;
    }
    struct config *config = config_of(json_at(test, "/fields"));
    arena_init(&arena, ARENA_MAX);
    struct err err = interview_read(&config->fields, json_at(test, "/input"), &arena, &interview);
    bool same = judge(name, test, err, &interview);
    arena_close(&arena);
    config_close(config);
    json_object_put(test);
    return same;
}

static int is_case(const struct dirent *entry)
{
    return strstr(entry->d_name, ".json") != NULL;
}

static void case_files(void **state)
{
    (void)state;
    struct dirent **entries = NULL;
    int wrong = 0;
    int count = scandir(CASES, &entries, is_case, alphasort);
    assert_true(count >= CASES_MIN);
    for (int i = 0; i < count; i++) {
        wrong += run_case(entries[i]->d_name) ? 0 : 1;
        free(entries[i]); /* NOLINT: scandir's own memory */
    }
    free(entries);
    assert_int_equal(wrong, 0);
}

/* ---- large and odd ------------------------------------------------------------------------ */

static struct json_object *parsed(span text)
{
    struct json_object *body = NULL;
    assert_false(failed(json_parse(text, &body)));
    return body;
}

/* An interview with `themes` themes of `quotes` quotes and as many tags each. */
static struct json_object *large(size_t themes, size_t quotes)
{
    struct buf text;
    buf_init(&text, 16u << 20);
    buf_add_text(&text, "{\"id\":\"i\",\"themes\":[");
    for (size_t i = 0; i < themes; i++) {
        buf_addf(&text, "%s{\"id\":\"t%zu\",\"quotes\":[", i == 0 ? "" : ",", i);
        for (size_t j = 0; j < quotes; j++) {
            buf_addf(&text, "%s\"q%zu\"", j == 0 ? "" : ",", j);
        }
        buf_add_text(&text, "],\"tags\":[");
        for (size_t j = 0; j < quotes; j++) {
            buf_addf(&text, "%s\"g%zu\"", j == 0 ? "" : ",", j);
        }
        buf_add_text(&text, "]}");
    }
    buf_add_text(&text, "]}");
    struct json_object *body = parsed(buf_span(&text));
    buf_close(&text);
    return body;
}

static void themes_have_a_limit(void **state)
{
    (void)state;
    struct config *config = config_of(NULL);
    struct arena arena;
    struct interview interview;
    arena_init(&arena, ARENA_MAX);
    struct json_object *body = large(INTERVIEW_THEMES_MAX, 1);
    assert_false(failed(interview_read(&config->fields, body, &arena, &interview)));
    assert_int_equal(interview.theme_count, INTERVIEW_THEMES_MAX);
    assert_true(span_is(interview.themes[999].id, "t999"));
    json_object_put(body);
    body = large(INTERVIEW_THEMES_MAX + 1, 0);
    struct err err = interview_read(&config->fields, body, &arena, &interview);
    assert_int_equal(err.class, ERR_POISON);
    assert_string_equal(err.text, "themes has more than 1000 entries");
    json_object_put(body);
    arena_close(&arena);
    config_close(config);
}

static void quotes_and_tags_are_cut(void **state)
{
    (void)state;
    struct config *config = config_of(NULL);
    struct arena arena;
    struct interview interview;
    arena_init(&arena, ARENA_MAX);
    struct json_object *body = large(1, 60);
    assert_false(failed(interview_read(&config->fields, body, &arena, &interview)));
    assert_int_equal(interview.themes[0].quote_count, INTERVIEW_QUOTES_MAX);
    assert_int_equal(interview.themes[0].tag_count, INTERVIEW_TAGS_MAX);
    assert_true(span_is(interview.themes[0].quotes[49].text, "q49"));
    json_object_put(body);
    arena_close(&arena);
    config_close(config);
}

static void merged_quotes_are_cut(void **state)
{
    (void)state;
    struct config *config = config_of(NULL);
    struct arena arena;
    struct interview interview;
    arena_init(&arena, ARENA_MAX);
    struct json_object *body = large(2, 40);
    struct json_object *second =
        json_object_array_get_idx(json_object_object_get(body, "themes"), 1);
    json_object_object_add(second, "id", json_object_new_string("t0"));
    assert_false(failed(interview_read(&config->fields, body, &arena, &interview)));
    assert_int_equal(interview.theme_count, 1);
    assert_int_equal(interview.themes[0].quote_count, INTERVIEW_QUOTES_MAX);
    assert_true(span_is(interview.themes[0].quotes[49].text, "q9"));
    assert_int_equal(interview.themes[0].tag_count, 40);
    json_object_put(body);
    arena_close(&arena);
    config_close(config);
}

static void event_alone(void **state)
{
    (void)state;
    struct config *config = config_of(NULL);
    struct json_object *body = parsed(span_text("{\"type\":\" interview.completed \"}"));
    assert_true(span_is(interview_event(&config->fields, body), "interview.completed"));
    json_object_put(body);
    body = parsed(span_text("{\"event\":{\"x\":1}}"));
    assert_null(interview_event(&config->fields, body).at);
    json_object_put(body);
    assert_null(interview_event(&config->fields, NULL).at);
    config_close(config);
}

/* Whichever allocation fails, the answer is "later", never a wrong interview. */
static void no_memory_is_later(void **state)
{
    (void)state;
    struct config *config = config_of(NULL);
    struct json_object *body = large(40, 5);
    struct err err = {.class = ERR_RETRY};
    unsigned long n = 1;
    for (; err.class == ERR_RETRY && n < 10000; n++) {
        struct arena arena;
        struct interview interview;
        arena_init(&arena, ARENA_MAX);
        mem_fail_after(n);
        err = interview_read(&config->fields, body, &arena, &interview);
        mem_fail_after(0);
        assert_true(err.class == ERR_OK || err.class == ERR_RETRY);
        arena_close(&arena);
    }
    assert_int_equal(err.class, ERR_OK);
    assert_true(n > 5);
    json_object_put(body);
    config_close(config);
}

static void full_arena_is_later(void **state)
{
    (void)state;
    struct config *config = config_of(NULL);
    struct json_object *body = large(5, 5);
    struct json_object *named = parsed(span_text("{\"id\":5,\"themes\":[\"a name\"]}"));
    size_t bytes = 0;
    bool fits = false;
    for (; !fits && bytes < 100000; bytes++) {
        struct arena arena;
        struct interview interview;
        arena_init(&arena, bytes);
        struct err one = interview_read(&config->fields, body, &arena, &interview);
        arena_close(&arena);
        struct err other = interview_read(&config->fields, named, &arena, &interview);
        arena_close(&arena);
        fits = !failed(one) && !failed(other);
        assert_true(one.class == ERR_OK || one.class == ERR_RETRY);
        assert_true(other.class == ERR_OK || other.class == ERR_RETRY);
    }
    assert_true(fits);
    json_object_put(body);
    json_object_put(named);
    config_close(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_files),
        cmocka_unit_test(event_alone),
        cmocka_unit_test(themes_have_a_limit),
        cmocka_unit_test(quotes_and_tags_are_cut),
        cmocka_unit_test(merged_quotes_are_cut),
        cmocka_unit_test(no_memory_is_later),
        cmocka_unit_test(full_arena_is_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
