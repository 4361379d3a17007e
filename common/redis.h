/* SPDX-License-Identifier: Apache-2.0
 *
 * One asynchronous connection to Redis for one thread with its own epoll. The
 * library decides when to read and write, the loop waits, and replies are copied
 * into a list and handed out by redis_turn, never from inside a library callback.
 * A lost connection answers every command in flight with REDIS_LOST: unknown,
 * not undone. So what is sent here must bear being done twice.
 */
#ifndef HEARBACK_COMMON_REDIS_H
#define HEARBACK_COMMON_REDIS_H

#include "common/arena.h"
#include "common/clock.h"
#include "common/config.h"

#define REDIS_ARGS_MAX 1088 /* a batch of the restore */

enum redis_kind {
    REDIS_LOST, /* nobody knows whether it was done */
    REDIS_NIL,
    REDIS_INT,
    REDIS_TEXT,
    REDIS_LIST,
    REDIS_ERROR, /* .text begins with Redis's error word */
};

struct redis_reply {
    enum redis_kind kind;
    int64_t number;
    span text;
    struct redis_reply *list;
    size_t count;
};

struct redis;
struct redis_command;

/* `reply` lives until the callback returns. */
typedef void (*redis_answered)(void *self, const struct redis_reply *reply);

struct redis_hooks {
    void (*connected)(void *self); /* may send commands */
    void (*lost)(void *self);      /* after every command in flight was answered REDIS_LOST */
    void *self;
};

struct redis *redis_new(const struct config_redis *config, const struct clock *clock, int epoll_fd,
                        uint64_t epoll_tag, struct redis_hooks hooks);
void redis_free(struct redis **redis);

/* Runs `answered(self, reply)` from a later redis_turn, in the order sent. When there is no
 * connection the answer is REDIS_LOST. Arguments are copied. */
void redis_send(struct redis *redis, const span *args, size_t count, redis_answered answered,
                void *self);

/* What is sent from now on waits for redis_uncork, which writes it at once: a turn's commands leave
 * together, and epoll need not say first that they may. */
void redis_cork(struct redis *redis);
void redis_uncork(struct redis *redis);
/* Tells the connection what epoll said. */
void redis_ready(struct redis *redis, bool readable, bool writable);
/* Connects and reconnects, watches time-outs, hands out replies. Call every turn. Returns
 * milliseconds until it wants to be called again. */
int64_t redis_turn(struct redis *redis);

bool redis_connected(const struct redis *redis);
size_t redis_in_flight(const struct redis *redis);

/* From inside the callback that was given the reply: it stays as long as the arena, which is the
 * caller's to close. */
void redis_keep(const struct redis_reply *reply, struct arena *arena, struct redis_reply *out);
/* Element `index` of a list; a static NIL beyond its end. */
const struct redis_reply *redis_element(const struct redis_reply *reply, size_t index);

#endif
