/* SPDX-License-Identifier: Apache-2.0
 *
 * The in-process sandbox and its client. The test's thread owns the peer; the
 * server's threads only read the clock, which is atomic.
 */
#include "tests/unit/sandbox/peer.h"

#include "common/mem.h"
#include "common/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TIMEOUT_MS 20000L /* a test that hangs fails */

static int64_t read_clock(void *self)
{
    struct peer *peer = self;
    return atomic_load(&peer->now_ms);
}

int peer_open(void **state)
{
    struct peer *peer = mem_must_alloc(sizeof(*peer));
    atomic_init(&peer->now_ms, 1760000000000LL);
    peer->clock = (struct clock){.mono_ms = read_clock, .wall_ms = read_clock, .self = peer};
    peer->options = (struct options){.address = "127.0.0.1",
                                     .jira_user = "Bot@Example.com",
                                     .jira_token = "s3cret",
                                     .projects = "PROD,OTHER",
                                     .comments_max = 5000};
    peer->content_type = "application/json";
    buf_init(&peer->body, 64U << 20);
    buf_init(&peer->headers, 1U << 20);
    assert_false(failed(sandbox_new(&peer->sandbox, &peer->options, &peer->clock)));
    assert_false(failed(server_start(&peer->server, peer->sandbox)));
    peer->curl = curl_easy_init();
    assert_non_null(peer->curl);
    *state = peer;
    return 0;
}

int peer_close(void **state)
{
    struct peer *peer = *state;
    curl_easy_cleanup(peer->curl);
    server_stop(&peer->server);
    sandbox_free(&peer->sandbox);
    buf_close(&peer->body);
    buf_close(&peer->headers);
    mem_free(peer);
    return 0;
}

static size_t keep(char *at, size_t size, size_t count, void *to)
{
    struct buf *buf = to;
    buf_add(buf, span_of(at, size * count));
    return size * count;
}

static void log_in(struct peer *peer, CURL *curl)
{
    static const char *const users[] = {
        [LOGIN_GOOD] = "Bot@Example.com:s3cret",
        [LOGIN_OTHER_CASE] = "bot@example.COM:s3cret",
        [LOGIN_NONE] = NULL,
        [LOGIN_WRONG_TOKEN] = "Bot@Example.com:s3creT",
        [LOGIN_WRONG_USER] = "Eve@Example.com:s3cret",
        [LOGIN_BEARER] = NULL,
    };
    if (users[peer->login] != NULL) {
        curl_easy_setopt(curl, CURLOPT_USERPWD, users[peer->login]);
    }
}

static void set_up(struct peer *peer, CURL *curl, const char *method, const char *path)
{
    char url[4096];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server_port(peer->server), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    log_in(peer, curl);
}

long peer_call(struct peer *peer, const char *method, const char *path, const char *body)
{
    buf_clear(&peer->body);
    buf_clear(&peer->headers);
    curl_easy_reset(peer->curl);
    set_up(peer, peer->curl, method, path);
    char type[128];
    (void)snprintf(type, sizeof(type), "Content-Type: %s", peer->content_type);
    struct curl_slist *headers = curl_slist_append(NULL, type);
    headers = curl_slist_append(headers, "Expect:");
    if (peer->login == LOGIN_BEARER) {
        headers = curl_slist_append(headers, "Authorization: Bearer s3cret");
    }
    curl_easy_setopt(peer->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(peer->curl, CURLOPT_FRESH_CONNECT, peer->fresh ? 1L : 0L);
    if (body != NULL) {
        curl_easy_setopt(peer->curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(peer->curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(peer->curl, CURLOPT_WRITEDATA, &peer->body);
    curl_easy_setopt(peer->curl, CURLOPT_HEADERFUNCTION, keep);
    curl_easy_setopt(peer->curl, CURLOPT_HEADERDATA, &peer->headers);
    CURLcode code = curl_easy_perform(peer->curl);
    long status = 0;
    curl_easy_getinfo(peer->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return code == CURLE_OK ? status : -(long)code;
}

void peer_expect(struct peer *peer, const char *method, const char *path, const char *body,
                 long status, const char *part)
{
    long got = peer_call(peer, method, path, body);
    if (got != status || strstr(peer_body(peer), part) == NULL) {
        fail_msg("%s %s\n  sent     %.300s\n  expected %ld with %s\n  got      %ld with %.600s",
                 method, path, body == NULL ? "" : body, status, part, got, peer_body(peer));
    }
}

void peer_run(struct peer *peer, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char path[2048];
        (void)snprintf(path, sizeof(path), API "%s", rows[i].path);
        peer_expect(peer, rows[i].method, path, rows[i].body, rows[i].status, rows[i].part);
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t swallow(char *at, size_t size, size_t count, void *to)
{
    (void)at;
    (void)to;
    return size * count;
}

CURL *peer_prepare(struct peer *peer, const char *method, const char *path)
{
    CURL *curl = curl_easy_init();
    assert_non_null(curl);
    set_up(peer, curl, method, path);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    return curl;
}

const char *peer_body(struct peer *peer)
{
    return buf_text(&peer->body);
}

bool peer_has_header(struct peer *peer, const char *line_start)
{
    const char *at = strstr(buf_text(&peer->headers), line_start);
    return at != NULL && at > buf_text(&peer->headers) && at[-1] == '\n';
}

void peer_move(struct peer *peer, int64_t ms)
{
    atomic_fetch_add(&peer->now_ms, ms);
}
