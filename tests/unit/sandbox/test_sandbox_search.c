/* SPDX-License-Identifier: Apache-2.0
 *
 * The search of the played Jira over HTTP, its pages, and who is served what:
 * strangers get an empty search and no issue, and may not write.
 */
#include "tests/unit/sandbox/peer.h"

#include "common/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void searches(void **state)
{
    static const struct row rows[] = {
        {"POST", "/issue", PEER_ISSUE(",\"labels\":[\"t-1\",\"x\"]"), 201, "PROD-1"},
        {"POST", "/issue", PEER_ISSUE(",\"labels\":[\"t-2\"]"), 201, "PROD-2"},
        {"POST", "/issue",
         "{\"fields\":{\"project\":{\"key\":\"OTHER\"},\"issuetype\":{\"name\":\"Bug\"},"
         "\"summary\":\"o\","
         "\"labels\":[\"t-1\"]},\"properties\":[{\"key\":\"p\",\"value\":1}]}",
         201, "OTHER-1"},
        {"GET", "/search/jql?jql=project%3DPROD+AND+labels%3D%22t-1%22", NULL, 200,
         "{\"issues\":[{\"id\":\"10001\"}],\"isLast\":true}"},
        {"GET", "/search/jql?jql=labels%3Dt-1+order+by+created+asc", NULL, 200,
         "[{\"id\":\"10001\"},{\"id\":\"10003\"}]"},
        {"GET", "/search/jql?jql=labels%3Dt-1", NULL, 200,
         "[{\"id\":\"10003\"},{\"id\":\"10001\"}]"},
        {"GET", "/search/jql?jql=labels+in+(t-1,t-2)+order+by+key+desc", NULL, 200,
         "[{\"id\":\"10002\"},{\"id\":\"10001\"},{\"id\":\"10003\"}]"},
        {"GET", "/search/jql?jql=labels%3DT-1", NULL, 200, "{\"issues\":[],\"isLast\":true}"},
        {"GET", "/search/jql?jql=key%3Dprod-2", NULL, 200, "[{\"id\":\"10002\"}]"},
        {"GET", "/search/jql?jql=id%3D10002", NULL, 200, "[{\"id\":\"10002\"}]"},
        {"GET", "/search/jql?jql=labels+!%3D+x+and+project%3DPROD", NULL, 200,
         "[{\"id\":\"10002\"}]"},
        {"GET", "/search/jql?jql=status%3D%22to+do%22+and+project+not+in+(PROD)", NULL, 200,
         "[{\"id\":\"10003\"}]"},
        {"GET", "/search/jql?jql=status%3DDone", NULL, 200, "\"issues\":[]"},
        {"POST", "/search/jql",
         "{\"jql\":\"project = OTHER\",\"fields\":[\"summary\",\"labels\"],\"properties\":[\"p\"]}",
         200,
         "\"key\":\"OTHER-1\",\"fields\":{\"summary\":\"o\",\"labels\":[\"t-1\"]},\"properties\":{"
         "\"p\":1}"},
        {"GET", "/search/jql?jql=project%3DOTHER&fields=summary&fields=labels&properties=p", NULL,
         200, "\"fields\":{\"summary\":\"o\",\"labels\":[\"t-1\"]},\"properties\":{\"p\":1}"},
        {"GET", "/search/jql?jql=", NULL, 400,
         "{\"errorMessages\":[\"Unbounded JQL queries are not allowed here. Please add a search "
         "restriction to your query.\"],\"errors\":{}}"},
        {"GET", "/search/jql", NULL, 400, "Unbounded JQL"},
        {"GET", "/search/jql?jql=order+by+created", NULL, 400, "Unbounded JQL"},
        {"GET", "/search/jql?jql=labels+%3D", NULL, 400, "Error in the JQL Query"},
        {"GET", "/search/jql?jql=project%3DNONE", NULL, 400,
         "The value 'NONE' does not exist for the field 'project'."},
        {"GET", "/search/jql?jql=key%3DPROD-99", NULL, 400, "An issue with key 'PROD-99'"},
        {"GET", "/search/jql?jql=project%3DPROD&maxResults=x", NULL, 400,
         "Invalid request payload"},
        {"GET", "/search/jql?jql=project%3DPROD&properties=a,b,c,d,e,f", NULL, 400, "At most 5"},
        {"GET", "/search/jql?jql=project%3DPROD&nextPageToken=zz", NULL, 400, "token is invalid"},
        {"POST", "/search/jql", "{\"jql\":\"project = PROD\",\"expand\":[\"names\"]}", 400,
         "Invalid request payload"},
        {"POST", "/search/jql", "{\"jql\":\"project = PROD\",\"startAt\":0}", 400,
         "Invalid request payload"},
        {"POST", "/search/jql", "{\"jql\":\"project = PROD\",\"fields\":\"id\"}", 400,
         "Invalid request payload"},
        {"GET", "/search?jql=project%3DPROD", NULL, 410,
         "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."},
        {"POST", "/search", "{}", 410, "The requested API has been removed."},
    };
    RUN(*state, rows);
    assert_null(strstr(peer_body(*state), "total"));
}

