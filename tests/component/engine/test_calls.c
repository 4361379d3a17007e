/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls before a peer whose every byte is the test's: nothing is sent twice by
 * libcurl on its own, nothing grows without bound, every call ends once.
 */
#include "tests/component/engine/calls_bench.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEAF_WAITING 4

/* ---- tests ------------------------------------------------------------------------------- */

/* The connection is kept, and dies when the second request has arrived. */
static void test_nothing_is_repeated_on_a_dead_connection(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *body;
    } rows[] = {
        {"POST", "{\"a\":1}"}, {"PUT", "{\"a\":1}"}, {"POST", ""}, {"PUT", ""}, {"DELETE", ""}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        void *made = NULL;
        assert_int_equal(open_bench(&made), 0);
        struct bench *bench = made;
        PLAN(bench, dies_reused, (true));
        assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_READ);
        const struct transfer *t = bench_call(bench, rows[i].method, rows[i].body);
        int posts = atomic_load(&bench->script.posts);
        if (posts != 1 ||
            (bench_verdict(t) != VERDICT_UNCLEAR && bench_verdict(t) != VERDICT_READ)) {
            print_error("%s \"%s\": %d arrived, transport %d, status %d\n", rows[i].method,
                        rows[i].body, posts, t->transport, t->status);
            fail();
        }
        assert_int_equal(close_bench(&made), 0);
    }
}

/* Two POSTs one after the other: never more than two arrive. */
static void test_post_after_post(void **state)
{
    struct bench *bench = *state;
    PLAN(bench, dies_reused, (true));
    assert_int_equal(bench_verdict(bench_call(bench, "POST", "{}")), VERDICT_READ);
    const struct transfer *t = bench_call(bench, "POST", "{}");
    assert_int_equal(bench_verdict(t), VERDICT_UNCLEAR);
    assert_true(t->reached);
    assert_int_equal(atomic_load(&bench->script.posts), 2);
    /* A question may be repeated: nothing happens by it. */
    assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_READ);
}

/* The server takes the POST and ends; libcurl tries again on its own and is refused. */
static void test_server_dies_with_the_post(void **state)
{
    struct bench *bench = *state;
    PLAN(bench, dies_reused, (true));
    PLAN(bench, deaf, (bench->peer));
    assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_READ);
    const struct transfer *t = bench_call(bench, "POST", "{}");
    assert_int_equal(atomic_load(&bench->script.posts), 1);
    assert_true(t->reached);
    assert_int_equal(bench_verdict(t), VERDICT_UNCLEAR); /* it may have happened */
}

/* The peer closes behind its answer, as the next POST is on its way. */
static void test_connection_closed_while_idle(void **state)
{
    struct bench *bench = *state;
    PLAN(bench, closes, (true));
    for (int i = 1; i <= 50; i++) {
        const struct transfer *t = bench_call(bench, "POST", "{\"a\":1}");
        enum verdict found = bench_verdict(t);
        assert_true(found == VERDICT_READ || found == VERDICT_UNCLEAR);
        assert_true(atomic_load(&bench->script.posts) <= i);
    }
}

static int events_of(const struct bench *bench, int wait_ms)
{
    struct epoll_event event;
    int found = epoll_wait(bench->epoll_fd, &event, 1, wait_ms);
    if (found == 1) {
        calls_ready(bench->calls, (int)(uint32_t)event.data.u64, event.events);
    }
    return found;
}

/* A kept connection stays known to epoll between calls. When its peer closes it, that is heard once
 * and not for ever; the next call has another one, most likely of the same number. */
static void test_idle_connection_is_heard_of_once(void **state)
{
    struct bench *bench = *state;
    for (int round = 0; round < 3; round++) {
        PLAN(bench, closes, (false));
        assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_READ);
        assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_READ);
        PLAN(bench, closes, (true));
        assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_READ);
        int heard = 0;
        for (int i = 0; i < 5 && events_of(bench, 100) == 1; i++) {
            heard++;
        }
        assert_in_range(heard, 0, 1); /* 0: it was heard within the call */
        assert_int_equal(events_of(bench, 0), 0);
    }
}

/* Listens, and has no room for one more: who connects hears nothing. */
static int listen_deafly(int waiting[DEAF_WAITING], char *url, size_t room)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    for (int i = 0; i < DEAF_WAITING; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(waiting[i], (struct sockaddr *)&at, len);
    }
    (void)snprintf(url, room, "http://127.0.0.1:%d", (int)ntohs(at.sin_port));
    return fd;
}

