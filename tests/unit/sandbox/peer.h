/* SPDX-License-Identifier: Apache-2.0
 *
 * A sandbox in the test's own process and an HTTP client for it: each test gets a
 * fresh one on a free port, with a clock that moves only when told. The answer to
 * the last call stays in the peer until the next.
 */
#ifndef HEARBACK_TESTS_UNIT_SANDBOX_PEER_H
#define HEARBACK_TESTS_UNIT_SANDBOX_PEER_H

#include "common/buf.h"
#include "tests/sandbox/server.h"

#include <curl/curl.h>
#include <stdatomic.h>

#define API "/jira/rest/api/3"
#define PEER_DOC                                                                                   \
    "{\"type\":\"doc\",\"version\":1,\"content\":[{\"type\":\"paragraph\","                        \
    "\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]}]}"
#define PEER_COMMENT(more) "{\"body\":" PEER_DOC more "}"
/* A create that works, plus further fields. */
#define PEER_ISSUE(more)                                                                           \
    "{\"fields\":{\"project\":{\"key\":\"PROD\"},\"issuetype\":{\"name\":\"Bug\"},"                \
    "\"summary\":\"It is slow\"" more "}}"

enum login {
    LOGIN_GOOD,
    LOGIN_OTHER_CASE,
    LOGIN_NONE,
    LOGIN_WRONG_TOKEN,
    LOGIN_WRONG_USER,
    LOGIN_BEARER
};

struct peer {
    atomic_llong now_ms; /* the sandbox's clock, both kinds; another thread reads it */
    struct clock clock;
    struct options options;
    struct sandbox *sandbox;
    struct server *server;
    CURL *curl;
    enum login login;
    bool fresh; /* a connection for each call: on a kept one libcurl repeats a dropped POST */
    const char *content_type; /* of bodies */
    struct buf body;          /* of the answer */
    struct buf headers;
};

/* cmocka setup and teardown; *state is the peer. */
int peer_open(void **state);
int peer_close(void **state);

/* `path` with its leading slash; body NULL for none. Returns the status, or minus the curl code. */
long peer_call(struct peer *peer, const char *method, const char *path, const char *body);
/* The same with the answer's body checked: it must hold `part`. */
void peer_expect(struct peer *peer, const char *method, const char *path, const char *body,
                 long status, const char *part);
/* A table of such calls, top to bottom; paths are below API. */
struct row {
    const char *method;
    const char *path;
    const char *body;
    long status;
    const char *part;
};
void peer_run(struct peer *peer, const struct row *rows, size_t count);
#define RUN(peer, rows) peer_run((peer), (rows), COUNT_OF(rows))

/* A further handle set up for the same call, for use in a curl multi; its body goes nowhere. */
CURL *peer_prepare(struct peer *peer, const char *method, const char *path);

const char *peer_body(struct peer *peer);
bool peer_has_header(struct peer *peer, const char *line_start);
void peer_move(struct peer *peer, int64_t ms);

#endif