static void pages(void **state)
{
    struct peer *peer = *state;
    for (int i = 0; i < 3; i++) {
        peer_expect(peer, "POST", API "/issue", PEER_ISSUE(""), 201, "PROD");
    }
    peer_expect(peer, "GET", API "/search/jql?jql=project%3DPROD&maxResults=2", NULL, 200,
                "[{\"id\":\"10003\"},{\"id\":\"10002\"}],\"nextPageToken\":\"");
    assert_non_null(strstr(peer_body(peer), "\"isLast\":false"));
    char token[128];
    const char *at = strstr(peer_body(peer), "nextPageToken\":\"") + strlen("nextPageToken\":\"");
    size_t len = strcspn(at, "\"");
    assert_true(len < sizeof(token));
    memcpy(token, at, len);
    token[len] = 0;
    char path[400];
    (void)snprintf(path, sizeof(path),
                   API "/search/jql?jql=project%%3DPROD&maxResults=2&nextPageToken=%s", token);
    peer_expect(peer, "GET", path, NULL, 200, "{\"issues\":[{\"id\":\"10001\"}],\"isLast\":true}");
    char other[400];
    (void)snprintf(other, sizeof(other), API "/search/jql?jql=project%%3DOTHER&nextPageToken=%s",
                   token);
    peer_expect(peer, "GET", other, NULL, 400, "token is invalid");
    peer_move(peer, INT64_C(7) * 24 * 3600 * 1000);
    peer_expect(peer, "GET", path, NULL, 200, "10001");
    peer_move(peer, 1);
    peer_expect(peer, "GET", path, NULL, 400, "token is invalid or expired");
}

static void logins(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *body;
        long status;
        const char *part;
        enum login login;
        bool account;
    } rows[] = {
        {"GET", "/myself", NULL, 200, "accountId", LOGIN_GOOD, true},
        {"GET", "/myself", NULL, 200, "accountId", LOGIN_OTHER_CASE, true},
        {"GET", "/myself", NULL, 401, "Client must be authenticated", LOGIN_NONE, false},
        {"GET", "/myself", NULL, 401, "Client must be authenticated", LOGIN_WRONG_TOKEN, false},
        {"GET", "/myself", NULL, 401, "Client must be authenticated", LOGIN_WRONG_USER, false},
        {"GET", "/myself", NULL, 403, "error", LOGIN_BEARER, false},
        {"GET", "/issue/PROD-1", NULL, 200, "slow", LOGIN_GOOD, true},
        {"GET", "/issue/PROD-1", NULL, 404, "Issue does not exist or you do not have", LOGIN_NONE,
         false},
        {"GET", "/issue/PROD-1", NULL, 404, "Issue does not exist", LOGIN_WRONG_TOKEN, false},
        {"GET", "/issue/PROD-1/comment", NULL, 404, "Issue does not exist", LOGIN_NONE, false},
        {"GET", "/issue/PROD-1/properties", NULL, 404, "Issue does not exist", LOGIN_NONE, false},
        {"GET", "/search/jql?jql=project%3DPROD", NULL, 200, "10001", LOGIN_GOOD, true},
        {"GET", "/search/jql?jql=project%3DPROD", NULL, 200, "{\"issues\":[],\"isLast\":true}",
         LOGIN_NONE, false},
        {"POST", "/search/jql", "{\"jql\":\"project = PROD\"}", 200,
         "{\"issues\":[],\"isLast\":true}", LOGIN_WRONG_TOKEN, false},
        {"GET", "/search/jql?jql=project%3DPROD", NULL, 403, "error", LOGIN_BEARER, false},
        {"POST", "/issue", PEER_ISSUE(""), 401, "Client must be authenticated", LOGIN_NONE, false},
        {"PUT", "/issue/PROD-1", "{\"fields\":{\"summary\":\"x\"}}", 401, "Client must",
         LOGIN_WRONG_TOKEN, false},
        {"POST", "/issue/PROD-1/comment", PEER_COMMENT(""), 401, "Client must", LOGIN_WRONG_USER,
         false},
        {"PUT", "/issue/PROD-1/properties/a", "1", 401, "Client must", LOGIN_NONE, false},
        {"DELETE", "/comment/20001/properties/a", NULL, 401, "Client must", LOGIN_NONE, false},
        {"GET", "/issue/PROD-2", NULL, 404, "Issue does not exist", LOGIN_GOOD, true},
        {"POST", "/issue", "{}", 400, "project", LOGIN_GOOD, true},
    };
    struct peer *peer = *state;
    peer_expect(peer, "POST", API "/issue", PEER_ISSUE(""), 201, "PROD-1");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char path[512];
        (void)snprintf(path, sizeof(path), API "%s", rows[i].path);
        peer->login = rows[i].login;
        peer_expect(peer, rows[i].method, path, rows[i].body, rows[i].status, rows[i].part);
        bool account = peer_has_header(peer, "X-AAccountId: ");
        bool failed_login = peer_has_header(peer, "X-Seraph-LoginReason: AUTHENTICATED_FAILED");
        bool cookie = peer_has_header(peer, "Set-Cookie: atlassian.xsrf.token=");
        if (account != rows[i].account || failed_login == rows[i].account ||
            cookie == rows[i].account) {
            fail_msg("row %zu, %s: headers\n%s", i, rows[i].path, buf_text(&peer->headers));
        }
    }
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, peer_open, peer_close)
    const struct CMUnitTest tests[] = {
        TEST(searches),
        TEST(pages),
        TEST(logins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
