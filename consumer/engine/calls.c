/* SPDX-License-Identifier: Apache-2.0
 *
 * curl's multi interface behind one epoll. curl says which sockets and which
 * time-out it wants; its callbacks here only note that. Handles are used again.
 * One thread.
 */
#include "consumer/engine/calls.h"

#include "common/log.h"
#include "common/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CALLS_CONNECT_MS    5000
#define CALLS_URL_MAX       8192
#define CALLS_HEAD_MAX      (256u * 1024) /* read: interim answers, headers and trailers */
#define CALLS_WAIT_FOR_EVER (-1)
#define CALLS_WHOLE_BYTES   16384
/* Made and freed with each call. At 64 KiB, which is curl's choice, the allocator tidies up. */
#define CALLS_UPLOAD_BYTES 16384L

/* What epoll watches of one of curl's sockets. Of a connection that is kept it stays when a call
 * ends, since the next one will want the same; should something happen there meanwhile, it is not
 * watched any more. Of all others (a connection that was never made, the resolver's own) nothing
 * stays: curl may close them without a word, and their number is given to another. */
struct watched {
    bool kept; /* a call over it has ended well: curl tells when it closes it */
    bool idle;
    uint32_t events; /* 0: epoll does not know it */
};

struct calls {
    CURLM *multi;
    int epoll_fd;
    uint32_t tag;
    struct watched *watched; /* by descriptor */
    size_t watched_room;
    int64_t curl_due_ms; /* -1: curl wants no time-out */
    bool curl_due_new;   /* relative to the next turn's now */
    long curl_wait_ms;
    struct transfer *finished;
    struct transfer **finished_last;
    CURL **spare; /* handles to be used again */
    size_t spare_count;
    size_t spare_max;
    size_t out;
};

/* ---- curl's wishes ----------------------------------------------------------------------- */

static struct watched *watched_of(struct calls *calls, int fd)
{
    if ((size_t)fd >= calls->watched_room) {
        size_t room = ((size_t)fd + 1) * 2;
        calls->watched = mem_try_grow(calls->watched, room * sizeof(*calls->watched));
        CHECK(calls->watched != NULL); /* a few KiB, bounded by the descriptors */
        memset(calls->watched + calls->watched_room, 0,
               (room - calls->watched_room) * sizeof(*calls->watched));
        calls->watched_room = room;
    }
    return &calls->watched[fd];
}

static void watch(const struct calls *calls, struct watched *w, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events,
                                .data.u64 = (uint64_t)calls->tag << 32 | (uint32_t)fd};
    bool known = w->events != 0 && epoll_ctl(calls->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
    /* Not known any more: it was closed in the meantime, and its number given to another. */
    CHECK(known || epoll_ctl(calls->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
    w->events = events;
}

static void unwatch(const struct calls *calls, struct watched *w, int fd)
{
    if (w->events != 0) {
        (void)epoll_ctl(calls->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        w->events = 0;
    }
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *self, void *known)
{
    (void)easy;
    (void)known;
    struct calls *calls = self;
    struct watched *w = watched_of(calls, fd);
    uint32_t events = (what == CURL_POLL_IN || what == CURL_POLL_INOUT ? EPOLLIN : 0U) |
                      (what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? EPOLLOUT : 0U);
    w->idle = events == 0;
    if (w->idle && !w->kept) {
        unwatch(calls, w, fd);
    } else if (!w->idle && w->events != events) {
        watch(calls, w, fd, events);
    }
    return 0;
}

static int on_close(void *self, curl_socket_t fd)
{
    struct calls *calls = self;
    *watched_of(calls, fd) = (struct watched){0}; /* with the socket epoll's knowledge of it ends */
    return close(fd);
}

/* The call went well: its connection, when it is a new one, may be used again. */
static void keep_watched(struct calls *calls, CURL *easy)
{
    long made = 0;
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &made) == CURLE_OK && made > 0 &&
        curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd >= 0) {
        watched_of(calls, fd)->kept = true;
    }
}

static int on_timer(CURLM *multi, long wait_ms, void *self)
{
    (void)multi;
    struct calls *calls = self;
    calls->curl_due_new = true;
    calls->curl_wait_ms = wait_ms;
    return 0;
}

/* ---- one transfer ------------------------------------------------------------------------ */

static bool withholds(struct transfer *t)
{
    t->withheld = t->may_send != NULL && !t->may_send(t->self);
    return t->withheld;
}

/* The connection stands, nothing was sent. When a kept connection turns out to be dead, libcurl
 * comes here again, with another one, to send the same once more: what has no body does no harm. */
static int on_connected(void *self, char *to, char *from, int to_port, int from_port)
{
    struct transfer *t = self;
    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    t->repeated = t->begun && t->body.len > 0;
    if (t->repeated || withholds(t)) {
        return CURL_PREREQFUNC_ABORT;
    }
    t->begun = true;
    return CURL_PREREQFUNC_OK;
}

static size_t on_send(char *to, size_t size, size_t count, void *self)
{
    struct transfer *t = self;
    size_t room = size * count;
    size_t left = t->body.len - t->body_sent;
    if (left > 0 && withholds(t)) {
        return CURL_READFUNC_ABORT; /* a head without its body, or half of it, is no request */
    }
    size_t step = left < room ? left : room;
    if (step > 0) {
        memcpy(to, t->body.at + t->body_sent, step);
    }
    t->body_sent += step;
    return step;
}

static size_t on_body(char *at, size_t size, size_t count, void *self)
{
    struct transfer *t = self;
    buf_add(&t->reply_body, span_of(at, size * count));
    return t->reply_body.broken ? 0 : size * count; /* 0: curl ends it with a write error */
}

static size_t on_header(char *at, size_t size, size_t count, void *self)
{
    struct transfer *t = self;
    span line = span_trim(span_of(at, size * count));
    t->head_bytes += size * count;
    if (t->head_bytes > CALLS_HEAD_MAX) {
        return 0; /* curl keeps a copy of each line: without end it would fill our memory */
    }
    if (span_starts(line, "HTTP/")) {
        t->header_count = 0; /* what came before was an interim answer */
        return size * count;
    }
    const uint8_t *colon = line.len == 0 ? NULL : memchr(line.at, ':', line.len);
    if (colon != NULL && t->header_count < CALLS_HEADERS_MAX) {
        size_t name_len = (size_t)(colon - line.at);
        span name = arena_copy(&t->arena, span_of(line.at, name_len));
        span value = arena_copy(&t->arena, span_trim(span_of(colon + 1, line.len - name_len - 1)));
        if (name.at != NULL && value.at != NULL) {
            transfer_add_header(t, name, value);
        }
    }
    return size * count;
}

#define SET(option, value) CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK)

/* What is the same for all; a handle keeps it. */
static CURL *make_handle(struct calls *calls)
{
    CURL *easy = curl_easy_init();
    CHECK(easy != NULL);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, CALLS_UPLOAD_BYTES);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_READFUNCTION, on_send); /* and no SEEKFUNCTION: it cannot be sent twice */
    SET(CURLOPT_USERAGENT, "Hearback");
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(CURLOPT_CLOSESOCKETDATA, calls);
    return easy;
}

