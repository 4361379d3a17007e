/* SPDX-License-Identifier: Apache-2.0
 *
 * Comments and entity properties of the played Jira over HTTP, and their limits.
 */
#include "tests/unit/sandbox/peer.h"

#include "common/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void comments(void **state)
{
    static const struct row rows[] = {
        {"POST", "/issue", PEER_ISSUE(""), 201, "PROD-1"},
        {"POST", "/issue/PROD-1/comment", PEER_COMMENT(""), 201, "\"id\":\"20001\""},
        {"POST", "/issue/PROD-1/comment?expand=properties",
         PEER_COMMENT(",\"properties\":[{\"key\":\"svc.event\",\"value\":{\"id\":\"e1\"}}]"), 201,
         "\"properties\":[{\"key\":\"svc.event\",\"value\":{\"id\":\"e1\"}}]"},
        {"POST", "/issue/10001/comment",
         PEER_COMMENT(",\"visibility\":{\"type\":\"role\",\"value\":\"Developers\"}"), 201,
         "\"visibility\""},
        {"GET", "/issue/PROD-1/comment", NULL, 200,
         "{\"startAt\":0,\"maxResults\":100,\"total\":3,"},
        {"GET", "/issue/PROD-1/comment?orderBy=-created&maxResults=1&expand=properties", NULL, 200,
         "\"comments\":[{\"self\":"},
        {"GET", "/issue/PROD-1/comment?orderBy=-created&maxResults=1", NULL, 200,
         "\"id\":\"20003\""},
        {"GET", "/issue/PROD-1/comment?orderBy=%2Bcreated&maxResults=1", NULL, 200,
         "\"id\":\"20001\""},
        {"GET", "/issue/PROD-1/comment?startAt=1&maxResults=1&expand=properties", NULL, 200,
         "\"id\":\"e1\""},
        {"GET", "/issue/PROD-1/comment?startAt=9", NULL, 200, "\"comments\":[]"},
        {"GET", "/issue/PROD-1/comment?orderBy=author", NULL, 400, "orderBy"},
        {"GET", "/issue/PROD-1/comment?maxResults=x", NULL, 400, "numbers"},
        {"GET", "/issue/PROD-1/comment/20002?expand=properties", NULL, 200, "svc.event"},
        {"GET", "/issue/PROD-1/comment/20099", NULL, 404, "comment"},
        {"GET", "/issue/PROD-2/comment", NULL, 404, "Issue does not exist"},
        {"POST", "/issue/PROD-2/comment", PEER_COMMENT(""), 404, "Issue does not exist"},
        {"POST", "/issue/PROD-1/comment", "{\"body\":\"text\"}", 400,
         "{\"errorMessages\":[],\"errors\":{\"comment\":\"Comment body is not valid!\"}}"},
        {"POST", "/issue/PROD-1/comment", "{}", 400, "Comment body can not be empty!"},
        {"POST", "/issue/PROD-1/comment",
         "{\"body\":{\"type\":\"doc\",\"version\":1,\"content\":[{\"type\":\"nope\"}]}}", 400,
         "INVALID_INPUT"},
        {"POST", "/issue/PROD-1/comment", PEER_COMMENT(",\"x\":1"), 400, "Invalid request payload"},
        {"POST", "/issue/PROD-1/comment",
         PEER_COMMENT(",\"visibility\":{\"type\":\"all\",\"value\":\"x\"}"), 400, "visibility"},
        {"POST", "/issue/PROD-1/comment", PEER_COMMENT(",\"properties\":{}"), 400,
         "An entity property"},
        {"GET", "/issue/PROD-1/comment", NULL, 200, "\"total\":3"},
    };
    RUN(*state, rows);
    struct peer *peer = *state;
    (void)peer_call(peer, "GET", API "/issue/PROD-1/comment", NULL);
    assert_null(strstr(peer_body(peer), "\"properties\"")); /* only when asked for */
    peer_expect(peer, "POST", "/sandbox/settings", "{\"jira\":{\"comments_max\":4}}", 204, "");
    peer_expect(peer, "POST", API "/issue/PROD-1/comment", PEER_COMMENT(""), 201, "20004");
    peer_expect(peer, "POST", API "/issue/PROD-1/comment", PEER_COMMENT(""), 413, "limit");
}

