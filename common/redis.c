/* SPDX-License-Identifier: Apache-2.0
 *
 * The bridge between hiredis and the loop. hiredis calls back while it reads;
 * here a callback only puts the reply behind the others, and redis_turn hands
 * them out. The context may be freed by hiredis itself after any call to it, so
 * it is looked up again each time. One thread.
 */
#include "common/redis.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/own.h"
#include "common/redis_guard.h"
#include "common/redis_resp.h"

#include <errno.h>
#include <hiredis/async.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDIS_RECONNECT_MIN_MS  50
#define REDIS_RECONNECT_MAX_MS  2000
#define REDIS_REPLY_BYTES_MAX   (64u << 20)
#define REDIS_REPLY_DEPTH_MAX   8
#define REDIS_COMMAND_BYTES_MAX (256u << 20)
#define REDIS_IDLE_TURN_MS      1000
#define REDIS_BUFFER_MAX        (2 * (size_t)REDIS_REPLY_BYTES_MAX) /* of a reply not yet whole */
#define REDIS_COMMAND_KEPT      (256u << 10)                        /* of the buffer for commands */

struct redis_command {
    struct redis_command *next;
    redis_answered answered;
    void *self;
    int64_t sent_ms;
    bool replied;
    struct arena arena;
    struct redis_reply reply;
};

struct redis {
    const struct config_redis *config;
    const struct clock *clock;
    int epoll_fd;
    uint64_t epoll_tag;
    struct redis_hooks hooks;
    redisAsyncContext *context; /* hiredis owns it and may free it */
    bool connected;
    bool password_sent;
    bool was_lost; /* the lost hook is owed */
    bool said_away;
    int fd; /* registered with epoll, -1 when none */
    uint32_t wanted;
    bool corked;
    bool unwritten; /* and there is something to write */
    int64_t connect_at_ms;
    int64_t connect_started_ms;
    int64_t reconnect_ms;
    struct redis_command *oldest; /* in the order sent, replied or not */
    struct redis_command **newest;
    size_t in_flight;
    struct buf command; /* being sent */
    struct redis_guard guard;
};

/* ---- what hiredis tells us --------------------------------------------------------------- */

static void want(struct redis *redis, uint32_t events)
{
    if (redis->fd < 0 || redis->wanted == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.u64 = redis->epoll_tag};
    CHECK(epoll_ctl(redis->epoll_fd, EPOLL_CTL_MOD, redis->fd, &event) == 0);
    redis->wanted = events;
}

static void hook_add_read(void *self)
{
    struct redis *redis = self;
    want(redis, redis->wanted | EPOLLIN);
}

static void hook_del_read(void *self)
{
    struct redis *redis = self;
    want(redis, redis->wanted & ~(uint32_t)EPOLLIN);
}

static void hook_add_write(void *self)
{
    struct redis *redis = self;
    if (redis->corked && redis->connected) {
        redis->unwritten = true;
    } else {
        want(redis, redis->wanted | EPOLLOUT);
    }
}

static void hook_del_write(void *self)
{
    struct redis *redis = self;
    want(redis, redis->wanted & ~(uint32_t)EPOLLOUT);
}

static void hook_cleanup(void *self)
{
    struct redis *redis = self;
    if (redis->fd >= 0) {
        (void)epoll_ctl(redis->epoll_fd, EPOLL_CTL_DEL, redis->fd, NULL);
        redis->fd = -1;
    }
}

static void plan_reconnect(struct redis *redis)
{
    redis->context = NULL;
    redis->was_lost = redis->was_lost || redis->connected;
    redis->connected = false;
    redis->connect_at_ms = clock_mono_ms(redis->clock) + redis->reconnect_ms;
    redis->reconnect_ms = redis->reconnect_ms * 2 > REDIS_RECONNECT_MAX_MS
                              ? REDIS_RECONNECT_MAX_MS
                              : redis->reconnect_ms * 2;
}

