/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that accepts, and one for each connection. A connection's descriptor
 * is closed when the peer stops, never before: no number is used twice.
 */
#include "tests/fakes/tcp_peer.h"

#include "common/mem.h"
#include "common/own.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    struct tcp_peer *peer;
    int fd;
    int index;
    pthread_t thread;
};

struct tcp_peer {
    tcp_serve serve;
    void *self;
    int listener;
    int port;
    pthread_t acceptor;
    pthread_mutex_t lock;
    bool stopping;
    struct connection connections[TCP_PEER_CONNECTIONS_MAX];
    int count;
};

void tcp_no_delay(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void *run_connection(void *self)
{
    struct connection *connection = self;
    connection->peer->serve(connection->fd, connection->index, connection->peer->self);
    (void)shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

static void *run_acceptor(void *self)
{
    struct tcp_peer *peer = self;
    for (;;) {
        int fd = accept(peer->listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        pthread_mutex_lock(&peer->lock);
        if (peer->stopping || peer->count == TCP_PEER_CONNECTIONS_MAX) {
            (void)close(fd);
        } else {
            tcp_no_delay(fd);
            struct connection *c = &peer->connections[peer->count];
            *c = (struct connection){.peer = peer, .fd = fd, .index = peer->count};
            peer->count++;
            CHECK(pthread_create(&c->thread, NULL, run_connection, c) == 0);
        }
        pthread_mutex_unlock(&peer->lock);
    }
}

struct tcp_peer *tcp_peer_start(tcp_serve serve, void *self)
{
    struct tcp_peer *peer = mem_must_alloc(sizeof(*peer));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    peer->serve = serve;
    peer->self = self;
    peer->listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(peer->listener >= 0);
    CHECK(bind(peer->listener, (struct sockaddr *)&at, sizeof(at)) == 0);
    CHECK(listen(peer->listener, 128) == 0);
    CHECK(getsockname(peer->listener, (struct sockaddr *)&at, &len) == 0);
    peer->port = ntohs(at.sin_port);
    CHECK(pthread_mutex_init(&peer->lock, NULL) == 0);
    CHECK(pthread_create(&peer->acceptor, NULL, run_acceptor, peer) == 0);
    return peer;
}

void tcp_peer_stop(struct tcp_peer **at)
{
    struct tcp_peer *peer = TAKE(*at);
    if (peer == NULL) {
        return;
    }
    pthread_mutex_lock(&peer->lock);
    peer->stopping = true;
    pthread_mutex_unlock(&peer->lock);
    (void)shutdown(peer->listener, SHUT_RDWR);
    (void)pthread_join(peer->acceptor, NULL);
    for (int i = 0; i < peer->count; i++) {
        (void)shutdown(peer->connections[i].fd, SHUT_RDWR);
    }
    for (int i = 0; i < peer->count; i++) {
        (void)pthread_join(peer->connections[i].thread, NULL);
        (void)close(peer->connections[i].fd);
    }
    (void)close(peer->listener);
    (void)pthread_mutex_destroy(&peer->lock);
    mem_free(peer);
}

void tcp_peer_deafen(const struct tcp_peer *peer)
{
    (void)shutdown(peer->listener, SHUT_RDWR);
}

int tcp_peer_port(const struct tcp_peer *peer)
{
    return peer->port;
}

/* ---- for serve --------------------------------------------------------------------------- */

bool tcp_send(int fd, span bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes = span_of(bytes.at + sent, bytes.len - (size_t)sent);
    }
    return true;
}

bool tcp_say(int fd, const char *text)
{
    return tcp_send(fd, span_text(text));
}

/* To the end of a line that is not part of it. */
static bool read_line(int fd, struct buf *line)
{
    char c = 0;
    buf_clear(line);
    while (recv(fd, &c, 1, 0) == 1) {
        if (c == '\n') {
            return true;
        }
        if (c != '\r') {
            buf_add_char(line, c);
        }
    }
    return false;
}

static bool read_bytes(int fd, size_t count, struct buf *out)
{
    char room[65536];
    while (count > 0) {
        size_t step = count < sizeof(room) ? count : sizeof(room);
        ssize_t got = recv(fd, room, step, 0);
        if (got <= 0) {
            return false;
        }
        buf_add(out, span_of(room, (size_t)got));
        count -= (size_t)got;
    }
    return true;
}

bool tcp_read_request(int fd, struct buf *head, struct buf *body)
{
    struct buf line;
    int64_t length = 0;
    bool whole = false;
    buf_init(&line, 1 << 20);
    buf_clear(head);
    buf_clear(body);
    while (read_line(fd, &line)) {
        static const char name[] = "Content-Length: ";
        if (line.len == 0 && head->len > 0) {
            whole = true;
            break;
        }
        buf_add(head, buf_span(&line));
        buf_add_char(head, '\n');
        if (span_starts(buf_span(&line), name)) {
            span digits = span_of(line.at + sizeof(name) - 1, line.len - (sizeof(name) - 1));
            (void)span_number(digits, 0, INT32_MAX, &length);
        }
    }
    buf_close(&line);
    return whole && read_bytes(fd, (size_t)length, body);
}

static bool read_count(int fd, struct buf *line, char mark, int64_t *count)
{
    return read_line(fd, line) && line->len > 1 && line->at[0] == (uint8_t)mark &&
           span_number(span_of(line->at + 1, line->len - 1), 0, INT32_MAX, count);
}

bool tcp_read_command(int fd, struct buf *words)
{
    struct buf line;
    int64_t count = 0;
    buf_init(&line, 1 << 20);
    buf_clear(words);
    bool whole = read_count(fd, &line, '*', &count);
    for (int64_t i = 0; whole && i < count; i++) {
        int64_t len = 0;
        whole = read_count(fd, &line, '$', &len);
        if (whole && i > 0) {
            buf_add_char(words, ' ');
        }
        whole = whole && read_bytes(fd, (size_t)len, words) && read_line(fd, &line);
    }
    buf_close(&line);
    return whole;
}

void tcp_wait_closed(int fd)
{
    char room[4096];
    while (recv(fd, room, sizeof(room), 0) > 0) {
    }
}