static void set_common(CURL *easy, struct transfer *t)
{
    const struct destination_settings *settings = &t->to->settings;
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_TIMEOUT_MS, (long)settings->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        (long)(settings->timeout_ms < CALLS_CONNECT_MS ? settings->timeout_ms : CALLS_CONNECT_MS));
    SET(CURLOPT_HTTPHEADER, t->to->headers);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_READDATA, t);
    SET(CURLOPT_PREREQDATA, t);
}

static void set_request(CURL *easy, struct transfer *t)
{
    struct buf url;
    buf_init(&url, CALLS_URL_MAX);
    buf_add_text(&url, t->to->settings.base_url);
    buf_add(&url, t->path);
    CHECK(!url.broken); /* both parts are bounded */
    SET(CURLOPT_URL, buf_text(&url));
    buf_close(&url);
    bool with_body = strcmp(t->method, "GET") != 0 && strcmp(t->method, "DELETE") != 0;
    if (with_body) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.len);
        /* What is small leaves together with its head. Of the rest libcurl asks for more and more,
         * and we may say no in the middle of it. */
        bool whole = t->body.len > 0 && t->body.len <= CALLS_WHOLE_BYTES;
        SET(CURLOPT_POSTFIELDS, whole ? t->body.at : NULL);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    SET(CURLOPT_CUSTOMREQUEST, t->method);
    /* Without a body there is nothing that cannot be rewound: libcurl would repeat the request on
     * its own when a kept connection turns out to be dead. A new connection cannot be. */
    bool repeats = t->body.len == 0 && strcmp(t->method, "GET") != 0;
    SET(CURLOPT_FRESH_CONNECT, repeats ? 1L : 0L);
}

static void finish(struct calls *calls, struct transfer *t)
{
    t->next = NULL;
    *calls->finished_last = t;
    calls->finished_last = &t->next;
}

static void start(void *self, struct transfer *t)
{
    struct calls *calls = self;
    CURL *easy = calls->spare_count > 0 ? calls->spare[--calls->spare_count] : make_handle(calls);
    t->easy = easy;
    t->body_sent = 0;
    t->head_bytes = 0;
    t->begun = false;
    t->repeated = false;
    set_common(easy, t);
    set_request(easy, t);
    calls->out++;
    CHECK(curl_multi_add_handle(calls->multi, easy) == CURLM_OK);
}

static void abort_call(void *self, struct transfer *t)
{
    struct calls *calls = self;
    CHECK(t->easy != NULL);
    (void)curl_multi_remove_handle(calls->multi, t->easy);
    curl_easy_cleanup(TAKE(t->easy));
    calls->out--;
}

struct caller calls_interface(struct calls *calls)
{
    return (struct caller){.start = start, .abort = abort_call, .self = calls};
}

