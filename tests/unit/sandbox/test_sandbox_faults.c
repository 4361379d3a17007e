/* SPDX-License-Identifier: Apache-2.0
 *
 * Every fault: what the client sees, whether the effect happened, and what the
 * journal says of it. Time is the peer's clock: nothing here waits but for an answer.
 */
#include "tests/unit/sandbox/peer.h"

#include "common/own.h"
#include "tests/sandbox/jsonx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CREATE "\"vendor\":\"jira\",\"match\":{\"method\":\"POST\",\"path\":\"/rest/api/3/issue\"}"

static void set_fault(struct peer *peer, const char *rule)
{
    peer_expect(peer, "POST", "/sandbox/faults", rule, 201, "id");
}

static long create(struct peer *peer)
{
    return peer_call(peer, "POST", API "/issue", PEER_ISSUE(""));
}

static size_t issues(struct peer *peer)
{
    assert_int_equal(peer_call(peer, "GET", "/sandbox/state", NULL), 200);
    SCOPED_JSON state = jsonx_parse(buf_span(&peer->body));
    return json_object_array_length(jsonx_get(jsonx_get(state, "jira"), "issues"));
}

/* The fault and what one create then sees; whether the issue is there after it. */
static void each_fault(void **state)
{
    static const struct {
        const char *rule;
        long status; /* or minus the curl code */
        bool effect;
        const char *journal; /* how the journal tells it */
    } rows[] = {
        {"{" CREATE ",\"fault\":\"drop_before\"}", -CURLE_GOT_NOTHING, false,
         "\"status\":0,\"fault\":\"drop_before\""},
        {"{" CREATE ",\"fault\":\"drop_after\"}", -CURLE_GOT_NOTHING, true,
         "\"status\":0,\"fault\":\"drop_after\""},
        {"{" CREATE ",\"fault\":\"status\",\"status\":503}", 503, false,
         "\"status\":503,\"fault\":\"status\""},
        {"{" CREATE ",\"fault\":\"status\",\"status\":502,\"after_effect\":true}", 502, true,
         "\"status\":502,\"fault\":\"status\""},
        {"{" CREATE ",\"fault\":\"garbage\"}", 201, true, "\"status\":201,\"fault\":\"garbage\""},
        {"{" CREATE ",\"fault\":\"truncate\"}", -CURLE_PARTIAL_FILE, true,
         "\"status\":201,\"fault\":\"truncate\""},
        {"{" CREATE ",\"fault\":\"close_idle\"}", 201, true,
         "\"status\":201,\"fault\":\"close_idle\""},
        {"{" CREATE ",\"fault\":\"delay\"}", 201, true, "\"status\":201,\"fault\":\"delay\""},
    };
    struct peer *peer = *state;
    peer->fresh = true;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        peer_expect(peer, "POST", "/sandbox/reset", NULL, 204, "");
        set_fault(peer, rows[i].rule);
        long status = create(peer);
        size_t there = issues(peer);
        if (status != rows[i].status || there != (rows[i].effect ? 1U : 0U)) {
            fail_msg("%s: %ld and %zu issues", rows[i].rule, status, there);
        }
        peer_expect(peer, "GET", "/sandbox/journal", NULL, 200, rows[i].journal);
        peer_expect(peer, "GET", "/sandbox/faults", NULL, 200, "\"matched\":1,\"applied\":1");
        assert_int_equal(create(peer), 201); /* once only */
    }
}

static void status_takes_headers_and_body(void **state)
{
    struct peer *peer = *state;
    set_fault(peer,
              "{" CREATE ",\"fault\":\"status\",\"status\":429,\"headers\":{\"Retry-After\":\"7\"},"
              "\"body\":\"{\\\"a\\\":1}\"}");
    assert_int_equal(create(peer), 429);
    assert_string_equal(peer_body(peer), "{\"a\":1}");
    assert_true(peer_has_header(peer, "Retry-After: 7"));
    assert_true(peer_has_header(peer, "Content-Type: application/json"));
    assert_false(peer_has_header(peer, "X-AAccountId"));
}

static void garbage_is_no_json(void **state)
{
    struct peer *peer = *state;
    set_fault(peer, "{" CREATE ",\"fault\":\"garbage\"}");
    assert_int_equal(create(peer), 201);
    SCOPED_JSON tree = jsonx_parse(buf_span(&peer->body));
    assert_null(tree);
    assert_true(peer->body.len > 0);
}

static void counts(void **state)
{
    struct peer *peer = *state;
    set_fault(peer, "{" CREATE ",\"fault\":\"status\",\"status\":500,\"count\":2,\"every\":3}");
    static const long expected[] = {201, 201, 500, 201, 201, 500, 201, 201, 201};
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_int_equal(create(peer), expected[i]);
    }
    peer_expect(peer, "GET", "/sandbox/faults", NULL, 200, "\"matched\":9,\"applied\":2");
    peer_expect(peer, "DELETE", "/sandbox/faults", NULL, 204, "");
    peer_expect(peer, "GET", "/sandbox/faults", NULL, 200, "[]");
    set_fault(peer, "{" CREATE ",\"fault\":\"status\",\"status\":500,\"count\":-1}");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(create(peer), 500);
    }
}

