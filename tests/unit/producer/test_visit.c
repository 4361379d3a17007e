/* SPDX-License-Identifier: Apache-2.0
 *
 * A request's way through the door without a network: what its head allows and
 * what its body comes to.
 */
#include "tests/unit/producer/cmocka_kit.h"

#include "common/own.h"
#include "producer/visit.h"
#include "tests/unit/producer/kit.h"

#define READY "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i\"}"

static const struct {
    const char *name;
    const char *method;
    const char *path;
    const char *handshake;
    const char *header; /* NULL: none */
    const char *value;
    enum refusal refusal;
} heads[] = {
    {"a hook", "POST", "/hooks/research", "json", NULL, NULL, REFUSAL_NONE},
    {"another hook", "POST", "/hooks/koji", "json", NULL, NULL, REFUSAL_PATH},
    {"no hook", "GET", "/", "json", NULL, NULL, REFUSAL_PATH},
    {"GET", "GET", "/hooks/research", "json", NULL, NULL, REFUSAL_NONE},
    {"HEAD", "HEAD", "/hooks/research", "text", NULL, NULL, REFUSAL_NONE},
    {"GET without handshake", "GET", "/hooks/research", "off", NULL, NULL, REFUSAL_METHOD},
    {"HEAD without handshake", "HEAD", "/hooks/research", "off", NULL, NULL, REFUSAL_METHOD},
    {"POST without handshake", "POST", "/hooks/research", "off", NULL, NULL, REFUSAL_NONE},
    {"PUT", "PUT", "/hooks/research", "json", NULL, NULL, REFUSAL_METHOD},
    {"PUT elsewhere", "PUT", "/hooks/x", "json", NULL, NULL, REFUSAL_PATH},
    {"length at the limit", "POST", "/hooks/research", "json", "Content-Length", "4096",
     REFUSAL_NONE},
    {"length over it", "POST", "/hooks/research", "json", "content-length", "4097",
     REFUSAL_TOO_LARGE},
    {"a length that is none", "POST", "/hooks/research", "json", "Content-Length", "x",
     REFUSAL_TOO_LARGE},
    {"gzip", "POST", "/hooks/research", "json", "Content-Encoding", "gzip", REFUSAL_ENCODING},
    {"identity", "POST", "/hooks/research", "json", "Content-Encoding", "Identity", REFUSAL_NONE},
    {"identity and more", "POST", "/hooks/research", "json", "Content-Encoding", "identity, br",
     REFUSAL_ENCODING},
};

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct config config = {.source_count = 1};
        struct visit visit;
        struct answer answer;
        kit_source(&config.sources[0]);
        kit_set(&config.sources[0].handshake, heads[i].handshake);
        visit_init(&visit);
        if (heads[i].header != NULL) {
            kit_header(&visit.request, heads[i].header, heads[i].value);
        }
        enum refusal refusal = visit_head(&visit, &config, heads[i].method, heads[i].path);
        visit_refuse(&visit, refusal, NULL, &answer);
        const char *allow = strcmp(heads[i].handshake, "off") == 0 ? "POST" : "GET, HEAD, POST";
        ROW_CHECK(heads[i].name, refusal == heads[i].refusal);
        ROW_CHECK(heads[i].name, refusal == REFUSAL_METHOD
                                     ? strcmp(answer.allow, allow) == 0 && answer.status == 405
                                     : answer.allow == NULL);
        visit_close(&visit);
        kit_close(&config.sources[0]);
    }
}

struct judged {
    const char *name;
    const char *method;
    const char *proof;
    const char *handshake;
    const char *signs; /* with this secret; NULL: unsigned */
    const char *body;
    unsigned status; /* 0: published */
    enum refusal refusal;
};

