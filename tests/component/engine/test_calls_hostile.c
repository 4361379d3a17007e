/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls before a peer that means harm: replies without end, bombs, replies that
 * contradict themselves or lead elsewhere. Each call ends with a verdict, within
 * its time and its bound of memory, and the next call on the same engine is good.
 */
#include "tests/component/engine/calls_bench.h"

#include "common/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_MB_MAX 24 /* above what the process had before; the reply's bound is 1 MiB */

static size_t memory_mb(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %zu", &pages), 1);
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE) >> 20;
}

struct row {
    const char *name;
    const char *says;
    const char *repeats; /* NULL: no more, the connection stays open */
    bool closes;
    bool read;       /* the stage reads it; else it is unclear */
    const char *why; /* verdict_reason, NULL: any */
    const char *body;
};

static void report(const struct row *row, const struct transfer *t, struct bench *bench)
{
    print_error("row \"%s\": transport %d (%s), status %d, %zu bytes, %d requests, reached %d\n",
                row->name, t->transport, verdict_reason(t->transport, t->status), t->status,
                t->reply_body.len, atomic_load(&bench->script.requests), t->reached);
    fail();
}

/* One POST gets the reply; then the peer behaves, and the next POST gets the right one. */
static void play(const struct row *row)
{
    void *made = NULL;
    assert_int_equal(open_bench(&made), 0);
    struct bench *bench = made;
    bench->to.settings.timeout_ms = 2000;
    PLAN(bench, says, (row->says));
    PLAN(bench, repeats, (row->repeats));
    PLAN(bench, closes, (row->closes));
    size_t before = memory_mb();
    const struct transfer *t = bench_call(bench, "POST", "{}");
    size_t after = memory_mb();
    enum verdict wanted = row->read ? VERDICT_READ : VERDICT_UNCLEAR;
    bool why = row->why == NULL || strcmp(verdict_reason(t->transport, t->status), row->why) == 0;
    bool body = row->body == NULL || span_is(buf_span(&t->reply_body), row->body);
    if (bench_verdict(t) != wanted || !t->reached || !why || !body ||
        atomic_load(&bench->script.posts) != 1 || after > before + MEMORY_MB_MAX) {
        print_error("%zu MB before, %zu MB after\n", before, after);
        report(row, t, bench);
    }
    PLAN(bench, says, (OK_HEAD "Content-Length: 8\r\n\r\n{\"b\":22}"));
    PLAN(bench, repeats, (NULL));
    PLAN(bench, closes, (false));
    bench->to.settings.timeout_ms = 10000;
    for (int good = 0, calls = 0; good < 2; calls++) {
        t = bench_call(bench, "POST", "{}");
        bool late = t->transport == CURLE_SEND_FAIL_REWIND || t->transport == CURLE_GOT_NOTHING;
        if (row->closes && calls == 0 && late) {
            continue; /* the kept connection was closed as the request went out */
        }
        if (bench_verdict(t) != VERDICT_READ || !span_is(buf_span(&t->reply_body), "{\"b\":22}")) {
            report(row, t, bench);
        }
        good++;
    }
    assert_true(atomic_load(&bench->script.posts) <= 4);
    assert_int_equal(close_bench(&made), 0);
}

/* ---- replies that do not end ------------------------------------------------------------- */