static void say_away(struct redis *redis, const char *why)
{
    if (!redis->said_away) {
        LOG(LOG_WARN, "redis_away", L_TEXT("address", redis->config->address), L_TEXT("found", why),
            L_TEXT("expected", "a Redis that answers; trying again until it does"));
    }
    redis->said_away = true;
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis *redis = context->data;
    if (status != REDIS_OK) {
        say_away(redis, context->errstr);
        plan_reconnect(redis); /* hiredis frees the context behind this callback */
        return;
    }
    redis->connected = true;
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct redis *redis = context->data;
    say_away(redis, redis->guard.tripped ? "an answer that nobody asked for, or without an end"
                    : status == REDIS_OK ? "disconnected"
                                         : context->errstr);
    plan_reconnect(redis);
}

/* ---- replies ----------------------------------------------------------------------------- */

/* Both are in the arena: the texts stay where they are. */
static bool turn_reply(struct arena *arena, const redisReply *from, struct redis_reply *to,
                       int depth)
{
    *to = (struct redis_reply){.kind = REDIS_NIL};
    switch (from->type) {
    case REDIS_REPLY_INTEGER:
        *to = (struct redis_reply){.kind = REDIS_INT, .number = from->integer};
        return true;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        to->kind = from->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_TEXT;
        to->text = span_of(from->str, from->len);
        return true;
    case REDIS_REPLY_ARRAY:
        if (depth == 0) {
            return false;
        }
        to->kind = REDIS_LIST;
        to->count = from->elements;
        to->list = arena_alloc(arena, sizeof(*to->list) * (from->elements + 1));
        for (size_t i = 0; to->list != NULL && i < from->elements; i++) {
            if (!turn_reply(arena, from->element[i], &to->list[i], depth - 1)) {
                return false;
            }
        }
        return to->list != NULL;
    default:
        return true;
    }
}

/* hiredis's callback: takes the reply, nothing else. */
static void on_reply(redisAsyncContext *context, void *reply, void *self)
{
    struct redis *redis = context->data;
    struct redis_command *command = self;
    if (reply != NULL) {
        command->arena = redis_guard_take(&redis->guard);
    }
    if (reply == NULL || command->arena.used > REDIS_REPLY_BYTES_MAX ||
        !turn_reply(&command->arena, reply, &command->reply, REDIS_REPLY_DEPTH_MAX)) {
        command->reply = (struct redis_reply){.kind = REDIS_LOST};
    }
    command->replied = true;
}

/* ---- life -------------------------------------------------------------------------------- */

struct redis *redis_new(const struct config_redis *config, const struct clock *clock, int epoll_fd,
                        uint64_t epoll_tag, struct redis_hooks hooks)
{
    struct redis *redis = mem_must_alloc(sizeof(*redis));
    *redis = (struct redis){.config = config,
                            .clock = clock,
                            .epoll_fd = epoll_fd,
                            .epoll_tag = epoll_tag,
                            .hooks = hooks,
                            .fd = -1,
                            .reconnect_ms = REDIS_RECONNECT_MIN_MS};
    redis->newest = &redis->oldest;
    buf_init(&redis->command, REDIS_COMMAND_BYTES_MAX);
    return redis;
}

static void drop_connection(struct redis *redis)
{
    redisAsyncContext *context = TAKE(redis->context);
    if (context == NULL) {
        return;
    }
    int64_t planned = redis->connect_at_ms;
    redisAsyncFree(
        context); /* answers what is in flight with NULL; tells on_disconnect if connected */
    if (redis->connect_at_ms == planned) {
        plan_reconnect(redis);
    }
}

static void free_command(struct redis_command *command)
{
    arena_close(&command->arena);
    mem_free(command);
}

void redis_free(struct redis **at)
{
    struct redis *redis = TAKE(*at);
    if (redis == NULL) {
        return;
    }
    redis->said_away = true; /* going of our own will is no news */
    drop_connection(redis);
    while (redis->oldest != NULL) {
        struct redis_command *command = redis->oldest;
        redis->oldest = command->next;
        free_command(command);
    }
    redis_guard_close(&redis->guard);
    buf_close(&redis->command);
    mem_free(redis);
}

