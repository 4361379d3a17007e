/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting, asking and mistreating the redis-server.
 */
#define _GNU_SOURCE /* prctl */
#include "tests/sim/store.h"

#include "common/own.h"
#include "tests/sim/clock_page.h"
#include "tests/sim/world.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STORE_DEPTH_MAX 8
#define STORE_TRIES     500

static struct {
    char socket[100];
    pid_t pid;
    struct clock_page *page;
    redisContext *redis;
    int restarts;
    char run_id[32];
} store;

/* ---- the server -------------------------------------------------------------------------- */

static void make_page(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, sizeof(*store.page)) == 0);
    void *at = mmap(NULL, sizeof(*store.page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED);
    (void)close(fd);
    store.page = at;
    atomic_store(&store.page->wall_ms, WORLD_WALL_MS);
}

static _Noreturn void become_server(const char *folder, const char *page)
{
    const char *const argv[] = {"redis-server", "--port",      "0",  "--unixsocket",
                                store.socket,   "--save",      "",   "--appendonly",
                                "no",           "--databases", "2",  "--dir",
                                folder,         "--daemonize", "no", "--loglevel",
                                "warning",      NULL};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(log, STDOUT_FILENO);
    CHECK(setenv("LD_PRELOAD", SIM_REDIS_CLOCK, 1) == 0);
    CHECK(setenv(CLOCK_PAGE_VARIABLE, page, 1) == 0);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    _Exit(127);
}

static redisContext *connect_once(void)
{
    redisContext *redis = redisConnectUnix(store.socket);
    if (redis != NULL && redis->err != 0) {
        redisFree(redis);
        return NULL;
    }
    return redis;
}

void store_start(const char *folder)
{
    char page[120];
    (void)snprintf(store.socket, sizeof(store.socket), "%s/redis.sock", folder);
    (void)snprintf(page, sizeof(page), "%s/clock", folder);
    make_page(page);
    (void)fflush(NULL);
    store.pid = fork();
    CHECK(store.pid >= 0);
    if (store.pid == 0) {
        become_server(folder, page);
    }
    for (int i = 0; i < STORE_TRIES; i++) {
        redisContext *redis = connect_once();
        if (redis != NULL) {
            redisFree(redis);
            return;
        }
        (void)poll(NULL, 0, 10);
    }
    NEVER("redis-server does not start; is it installed?");
}

void store_stop(void)
{
    if (store.pid > 0) {
        (void)kill(store.pid, SIGKILL);
        (void)waitpid(store.pid, NULL, 0);
    }
    store.pid = 0;
}

/* ---- commands ---------------------------------------------------------------------------- */

static void take_reply(struct arena *arena, const redisReply *from, struct redis_reply *to,
                       int depth)
{
    CHECK(depth > 0);
    *to = (struct redis_reply){.kind = REDIS_NIL};
    switch (from->type) {
    case REDIS_REPLY_INTEGER:
        *to = (struct redis_reply){.kind = REDIS_INT, .number = from->integer};
        return;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        to->kind = from->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_TEXT;
        to->text = arena_copy(arena, span_of(from->str, (size_t)from->len));
        return;
    case REDIS_REPLY_ARRAY:
        to->kind = REDIS_LIST;
        to->count = from->elements;
        to->list = arena_alloc(arena, sizeof(*to->list) * (from->elements + 1));
        CHECK(to->list != NULL);
        for (size_t i = 0; i < from->elements; i++) {
            take_reply(arena, from->element[i], &to->list[i], depth - 1);
        }
        return;
    default:
        return;
    }
}

/* Time goes on for the server from one history to the next, so that nothing of one is alive in
 * another. */
static int64_t base_ms;

static redisReply *run(const span *args, size_t count)
{
    const char *argv[REDIS_ARGS_MAX];
    size_t lens[REDIS_ARGS_MAX];
    CHECK(count <= REDIS_ARGS_MAX);
    for (size_t i = 0; i < count; i++) {
        argv[i] = args[i].len == 0 ? "" : (const char *)args[i].at;
        lens[i] = args[i].len;
    }
    atomic_store_explicit(&store.page->wall_ms, base_ms + world_now(), memory_order_release);
    redisReply *reply = redisCommandArgv(store.redis, (int)count, argv, lens);
    CHECK(reply != NULL);
    return reply;
}

void store_run(const span *args, size_t count, struct arena *arena, struct redis_reply *reply)
{
    if (span_is(args[0], "INFO")) {
        char text[64];
        (void)snprintf(text, sizeof(text), "# Server\r\nrun_id:%s\r\n", store.run_id);
        *reply =
            (struct redis_reply){.kind = REDIS_TEXT, .text = arena_copy(arena, span_text(text))};
        return;
    }
    redisReply *answer = run(args, count);
    take_reply(arena, answer, reply, STORE_DEPTH_MAX);
    freeReplyObject(answer);
}

static void command(const char *a, const char *b, const char *c)
{
    span args[] = {span_text(a), span_text(b), span_text(c)};
    redisReply *reply = run(args, c != NULL ? 3 : b != NULL ? 2 : 1);
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)fprintf(stderr, "redis-server says %s to %s\n", reply->str, a);
        NEVER("the redis-server refuses the simulation");
    }
    freeReplyObject(reply);
}

static void new_run_id(void)
{
    (void)snprintf(store.run_id, sizeof(store.run_id), "run%d", store.restarts);
}

void store_open(void)
{
    base_ms = atomic_load(&store.page->wall_ms) + (int64_t)1000 * 60 * 60;
    store.redis = connect_once();
    CHECK(store.redis != NULL);
    command("FLUSHALL", NULL, NULL);
    command("SCRIPT", "FLUSH", NULL);
    new_run_id();
}

/* ---- what befalls it --------------------------------------------------------------------- */

void store_empty(void)
{
    command("FLUSHDB", NULL, NULL);
}

void store_restart(void)
{
    store.restarts++;
    new_run_id();
    command("SCRIPT", "FLUSH", NULL);
}

void store_snapshot(void)
{
    static const char script[] = "for _, key in ipairs(redis.call('KEYS', '*')) do "
                                 "redis.call('COPY', key, key, 'DB', '1', 'REPLACE') end";
    command("SELECT", "1", NULL);
    command("FLUSHDB", NULL, NULL);
    command("SELECT", "0", NULL);
    command("EVAL", script, "0");
}

void store_rollback(void)
{
    command("SWAPDB", "0", "1");
    store_restart();
}

const char *store_run_id(void)
{
    return store.run_id;
}

span store_get(const char *key, struct arena *arena)
{
    struct redis_reply reply;
    span args[] = {span_text("GET"), span_text(key)};
    store_run(args, COUNT_OF(args), arena, &reply);
    return reply.kind == REDIS_TEXT ? reply.text : SPAN_NONE;
}
