/* SPDX-License-Identifier: Apache-2.0
 *
 * A real Redis of the test's own, on a free port and a Unix socket in a folder
 * of its own, to be killed, stopped, emptied and started again. And a plain
 * client for looking at what a Redis holds.
 */
#ifndef HEARBACK_TESTS_FAKES_REDIS_SERVER_H
#define HEARBACK_TESTS_FAKES_REDIS_SERVER_H

#include "common/buf.h"

#include <hiredis/hiredis.h>
#include <sys/types.h>

struct redis_server {
    char folder[64];
    char address[64]; /* host:port */
    char socket[96];  /* of the Unix socket */
    int port;
    pid_t pid;
    const char *password; /* NULL: none */
    bool appendonly;      /* from the next start on: keeps what it holds over a kill */
};

/* False when there is no redis-server here. */
bool redis_server_start(struct redis_server *server, const char *password);
/* Again, on the same port, with what it wrote down (SAVE, or appendonly), else empty. */
bool redis_server_again(struct redis_server *server);
void redis_server_kill(struct redis_server *server);
void redis_server_signal(const struct redis_server *server, int signal);
/* Kills it and removes its folder. */
void redis_server_close(struct redis_server *server);

/* ---- a plain client ---- */

/* NULL when nobody answers at host:port. */
redisContext *redis_ask_open(const char *address, const char *password);
/* The answer as one text: strings as they are, lists as [a,b], nil as (nil), errors as they are.
 * The words are given with their count. */
void redis_ask(redisContext *redis, struct buf *out, const span *words, size_t count);
/* The same with texts, the last one NULL. The result lives until the next call. */
const char *redis_say(redisContext *redis, ...) __attribute__((sentinel));

#endif
