/* SPDX-License-Identifier: Apache-2.0
 *
 * The record that a request becomes.
 */
#include "tests/unit/producer/cmocka_kit.h"

#include "common/kafka.h"
#include "producer/route.h"
#include "tests/unit/producer/kit.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

struct routed {
    struct config_source source;
    struct arena arena;
    struct request request;
    struct route_arrival arrival;
    struct record record;
};

static int set_up(void **state)
{
    static struct routed routed;
    routed = (struct routed){.request = {.method = REQUEST_POST},
                             .arrival = {.wall_ms = INT64_C(1779847631363)}};
    kit_source(&routed.source);
    arena_init(&routed.arena, 64 * 1024);
    for (size_t i = 0; i < sizeof(routed.arrival.random); i++) {
        routed.arrival.random[i] = (uint8_t)(i + 1);
    }
    *state = &routed;
    return 0;
}

static int tear_down(void **state)
{
    struct routed *routed = *state;
    arena_close(&routed->arena);
    kit_close(&routed->source);
    return 0;
}

static const struct record *route(struct routed *routed, const char *text)
{
    struct json_object *body = NULL;
    routed->request.body = span_text(text);
    assert_false(failed(json_parse_in(&routed->arena, routed->request.body, &body)));
    assert_false(failed(route_record(&routed->source, &routed->request, body, &routed->arrival,
                                     &routed->arena, &routed->record)));
    return &routed->record;
}

static void test_whole_record(void **state)
{
    struct routed *routed = *state;
    const char *text = " {\"event\":\"interview.analysis_ready\",\"study_id\":\"st-1\"}\n";
    kit_header(&routed->request, "Content-Type", "application/json; charset=utf-8");
    kit_header(&routed->request, "traceparent", TRACE);
    const struct record *record = route(routed, text);
    assert_string_equal(record->topic, TOPIC_INTERVIEWS);
    assert_true(span_is(record->key, "st-1"));
    assert_true(span_is(record->value, text)); /* blanks and all */
    assert_string_equal(record->id, "01020304-0506-4708-890a-0b0c0d0e0f10");
    assert_string_equal(record->type, "koji.interview.analysis_ready");
    assert_string_equal(record->source, "/hooks/research");
    assert_string_equal(record->time, "2026-05-27T02:07:11.363Z");
    assert_true(span_is(record->content_type, "application/json; charset=utf-8"));
    assert_string_equal(record->traceparent, TRACE);
    assert_int_equal(record->wall_ms, routed->arrival.wall_ms);
}

static void test_nameless_record(void **state)
{
    struct routed *routed = *state;
    static const char *const bodies[] = {"{}", "[]", "null", "3", "\"x\"", "{\"event\":\"\"}"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        const struct record *record = route(routed, bodies[i]);
        ROW_CHECK(bodies[i], strcmp(record->type, "koji.unknown") == 0);
        ROW_CHECK(bodies[i], span_is(record->key, "research"));
        ROW_CHECK(bodies[i], span_is(record->content_type, "application/json"));
    }
}

