/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-bench-server DELAY_MS PORT_FILE: a destination for benchmarks. It
 * answers each POST after the delay, and watches that what belongs to one key
 * comes in order and never side by side: a body is {"key":K,"n":N} with N rising
 * by one from 0. GET /summary says what it saw. One thread, no vendor, no limits.
 */
#define _GNU_SOURCE /* accept4, epoll_create1 */
#include "common/clock.h"
#include "common/err.h"
#include "common/span.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 2048 /* the highest descriptor */
#define REQUEST_MAX     8192
#define KEYS_MAX        1024
#define EVENTS          256

struct connection {
    bool open;
    char request[REQUEST_MAX + 1];
    size_t len;
    int64_t key; /* of the request that is being answered; -1: none */
    int64_t due_us;
};

struct key {
    int64_t next;
    bool busy;
};

static struct connection connections[CONNECTIONS_MAX];
static struct key keys[KEYS_MAX];
static int waiting[CONNECTIONS_MAX]; /* the delay is the same for all: first in, first out */
static size_t wait_first;
static size_t wait_count;
static int64_t delay_us;
static int64_t requests;
static int64_t out_of_order;
static int64_t side_by_side;

static int64_t now_us(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void drop(int fd)
{
    if (connections[fd].key >= 0) { /* the answer is owed to nobody any more */
        keys[connections[fd].key].busy = false;
    }
    connections[fd].open = false;
    (void)close(fd);
}

static void answer(int fd, const char *body)
{
    char text[512];
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                       "%zu\r\n\r\n%s",
                       strlen(body), body);
    if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len) {
        drop(fd);
    }
}

static int64_t number_behind(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    int64_t number = -1;
    if (at != NULL) {
        at += strlen(name);
        (void)span_number(span_of(at, strspn(at, "0123456789")), 0, INT64_MAX, &number);
    }
    return number;
}

static void take(int fd)
{
    struct connection *from = &connections[fd];
    int64_t key = number_behind(from->request, "\"key\":");
    int64_t n = number_behind(from->request, "\"n\":");
    requests++;
    if (key >= 0 && key < KEYS_MAX) {
        side_by_side += keys[key].busy ? 1 : 0;
        out_of_order += n != keys[key].next ? 1 : 0;
        keys[key] = (struct key){.next = n + 1, .busy = true};
        from->key = key;
    }
    from->due_us = now_us() + delay_us;
    waiting[(wait_first + wait_count++) % CONNECTIONS_MAX] = fd;
}

/* The request's length when it is all there, else 0. */
static size_t complete(const struct connection *from)
{
    const char *end = strstr(from->request, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    int64_t body = number_behind(from->request, "Content-Length: ");
    size_t all = (size_t)(end - from->request) + 4 + (size_t)(body < 0 ? 0 : body);
    return from->len >= all ? all : 0;
}

static void hear(int fd)
{
    struct connection *from = &connections[fd];
    ssize_t got = recv(fd, from->request + from->len, REQUEST_MAX - from->len, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            drop(fd);
        }
        return;
    }
    from->len += (size_t)got;
    from->request[from->len] = 0;
    if (complete(from) == 0) {
        return;
    }
    if (strncmp(from->request, "GET /summary ", 13) == 0) {
        char summary[256];
        (void)snprintf(summary, sizeof(summary),
                       "{\"requests\": %lld, \"out_of_order\": %lld, \"side_by_side\": %lld}",
                       (long long)requests, (long long)out_of_order, (long long)side_by_side);
        answer(fd, summary);
    } else {
        take(fd);
    }
    from->len = 0;
}

static void answer_due(void)
{
    while (wait_count > 0) {
        int fd = waiting[wait_first];
        struct connection *to = &connections[fd];
        if (to->open && to->due_us > now_us()) {
            return;
        }
        wait_first = (wait_first + 1) % CONNECTIONS_MAX;
        wait_count--;
        if (to->open) {
            if (to->key >= 0) {
                keys[to->key].busy = false;
            }
            to->key = -1;
            answer(fd, "{}");
        }
    }
}

static void welcome(int listener, int epoll_fd)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int one = 1;
    if (fd < 0 || fd >= CONNECTIONS_MAX) {
        CHECK(fd < 0);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    connections[fd] = (struct connection){.open = true, .key = -1};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static int listen_here(const char *port_file)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 512) == 0 &&
          getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    FILE *file = fopen(port_file, "we");
    CHECK(file != NULL && fprintf(file, "%d\n", ntohs(at.sin_port)) > 0 && fclose(file) == 0);
    return fd;
}

static int wait_ms(void)
{
    if (wait_count == 0) {
        return -1;
    }
    int64_t left_us = connections[waiting[wait_first]].due_us - now_us();
    return left_us <= 0 ? 0 : (int)((left_us + 999) / 1000);
}

int main(int argc, char **argv)
{
    int64_t delay_ms = 0;
    if (argc != 3 || !span_number(span_text(argv[1]), 0, 60000, &delay_ms)) {
        (void)fputs("hearback-bench-server DELAY_MS PORT_FILE\n", stderr);
        return 2;
    }
    delay_us = delay_ms * 1000;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_here(argv[2]);
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.fd = listener}};
    CHECK(epoll_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, events) == 0);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, wait_ms());
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                welcome(listener, epoll_fd);
            } else {
                hear(events[i].data.fd);
            }
        }
        answer_due();
    }
}
