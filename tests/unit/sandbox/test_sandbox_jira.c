/* SPDX-License-Identifier: Apache-2.0
 *
 * Issues of the played Jira over HTTP: creating, reading and editing them, with
 * every refusal of the reference sheet and its text.
 */
#include "tests/unit/sandbox/peer.h"

#include "common/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void creates(void **state)
{
    static const struct row rows[] = {
        {"POST", "/issue", PEER_ISSUE(""), 201, "\"id\":\"10001\""},
        {"POST", "/issue",
         PEER_ISSUE(",\"labels\":[\"a\",\"a\",\"b\"],\"priority\":{\"name\":\"high\"}"), 201,
         "\"key\":\"PROD-2\""},
        {"GET", "/issue/PROD-2", NULL, 200, "\"labels\":[\"a\",\"b\"]"},
        {"GET", "/issue/PROD-2", NULL, 200, "{\"id\":\"2\",\"name\":\"High\"}"},
        {"POST", "/issue",
         "{\"fields\":{\"project\":{\"id\":\"10001\"},\"issuetype\":{\"id\":\"10002\"},\"summary\":"
         "\"s\"}}",
         201, "\"key\":\"OTHER-1\""},
        {"POST", "/issue", PEER_ISSUE(",\"description\":" PEER_DOC), 201,
         "/rest/api/3/issue/10004\""},
        {"POST", "/issue", PEER_ISSUE(",\"description\":null,\"environment\":" PEER_DOC), 201,
         "10005"},
        {"POST", "/issue", PEER_ISSUE(",\"customfield_10091\":7,\"customfield_10092\":\"t\""), 201,
         "10006"},
        {"POST", "/issue",
         "{\"fields\":{\"project\":{\"key\":\"prod\"},\"issuetype\":{\"name\":\"Bug\"},\"summary\":"
         "\"s\"},"
         "\"update\":{\"labels\":[{\"add\":\"u\"}]},\"properties\":[{\"key\":\"k\",\"value\":{"
         "\"n\":1}}]}",
         201, "PROD-6"},
        {"GET", "/issue/PROD-6?fields=labels&properties=k,none", NULL, 200,
         "\"fields\":{\"labels\":[\"u\"]},\"properties\":{\"k\":{\"n\":1}}"},
    };
    RUN(*state, rows);
}

static const struct row refusals[] = {
    {"POST", "/issue", "{", 400, "There was an error parsing JSON"},
    {"POST", "/issue", "[]", 400, "There was an error parsing JSON"},
    {"POST", "/issue", PEER_ISSUE("") " x", 400, "There was an error parsing JSON"},
    {"POST", "/issue", "{}", 400, "\"project\":\"Specify a valid project ID or key\""},
    {"POST", "/issue", "{\"fields\":[]}", 400, "Invalid request payload"},
    {"POST", "/issue", "{\"fields\":{\"project\":{\"key\":\"NONE\"}}}", 400,
     "\"project\":\"Specify a valid project ID or key\""},
    {"POST", "/issue",
     "{\"fields\":{\"project\":{\"key\":\"PROD\"},\"summary\":\"s\",\"issuetype\":{\"name\":"
     "\"Bgu\"}}}",
     400, "\"issuetype\":\"The issue type selected is invalid.\""},
    {"POST", "/issue", "{\"fields\":{\"project\":{\"key\":\"PROD\"},\"summary\":\"s\"}}", 400,
     "\"issuetype\":\"The issue type selected is invalid.\""},
    {"POST", "/issue",
     "{\"fields\":{\"project\":{\"key\":\"PROD\"},\"issuetype\":{\"name\":\"Bug\"}}}", 400,
     "\"summary\":\"You must specify a summary of the issue.\""},
    {"POST", "/issue", PEER_ISSUE(",\"summary\":\" \""), 400, "You must specify a summary"},
    {"POST", "/issue", PEER_ISSUE(",\"summary\":\"a\\nb\""), 400, "contains newline characters"},
    {"POST", "/issue", PEER_ISSUE(",\"summary\":7"), 400, "Operation value must be a string"},
    {"POST", "/issue", PEER_ISSUE(",\"description\":\"plain\""), 400,
     "{\"errorMessages\":[],\"errors\":{\"description\":\"Operation value must be an Atlassian "
     "Document (see the Atlassian Document Format)\"}}"},
    {"POST", "/issue",
     PEER_ISSUE(",\"description\":{\"type\":\"doc\",\"version\":1,\"content\":[{\"type\":\"text\","
                "\"text\":\"\"}]}"),
     400, "{\"errorMessages\":[\"INVALID_INPUT\"],\"errors\":{}}"},
    {"POST", "/issue", PEER_ISSUE(",\"labels\":[\"Test Application\"]"), 400,
     "{\"errorMessages\":[],\"errors\":{\"labels\":\"The label 'Test Application' contains "
     "spaces "
     "which is invalid.\"}}"},
    {"POST", "/issue", PEER_ISSUE(",\"labels\":\"a\""), 400, "data was not an array"},
    {"POST", "/issue", PEER_ISSUE(",\"labels\":[1]"), 400, "must be a string"},
    {"POST", "/issue", PEER_ISSUE(",\"priority\":{\"name\":\"Huge\"}"), 400,
     "{\"errorMessages\":[],\"errors\":{\"priority\":\"The priority selected is invalid.\"}}"},
    {"POST", "/issue", PEER_ISSUE(",\"flavour\":1"), 400,
     "\"flavour\":\"Field 'flavour' cannot be set. It is not on the appropriate screen, or "
     "unknown.\""},
    {"POST", "/issue", PEER_ISSUE(",\"customfield_10091\":\"7\""), 400,
     "Operation value must be a number"},
    {"POST", "/issue", PEER_ISSUE(",\"components\":[\"api\"]"), 400, "data was not an object"},
    {"POST", "/issue", PEER_ISSUE(",\"assignee\":\"me\""), 400, "data was not an object"},
    {"POST", "/issue",
     "{\"fields\":{\"project\":{\"key\":\"PROD\"},\"issuetype\":{\"name\":\"Bug\"},\"summary\":"
     "\"s\","
     "\"labels\":[]},\"update\":{\"labels\":[{\"add\":\"u\"}]}}",
     400, "cannot appear in both"},
    {"POST", "/issue",
     "{\"fields\":{\"project\":{\"key\":\"PROD\"},\"issuetype\":{\"name\":\"Bug\"},\"summary\":"
     "\"s\"},"
     "\"properties\":[{\"key\":\"k\"}]}",
     400, "An entity property is"},
    {"POST", "/issue",
     "{\"fields\":{\"project\":{\"key\":\"PROD\"},\"issuetype\":{\"name\":\"Bug\"},\"summary\":"
     "\"s\"},"
     "\"extra\":1}",
     400, "Invalid request payload"},
};

