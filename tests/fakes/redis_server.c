/* SPDX-License-Identifier: Apache-2.0
 *
 * Forks redis-server and waits until it answers.
 */
#define _GNU_SOURCE /* mkdtemp with c17, prctl's constants */
#include "tests/fakes/redis_server.h"

#include "common/clock.h"
#include "common/config.h"
#include "common/mem.h"
#include "common/own.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 20000

static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    (void)close(fd);
    return ntohs(at.sin_port);
}

static void become(const struct redis_server *server)
{
    char port[16];
    (void)snprintf(port, sizeof(port), "%d", server->port);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves none behind */
    int quiet = open("/dev/null", O_RDWR);
    if (quiet >= 0) {
        (void)dup2(quiet, 0);
        (void)dup2(quiet, 1);
        (void)dup2(quiet, 2);
    }
    for (int fd = 3; fd < 256; fd++) {
        (void)close(fd);
    }
    (void)execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1",
                 "--unixsocket", server->socket, "--save", "", "--appendonly",
                 server->appendonly ? "yes" : "no", "--dir", server->folder, "--maxmemory-policy",
                 "noeviction", "--loglevel", "warning",
                 server->password == NULL ? NULL : "--requirepass", server->password, NULL);
    _exit(127);
}

static bool answers(const struct redis_server *server)
{
    redisContext *redis = redis_ask_open(server->address, server->password);
    if (redis == NULL) {
        return false;
    }
    char mine[64];
    (void)snprintf(mine, sizeof(mine), "process_id:%d\r", (int)server->pid);
    bool ready = strstr(redis_say(redis, "INFO", "server", NULL), mine) != NULL;
    redisFree(redis);
    return ready;
}

bool redis_server_again(struct redis_server *server)
{
    const struct clock *clock = clock_system();
    int64_t until = clock_mono_ms(clock) + START_MS;
    server->pid = fork();
    CHECK(server->pid >= 0);
    if (server->pid == 0) {
        become(server);
    }
    while (clock_mono_ms(clock) < until) {
        if (answers(server)) {
            return true;
        }
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
            return false;
        }
        (void)poll(NULL, 0, 5);
    }
    return false;
}

bool redis_server_start(struct redis_server *server, const char *password)
{
    *server = (struct redis_server){.password = password};
    (void)snprintf(server->folder, sizeof(server->folder), "/tmp/hearback-redis-XXXXXX");
    CHECK(mkdtemp(server->folder) != NULL);
    (void)snprintf(server->socket, sizeof(server->socket), "%s/socket", server->folder);
    for (int attempt = 0; attempt < 5; attempt++) { /* another process may be quicker */
        server->port = free_port();
        (void)snprintf(server->address, sizeof(server->address), "127.0.0.1:%d", server->port);
        if (redis_server_again(server)) {
            return true;
        }
    }
    return false;
}

void redis_server_signal(const struct redis_server *server, int signal)
{
    CHECK(server->pid > 0 && kill(server->pid, signal) == 0);
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid > 0) {
        (void)kill(server->pid, SIGKILL);
        (void)waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

/* Its files, and those in its one folder. */
static void remove_all(const char *folder)
{
    DIR *open = opendir(folder);
    for (struct dirent *entry = open == NULL ? NULL : readdir(open); entry != NULL;
         entry = readdir(open)) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && unlink(path) != 0) {
            remove_all(path);
        }
    }
    if (open != NULL) {
        (void)closedir(open);
    }
    (void)rmdir(folder);
}

void redis_server_close(struct redis_server *server)
{
    redis_server_kill(server);
    remove_all(server->folder);
}

/* ---- a plain client ---------------------------------------------------------------------- */

redisContext *redis_ask_open(const char *address, const char *password)
{
    char host[256];
    uint16_t port = 0;
    struct timeval patience = {.tv_sec = 20};
    if (failed(config_address(address, host, sizeof(host), &port))) {
        return NULL;
    }
    redisContext *redis = redisConnectWithTimeout(host, port, patience);
    if (redis == NULL || redis->err != 0) {
        if (redis != NULL) {
            redisFree(redis);
        }
        return NULL;
    }
    (void)redisSetTimeout(redis, patience);
    if (password != NULL) {
        (void)redis_say(redis, "AUTH", password, NULL);
    }
    return redis;
}

static void write_reply(const redisReply *reply, struct buf *out)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        buf_addf(out, "%lld", reply->integer);
        return;
    case REDIS_REPLY_NIL:
        buf_add_text(out, "(nil)");
        return;
    case REDIS_REPLY_ARRAY:
        buf_add_char(out, '[');
        for (size_t i = 0; i < reply->elements; i++) {
            buf_add_text(out, i == 0 ? "" : ",");
            write_reply(reply->element[i], out);
        }
        buf_add_char(out, ']');
        return;
    default:
        buf_add(out, span_of(reply->str, (size_t)reply->len));
        return;
    }
}

void redis_ask(redisContext *redis, struct buf *out, const span *words, size_t count)
{
    const char *argv[64];
    size_t lens[64];
    CHECK(count <= COUNT_OF(argv));
    for (size_t i = 0; i < count; i++) {
        argv[i] = words[i].len == 0 ? "" : (const char *)words[i].at;
        lens[i] = words[i].len;
    }
    buf_clear(out);
    redisReply *reply = redisCommandArgv(redis, (int)count, argv, lens);
    if (reply == NULL) {
        buf_addf(out, "(lost: %s)", redis->errstr);
        return;
    }
    write_reply(reply, out);
    freeReplyObject(reply);
}

const char *redis_say(redisContext *redis, ...)
{
    static _Thread_local char text[65536];
    span words[32];
    size_t count = 0;
    va_list rest;
    va_start(rest, redis);
    for (const char *word = va_arg(rest, const char *); word != NULL;
         word = va_arg(rest, const char *)) {
        CHECK(count < COUNT_OF(words));
        words[count++] = span_text(word);
    }
    va_end(rest);
    struct buf out;
    buf_init(&out, 64U << 20);
    redis_ask(redis, &out, words, count);
    span_to_text(buf_span(&out), text, sizeof(text));
    buf_close(&out);
    return text;
}