static void matching(void **state)
{
    static const struct {
        const char *match;
        bool hits; /* POST /rest/api/3/issue/PROD-1/comment */
    } rows[] = {
        {"", true},
        {",\"match\":{}", true},
        {",\"match\":{\"method\":\"POST\"}", true},
        {",\"match\":{\"method\":\"GET\"}", false},
        {",\"match\":{\"path\":\"*/comment\"}", true},
        {",\"match\":{\"path\":\"/rest/api/3/issue/*\"}", true},
        {",\"match\":{\"path\":\"/rest/api/3/issue/PROD-1/comment\"}", true},
        {",\"match\":{\"path\":\"/rest/api/3/issue\"}", false},
        {",\"match\":{\"path\":\"*/properties/*\"}", false},
    };
    struct peer *peer = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        peer_expect(peer, "DELETE", "/sandbox/faults", NULL, 204, "");
        char rule[300];
        (void)snprintf(rule, sizeof(rule),
                       "{\"vendor\":\"jira\",\"fault\":\"status\",\"status\":418%s}",
                       rows[i].match);
        set_fault(peer, rule);
        long status = peer_call(peer, "POST", API "/issue/PROD-1/comment?expand=x", "{}");
        if ((status == 418) != rows[i].hits) {
            fail_msg("%s: %ld", rows[i].match, status);
        }
    }
    peer_expect(peer, "DELETE", "/sandbox/faults", NULL, 204, "");
    set_fault(peer, "{\"vendor\":\"koji\",\"fault\":\"status\",\"status\":418}");
    assert_int_equal(create(peer), 201); /* another vendor's */
}

static void bad_rules(void **state)
{
    static const char *const rules[] = {
        "",
        "[]",
        "{}",
        "{\"vendor\":\"jira\"}",
        "{\"fault\":\"delay\"}",
        "{\"vendor\":\"jira\",\"fault\":\"explode\"}",
        "{\"vendor\":\"jira\",\"fault\":\"none\"}",
        "{\"vendor\":\"jira\",\"fault\":\"status\"}",
        "{\"vendor\":\"jira\",\"fault\":\"status\",\"status\":99}",
        "{\"vendor\":\"jira\",\"fault\":\"delay\",\"every\":0}",
        "{\"vendor\":\"jira\",\"fault\":\"stale\"}",
        "{\"vendor\":\"jira\",\"fault\":\"delay\",\"milliseconds\":1}",
        "{\"vendor\":\"jira\",\"fault\":\"delay\",\"match\":{\"url\":\"x\"}}",
        "{\"vendor\":\"jira\",\"fault\":\"delay\",\"headers\":[]}",
    };
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        peer_expect(*state, "POST", "/sandbox/faults", rules[i], 400, "error");
    }
    peer_expect(*state, "GET", "/sandbox/faults", NULL, 200, "[]");
}

static void stale_search(void **state)
{
    struct peer *peer = *state;
    const char *find = API "/search/jql?jql=project%3DPROD";
    assert_int_equal(create(peer), 201);
    set_fault(peer, "{\"vendor\":\"jira\",\"fault\":\"stale\",\"seconds\":30,\"count\":-1}");
    peer_expect(peer, "GET", find, NULL, 200, "\"issues\":[]");
    peer_expect(peer, "GET", API "/issue/PROD-1", NULL, 200, "PROD-1"); /* reads do not lag */
    peer_expect(peer, "POST", API "/search/jql",
                "{\"jql\":\"project = PROD\",\"reconcileIssues\":[10001]}", 200, "10001");
    peer_move(peer, 29999);
    peer_expect(peer, "GET", find, NULL, 200, "\"issues\":[]");
    peer_move(peer, 1);
    peer_expect(peer, "GET", find, NULL, 200, "10001");
    assert_int_equal(create(peer), 201);
    peer_expect(peer, "GET", find, NULL, 200, "[{\"id\":\"10001\"}]");
    /* Another fault on the same request comes on top. */
    set_fault(peer, "{\"vendor\":\"jira\",\"fault\":\"status\",\"status\":503}");
    peer_expect(peer, "GET", find, NULL, 503, "");
    peer_expect(peer, "DELETE", "/sandbox/faults", NULL, 204, "");
    peer_expect(peer, "GET", find, NULL, 200, "10002");
}

/* Turns the multi until `done` finished transfers, or none is left running. */
static int turn(CURLM *multi, int least)
{
    int finished = 0;
    int running = 1;
    while (finished < least && running > 0) {
        assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
        int left = 0;
        const CURLMsg *message = NULL;
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            finished += message->msg == CURLMSG_DONE ? 1 : 0;
        }
        if (finished < least && running > 0) {
            assert_int_equal(curl_multi_poll(multi, NULL, 0, 1000, NULL), CURLM_OK);
        }
    }
    return finished;
}

