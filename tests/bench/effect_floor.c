/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-bench-floor URL COUNT CALLS: the same POSTs without anything around
 * them: curl's multi interface on an epoll, handles used again, CALLS at a time.
 * Says how many µs of processor time one took.
 */
#define _GNU_SOURCE /* epoll_create1 */
#include "common/err.h"
#include "common/own.h"
#include "common/span.h"

#include <curl/curl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#define BODY_BYTES 1024
#define CALLS_MAX  512
#define EVENTS     64

struct floor {
    CURLM *multi;
    int epoll_fd;
    long wait_ms;
    int64_t to_start;
    int64_t done;
    const char *url;
    struct curl_slist *headers;
    char body[BODY_BYTES];
};

struct one {
    struct floor *floor;
};

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *known)
{
    (void)easy;
    struct floor *floor = self;
    struct epoll_event event = {.data.fd = fd};
    event.events = (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? EPOLLIN : 0U) |
                   (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? EPOLLOUT : 0U);
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(floor->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    } else {
        int op = known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        CHECK(epoll_ctl(floor->epoll_fd, op, fd, &event) == 0);
    }
    (void)curl_multi_assign(floor->multi, fd, what == CURL_POLL_REMOVE ? NULL : floor);
    return 0;
}

static int on_timer(CURLM *multi, long wait_ms, void *self)
{
    (void)multi;
    ((struct floor *)self)->wait_ms = wait_ms;
    return 0;
}

static size_t on_body(char *at, size_t size, size_t count, void *self)
{
    (void)at;
    (void)self;
    return size * count;
}

static void start(struct floor *floor, CURL *easy, struct one *one)
{
    floor->to_start--;
#define SET(option, value) CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK)
    SET(CURLOPT_PRIVATE, one);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_URL, floor->url);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_HTTPHEADER, floor->headers);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)BODY_BYTES);
    SET(CURLOPT_POSTFIELDS, floor->body); /* head and body in one, as the worker sends them */
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    CHECK(curl_multi_add_handle(floor->multi, easy) == CURLM_OK);
}

static void collect(struct floor *floor)
{
    CURLMsg *message = NULL;
    int left = 0;
    while ((message = curl_multi_info_read(floor->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        long status = 0;
        char *private = NULL;
        CHECK(message->data.result == CURLE_OK);
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
        CHECK(status == 200);
        (void)curl_multi_remove_handle(floor->multi, easy);
        floor->done++;
        if (floor->to_start > 0) {
            start(floor, easy, (struct one *)(void *)private);
        } else {
            curl_easy_cleanup(easy);
        }
    }
}

static void run(struct floor *floor, int64_t count)
{
    struct epoll_event events[EVENTS];
    int running = 0;
    while (floor->done < count) {
        int ready = epoll_wait(floor->epoll_fd, events, EVENTS, (int)floor->wait_ms);
        for (int i = 0; i < ready; i++) {
            int mask = ((events[i].events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                       ((events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0);
            (void)curl_multi_socket_action(floor->multi, events[i].data.fd, mask, &running);
        }
        if (ready == 0) {
            floor->wait_ms = -1; /* unless it wants another */
            (void)curl_multi_socket_action(floor->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        collect(floor);
    }
}

static double cpu_us(void)
{
    struct rusage used;
    CHECK(getrusage(RUSAGE_SELF, &used) == 0);
    return ((double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec) * 1e6 +
           (double)used.ru_utime.tv_usec + (double)used.ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
    static struct one ones[CALLS_MAX];
    struct floor floor = {.wait_ms = 0};
    int64_t count = 0;
    int64_t calls = 0;
    if (argc != 4 || !span_number(span_text(argv[2]), 1, 10000000, &count) ||
        !span_number(span_text(argv[3]), 1, CALLS_MAX, &calls)) {
        (void)fputs("usage: hearback-bench-floor URL COUNT CALLS\n", stderr);
        return 2;
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    memset(floor.body, 'x', sizeof(floor.body));
    floor.url = argv[1];
    floor.headers = curl_slist_append(NULL, "Content-Type: application/json");
    CHECK(curl_slist_append(floor.headers, "Expect:") != NULL);
    floor.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    floor.multi = curl_multi_init();
    floor.to_start = count;
    (void)curl_multi_setopt(floor.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(floor.multi, CURLMOPT_SOCKETDATA, &floor);
    (void)curl_multi_setopt(floor.multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(floor.multi, CURLMOPT_TIMERDATA, &floor);
    (void)curl_multi_setopt(floor.multi, CURLMOPT_MAXCONNECTS, (long)calls * 2);
    double before = cpu_us();
    for (int64_t i = 0; i < calls && floor.to_start > 0; i++) {
        ones[i].floor = &floor;
        start(&floor, curl_easy_init(), &ones[i]);
    }
    run(&floor, count);
    (void)printf("%.2f\n", (cpu_us() - before) / (double)count);
    (void)curl_multi_cleanup(floor.multi);
    curl_slist_free_all(floor.headers);
    return 0;
}