static void test_without_end(void **state)
{
    (void)state;
    static char block[65537];
    static char headers[8193];
    memset(block, '[', sizeof(block) - 1);
    for (size_t i = 0; i + 32 < sizeof(headers); i += 32) {
        memcpy(headers + i, "X-Endless: 00000000000000000000\r\n", 32); /* bare CRs, too */
        memcpy(headers + i + 30, "\r\n", 2);
    }
    const struct row rows[] = {
        {"to the end of a connection that has none", OK_HEAD "\r\n", block, false, false,
         "reply_too_large", ""},
        {"100 MB announced", OK_HEAD "Content-Length: 104857600\r\n\r\n", block, false, false,
         "reply_too_large", ""},
        {"chunks", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n", "4\r\n[[[[\r\n", false, false,
         NULL, NULL},
        {"one chunk of 4 GB", OK_HEAD "Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n", block,
         false, false, "reply_too_large", ""},
        {"headers", OK_HEAD, headers, false, false, "reply_too_large", ""},
        {"one header", OK_HEAD "X: ", block, false, false, NULL, ""},
        {"the status line", "HTTP/1.1 200 ", block, false, false, NULL, ""},
        {"interim answers", "HTTP/1.1 102 Processing\r\n\r\n",
         "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", false, false, "reply_too_large", ""},
        {"trailers", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", headers, false,
         false, NULL, NULL},
        {"chunk extensions", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2;", block, false, false,
         NULL, ""},
        {"nothing", OK_HEAD "Content-Length: 5\r\n\r\n", "", false, false, "timed_out", NULL},
        {"no head", "", "", false, false, "timed_out", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        play(&rows[i]);
    }
}

/* ---- replies that contradict themselves -------------------------------------------------- */

static void test_that_contradict_themselves(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a length that is none", OK_HEAD "Content-Length: banana\r\n\r\n{}", NULL, true, false,
         NULL, NULL},
        {"a negative length", OK_HEAD "Content-Length: -5\r\n\r\n{}", NULL, true, false, NULL,
         NULL},
        {"a length over 64 bits", OK_HEAD "Content-Length: 99999999999999999999\r\n\r\n{}", NULL,
         true, true, NULL, "{}"},
        {"a chunk's size over 64 bits",
         OK_HEAD "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n{}", NULL, true, false,
         NULL, NULL},
        {"a chunk that is longer than said",
         OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}}}}\r\n0\r\n\r\n", NULL, true, false,
         NULL, NULL},
        {"a chunk that is shorter than said",
         OK_HEAD "Transfer-Encoding: chunked\r\n\r\n9\r\n{}\r\n0\r\n\r\n", NULL, true, false, NULL,
         NULL},
        {"two lengths, the first right",
         OK_HEAD "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}", NULL, true, false, NULL,
         NULL},
        {"two lengths, the second right",
         OK_HEAD "Content-Length: 40\r\nContent-Length: 2\r\n\r\n{}", NULL, true, true, NULL, "{}"},
        {"two lengths, one kept connection",
         OK_HEAD "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}", NULL, false, false, NULL,
         NULL},
        {"two lengths, an answer smuggled",
         OK_HEAD "Content-Length: 66\r\nContent-Length: 2\r\n\r\n{}" OK_HEAD
                 "Content-Length: 10\r\n\r\n{\"id\":\"6\"}",
         NULL, false, true, NULL, "{}"},
        {"a length and chunks",
         OK_HEAD "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
         NULL, false, true, NULL, "{}"},
        {"a second answer that nobody asked for",
         OK_HEAD "Content-Length: 2\r\n\r\n{}" OK_HEAD "Content-Length: 10\r\n\r\n{\"id\":\"6\"}",
         NULL, false, true, NULL, "{}"},
        {"more than was said", OK_HEAD "Content-Length: 2\r\n\r\n{}}}}}}}", NULL, false, true, NULL,
         "{}"},
        {"HTTP/0.9", "{\"id\":\"1\",\"key\":\"A-1\"}", NULL, true, false, NULL, ""},
        {"HTTP/4.2", "HTTP/4.2 200 OK\r\nContent-Length: 2\r\n\r\n{}", NULL, true, false, NULL, ""},
        {"status 099", "HTTP/1.1 099 ?\r\nContent-Length: 2\r\n\r\n{}", NULL, true, false, NULL,
         NULL},
        {"status 999", "HTTP/1.1 999 ?\r\nContent-Length: 2\r\n\r\n{}", NULL, true, false, NULL,
         NULL},
        {"status 0", "HTTP/1.1 000 ?\r\nContent-Length: 2\r\n\r\n{}", NULL, true, false, NULL,
         NULL},
        {"status 20", "HTTP/1.1 20 ?\r\nContent-Length: 2\r\n\r\n{}", NULL, true, false, NULL,
         NULL},
        {"status 2000", "HTTP/1.1 2000 ?\r\nContent-Length: 2\r\n\r\n{}", NULL, true, false, NULL,
         NULL},
        {"switching protocols nobody asked for",
         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nPRI", NULL,
         true, false, NULL, NULL},
        {"TLS", "\x15\x03\x01\x02\x02\x16", NULL, true, false, NULL, ""},
        {"interim only", "HTTP/1.1 100 Continue\r\n\r\n", NULL, true, false, NULL, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        play(&rows[i]);
    }
}

/* ---- encodings --------------------------------------------------------------------------- */

/* One block of fixed Huffman codes: a blank, then "258 times the byte before", again and again. */
struct bits {
    struct buf *out;
    unsigned held;
    int count;
};

static void add_bit(struct bits *bits, unsigned bit)
{
    bits->held |= bit << bits->count;
    if (++bits->count == 8) {
        buf_add_char(bits->out, (char)bits->held);
        bits->held = 0;
        bits->count = 0;
    }
}

static void add_code(struct bits *bits, unsigned code, int len)
{
    for (int i = len - 1; i >= 0; i--) {
        add_bit(bits, code >> i & 1);
    }
}