static void properties(void **state)
{
    static const struct row rows[] = {
        {"POST", "/issue", PEER_ISSUE(""), 201, "PROD-1"},
        {"POST", "/issue/PROD-1/comment", PEER_COMMENT(""), 201, "20001"},
        {"GET", "/issue/PROD-1/properties", NULL, 200, "{\"keys\":[]}"},
        {"PUT", "/issue/PROD-1/properties/a.b", "{\"n\":1}", 201, ""},
        {"PUT", "/issue/PROD-1/properties/a.b", "5", 200, ""},
        {"GET", "/issue/PROD-1/properties/a.b", NULL, 200, "{\"key\":\"a.b\",\"value\":5}"},
        {"GET", "/issue/10001/properties", NULL, 200, "\"key\":\"a.b\""},
        {"PUT", "/issue/PROD-1/properties/a%2Fb", "\"slash\"", 201, ""},
        {"GET", "/issue/PROD-1/properties/a%2Fb", NULL, 200, "\"key\":\"a/b\""},
        {"PUT", "/issue/PROD-1/properties/x", "", 400, "not a valid, non-empty"},
        {"PUT", "/issue/PROD-1/properties/x", "{", 400, "not a valid, non-empty"},
        {"PUT", "/issue/PROD-1/properties/x", "null", 400, "not a valid, non-empty"},
        {"GET", "/issue/PROD-1/properties/x", NULL, 404, "not found"},
        {"DELETE", "/issue/PROD-1/properties/a.b", NULL, 204, ""},
        {"DELETE", "/issue/PROD-1/properties/a.b", NULL, 404, "not found"},
        {"GET", "/issue/PROD-9/properties", NULL, 404, "Issue does not exist"},
        {"PUT", "/issue/PROD-9/properties/a", "1", 404, "Issue does not exist"},
        {"GET", "/comment/20001/properties", NULL, 200, "{\"keys\":[]}"},
        {"PUT", "/comment/20001/properties/k", "{\"id\":\"e\"}", 201, ""},
        {"PUT", "/comment/20001/properties/k", "{\"id\":\"f\"}", 200, ""},
        {"GET", "/comment/20001/properties/k", NULL, 200, "\"value\":{\"id\":\"f\"}"},
        {"GET", "/issue/PROD-1/comment?expand=properties", NULL, 200, "{\"id\":\"f\"}"},
        {"DELETE", "/comment/20001/properties/k", NULL, 204, ""},
        {"GET", "/comment/20001/properties/k", NULL, 404, "not found"},
        {"GET", "/comment/20009/properties", NULL, 404, "comment"},
        {"PUT", "/comment/20009/properties/k", "1", 404, "comment"},
    };
    RUN(*state, rows);
}

static void property_limits(void **state)
{
    struct peer *peer = *state;
    peer_expect(peer, "POST", API "/issue", PEER_ISSUE(""), 201, "PROD-1");
    char path[400];
    char keys[257];
    memset(keys, 'k', sizeof(keys));
    keys[256] = 0;
    struct buf value;
    buf_init(&value, 1U << 20);
    for (int key = 255; key <= 256; key++) {
        (void)snprintf(path, sizeof(path), API "/issue/PROD-1/properties/%.*s", key, keys);
        peer_expect(peer, "PUT", path, "1", key == 255 ? 201 : 400, key == 255 ? "" : "255");
    }
    for (size_t bytes = 32768; bytes <= 32769; bytes++) {
        buf_clear(&value);
        buf_add_char(&value, '"');
        while (value.len < bytes - 1) {
            buf_add_char(&value, 'v');
        }
        buf_add_char(&value, '"');
        peer_expect(peer, "PUT", API "/issue/PROD-1/properties/v", buf_text(&value),
                    bytes == 32768 ? 201 : 400, bytes == 32768 ? "" : "32768");
    }
    buf_close(&value);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, peer_open, peer_close)
    const struct CMUnitTest tests[] = {
        TEST(comments),
        TEST(properties),
        TEST(property_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
