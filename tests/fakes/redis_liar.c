/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads one whole command or reply after the other. The protocol's frames are
 * found by their headers; what is in them is not looked at.
 */
#include "tests/fakes/redis_liar.h"

#include "common/buf.h"
#include "common/mem.h"
#include "common/own.h"
#include "tests/fakes/tcp_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX (64u << 20)

struct redis_liar {
    struct tcp_peer *peer;
    int port;
    pthread_mutex_t lock;
    struct lie lie;
};

/* One connection's side: bytes that came, the frames before `used` are done with. */
struct stream {
    int fd;
    struct buf bytes;
    size_t used;
};

static bool more(struct stream *stream)
{
    uint8_t room[65536];
    ssize_t len = recv(stream->fd, room, sizeof(room), 0);
    if (len <= 0) {
        return false;
    }
    buf_add(&stream->bytes, span_of(room, (size_t)len));
    return !stream->bytes.broken;
}

/* The header line at *at: its sign and number; *at moves behind it. False: not all is there. */
static bool header(const struct stream *stream, size_t *at, char *sign, int64_t *number)
{
    span all = buf_span(&stream->bytes);
    const uint8_t *end = *at < all.len ? memchr(all.at + *at, '\n', all.len - *at) : NULL;
    if (end == NULL) {
        return false;
    }
    span line = span_of(all.at + *at, (size_t)(end - all.at) - *at);
    *sign = (char)line.at[0];
    *number = -1;
    (void)span_number(span_trim(span_of(line.at + 1, line.len - 1)), INT64_MIN, INT64_MAX, number);
    *at += line.len + 1;
    return true;
}

/* A frame that begins at *at; moves *at behind it. False: not all is there. */
static bool frame(const struct stream *stream, size_t *at)
{
    int64_t frames = 1;
    while (frames > 0) {
        char sign = 0;
        int64_t number = 0;
        if (!header(stream, at, &sign, &number)) {
            return false;
        }
        frames--;
        if (sign == '*') {
            frames += number > 0 ? number : 0;
        } else if (sign == '$' && number >= 0) {
            *at += (size_t)number + 2;
        }
    }
    return *at <= stream->bytes.len;
}

/* The next frame; SPAN_NONE when the other side closed. Lives until the next call. */
static span next_frame(struct stream *stream)
{
    if (stream->used == stream->bytes.len) {
        buf_clear(&stream->bytes);
        stream->used = 0;
    }
    size_t end = stream->used;
    while (!frame(stream, &end)) {
        end = stream->used;
        if (!more(stream)) {
            return SPAN_NONE;
        }
    }
    span found = span_of(buf_span(&stream->bytes).at + stream->used, end - stream->used);
    stream->used = end;
    return found;
}

static bool contains(span bytes, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= bytes.len; i++) {
        if (memcmp(bytes.at + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Is it time to lie? */
static bool lies(struct redis_liar *liar, span command, struct lie *out)
{
    pthread_mutex_lock(&liar->lock);
    *out = liar->lie;
    bool now = out->times > 0 && contains(command, out->at) &&
               (out->also == NULL || contains(command, out->also));
    liar->lie.times -= now ? 1 : 0;
    pthread_mutex_unlock(&liar->lock);
    return now;
}

/* False when the connection ends with it. */
static bool misbehave(const struct lie *lie, struct stream *redis, int fd, span command)
{
    if (lie->kind == LIE_SAYS) {
        return tcp_say(fd, lie->says);
    }
    if (lie->kind == LIE_CLOSES || !tcp_send(redis->fd, command)) {
        return false;
    }
    span reply = next_frame(redis);
    switch (lie->kind) {
    case LIE_SAYS_DID:
        return tcp_say(fd, lie->says);
    case LIE_MORE:
        return tcp_send(fd, reply) && tcp_say(fd, lie->says);
    case LIE_HALF:
        (void)tcp_send(fd, span_of(reply.at, (reply.len + 1) / 2));
        return false;
    case LIE_DID:
    case LIE_SAYS:
    case LIE_CLOSES:
        break;
    }
    return false;
}

static int connect_to(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
        (void)close(fd);
        return -1;
    }
    if (fd >= 0) {
        tcp_no_delay(fd);
    }
    return fd;
}

static void serve(int fd, int index, void *self)
{
    struct redis_liar *liar = self;
    struct stream client = {.fd = fd};
    struct stream redis = {.fd = connect_to(liar->port)};
    bool goes = redis.fd >= 0;
    (void)index;
    buf_init(&client.bytes, FRAME_MAX);
    buf_init(&redis.bytes, FRAME_MAX);
    while (goes) {
        struct lie lie;
        span command = next_frame(&client);
        if (command.at == NULL) {
            break;
        }
        if (lies(liar, command, &lie)) {
            goes = misbehave(&lie, &redis, fd, command);
            continue;
        }
        goes = tcp_send(redis.fd, command);
        span reply = goes ? next_frame(&redis) : SPAN_NONE;
        goes = reply.at != NULL && tcp_send(fd, reply);
    }
    if (redis.fd >= 0) {
        (void)close(redis.fd);
    }
    buf_close(&client.bytes);
    buf_close(&redis.bytes);
}

struct redis_liar *redis_liar_start(int port, int *own)
{
    struct redis_liar *liar = mem_must_alloc(sizeof(*liar));
    liar->port = port;
    CHECK(pthread_mutex_init(&liar->lock, NULL) == 0);
    liar->peer = tcp_peer_start(serve, liar);
    *own = tcp_peer_port(liar->peer);
    return liar;
}

void redis_liar_stop(struct redis_liar **at)
{
    struct redis_liar *liar = TAKE(*at);
    tcp_peer_stop(&liar->peer);
    (void)pthread_mutex_destroy(&liar->lock);
    mem_free(liar);
}

void redis_liar_tell(struct redis_liar *liar, const struct lie *lie)
{
    pthread_mutex_lock(&liar->lock);
    liar->lie = *lie;
    pthread_mutex_unlock(&liar->lock);
}

int redis_liar_left(struct redis_liar *liar)
{
    pthread_mutex_lock(&liar->lock);
    int left = liar->lie.times;
    pthread_mutex_unlock(&liar->lock);
    return left;
}