/* 64 MiB of blanks in some 400 KiB, under a head with this header. */
static void make_bomb(struct buf *says, const char *header)
{
    static const uint8_t gzip[] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3};
    struct buf deflated;
    buf_init(&deflated, 1 << 20);
    struct bits bits = {.out = &deflated};
    buf_add(&deflated, span_of(gzip, sizeof(gzip)));
    add_bit(&bits, 1); /* the last block */
    add_bit(&bits, 1);
    add_bit(&bits, 0);
    add_code(&bits, 0x30 + ' ', 8);
    for (int i = 0; i < (64 << 20) / 258; i++) {
        add_code(&bits, 0xC5, 8); /* length 258 */
        add_code(&bits, 0, 5);    /* distance 1 */
    }
    add_code(&bits, 0, 7 + 7);
    bool chunked = strstr(header, "chunked") != NULL;
    buf_addf(says, OK_HEAD "%s\r\n", header);
    if (chunked) {
        buf_addf(says, "\r\n%zx\r\n", deflated.len);
    } else {
        buf_addf(says, "Content-Length: %zu\r\n\r\n", deflated.len);
    }
    buf_add(says, buf_span(&deflated));
    buf_add_text(says, chunked ? "\r\n0\r\n\r\n" : "");
    assert_false(says->broken);
    buf_close(&deflated);
}

/* Nothing is asked to be compressed, and what is all the same stays as it came. As a transfer's
 * encoding it is bounded like the rest, should libcurl unpack it. */
static void test_compressed_bombs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *header;
        bool read;
    } rows[] = {{"gzip", "Content-Encoding: gzip", true},
                {"x-gzip thrice", "Content-Encoding: x-gzip, gzip, gzip", true},
                {"an unknown one", "Content-Encoding: rot13", true},
                {"in transfer", "Transfer-Encoding: gzip", false},
                {"in transfer, chunked", "Transfer-Encoding: gzip, chunked", false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        void *made = NULL;
        struct buf says;
        assert_int_equal(open_bench(&made), 0);
        struct bench *bench = made;
        buf_init(&says, 1 << 20);
        make_bomb(&says, rows[i].header);
        PLAN(bench, raw, (buf_span(&says)));
        PLAN(bench, closes, (true));
        size_t before = memory_mb();
        const struct transfer *t = bench_call(bench, "POST", "{}");
        bool read = bench_verdict(t) == VERDICT_READ && t->reply_body.len < (1 << 19);
        if (memory_mb() > before + MEMORY_MB_MAX || read != rows[i].read ||
            (!read && bench_verdict(t) != VERDICT_UNCLEAR)) {
            print_error("%s: transport %d, status %d, %zu bytes\n", rows[i].name, t->transport,
                        t->status, t->reply_body.len);
            fail();
        }
        assert_int_equal(close_bench(&made), 0);
        buf_close(&says);
    }
}

/* ---- elsewhere --------------------------------------------------------------------------- */

/* Nobody is followed, and the login goes nowhere else. */
static void test_that_lead_elsewhere(void **state)
{
    (void)state;
    static const int statuses[] = {300, 301, 302, 303, 305, 307, 308};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        void *made = NULL;
        void *there = NULL;
        char says[512];
        assert_int_equal(open_bench(&made), 0);
        assert_int_equal(open_bench(&there), 0);
        struct bench *bench = made;
        struct bench *elsewhere = there;
        (void)snprintf(says, sizeof(says),
                       "HTTP/1.1 %d Go\r\nLocation: %s/y\r\nRefresh: 0; url=%s\r\n"
                       "Alt-Svc: h2=\"127.0.0.1:%d\"; ma=60\r\nContent-Length: 0\r\n\r\n",
                       statuses[i], elsewhere->url, elsewhere->url, tcp_peer_port(elsewhere->peer));
        PLAN(bench, says, (says));
        assert_int_equal(bench_verdict(bench_call(bench, "POST", "{}")), VERDICT_UNCLEAR);
        assert_int_equal(bench_verdict(bench_call(bench, "GET", NULL)), VERDICT_UNCLEAR);
        assert_int_equal(atomic_load(&bench->script.requests), 2);
        assert_int_equal(atomic_load(&elsewhere->script.requests), 0);
        assert_int_equal(close_bench(&made), 0);
        assert_int_equal(close_bench(&there), 0);
    }
}

/* Where plain HTTP is spoken instead of TLS nothing was sent, so nothing happened. */
static void test_tls_to_a_plain_port(void **state)
{
    struct bench *bench = *state;
    char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d", tcp_peer_port(bench->peer));
    bench->to.settings.base_url = url;
    bench->to.settings.timeout_ms = 1000;
    const struct transfer *t = bench_call(bench, "POST", "{}"); /* it waits for a line's end */
    assert_false(t->reached);
    assert_int_equal(bench_verdict(t), VERDICT_AGAIN);
    assert_int_equal(atomic_load(&bench->script.requests), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_end),
        cmocka_unit_test(test_that_contradict_themselves),
        cmocka_unit_test(test_compressed_bombs),
        cmocka_unit_test(test_that_lead_elsewhere),
        cmocka_unit_test_setup_teardown(test_tls_to_a_plain_port, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