static void create_refusals(void **state)
{
    RUN(*state, refusals);
    struct peer *peer = *state;
    peer->content_type = "text/plain";
    peer_expect(peer, "POST", API "/issue", PEER_ISSUE(""), 415, "Unsupported");
}

/* Refused creates use numbers up once the project is known, ids not. */
static void refused_creates_count(void **state)
{
    static const struct row rows[] = {
        {"POST", "/issue", PEER_ISSUE(""), 201, "\"key\":\"PROD-1\""},
        {"POST", "/issue", PEER_ISSUE(",\"labels\":[\"a b\"]"), 400, "spaces"},
        {"POST", "/issue", PEER_ISSUE(",\"summary\":\"\""), 400, "summary"},
        {"POST", "/issue", "{\"fields\":{\"project\":{\"key\":\"NONE\"}}}", 400, "project"},
        {"POST", "/issue", PEER_ISSUE(""), 201, "{\"id\":\"10002\""},
        {"GET", "/issue/PROD-4", NULL, 200, "\"id\":\"10002\""},
        {"GET", "/issue/PROD-2", NULL, 404,
         "Issue does not exist or you do not have permission to see it."},
    };
    RUN(*state, rows);
}

/* A create whose `field` is `lead`, then `count` times `unit`, then `tail`. */
static long create_long(struct peer *peer, const char *lead, const char *unit, size_t count,
                        const char *tail)
{
    struct buf body;
    buf_init(&body, 1U << 20);
    buf_add_text(&body,
                 "{\"fields\":{\"project\":{\"key\":\"PROD\"},\"issuetype\":{\"name\":\"Bug\"},"
                 "\"summary\":\"s\",");
    buf_add_text(&body, lead);
    for (size_t i = 0; i < count; i++) {
        buf_add_text(&body, unit);
    }
    buf_add_text(&body, tail);
    buf_add_text(&body, "}}");
    long status = peer_call(peer, "POST", API "/issue", buf_text(&body));
    buf_close(&body);
    return status;
}

#define DOC_LEAD                                                                                   \
    "\"description\":{\"type\":\"doc\",\"version\":1,\"content\":[{\"type\":\"paragraph\","        \
    "\"content\":[{\"type\":\"text\",\"text\":\""
#define DOC_TAIL "\"}]}]}"