static redisAsyncContext *open_context(const char *address)
{
    if (address[0] == '/') {
        return redisAsyncConnectUnix(address);
    }
    char host[256];
    uint16_t port = 0;
    if (failed(config_address(address, host, sizeof(host), &port))) {
        return NULL;
    }
    return redisAsyncConnect(host, port);
}

static void on_password(redisAsyncContext *context, void *reply, void *self)
{
    const redisReply *answer = reply;
    const struct redis *redis = self;
    (void)context;
    if (answer != NULL && answer->type == REDIS_REPLY_ERROR) {
        LOG(LOG_ERROR, "redis_password_refused", L_TEXT("address", redis->config->address),
            L_TEXT("found", answer->str),
            L_TEXT("expected", "HEARBACK_REDIS_PASSWORD to be this Redis's password"));
    }
}

static void send_password(struct redis *redis)
{
    if (secret_is_set(&redis->config->password)) {
        span password = secret_reveal(&redis->config->password);
        const char *argv[] = {"AUTH", (const char *)password.at};
        size_t lens[] = {4, password.len};
        if (redisAsyncCommandArgv(redis->context, on_password, redis, 2, argv, lens) == REDIS_OK) {
            redis->guard.awaited++;
        }
    }
}

static void start_connect(struct redis *redis)
{
    redisAsyncContext *context = open_context(redis->config->address);
    redis->connect_started_ms = clock_mono_ms(redis->clock);
    if (context == NULL || context->err != 0) {
        say_away(redis, context == NULL ? "no connection could be made" : context->errstr);
        if (context != NULL) {
            redisAsyncFree(context);
        }
        plan_reconnect(redis);
        return;
    }
    struct epoll_event event = {.events = 0, .data.u64 = redis->epoll_tag};
    redis->fd = context->c.fd;
    redis->wanted = 0;
    CHECK(epoll_ctl(redis->epoll_fd, EPOLL_CTL_ADD, redis->fd, &event) == 0);
    context->data = redis;
    context->ev.data = redis;
    context->ev.addRead = hook_add_read;
    context->ev.delRead = hook_del_read;
    context->ev.addWrite = hook_add_write;
    context->ev.delWrite = hook_del_write;
    context->ev.cleanup = hook_cleanup;
    redis->context = context;
    redis->password_sent = false;
    redis_guard_set(&redis->guard, context->c.reader, REDIS_BUFFER_MAX);
    (void)redisAsyncSetConnectCallback(context, on_connect);
    (void)redisAsyncSetDisconnectCallback(context, on_disconnect);
}

/* The library would write the same, with an allocation or two for each command. */
static bool post(struct redis *redis, struct redis_command *command, const span *args, size_t count)
{
    struct buf *out = &redis->command;
    buf_clear(out);
    redis_write(out, args, count);
    bool posted = redisAsyncFormattedCommand(redis->context, on_reply, command,
                                             (const char *)out->at, out->len) == REDIS_OK;
    redis->guard.awaited += posted ? 1 : 0;
    if (out->len > REDIS_COMMAND_KEPT) {
        buf_close(out);
        buf_init(out, REDIS_COMMAND_BYTES_MAX);
    }
    return posted;
}

void redis_send(struct redis *redis, const span *args, size_t count, redis_answered answered,
                void *self)
{
    CHECK(count > 0 && count <= REDIS_ARGS_MAX);
    struct redis_command *command = mem_must_alloc(sizeof(*command));
    command->answered = answered;
    command->self = self;
    command->sent_ms = clock_mono_ms(redis->clock);
    arena_init(&command->arena, REDIS_REPLY_BYTES_MAX);
    *redis->newest = command;
    redis->newest = &command->next;
    redis->in_flight++;
    if (!redis->connected || !post(redis, command, args, count)) {
        command->replied = true; /* reply.kind is REDIS_LOST, the zero value */
    }
}

