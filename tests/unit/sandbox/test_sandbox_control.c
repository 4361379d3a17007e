/* SPDX-License-Identifier: Apache-2.0
 *
 * The control API: state, board, journal, settings, reset.
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

static void journal_and_state(void **state)
{
    struct peer *peer = *state;
    peer_expect(peer, "POST", API "/issue",
                PEER_ISSUE(",\"labels\":[\"l\"],\"description\":" PEER_DOC), 201, "PROD-1");
    peer_expect(peer, "POST", API "/issue/PROD-1/comment",
                "{\"body\":" PEER_DOC ",\"properties\":[{\"key\":\"k\",\"value\":1}]}", 201, "");
    peer->login = LOGIN_NONE;
    peer_expect(peer, "GET", API "/myself?x=ann%40x.io", NULL, 401, "");
    peer->login = LOGIN_GOOD;
    peer_expect(
        peer, "GET", "/sandbox/state", NULL, 200,
        "\"requests\":{\"GET /myself\":1,\"POST /issue\":1,\"POST /issue/{idOrKey}/comment\":1}");
    peer_expect(peer, "GET", "/sandbox/state", NULL, 200, "\"priority\":\"Medium\"");
    peer_expect(peer, "GET", "/sandbox/state", NULL, 200, "\"comments\":[{\"id\":\"20001\"");
    peer_expect(peer, "GET", "/sandbox/state?text=1", NULL, 200,
                "PROD-1  [To Do]  Bug, Medium\n  It is slow\n  labels: l\n  | hello\n"
                "  comment 1, 2025-10-09T08:53:20\n    | hello\n");
    peer_expect(peer, "GET", "/sandbox/journal?bodies=1", NULL, 200, "It is slow");
    peer_expect(
        peer, "GET", "/sandbox/journal", NULL, 200,
        "\"method\":\"GET\",\"path\":\"/jira/rest/api/3/myself?x=ann%40x.io\",\"status\":401");
    assert_null(strstr(peer_body(peer), "It is slow"));
    assert_null(strstr(peer_body(peer), "/sandbox"));
    peer_expect(peer, "POST", "/sandbox/reset", NULL, 204, "");
    peer_expect(peer, "GET", "/sandbox/journal", NULL, 200, "[]");
    peer_expect(
        peer, "GET", "/sandbox/state", NULL, 200,
        "{\"jira\":{\"issues\":[],\"requests\":{},\"rates\":{\"POST\":0,\"PUT\":0,\"GET\":0,"
        "\"DELETE\":0,\"refused\":0}}}");
    assert_int_equal(create(peer), 201);
    peer_expect(peer, "GET", "/sandbox/state", NULL, 200, "\"id\":\"10001\",\"key\":\"PROD-1\"");
}

static void journal_is_a_ring(void **state)
{
    (void)state;
    struct journal journal;
    journal_init(&journal);
    static char large[JOURNAL_BODY_BYTES_MAX + 1];
    memset(large, 'x', sizeof(large));
    uint64_t first = journal_note(&journal, 0, "GET", "/a", span_of(large, sizeof(large)));
    assert_int_equal(journal.bytes, JOURNAL_BODY_BYTES_MAX);
    for (int i = 0; i < JOURNAL_MAX; i++) {
        (void)journal_note(&journal, 0, "GET", "/b", SPAN_NONE);
    }
    assert_int_equal(journal.lost, 1);
    assert_int_equal(journal.bytes, 0);
    journal_settle(&journal, first, 200, "none"); /* gone: no other row is touched */
    struct buf out;
    buf_init(&out, 64U << 20);
    journal_print(&journal, true, &out);
    assert_null(strstr(buf_text(&out), "\"status\":200"));
    assert_null(strstr(buf_text(&out), "\"/a\""));
    buf_close(&out);
    journal_close(&journal);
}

static void controls(void **state)
{
    struct peer *peer = *state;
    peer_expect(peer, "GET", "/sandbox/nothing", NULL, 404, "error");
    peer_expect(peer, "POST", "/sandbox/settings", "[]", 400, "error");
    peer_expect(peer, "POST", "/sandbox/settings", "{\"jira\":{\"x\":1}}", 400, "error");
    peer_expect(peer, "POST", "/sandbox/settings", "{\"acme\":{}}", 400, "error");
    peer_expect(peer, "GET", "/acme/x", NULL, 404, "no such vendor");
    peer_expect(peer, "GET", "/", NULL, 404, "no such vendor");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, peer_open, peer_close)
    const struct CMUnitTest tests[] = {
        TEST(journal_and_state),
        TEST(controls),
        cmocka_unit_test(journal_is_a_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