static const struct judged rows[] = {
    {"signed", "POST", "hmac", "json", "Jefe", READY, 0, REFUSAL_NONE},
    {"signed, no event", "POST", "hmac", "json", "Jefe", "[]", 0, REFUSAL_NONE},
    {"signed with another secret", "POST", "hmac", "json", "Jeff", READY, 401, REFUSAL_SIGNATURE},
    {"unsigned interview", "POST", "hmac", "json", NULL, READY, 401, REFUSAL_UNSIGNED},
    {"unsigned nothing much", "POST", "hmac", "json", NULL, "{}", 401, REFUSAL_UNSIGNED},
    {"unsigned garbage", "POST", "hmac", "json", NULL, "garbage", 401, REFUSAL_UNSIGNED},
    {"unsigned empty", "POST", "hmac", "json", NULL, "", 200, REFUSAL_NONE},
    {"unsigned empty, off", "POST", "hmac", "off", NULL, "", 401, REFUSAL_UNSIGNED},
    {"unsigned challenge", "POST", "hmac", "text", NULL, "{\"challenge\":\"c\"}", 200,
     REFUSAL_NONE},
    {"unsigned challenge, off", "POST", "hmac", "off", NULL, "{\"challenge\":\"c\"}", 401,
     REFUSAL_UNSIGNED},
    {"badly signed challenge", "POST", "hmac", "json", "Jeff", "{\"challenge\":\"c\"}", 401,
     REFUSAL_SIGNATURE},
    {"badly signed empty", "POST", "hmac", "json", "Jeff", "", 401, REFUSAL_SIGNATURE},
    {"badly signed GET", "GET", "hmac", "json", "Jeff", "", 401, REFUSAL_SIGNATURE},
    {"well signed challenge", "POST", "hmac", "json", "Jefe", "{\"challenge\":\"c\"}", 200,
     REFUSAL_NONE},
    {"well signed empty", "POST", "hmac", "json", "Jefe", "", 200, REFUSAL_NONE},
    {"well signed empty, off", "POST", "hmac", "off", "Jefe", "", 400, REFUSAL_JSON},
    {"GET", "GET", "hmac", "json", NULL, "", 200, REFUSAL_NONE},
    {"HEAD", "HEAD", "hmac", "json", NULL, "", 200, REFUSAL_NONE},
    {"GET with a body", "GET", "hmac", "json", NULL, READY, 401, REFUSAL_UNSIGNED},
    {"signed GET with a body", "GET", "hmac", "json", "Jefe", READY, 405, REFUSAL_METHOD},
    {"signed garbage", "POST", "hmac", "json", "Jefe", "{\"a\":", 400, REFUSAL_JSON},
    {"signed, more behind", "POST", "hmac", "json", "Jefe", "{} {}", 400, REFUSAL_JSON},
    {"signed, no UTF-8", "POST", "hmac", "json", "Jefe", "{\"a\":\"\xff\"}", 400, REFUSAL_JSON},
    {"no proof asked", "POST", "none", "json", NULL, READY, 0, REFUSAL_NONE},
    {"no proof asked, empty", "POST", "none", "json", NULL, "", 200, REFUSAL_NONE},
    {"no proof asked, garbage", "POST", "none", "json", NULL, "x", 400, REFUSAL_JSON},
};

static void judge(const struct judged *row)
{
    struct config config = {.source_count = 1};
    struct route_arrival arrival = {.wall_ms = 1};
    struct visit visit;
    struct answer answer = {0};
    char signature[80];
    kit_source(&config.sources[0]);
    kit_set(&config.sources[0].proof, row->proof);
    kit_set(&config.sources[0].handshake, row->handshake);
    visit_init(&visit);
    if (row->signs != NULL) {
        kit_sign(row->signs, row->body, signature);
        kit_header(&visit.request, "X-Koji-Signature", signature);
    }
    ROW_CHECK(row->name,
              visit_head(&visit, &config, row->method, "/hooks/research") == REFUSAL_NONE);
    for (size_t at = 0; at < strlen(row->body); at += 7) {
        size_t left = strlen(row->body) - at;
        ROW_CHECK(row->name, visit_piece(&visit, span_of(row->body + at, left < 7 ? left : 7)));
    }
    bool publish = visit_judge(&visit, &arrival, &answer);
    ROW_CHECK(row->name, publish == (row->status == 0));
    if (publish) {
        ROW_CHECK(row->name, span_is(visit.record.value, row->body));
    } else {
        ROW_CHECK(row->name, answer.status == row->status && answer.refusal == row->refusal);
        ROW_CHECK(row->name, answer.handshake == (row->status == 200));
        ROW_CHECK(row->name, row->status == 200 || span_starts(answer.body, "{\"error\":\""));
    }
    visit_close(&visit);
    kit_close(&config.sources[0]);
}