static void lengths(void **state)
{
    /* What of the ADF JSON is not the text itself. */
    const size_t frame = strlen(DOC_LEAD) - strlen("\"description\":") + strlen(DOC_TAIL);
    const struct {
        const char *lead;
        const char *unit;
        size_t count;
        const char *tail;
        long status;
        const char *part;
    } rows[] = {
        {"\"summary\":\"", "s", 255, "\"", 201, "key"},
        {"\"summary\":\"", "s", 256, "\"", 400,
         "\"summary\":\"Summary can't exceed 255 characters.\""},
        {"\"summary\":\"", "\xC3\xA9", 255, "\"", 201, "key"},
        {"\"summary\":\"", "\xF0\x9F\x90\x9E", 128, "\"", 400, "exceed 255"}, /* 256 UTF-16 units */
        {"\"labels\":[\"", "l", 255, "\"]", 201, "key"},
        {"\"labels\":[\"", "l", 256, "\"]", 400,
         "lll' exceeds the maximum length for a single label of 255 characters\""},
        {DOC_LEAD, "d", 32767 - frame, DOC_TAIL, 201, "key"},
        {DOC_LEAD, "d", 32768 - frame, DOC_TAIL, 400,
         "{\"errorMessages\":[\"CONTENT_LIMIT_EXCEEDED\"],\"errors\":{}}"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        long status = create_long(*state, rows[i].lead, rows[i].unit, rows[i].count, rows[i].tail);
        if (status != rows[i].status || strstr(peer_body(*state), rows[i].part) == NULL) {
            fail_msg("%.20s x %zu: %ld %.300s", rows[i].lead, rows[i].count, status,
                     peer_body(*state));
        }
    }
}

static void reads_and_edits(void **state)
{
    static const struct row rows[] = {
        {"POST", "/issue", PEER_ISSUE(",\"labels\":[\"a\"]"), 201, "PROD-1"},
        {"GET", "/issue/prod-1?fields=summary", NULL, 200,
         "\"fields\":{\"summary\":\"It is slow\"}"},
        {"GET", "/issue/10001?fields=labels,key", NULL, 200, "\"fields\":{\"labels\":[\"a\"]}"},
        {"GET", "/issue/10001?fields=-summary,-description", NULL, 200, "\"fields\":{\"labels\""},
        {"GET", "/issue/10001", NULL, 200, "\"created\":\"2025-10-09T08:53:20.000+0000\""},
        {"GET", "/issue/PROD-9", NULL, 404, "Issue does not exist"},
        {"GET", "/issue/x", NULL, 404, "Issue does not exist"},
        {"PUT", "/issue/PROD-1",
         "{\"update\":{\"labels\":[{\"add\":\"b\"},{\"add\":\"c\"},{\"remove\":\"a\"}]}}", 204, ""},
        {"GET", "/issue/PROD-1?fields=labels", NULL, 200, "{\"labels\":[\"b\",\"c\"]}"},
        {"PUT", "/issue/PROD-1",
         "{\"update\":{\"labels\":[{\"set\":[\"z\"]}],\"summary\":[{\"set\":\"new\"}]}}", 204, ""},
        {"PUT", "/issue/PROD-1?returnIssue=true", "{\"fields\":{\"priority\":{\"id\":\"1\"}}}", 200,
         "\"labels\":[\"z\"]"},
        {"GET", "/issue/PROD-1", NULL, 200, "\"name\":\"Highest\""},
        {"GET", "/issue/PROD-1", NULL, 200, "\"summary\":\"new\""},
        {"PUT", "/issue/PROD-1", "{}", 400, "required"},
        {"PUT", "/issue/PROD-1", NULL, 400, "There was an error parsing JSON"},
        {"PUT", "/issue/PROD-9", "{\"fields\":{\"summary\":\"x\"}}", 404, "Issue does not exist"},
        {"PUT", "/issue/PROD-1", "{\"fields\":{\"summary\":null}}", 400,
         "You must specify a summary"},
        {"PUT", "/issue/PROD-1", "{\"fields\":{\"summary\":\"lost\",\"nope\":1}}", 400,
         "cannot be set"},
        {"GET", "/issue/PROD-1", NULL, 200, "\"summary\":\"new\""}, /* all or nothing */
        {"PUT", "/issue/PROD-1", "{\"fields\":{\"project\":{\"key\":\"OTHER\"}}}", 400,
         "cannot be set"},
        {"PUT", "/issue/PROD-1", "{\"update\":{\"labels\":[{\"add\":\"x y\"}]}}", 400,
         "contains spaces"},
        {"PUT", "/issue/PROD-1", "{\"update\":{\"labels\":[{\"grow\":\"x\"}]}}", 400,
         "not supported"},
        {"PUT", "/issue/PROD-1", "{\"update\":{\"summary\":[{\"add\":\"x\"}]}}", 400,
         "not supported"},
        {"PUT", "/issue/PROD-1", "{\"update\":{\"labels\":{}}}", 400, "not an array"},
        {"PUT", "/issue/PROD-1",
         "{\"fields\":{\"customfield_10091\":9},\"transition\":{\"id\":\"5\"},\"properties\":[{"
         "\"key\":\"p\","
         "\"value\":1}]}",
         204, ""},
        {"GET", "/issue/PROD-1?fields=customfield_10091&properties=*all", NULL, 200,
         "{\"customfield_10091\":9},\"properties\":{\"p\":1}"},
        {"PATCH", "/issue/PROD-1", "{}", 405, "Method"},
        {"GET", "/issues", NULL, 404, "null for uri"},
        {"GET", "/field", NULL, 200,
         "\"custom\":\"com.atlassian.jira.plugin.system.customfieldtypes:float\""},
        {"GET", "/myself", NULL, 200, "\"accountId\""},
    };
    RUN(*state, rows);
    assert_int_equal(peer_call(*state, "PATCH", API "/issue/PROD-1", NULL), 405);
    assert_true(peer_has_header(*state, "Allow: GET, PUT"));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, peer_open, peer_close)
    const struct CMUnitTest tests[] = {
        TEST(creates), TEST(create_refusals), TEST(refused_creates_count),
        TEST(lengths), TEST(reads_and_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