/* A connection that is never made is closed without a word to us while epoll waits for it, and its
 * number given to the next socket: the resolver's, or another connection. */
static void test_numbers_are_used_again(void **state)
{
    struct bench *bench = *state;
    int waiting[DEAF_WAITING];
    char url[64];
    char deaf[64];
    int listener = listen_deafly(waiting, deaf, sizeof(deaf));
    assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_READ);
    (void)snprintf(url, sizeof(url), "%s", bench->url);
    bench->to.settings.timeout_ms = 200;
    for (int round = 0; round < 3; round++) {
        (void)snprintf(bench->url, sizeof(bench->url), "%s", deaf);
        assert_false(bench_call(bench, "GET", NULL)->reached);
        (void)snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:1");
        assert_false(bench_call(bench, "GET", NULL)->reached);
        bench->to.settings.timeout_ms = 10000;
        /* To be resolved, the first time; it has two addresses, and nobody listens at one. */
        (void)snprintf(bench->url, sizeof(bench->url), "http://localhost%s", strrchr(url, ':'));
        assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_READ);
        (void)snprintf(bench->url, sizeof(bench->url), "%s", url);
        assert_int_equal(bench_verdict(bench_call(bench, "POST", "{}")), VERDICT_READ);
        bench->to.settings.timeout_ms = 200;
    }
    for (int i = 0; i < DEAF_WAITING; i++) {
        (void)close(waiting[i]);
    }
    (void)close(listener);
}

/* What was started is sent by calls_begin, without another turn. */
static void test_begin_sends(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_READ);
    int seen = atomic_load(&bench->script.requests);
    bench_start(bench, 0, "POST", "{}");
    (void)calls_begin(bench->calls, clock_mono_ms(clock_system()));
    for (int64_t t = kit_begin(); atomic_load(&bench->script.requests) == seen;) {
        assert_true(kit_waits(t));
    }
    bench_until_done(bench, bench->done + 1);
    /* Nobody listens there: it ends at once, and the next turn is to be at once, too. */
    (void)snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:1");
    bench_start(bench, 0, "POST", "{}");
    size_t done = bench->done;
    (void)calls_begin(bench->calls, clock_mono_ms(clock_system()));
    bench_until_done(bench, done + 1);
    assert_false(bench->transfers[0].reached);
}

