/* SPDX-License-Identifier: Apache-2.0
 *
 * The rate limits of the played Jira: bursts an endpoint, writes an issue.
 */
#include "tests/unit/sandbox/peer.h"

#include "common/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static long create(struct peer *peer)
{
    return peer_call(peer, "POST", API "/issue", PEER_ISSUE(""));
}

static void bursts(void **state)
{
    struct peer *peer = *state;
    for (int i = 0; i < 120; i++) {
        assert_int_equal(create(peer), 201); /* off */
    }
    peer_expect(peer, "POST", "/sandbox/settings", "{\"jira\":{\"limits\":true}}", 204, "");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(create(peer), 201);
        assert_int_equal(peer_has_header(peer, "X-RateLimit-NearLimit: true"), i >= 80);
    }
    assert_true(peer_has_header(peer, "X-RateLimit-Remaining: 0"));
    assert_int_equal(create(peer), 429);
    assert_true(peer_has_header(peer, "Retry-After: 1\r"));
    assert_true(peer_has_header(peer, "RateLimit-Reason: jira-burst-based"));
    assert_true(peer_has_header(peer, "X-RateLimit-Limit: 100"));
    assert_true(peer_has_header(peer, "X-RateLimit-Reset: 2025-10-09T08:53:20."));
    assert_true(peer_has_header(peer, "X-AAccountId: "));
    peer_expect(peer, "GET", API "/myself", NULL, 200, "accountId"); /* another endpoint */
    peer_move(peer, 9);
    assert_int_equal(create(peer), 429);
    peer_move(peer, 1);
    assert_int_equal(create(peer), 201); /* one token a 10 ms */
    assert_int_equal(create(peer), 429);
    peer_move(peer, 60000);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(create(peer), 201); /* no more than a second's worth is saved up */
    }
    assert_int_equal(create(peer), 429);
}

/* Strictly: any second, all endpoints of a method together. */
static void sliding(void **state)
{
    struct peer *peer = *state;
    peer_expect(peer, "POST", "/sandbox/settings", "{\"jira\":{\"limits\":true,\"sliding\":true}}",
                204, "");
    for (int i = 0; i < 100; i++) {
        if (i % 2 == 0) {
            assert_int_equal(create(peer), 201);
        } else {
            assert_int_equal(
                peer_call(peer, "POST", API "/search/jql", "{\"jql\":\"project = PROD\"}"), 200);
        }
        peer_move(peer, 5);
    }
    assert_int_equal(create(peer), 429); /* 500 ms after the first: a bucket had room again */
    assert_true(peer_has_header(peer, "RateLimit-Reason: jira-burst-based"));
    peer_expect(peer, "GET", API "/myself", NULL, 200, "accountId");
    peer_move(peer, 499);
    assert_int_equal(create(peer), 429);
    peer_move(peer, 1);
    assert_int_equal(create(peer), 201);
    assert_int_equal(create(peer), 429); /* the second follows 5 ms later */
    peer_expect(peer, "GET", "/sandbox/state", NULL, 200,
                "\"rates\":{\"POST\":101,\"PUT\":0,\"GET\":1,\"DELETE\":0,\"refused\":3}");
}

static long touch(struct peer *peer, int i)
{
    /* Comments, edits and properties are all writes on the issue. */
    switch (i % 3) {
    case 0:
        return peer_call(peer, "POST", API "/issue/PROD-1/comment", "{\"body\":" PEER_DOC "}");
    case 1:
        return peer_call(peer, "PUT", API "/issue/PROD-1", "{\"fields\":{\"summary\":\"s\"}}");
    default:
        return peer_call(peer, "PUT", API "/issue/PROD-1/properties/k", "1");
    }
}

static void writes_on_one_issue(void **state)
{
    struct peer *peer = *state;
    peer_expect(peer, "POST", "/sandbox/settings", "{\"jira\":{\"limits\":true}}", 204, "");
    assert_int_equal(create(peer), 201);
    assert_int_equal(create(peer), 201);
    int written = 1; /* its creation */
    for (int round = 0; round < 5; round++) {
        for (; written < 20 * (round + 1); written++) {
            long status = touch(peer, written);
            if (status < 200 || status > 299) {
                fail_msg("write %d: %ld %s", written, status, peer_body(peer));
            }
        }
        long refused = touch(peer, 0);
        assert_int_equal(refused, 429);
        assert_true(peer_has_header(peer, "RateLimit-Reason: jira-per-issue-on-write"));
        assert_true(peer_has_header(peer, round < 4 ? "Retry-After: 2\r" : "Retry-After: 22\r"));
        assert_true(peer_has_header(peer, round < 4 ? "X-RateLimit-Limit: 20\r"
                                                    : "X-RateLimit-Limit: 100\r"));
        peer_expect(peer, "GET", API "/issue/PROD-1", NULL, 200, "PROD-1");
        peer_expect(peer, "PUT", API "/issue/PROD-2", "{\"fields\":{\"summary\":\"s\"}}", 204, "");
        peer_move(peer, 2000);
    }
    assert_int_equal(touch(peer, 0), 429); /* the 20 in 2 s are free again, the 100 in 30 s not */
    peer_move(peer, 20000);
    assert_int_equal(touch(peer, 0), 201);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, peer_open, peer_close)
    const struct CMUnitTest tests[] = {
        TEST(bursts),
        TEST(sliding),
        TEST(writes_on_one_issue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
