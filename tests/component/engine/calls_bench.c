/* SPDX-License-Identifier: Apache-2.0
 *
 * The bench for calls.
 */
#define _GNU_SOURCE /* epoll_create1 */
#include "tests/component/engine/calls_bench.h"

#include "common/clock.h"
#include "common/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void repeat(int fd, const struct plan *plan)
{
    const char *text = plan->repeats;
    if (text[0] == 0) {
        tcp_wait_closed(fd);
        return;
    }
    while (tcp_say(fd, text)) {
        if (plan->pause_ms > 0) {
            struct epoll_event none;
            int quiet = epoll_create1(EPOLL_CLOEXEC);
            (void)epoll_wait(quiet, &none, 1, plan->pause_ms);
            (void)close(quiet);
        }
    }
}

void bench_serve(int fd, int index, void *self)
{
    struct script_of_peer *script = self;
    struct buf head;
    struct buf body;
    int served = 0;
    (void)index;
    buf_init(&head, 1 << 20);
    buf_init(&body, 64U << 20);
    while (tcp_read_request(fd, &head, &body)) {
        pthread_mutex_lock(&script->lock);
        struct plan plan = script->plan;
        pthread_mutex_unlock(&script->lock);
        atomic_fetch_add(&script->requests, 1);
        atomic_fetch_add(&script->posts, span_starts(buf_span(&head), "GET") ? 0 : 1);
        if (served++ > 0 && plan.dies_reused) {
            if (plan.deaf != NULL) {
                tcp_peer_deafen(plan.deaf);
            }
            break;
        }
        if (!tcp_send(fd, plan.raw.len > 0 ? plan.raw : span_text(plan.says))) {
            break;
        }
        if (plan.repeats != NULL) {
            repeat(fd, &plan);
        }
        if (plan.closes) {
            break;
        }
    }
    buf_close(&head);
    buf_close(&body);
}

/* ---- the caller -------------------------------------------------------------------------- */

int open_bench(void **state)
{
    struct bench *bench = mem_must_alloc(sizeof(*bench));
    kit_quiet();
    assert_int_equal(curl_global_init(CURL_GLOBAL_DEFAULT), 0);
    assert_int_equal(pthread_mutex_init(&bench->script.lock, NULL), 0);
    PLAN(bench, says, ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
    bench->peer = tcp_peer_start(bench_serve, &bench->script);
    (void)snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:%d",
                   tcp_peer_port(bench->peer));
    bench->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_false(failed(calls_new(bench->epoll_fd, 5, CALLS_MAX, &bench->calls)));
    bench->caller = calls_interface(bench->calls);
    bench->kind.name = "peer";
    bench->to.kind = &bench->kind;
    bench->to.settings.base_url = bench->url;
    bench->to.settings.timeout_ms = 10000;
    bench->to.headers = curl_slist_append(NULL, "Content-Type: application/json");
    (void)curl_slist_append(bench->to.headers, "Expect:");
    *state = bench;
    return 0;
}

int close_bench(void **state)
{
    struct bench *bench = *state;
    for (size_t i = 0; i < CALLS_MAX; i++) {
        transfer_close(&bench->transfers[i]);
    }
    calls_free(&bench->calls);
    tcp_peer_stop(&bench->peer);
    curl_slist_free_all(bench->to.headers);
    (void)close(bench->epoll_fd);
    (void)pthread_mutex_destroy(&bench->script.lock);
    mem_free(bench);
    return 0;
}

static void on_done(void *self, struct transfer *transfer)
{
    struct bench *bench = self;
    assert_non_null(transfer);
    bench->done++;
}

void bench_prepare(struct bench *bench, size_t i, const char *method, const char *body)
{
    struct transfer *t = &bench->transfers[i];
    transfer_close(t);
    transfer_init(t, REPLY_MAX);
    t->to = &bench->to;
    t->method = method;
    t->path = span_text("/x");
    t->body = span_text(body);
    t->done = on_done;
    t->self = bench;
}

void bench_start(struct bench *bench, size_t i, const char *method, const char *body)
{
    bench_prepare(bench, i, method, body);
    bench->caller.start(bench->caller.self, &bench->transfers[i]);
}

void bench_until_done(struct bench *bench, size_t count)
{
    for (int64_t t = kit_begin(); bench->done < count;) {
        struct epoll_event events[16];
        assert_true(kit_waits(t));
        int64_t wait = calls_turn(bench->calls, clock_mono_ms(clock_system()));
        wait = wait < 0 || wait > 50 ? 50 : wait;
        int found = bench->done < count ? epoll_wait(bench->epoll_fd, events, 16, (int)wait) : 0;
        for (int i = 0; i < found; i++) {
            assert_true(events[i].data.u64 >> 32 == 5);
            calls_ready(bench->calls, (int)(uint32_t)events[i].data.u64, events[i].events);
        }
    }
    assert_int_equal(bench->done, count);
}

const struct transfer *bench_call(struct bench *bench, const char *method, const char *body)
{
    size_t done = bench->done;
    bench_start(bench, 0, method, body);
    bench_until_done(bench, done + 1);
    return &bench->transfers[0];
}

enum verdict bench_verdict(const struct transfer *t)
{
    return verdict_of(t->transport, t->reached, t->status);
}