/* ---- the multi handle -------------------------------------------------------------------- */

struct err calls_new(int epoll_fd, uint32_t tag, int64_t calls_max, struct calls **out)
{
    struct calls *calls = mem_must_alloc(sizeof(*calls));
    calls->multi = curl_multi_init();
    if (calls->multi == NULL) {
        mem_free(calls);
        FAIL(ERR_FATAL, 0, "curl cannot be started");
    }
    calls->epoll_fd = epoll_fd;
    calls->tag = tag;
    calls->curl_due_ms = CALLS_WAIT_FOR_EVER;
    calls->finished_last = &calls->finished;
    calls->spare_max = (size_t)calls_max;
    calls->spare = mem_must_array(calls->spare_max + 1, sizeof(CURL *));
    (void)curl_multi_setopt(calls->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(calls->multi, CURLMOPT_SOCKETDATA, calls);
    (void)curl_multi_setopt(calls->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(calls->multi, CURLMOPT_TIMERDATA, calls);
    (void)curl_multi_setopt(calls->multi, CURLMOPT_MAXCONNECTS, (long)calls_max * 2);
    *out = calls;
    return NO_ERROR;
}

void calls_free(struct calls **at)
{
    struct calls *calls = TAKE(*at);
    if (calls == NULL) {
        return;
    }
    CHECK(calls->out == 0);
    for (size_t i = 0; i < calls->spare_count; i++) {
        curl_easy_cleanup(calls->spare[i]);
    }
    (void)curl_multi_cleanup(calls->multi);
    mem_free(calls->watched);
    mem_free(calls->spare);
    mem_free(calls);
}

void calls_ready(struct calls *calls, int fd, uint32_t events)
{
    int mask = 0;
    int running = 0;
    struct watched *w = watched_of(calls, fd);
    if (w->idle) {
        unwatch(calls, w, fd); /* the next call looks at the connection itself */
        return;
    }
    mask |= (events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0;
    mask |= (events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
    mask |= (events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0;
    (void)curl_multi_socket_action(calls->multi, fd, mask, &running);
}

static void read_outcome(struct transfer *t, CURL *easy, CURLcode code)
{
    long status = 0;
    curl_off_t sent_at = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sent_at);
    t->transport = (int)(t->repeated ? CURLE_SEND_FAIL_REWIND : code);
    t->status = code == CURLE_OK ? (int)status : 0;
    t->reached = (sent_at > 0 || t->body_sent > 0 || t->repeated) && !t->withheld;
}

static void collect(struct calls *calls)
{
    CURLMsg *message = NULL;
    int left = 0;
    while ((message = curl_multi_info_read(calls->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        char *private = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
        struct transfer *t = (struct transfer *)(void *)private;
        CHECK(t != NULL && t->easy == easy);
        read_outcome(t, easy, code);
        if (code == CURLE_OK) {
            keep_watched(calls, easy);
        }
        (void)curl_multi_remove_handle(calls->multi, easy);
        t->easy = NULL;
        if (calls->spare_count < calls->spare_max) {
            calls->spare[calls->spare_count++] = easy;
        } else {
            curl_easy_cleanup(easy);
        }
        finish(calls, t);
    }
}

/* Milliseconds until curl's time-out, -1 when it wants none. */
static int64_t due_in(const struct calls *calls, int64_t now_ms)
{
    if (calls->curl_due_new) {
        return calls->curl_wait_ms;
    }
    if (calls->curl_due_ms == CALLS_WAIT_FOR_EVER) {
        return -1;
    }
    return calls->curl_due_ms > now_ms ? calls->curl_due_ms - now_ms : 0;
}

int64_t calls_turn(struct calls *calls, int64_t now_ms)
{
    int running = 0;
    if (calls->curl_due_new) {
        calls->curl_due_new = false;
        calls->curl_due_ms =
            calls->curl_wait_ms < 0 ? CALLS_WAIT_FOR_EVER : now_ms + calls->curl_wait_ms;
    }
    if (calls->curl_due_ms != CALLS_WAIT_FOR_EVER && calls->curl_due_ms <= now_ms) {
        calls->curl_due_ms = CALLS_WAIT_FOR_EVER;
        (void)curl_multi_socket_action(calls->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    collect(calls);
    struct transfer *t = TAKE(calls->finished);
    calls->finished_last = &calls->finished;
    while (t != NULL) {
        struct transfer *next = t->next;
        calls->out--;
        t->done(t->self, t);
        t = next;
    }
    return due_in(calls, now_ms);
}

int64_t calls_begin(struct calls *calls, int64_t now_ms)
{
    int running = (int)calls->out;
    if (calls->curl_due_new && calls->curl_wait_ms == 0) {
        calls->curl_due_new = false;
        calls->curl_due_ms = CALLS_WAIT_FOR_EVER;
        (void)curl_multi_socket_action(calls->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    return (size_t)running < calls->out ? 0 : due_in(calls, now_ms); /* some have ended already */
}
