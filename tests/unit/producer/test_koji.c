/* SPDX-License-Identifier: Apache-2.0
 *
 * Which requests are Koji's check of the address, and what an event is called.
 */
#include "tests/unit/producer/cmocka_kit.h"

#include "common/own.h"
#include "producer/source.h"
#include "tests/unit/producer/kit.h"

#include <stdio.h>

#define ANY "/challenge"

struct row {
    const char *name;
    enum request_method method;
    const char *form;  /* handshake.answer */
    const char *where; /* handshake.challenge */
    const char *query; /* value of "hub.challenge", NULL: absent */
    const char *body;
    const char *answer; /* NULL: no check */
};

static const struct row rows[] = {
    {"GET, empty", REQUEST_GET, "json", ANY, NULL, "", "{\"ok\":true}"},
    {"HEAD, empty", REQUEST_HEAD, "json", ANY, NULL, "", "{\"ok\":true}"},
    {"POST, empty", REQUEST_POST, "json", ANY, NULL, "", "{\"ok\":true}"},
    {"empty, as text", REQUEST_POST, "text", ANY, NULL, "", "ok"},
    {"off", REQUEST_POST, "off", ANY, NULL, "", NULL},
    {"off, with a challenge", REQUEST_POST, "off", ANY, NULL, "{\"challenge\":\"a\"}", NULL},
    {"challenge", REQUEST_POST, "json", ANY, NULL, "{\"challenge\":\"a\\\"b\"}",
     "{\"challenge\":\"a\\\"b\"}"},
    {"challenge as text", REQUEST_POST, "text", ANY, NULL, "{\"challenge\":\"<b>\"}", "<b>"},
    {"challenge is a number", REQUEST_POST, "json", ANY, NULL, "{\"challenge\":7}",
     "{\"challenge\":\"7\"}"},
    {"challenge is an object", REQUEST_POST, "json", ANY, NULL, "{\"challenge\":{}}", NULL},
    {"challenge is empty", REQUEST_POST, "json", ANY, NULL, "{\"challenge\":\"\"}", NULL},
    {"challenge elsewhere", REQUEST_POST, "json", "/data/token", NULL,
     "{\"data\":{\"token\":\"t\"}}", "{\"challenge\":\"t\"}"},
    {"challenge where nobody looks", REQUEST_POST, "json", "/data/token", NULL,
     "{\"challenge\":\"t\"}", NULL},
    {"no challenge configured", REQUEST_POST, "json", "", NULL, "{\"challenge\":\"t\"}", NULL},
    {"query", REQUEST_GET, "text", "hub.challenge", "42", "", "42"},
    {"query, absent", REQUEST_GET, "json", "hub.challenge", NULL, "", "{\"ok\":true}"},
    {"query with a body that says nothing", REQUEST_POST, "json", "hub.challenge", "42", "{}",
     "{\"challenge\":\"42\"}"},
    {"ping", REQUEST_POST, "json", ANY, NULL, "{\"event\":\"ping\"}", "{\"ok\":true}"},
    {"Webhook.Verification", REQUEST_POST, "json", ANY, NULL,
     "{\"type\":\"Webhook.Verification\",\"project_id\":\"p\",\"id\":\"evt_1\"}", "{\"ok\":true}"},
    {"a word we do not know", REQUEST_POST, "json", ANY, NULL, "{\"event\":\"pingpong\"}", NULL},
    {"no event", REQUEST_POST, "json", ANY, NULL, "{}", NULL},
    {"an interview", REQUEST_POST, "json", ANY, NULL,
     "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i\"}", NULL},
    {"an interview that says ping", REQUEST_POST, "json", ANY, NULL,
     "{\"event\":\"ping\",\"interview_id\":\"i\"}", NULL},
    {"an interview with a challenge", REQUEST_POST, "json", ANY, NULL,
     "{\"challenge\":\"a\",\"data\":{\"themes\":[]}}", NULL},
    {"an interview with null fields", REQUEST_POST, "json", ANY, NULL,
     "{\"challenge\":\"a\",\"interview\":null}", NULL},
    {"an array", REQUEST_POST, "json", ANY, NULL, "[\"ping\"]", NULL},
    {"a bare text", REQUEST_POST, "json", ANY, NULL, "\"ping\"", NULL},
    {"no JSON", REQUEST_POST, "json", ANY, NULL, "ping", NULL},
    {"null", REQUEST_POST, "json", ANY, NULL, "null", NULL},
    {"GET with a body", REQUEST_GET, "json", ANY, NULL, "{\"challenge\":\"a\"}", NULL},
};

static void check_row(const struct row *row)
{
    struct request request = {.method = row->method, .body = span_text(row->body)};
    struct config_source source;
    struct arena arena;
    struct source_answer answer = {0};
    struct json_object *body = NULL;
    kit_source(&source);
    kit_set(&source.handshake, row->form);
    kit_set(&source.handshake_challenge, row->where);
    arena_init(&arena, 64 * 1024);
    if (row->query != NULL) {
        assert_true(request_add_query(&request, span_text("hub.challenge"), span_text(row->query)));
    }
    (void)failed(json_parse_in(&arena, request.body, &body));
    bool is = source_koji.handshake(&source, &request, body, &arena, &answer);
    ROW_CHECK(row->name, is == (row->answer != NULL));
    if (row->answer != NULL) {
        ROW_CHECK(row->name, span_is(answer.body, row->answer));
        ROW_CHECK(row->name,
                  strncmp(answer.content_type,
                          strcmp(row->form, "text") == 0 ? "text/plain" : "application/json",
                          10) == 0);
    }
    arena_close(&arena);
    kit_close(&source);
}

static void test_handshake(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_row(&rows[i]);
    }
}

static void test_challenge_has_a_limit(void **state)
{
    (void)state;
    for (int len = 511; len <= 513; len++) {
        char body[600];
        char answer[600];
        char as[514];
        memset(as, 'a', sizeof(as));
        as[len] = 0;
        (void)snprintf(body, sizeof(body), "{\"challenge\":\"%s\"}", as);
        (void)snprintf(answer, sizeof(answer), "%s", as);
        struct row row = {
            "limit", REQUEST_POST, "text", ANY, NULL, body, len <= 512 ? answer : NULL};
        check_row(&row);
    }
}

static const struct {
    const char *body;
    const char *event;
    const char *key;
} names[] = {
    {"{\"event\":\"a\",\"study_id\":\"s\"}", "a", "s"},
    {"{\"type\":\"b\",\"project_id\":12}", "b", "12"},
    {"{\"data\":{\"event\":\"c\",\"study_id\":\"t\"}}", "c", "t"},
    {"{\"event\":null,\"type\":\"d\",\"study_id\":\"\",\"project_id\":\"p\"}", "d", "p"},
    {"{\"event\":{},\"study_id\":[1]}", NULL, NULL},
    {"{}", NULL, NULL},
    {"[1]", NULL, NULL},
    {"3", NULL, NULL},
    {"null", NULL, NULL},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct config_source source;
        struct arena arena;
        struct json_object *body = NULL;
        span event = SPAN_NONE;
        span key = SPAN_NONE;
        kit_source(&source);
        arena_init(&arena, 64 * 1024);
        assert_false(failed(json_parse_in(&arena, span_text(names[i].body), &body)));
        source_koji.name(&source, body, &arena, &event, &key);
        ROW_CHECK(names[i].body, span_equal(event, span_text(names[i].event)));
        ROW_CHECK(names[i].body, span_equal(key, span_text(names[i].key)));
        arena_close(&arena);
        kit_close(&source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_challenge_has_a_limit),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