static void test_type_is_sanitised(void **state)
{
    struct routed *routed = *state;
    static const struct {
        const char *event;
        const char *type;
    } rows[] = {
        {"a b/c", "koji.a_b_c"},
        {"A-z_0.9", "koji.A-z_0.9"},
        {"x\\r\\ny: z", "koji.x__y__z"},
        {"\\u00e4", "koji.__"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *body = arena_printf(&routed->arena, "{\"event\":\"%s\"}", rows[i].event);
        ROW_CHECK(rows[i].type, strcmp(route(routed, body)->type, rows[i].type) == 0);
    }
    char name[400];
    memset(name, 'e', sizeof(name));
    name[sizeof(name) - 1] = 0;
    const char *body = arena_printf(&routed->arena, "{\"event\":\"%s\"}", name);
    assert_int_equal(strlen(route(routed, body)->type), ROUTE_TYPE_MAX);
}

static void test_long_key_is_no_key(void **state)
{
    struct routed *routed = *state;
    char study[ROUTE_KEY_MAX + 2];
    memset(study, 's', sizeof(study));
    study[ROUTE_KEY_MAX + 1] = 0;
    const char *body = arena_printf(&routed->arena, "{\"study_id\":\"%s\"}", study);
    assert_true(span_is(route(routed, body)->key, "research"));
    study[ROUTE_KEY_MAX] = 0;
    body = arena_printf(&routed->arena, "{\"study_id\":\"%s\"}", study);
    assert_true(span_is(route(routed, body)->key, study));
}

static const char *id_by(struct routed *routed, const char *first, const char *second)
{
    routed->request.header_count = 0;
    kit_header(&routed->request, "X-Koji-Delivery", first);
    if (second != NULL) {
        kit_header(&routed->request, "X-Koji-Delivery", second);
    }
    return route(routed, "{}")->id;
}

static void test_delivery_id(void **state)
{
    struct routed *routed = *state;
    const char *own = "01020304-0506-4708-890a-0b0c0d0e0f10";
    char long_id[ROUTE_ID_MAX + 2];
    assert_string_equal(id_by(routed, "dlv_1 \"x\"", NULL), "dlv_1 \"x\"");
    assert_string_equal(id_by(routed, "dlv_1", "dlv_1"), "dlv_1");
    assert_string_equal(id_by(routed, "dlv_1", "dlv_2"), own);
    assert_string_equal(id_by(routed, "", NULL), own);
    assert_string_equal(id_by(routed, "a\tb", NULL), own);
    assert_string_equal(id_by(routed, "\xc3\xa4", NULL), own);
    memset(long_id, 'd', sizeof(long_id));
    long_id[ROUTE_ID_MAX + 1] = 0;
    assert_string_equal(id_by(routed, long_id, NULL), own);
    long_id[ROUTE_ID_MAX] = 0;
    assert_string_equal(id_by(routed, long_id, NULL), long_id);
    /* Not configured: whatever the header says. */
    kit_set(&routed->source.delivery_header, "");
    assert_string_equal(id_by(routed, "dlv_1", NULL), own);
}

static const struct {
    const char *given;
    const char *taken; /* NULL: not valid */
} traces[] = {
    {TRACE, TRACE},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"},
    {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more", TRACE},
    {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02",
     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"},
    {TRACE "-more", NULL},
    {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL},
    {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x", NULL},
    {"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL},
    {"00-00000000000000000000000000000000-b7ad6b7169203331-01", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g", NULL},
    {"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01", NULL},
    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", NULL},
    {"", NULL},
};

static void test_traceparent(void **state)
{
    struct routed *routed = *state;
    for (size_t i = 0; i < COUNT_OF(traces); i++) {
        char out[ROUTE_TRACEPARENT_LEN + 1] = "";
        bool taken = route_traceparent(span_text(traces[i].given), out);
        ROW_CHECK(traces[i].given, taken == (traces[i].taken != NULL));
        ROW_CHECK(traces[i].given, !taken || strcmp(out, traces[i].taken) == 0);
    }
    const char *made = "00-1112131415161718191a1b1c1d1e1f21-2122232425262729-00";
    assert_string_equal(route(routed, "{}")->traceparent, made);
    kit_header(&routed->request, "traceparent", "nonsense");
    assert_string_equal(route(routed, "{}")->traceparent, made);
    memset(routed->arrival.random, 0, sizeof(routed->arrival.random));
    char out[ROUTE_TRACEPARENT_LEN + 1];
    assert_true(route_traceparent(span_text(route(routed, "{}")->traceparent), out));
}

static void test_without_memory(void **state)
{
    struct routed *routed = *state;
    struct arena small;
    arena_init(&small, 1);
    struct err err = route_record(&routed->source, &routed->request, NULL, &routed->arrival, &small,
                                  &routed->record);
    arena_close(&small);
    assert_int_equal(err.class, ERR_RETRY);
}

static void test_topic_table(void **state)
{
    static const char *const names[] = {TOPIC_INTERVIEWS, TOPIC_CHANGELOG, TOPIC_DEAD,
                                        TOPIC_RETRY_PREFIX "ticket-filer"};
    size_t count = 0;
    const struct topic *topics = kafka_topics(&count);
    (void)state;
    assert_int_equal(count, COUNT_OF(names));
    for (size_t i = 0; i < count; i++) {
        ROW_CHECK(names[i], strcmp(topics[i].name, names[i]) == 0);
        ROW_CHECK(names[i], topics[i].help[0] != 0 && topics[i].key[0] != 0);
        /* Only what is compacted may stay for ever. */
        ROW_CHECK(names[i], topics[i].compacted || topics[i].retention_ms > 0);
    }
    assert_true(topics[1].compacted && topics[1].retention_ms == -1);
    /* The newest letter of an effect is the one that counts; and letters go some day. */
    assert_true(topics[2].compacted && topics[2].retention_ms > 0);
}

#define TEST(fn_) cmocka_unit_test_setup_teardown(fn_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole_record),      TEST(test_nameless_record),
        TEST(test_type_is_sanitised), TEST(test_long_key_is_no_key),
        TEST(test_delivery_id),       TEST(test_traceparent),
        TEST(test_without_memory),    cmocka_unit_test(test_topic_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