void redis_keep(const struct redis_reply *reply, struct arena *arena, struct redis_reply *out)
{
    /* It is the command's, and so is what it stands in. */
    struct redis_command *command =
        (struct redis_command *)((uintptr_t)reply - offsetof(struct redis_command, reply));
    *out = *reply;
    *arena = command->arena;
    arena_init(&command->arena, REDIS_REPLY_BYTES_MAX);
}

void redis_cork(struct redis *redis)
{
    redis->corked = true;
}

void redis_uncork(struct redis *redis)
{
    redis->corked = false;
    if (redis->unwritten && redis->context != NULL) {
        redisAsyncHandleWrite(redis->context); /* what has no room is left to epoll */
    }
    redis->unwritten = false;
}

void redis_ready(struct redis *redis, bool readable, bool writable)
{
    /* hiredis reads 16 KiB a call, and any call may free the context. */
    while (readable && redis->context != NULL) {
        int waiting = 0;
        int fd = redis->context->c.fd;
        redisAsyncHandleRead(redis->context);
        if (redis->context != NULL && redis->context->c.reader->len > REDIS_BUFFER_MAX) {
            say_away(redis, "an answer without an end");
            drop_connection(redis);
        }
        if (redis->context == NULL || ioctl(fd, FIONREAD, &waiting) != 0 || waiting <= 0) {
            break;
        }
    }
    if (writable && redis->context != NULL) {
        redisAsyncHandleWrite(redis->context);
    }
}

static void hand_out(struct redis *redis)
{
    while (redis->oldest != NULL && redis->oldest->replied) {
        struct redis_command *command = redis->oldest;
        redis->oldest = command->next;
        if (redis->oldest == NULL) {
            redis->newest = &redis->oldest;
        }
        redis->in_flight--;
        if (command->answered != NULL) {
            command->answered(command->self, &command->reply);
        }
        free_command(command);
    }
}

/* A Redis that accepts and says nothing: everything in flight becomes unknown. */
static void watch_silence(struct redis *redis)
{
    int64_t now = clock_mono_ms(redis->clock);
    int64_t limit = redis->config->timeout_ms;
    bool connecting = redis->context != NULL && !redis->connected;
    if (connecting && now - redis->connect_started_ms > limit) {
        say_away(redis, "no connection within redis.timeout");
        drop_connection(redis);
    }
    if (redis->connected && redis->oldest != NULL && !redis->oldest->replied &&
        now - redis->oldest->sent_ms > limit) {
        say_away(redis, "no answer within redis.timeout");
        drop_connection(redis);
    }
}

int64_t redis_turn(struct redis *redis)
{
    int64_t now = clock_mono_ms(redis->clock);
    if (redis->context == NULL && now >= redis->connect_at_ms) {
        start_connect(redis);
    }
    watch_silence(redis);
    hand_out(redis);
    if (redis->was_lost) {
        redis->was_lost = false;
        redis->hooks.lost(redis->hooks.self);
    }
    if (redis->connected && !redis->password_sent) {
        redis->password_sent = true;
        redis->said_away = false;
        redis->reconnect_ms = REDIS_RECONNECT_MIN_MS;
        LOG(LOG_INFO, "redis_connected", L_TEXT("address", redis->config->address));
        send_password(redis);
        redis->hooks.connected(redis->hooks.self);
    }
    hand_out(redis);
    if (redis->context == NULL) {
        int64_t left = redis->connect_at_ms - clock_mono_ms(redis->clock);
        return left < 0 ? 0 : left;
    }
    return redis->oldest != NULL || !redis->connected ? redis->config->timeout_ms / 4 + 1
                                                      : REDIS_IDLE_TURN_MS;
}

bool redis_connected(const struct redis *redis)
{
    return redis->connected;
}

size_t redis_in_flight(const struct redis *redis)
{
    return redis->in_flight;
}