static void test_judgements(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        judge(&rows[i]);
    }
}

struct feed {
    struct config config;
    struct visit visit;
};

static int set_up(void **state)
{
    static struct feed feed;
    feed = (struct feed){.config = {.source_count = 1}};
    kit_source(&feed.config.sources[0]);
    kit_set(&feed.config.sources[0].proof, "none");
    feed.config.sources[0].body_bytes_max = 100 * 1024;
    visit_init(&feed.visit);
    assert_int_equal(visit_head(&feed.visit, &feed.config, "POST", "/hooks/research"),
                     REFUSAL_NONE);
    *state = &feed;
    return 0;
}

static int tear_down(void **state)
{
    struct feed *feed = *state;
    visit_close(&feed->visit);
    kit_close(&feed->config.sources[0]);
    return 0;
}

static void test_body_over_the_limit(void **state)
{
    struct feed *feed = *state;
    static const uint8_t piece[1024];
    struct route_arrival arrival = {.wall_ms = 1};
    struct answer answer;
    for (int i = 0; i < 100; i++) {
        assert_true(visit_piece(&feed->visit, span_of(piece, sizeof(piece))));
    }
    assert_int_equal(feed->visit.refusal, REFUSAL_NONE);
    assert_true(visit_piece(&feed->visit, span_of(piece, 1)));
    assert_int_equal(feed->visit.refusal, REFUSAL_TOO_LARGE);
    assert_null(feed->visit.body.at); /* given back at once */
    assert_false(visit_judge(&feed->visit, &arrival, &answer));
    assert_int_equal(answer.status, 413);
    for (int i = 0; i < 1024; i++) {
        assert_true(visit_piece(&feed->visit, span_of(piece, sizeof(piece))));
    }
    assert_false(visit_piece(&feed->visit, span_of(piece, 1))); /* it never ends: cut */
}

static void test_large_unsigned_body_is_not_read(void **state)
{
    struct feed *feed = *state;
    struct route_arrival arrival = {.wall_ms = 1};
    struct answer answer;
    static char blanks[VISIT_UNSIGNED_BYTES];
    const char *check = "{\"challenge\":\"c\"}";
    kit_set(&feed->config.sources[0].proof, "hmac");
    memset(blanks, ' ', sizeof(blanks));
    assert_true(visit_piece(&feed->visit, span_of(blanks, sizeof(blanks) - strlen(check))));
    assert_true(visit_piece(&feed->visit, span_text(check)));
    assert_false(visit_judge(&feed->visit, &arrival, &answer));
    assert_int_equal(answer.status, 200);
    assert_true(visit_piece(&feed->visit, span_text(" ")));
    assert_false(visit_judge(&feed->visit, &arrival, &answer));
    assert_int_equal(answer.status, 401);
}

static void test_answers_escape(void **state)
{
    struct feed *feed = *state;
    struct answer answer;
    memcpy(feed->visit.record.id, "a\"b", 4);
    visit_accept(&feed->visit, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(span_is(answer.body, "{\"id\":\"a\\\"b\"}"));
}

static void test_every_refusal_has_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < REFUSAL_COUNT; i++) {
        const struct refusal_row *row = refusal_row((enum refusal)i);
        /* Never 410: the sender would unsubscribe. */
        assert_true(row->status != 410);
        assert_true(i == REFUSAL_NONE || (row->status >= 400 && row->text[0] != 0));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(row->reason, refusal_row((enum refusal)k)->reason);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_judgements),
        cmocka_unit_test_setup_teardown(test_body_over_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_unsigned_body_is_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_escape, set_up, tear_down),
        cmocka_unit_test(test_every_refusal_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