static void test_replies(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *says;
        bool closes;
        enum verdict verdict;
        int status;
        const char *body;
    } rows[] = {
        {"whole", OK_HEAD "Content-Length: 2\r\n\r\n{}", false, VERDICT_READ, 200, "{}"},
        {"chunked",
         OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n4\r\na\":1\r\n1\r\n}\r\n"
                 "0\r\n\r\n",
         false, VERDICT_READ, 200, "{\"a\":1}"},
        {"to the end of the connection", OK_HEAD "\r\n{}", true, VERDICT_READ, 200, "{}"},
        {"no body", "HTTP/1.1 204 No Content\r\n\r\n", false, VERDICT_READ, 204, ""},
        {"cut short", OK_HEAD "Content-Length: 100\r\n\r\n{", true, VERDICT_UNCLEAR, 0, NULL},
        {"chunked, cut short", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nab", true,
         VERDICT_UNCLEAR, 0, NULL},
        {"head cut short", "HTTP/1.1 200 OK\r\nContent-Le", true, VERDICT_READ, 200,
         ""}, /* libcurl takes the status at its word; the stage misses the body */
        {"nothing at all", "", true, VERDICT_UNCLEAR, 0, NULL},
        {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", true, VERDICT_UNCLEAR, 0, NULL},
        {"chunks that are none", OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", true,
         VERDICT_UNCLEAR, 0, NULL},
        {"said to be gzip", OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
         false, VERDICT_READ, 200, "abcd"},
        {"interim first",
         "HTTP/1.1 102 Processing\r\nX: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
         "Retry-After: 9\r\n\r\n" OK_HEAD "Content-Length: 2\r\nY: 2\r\n\r\n{}",
         false, VERDICT_READ, 200, "{}"},
        {"redirected", "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", false,
         VERDICT_UNCLEAR, 302, ""},
        {"redirected elsewhere",
         "HTTP/1.1 307 T\r\nLocation: http://127.0.0.1:1/\r\n"
         "Content-Length: 0\r\n\r\n",
         false, VERDICT_UNCLEAR, 307, ""},
        {"slow down", "HTTP/1.1 429 T\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", false,
         VERDICT_AGAIN, 429, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        void *made = NULL;
        assert_int_equal(open_bench(&made), 0);
        struct bench *bench = made;
        PLAN(bench, says, (rows[i].says));
        PLAN(bench, closes, (rows[i].closes));
        const struct transfer *t = bench_call(bench, "POST", "{}");
        bool body_is = rows[i].body == NULL || span_is(buf_span(&t->reply_body), rows[i].body);
        if (bench_verdict(t) != rows[i].verdict || t->status != rows[i].status || !body_is ||
            atomic_load(&bench->script.requests) != 1) {
            print_error("row \"%s\": transport %d, status %d, %d requests\n", rows[i].name,
                        t->transport, t->status, atomic_load(&bench->script.requests));
            fail();
        }
        struct reply reply = {.headers = t->headers, .header_count = t->header_count};
        assert_true(rows[i].status == 429 || reply_header(&reply, "retry-after").len == 0);
        assert_int_equal(close_bench(&made), 0);
    }
}

static void test_endless_replies_are_bounded(void **state)
{
    struct bench *bench = *state;
    static char block[65537];
    memset(block, 'x', sizeof(block) - 1);
    PLAN(bench, says, (OK_HEAD "Content-Length: 104857600\r\n\r\n"));
    PLAN(bench, repeats, (block));
    const struct transfer *t = bench_call(bench, "POST", "{}");
    assert_int_equal(t->transport, CURLE_WRITE_ERROR);
    assert_int_equal(bench_verdict(t), VERDICT_UNCLEAR);
    assert_int_equal(t->reply_body.len, 0);
    assert_string_equal(verdict_reason(t->transport, t->status), "reply_too_large");
}

static void test_slow_replies_end(void **state)
{
    struct bench *bench = *state;
    bench->to.settings.timeout_ms = 300;
    PLAN(bench, says, (OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"));
    PLAN(bench, repeats, ("1\r\nx\r\n"));
    PLAN(bench, pause_ms, (20));
    const struct transfer *t = bench_call(bench, "POST", "{}");
    assert_int_equal(t->transport, CURLE_OPERATION_TIMEDOUT);
    assert_int_equal(bench_verdict(t), VERDICT_UNCLEAR);
    PLAN(bench, says, (""));
    PLAN(bench, repeats, (""));
    t = bench_call(bench, "POST", "{}");
    assert_int_equal(bench_verdict(t), VERDICT_UNCLEAR);
    assert_int_equal(atomic_load(&bench->script.posts), 2);
}

static void test_many_and_long_headers(void **state)
{
    struct bench *bench = *state;
    struct buf says;
    struct buf other; /* the peer's threads still read the first */
    buf_init(&says, 4 << 20);
    buf_init(&other, 4 << 20);
    buf_add_text(&says, OK_HEAD "Content-Length: 2\r\nFirst: here\r\n");
    for (int i = 0; i < 2000; i++) {
        buf_addf(&says, "X-Filler-%d: %080d\r\n", i, i);
    }
    buf_add_text(&says, "\r\n{}");
    PLAN(bench, says, (buf_text(&says)));
    const struct transfer *t = bench_call(bench, "GET", NULL);
    struct reply reply = {.headers = t->headers, .header_count = t->header_count};
    assert_int_equal(bench_verdict(t), VERDICT_READ); /* they are cut, the answer is read */
    assert_true(t->header_count <= CALLS_HEADERS_MAX);
    assert_true(span_is(reply_header(&reply, "first"), "here"));
    buf_add_text(&other, OK_HEAD "Content-Length: 2\r\nLong: ");
    for (int i = 0; i < 1 << 20; i++) {
        buf_add_char(&other, 'y');
    }
    buf_add_text(&other, "\r\n\r\n{}");
    PLAN(bench, says, (buf_text(&other)));
    PLAN(bench, closes, (true));
    t = bench_call(bench, "POST", "{}");
    assert_int_equal(bench_verdict(t), VERDICT_UNCLEAR); /* libcurl's own bound */
    tcp_peer_stop(&bench->peer);
    buf_close(&other);
    buf_close(&says);
}

/* How often it may still go on. */
static bool says_no_after(void *self)
{
    struct bench *bench = self;
    return bench->leave-- > 0;
}

/* The right to send may have gone since the call was started. What is withheld never arrived, not
 * even when half of it went out. */
static void test_what_may_not_be_sent_any_more(void **state)
{
    struct bench *bench = *state;
    static char body[256 * 1024];
    memset(body, '1', sizeof(body) - 1);
    for (int leave = 0; leave < 4; leave++) {
        bench->leave = leave;
        bench_prepare(bench, 0, "POST", body);
        bench->transfers[0].may_send = says_no_after;
        size_t done = bench->done;
        bench->caller.start(bench->caller.self, &bench->transfers[0]);
        bench_until_done(bench, done + 1);
        const struct transfer *t = &bench->transfers[0];
        assert_int_equal(t->transport, CURLE_ABORTED_BY_CALLBACK);
        assert_true(t->withheld);
        assert_false(t->reached);
        assert_int_equal(bench_verdict(t), VERDICT_AGAIN);
        assert_true(leave < 2 || t->body_sent > 0);
    }
    assert_int_equal(atomic_load(&bench->script.requests), 0);
    const struct transfer *t = bench_call(bench, "POST", body);
    assert_int_equal(bench_verdict(t), VERDICT_READ);
    assert_false(t->withheld);
    assert_int_equal(atomic_load(&bench->script.posts), 1);
}

static void test_nobody_listens(void **state)
{
    struct bench *bench = *state;
    assert_true(bench_call(bench, "POST", "{}")->reached);
    tcp_peer_stop(&bench->peer);
    const struct transfer *t = bench_call(bench, "POST", "{}");
    assert_int_equal(t->transport, CURLE_COULDNT_CONNECT);
    assert_false(t->reached);
    assert_int_equal(bench_verdict(t), VERDICT_AGAIN);
    bench->to.settings.base_url = "http://no-such-host.invalid";
    t = bench_call(bench, "POST", "{}");
    assert_int_equal(bench_verdict(t), VERDICT_AGAIN);
}

static void test_many_at_a_time(void **state)
{
    struct bench *bench = *state;
    char body[32];
    for (size_t round = 1; round <= 5; round++) {
        for (size_t i = 0; i < CALLS_MAX; i++) {
            (void)snprintf(body, sizeof(body), "{\"n\":%zu}", i);
            bench_start(bench, i, "POST", "{\"n\":1}");
        }
        bench_until_done(bench, round * CALLS_MAX);
        for (size_t i = 0; i < CALLS_MAX; i++) {
            assert_int_equal(bench_verdict(&bench->transfers[i]), VERDICT_READ);
            assert_true(span_is(buf_span(&bench->transfers[i].reply_body), "{}"));
        }
    }
    assert_int_equal(atomic_load(&bench->script.posts), 5 * CALLS_MAX);
}

static void test_descriptors_do_not_leak(void **state)
{
    struct bench *bench = *state;
    static const char *const kinds[] = {"", OK_HEAD "Content-Length: 9\r\n\r\n{",
                                        OK_HEAD "Content-Length: 2\r\n\r\n{}"};
    bench->to.settings.timeout_ms = 2000;
    size_t before = 0;
    for (int i = 0; i < 200; i++) {
        PLAN(bench, says, (kinds[i % 3]));
        PLAN(bench, closes, (i % 3 != 2));
        (void)bench_call(bench, i % 2 == 0 ? "POST" : "GET", "{}");
        if (i == 20) {
            tcp_peer_stop(&bench->peer);
            bench->peer = tcp_peer_start(bench_serve, &bench->script);
            (void)snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:%d",
                           tcp_peer_port(bench->peer));
            before = kit_descriptors();
        }
    }
    tcp_peer_stop(&bench->peer); /* its ends of the connections, one a call at most */
    size_t after = kit_descriptors();
    if (after > before + 3) {
        print_error("%zu descriptors before, %zu after\n", before, after);
        fail();
    }
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_repeated_on_a_dead_connection),
        ON_A_BENCH(test_post_after_post),
        ON_A_BENCH(test_server_dies_with_the_post),
        ON_A_BENCH(test_connection_closed_while_idle),
        ON_A_BENCH(test_idle_connection_is_heard_of_once),
        ON_A_BENCH(test_numbers_are_used_again),
        ON_A_BENCH(test_begin_sends),
        cmocka_unit_test(test_replies),
        ON_A_BENCH(test_endless_replies_are_bounded),
        ON_A_BENCH(test_slow_replies_end),
        ON_A_BENCH(test_many_and_long_headers),
        ON_A_BENCH(test_what_may_not_be_sent_any_more),
        ON_A_BENCH(test_nobody_listens),
        ON_A_BENCH(test_many_at_a_time),
        ON_A_BENCH(test_descriptors_do_not_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