/* Turns the multi until the sandbox has taken the request in. */
static void until_journal_has(struct peer *peer, CURLM *multi, const char *part)
{
    int running = 0;
    do {
        assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
        assert_int_equal(running, 1); /* not answered */
        assert_int_equal(peer_call(peer, "GET", "/sandbox/journal", NULL), 200);
    } while (strstr(peer_body(peer), part) == NULL);
}

enum let_go { BY_CLOCK, BY_CLEARING, BY_STOPPING };

static void delay(struct peer *peer, enum let_go how)
{
    set_fault(
        peer,
        "{\"vendor\":\"jira\",\"match\":{\"path\":\"*/myself\"},\"fault\":\"delay\",\"ms\":60000}");
    CURLM *multi = curl_multi_init();
    CURL *slow = peer_prepare(peer, "GET", API "/myself");
    assert_int_equal(curl_multi_add_handle(multi, slow), CURLM_OK);
    until_journal_has(peer, multi, "/myself");
    assert_int_equal(create(peer), 201); /* others are served meanwhile */
    peer_move(peer, 59999);
    assert_int_equal(create(peer), 201);
    int running = 0;
    assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
    assert_int_equal(running, 1);
    switch (how) {
    case BY_CLOCK:
        peer_move(peer, 1);
        break;
    case BY_CLEARING:
        peer_expect(peer, "DELETE", "/sandbox/faults", NULL, 204, "");
        break;
    case BY_STOPPING:
        server_stop(&peer->server);
        break;
    }
    if (how != BY_STOPPING) {
        assert_int_equal(turn(multi, 1), 1);
        long status = 0;
        curl_easy_getinfo(slow, CURLINFO_RESPONSE_CODE, &status);
        assert_int_equal(status, 200);
    }
    curl_multi_remove_handle(multi, slow);
    curl_easy_cleanup(slow);
    curl_multi_cleanup(multi);
}

static void delay_ends_by_the_clock(void **state)
{
    delay(*state, BY_CLOCK);
}

static void delay_ends_by_clearing(void **state)
{
    delay(*state, BY_CLEARING);
}

static void delay_ends_by_stopping(void **state)
{
    delay(*state, BY_STOPPING);
}

/* The client gives up; the body had begun, never ended, and was no JSON by then. */
static size_t stop_at_100k(char *at, size_t size, size_t count, void *to)
{
    struct buf *body = to;
    buf_add(body, span_of(at, size * count));
    return body->len > 100000 ? 0 : size * count;
}

static void endless(void **state)
{
    struct peer *peer = *state;
    set_fault(peer,
              "{\"vendor\":\"jira\",\"match\":{\"path\":\"*/myself\"},\"fault\":\"endless\"}");
    CURL *curl = peer_prepare(peer, "GET", API "/myself");
    struct buf body;
    buf_init(&body, 1U << 20);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, stop_at_100k);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    CURLM *multi = curl_multi_init();
    assert_int_equal(curl_multi_add_handle(multi, curl), CURLM_OK);
    int running = 1;
    while (running > 0) {
        peer_move(peer, 1000); /* its pauses are over at once */
        assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
        assert_int_equal(curl_multi_poll(multi, NULL, 0, 5, NULL), CURLM_OK);
    }
    assert_true(body.len > 100000);
    SCOPED_JSON tree = jsonx_parse(buf_span(&body));
    assert_null(tree);
    buf_close(&body);
    curl_multi_remove_handle(multi, curl);
    curl_easy_cleanup(curl);
    curl_multi_cleanup(multi);
}

/* The kept connection is closed behind the client's back: the next call needs a new one. */
static void close_idle(void **state)
{
    struct peer *peer = *state;
    long connects = 0;
    assert_int_equal(create(peer), 201);
    assert_int_equal(create(peer), 201);
    curl_easy_getinfo(peer->curl, CURLINFO_NUM_CONNECTS, &connects);
    assert_int_equal(connects, 0); /* kept alive */
    set_fault(peer, "{" CREATE ",\"fault\":\"close_idle\"}");
    assert_int_equal(create(peer), 201);
    assert_false(peer_has_header(peer, "Connection: close")); /* unannounced */
    assert_int_equal(create(peer), 201);
    curl_easy_getinfo(peer->curl, CURLINFO_NUM_CONNECTS, &connects);
    assert_int_equal(connects, 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, peer_open, peer_close)
    const struct CMUnitTest tests[] = {
        TEST(each_fault),
        TEST(status_takes_headers_and_body),
        TEST(garbage_is_no_json),
        TEST(counts),
        TEST(matching),
        TEST(bad_rules),
        TEST(stale_search),
        TEST(delay_ends_by_the_clock),
        TEST(delay_ends_by_clearing),
        TEST(delay_ends_by_stopping),
        TEST(endless),
        TEST(close_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
