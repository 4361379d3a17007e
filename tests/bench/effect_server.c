/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-bench-post-server DELAY_MS PORT_FILE: answers each request after the
 * delay, as cheaply as it can. One thread; ends when it is told to.
 */
#define _GNU_SOURCE /* accept4, epoll_create1 */
#include "common/err.h"
#include "common/span.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define REQUEST_BYTES   8192
#define EVENTS          128

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Content-Length: 11\r\n\r\n{\"ok\":true}";

struct connection {
    char bytes[REQUEST_BYTES + 1];
    size_t len;
};

struct due {
    int fd;
    int64_t at_us;
};

static struct connection connections[CONNECTIONS_MAX];
static struct due queue[CONNECTIONS_MAX]; /* the delay is the same for all */
static size_t first;
static size_t count;

static int64_t now_us(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void say(int fd)
{
    if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0) {
        (void)close(fd);
    }
}

/* Has all of a request come? */
static bool complete(struct connection *from)
{
    static const char length[] = "Content-Length: ";
    from->bytes[from->len] = 0;
    const char *end = strstr(from->bytes, "\r\n\r\n");
    const char *at = strstr(from->bytes, length);
    int64_t body = 0;
    if (end == NULL) {
        return false;
    }
    if (at != NULL && at < end) {
        at += sizeof(length) - 1;
        (void)span_number(span_of(at, strspn(at, "0123456789")), 0, REQUEST_BYTES, &body);
    }
    return from->len >= (size_t)(end - from->bytes) + 4 + (size_t)body;
}

static void hear(int fd, int64_t delay_us)
{
    struct connection *from = &connections[fd];
    ssize_t got = recv(fd, from->bytes + from->len, REQUEST_BYTES - from->len, 0);
    if (got <= 0) {
        (void)close(fd);
        return;
    }
    from->len += (size_t)got;
    if (!complete(from)) {
        return;
    }
    from->len = 0;
    if (delay_us == 0) {
        say(fd);
        return;
    }
    CHECK(count < CONNECTIONS_MAX);
    queue[(first + count++) % CONNECTIONS_MAX] =
        (struct due){.fd = fd, .at_us = now_us() + delay_us};
}

static int answer_due(void)
{
    while (count > 0) {
        int64_t left = queue[first].at_us - now_us();
        if (left > 0) {
            return (int)(left / 1000) + 1;
        }
        say(queue[first].fd);
        first = (first + 1) % CONNECTIONS_MAX;
        count--;
    }
    return -1;
}

static int listen_at(const char *port_file)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 512) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    FILE *file = fopen(port_file, "we");
    CHECK(file != NULL && fprintf(file, "%d\n", ntohs(at.sin_port)) > 0 && fclose(file) == 0);
    return fd;
}

static void watch(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    CHECK(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void take_in(int epoll_fd, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    int on = 1;
    CHECK(fd < CONNECTIONS_MAX);
    CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    connections[fd].len = 0;
    watch(epoll_fd, fd);
}

int main(int argc, char **argv)
{
    int64_t delay_ms = 0;
    struct epoll_event events[EVENTS];
    if (argc != 3 || !span_number(span_text(argv[1]), 0, 10000, &delay_ms)) {
        (void)fputs("usage: hearback-bench-post-server DELAY_MS PORT_FILE\n", stderr);
        return 2;
    }
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_at(argv[2]);
    watch(epoll_fd, listener);
    for (int wait_ms = -1;;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS, wait_ms);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener) {
                take_in(epoll_fd, listener);
            } else {
                hear(events[i].data.fd, delay_ms * 1000);
            }
        }
        wait_ms = answer_due();
    }
}
