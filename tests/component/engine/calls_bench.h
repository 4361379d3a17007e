/* SPDX-License-Identifier: Apache-2.0
 *
 * A bench for calls: the engine's own caller before a peer whose every byte is
 * the test's. The peer has threads of its own; all the rest is the test's thread.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_CALLS_BENCH_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_CALLS_BENCH_H

#include "tests/component/engine/kit.h"

#include "consumer/engine/calls.h"
#include "consumer/engine/verdict.h"
#include "tests/fakes/tcp_peer.h"

#include <pthread.h>

#define CALLS_MAX 64
#define REPLY_MAX ((int64_t)1 << 20)
#define OK_HEAD   "HTTP/1.1 200 OK\r\n"

struct plan {
    const char *says;      /* to each request */
    span raw;              /* instead, when it holds anything: bytes with zeros among them */
    const char *repeats;   /* behind it, for ever; "" for silence */
    int pause_ms;          /* between repeats */
    bool closes;           /* behind it */
    bool dies_reused;      /* a second request on a connection is read whole and never answered */
    struct tcp_peer *deaf; /* with dies_reused: nor is any connection accepted after that */
};

struct script_of_peer {
    pthread_mutex_t lock;
    struct plan plan;    /* changed by the test between calls, read once a request */
    atomic_int requests; /* seen in full */
    atomic_int posts;
};

struct bench {
    struct script_of_peer script;
    struct tcp_peer *peer;
    char url[64];
    int epoll_fd;
    struct calls *calls;
    struct caller caller;
    struct destination to;
    struct destination_kind kind;
    struct transfer transfers[CALLS_MAX];
    size_t done;
    int leave; /* for a test's may_send */
};

/* Changes one field of what the peer does from the next request on. */
#define PLAN(bench, field, value)                                                                  \
    do {                                                                                           \
        pthread_mutex_lock(&(bench)->script.lock);                                                 \
        (bench)->script.plan.field = (value);                                                      \
        pthread_mutex_unlock(&(bench)->script.lock);                                               \
    } while (0)

int open_bench(void **state);
int close_bench(void **state);
/* What the peer does to each connection; `self` is the bench's script. */
void bench_serve(int fd, int index, void *self);

/* A call that is ready to be started. */
void bench_prepare(struct bench *bench, size_t i, const char *method, const char *body);
void bench_start(struct bench *bench, size_t i, const char *method, const char *body);
void bench_until_done(struct bench *bench, size_t count);
/* One call after the other; the answer stands in the first transfer. */
const struct transfer *bench_call(struct bench *bench, const char *method, const char *body);
enum verdict bench_verdict(const struct transfer *t);

#endif
