/* SPDX-License-Identifier: Apache-2.0
 *
 * The connection to Redis, first with a real one that is killed and comes back,
 * then with one whose every byte is the test's. What is asked is answered exactly
 * once, in order; what nobody knows is REDIS_LOST.
 */
#define _GNU_SOURCE /* epoll_create1 */
#include "tests/component/engine/kit.h"

#include "common/mem.h"
#include "common/redis.h"
#include "tests/fakes/tcp_peer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define COMMANDS 50000

struct line {
    struct config_redis config;
    int epoll_fd;
    struct redis *redis;
    int connects;
    int losses;
    size_t answered; /* all kinds */
    size_t lost;     /* of which REDIS_LOST */
    int64_t last;    /* the last number answered */
    size_t answered_at_loss;
    bool out_of_order;
    struct redis_reply reply; /* the last */
    struct arena arena;
};

static void on_connected(void *self)
{
    ((struct line *)self)->connects++;
}

static void on_lost(void *self)
{
    struct line *line = self;
    line->losses++;
    line->answered_at_loss = line->answered;
}

static void line_open(struct line *line, const char *address, const char *password)
{
    kit_quiet();
    *line = (struct line){.config = {.address = mem_must_copy_text(address), .timeout_ms = 5000}};
    if (password != NULL) {
        secret_init(&line->config.password, span_text(password));
    }
    line->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_true(line->epoll_fd >= 0);
    arena_init(&line->arena, 64U << 20);
    line->redis =
        redis_new(&line->config, clock_system(), line->epoll_fd, 0,
                  (struct redis_hooks){.connected = on_connected, .lost = on_lost, .self = line});
}

static void line_close(struct line *line)
{
    redis_free(&line->redis);
    secret_close(&line->config.password);
    mem_free_text(&line->config.address);
    arena_close(&line->arena);
    (void)close(line->epoll_fd);
}

static void turn(struct line *line)
{
    struct epoll_event event;
    int64_t wait = redis_turn(line->redis);
    wait = wait > 20 ? 20 : wait;
    if (epoll_wait(line->epoll_fd, &event, 1, (int)wait) == 1) {
        bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
        redis_ready(line->redis, broken || (event.events & EPOLLIN) != 0,
                    (event.events & EPOLLOUT) != 0);
    }
}

static void until_connected(struct line *line, int times)
{
    for (int64_t t = kit_begin(); line->connects < times;) {
        assert_true(kit_waits(t));
        turn(line);
    }
}

static void until_idle(struct line *line)
{
    for (int64_t t = kit_begin(); redis_in_flight(line->redis) > 0;) {
        assert_true(kit_waits(t));
        turn(line);
    }
}

static void on_answer(void *self, const struct redis_reply *reply)
{
    struct line *line = self;
    line->answered++;
    line->lost += reply->kind == REDIS_LOST ? 1 : 0;
    if (reply->kind == REDIS_INT) {
        /* Nothing that was done may be told behind something unknown. */
        line->out_of_order =
            line->out_of_order || reply->number != line->last + 1 || line->lost > 0;
        line->last = reply->number;
    }
    arena_close(&line->arena);
    redis_keep(reply, &line->arena, &line->reply);
}

static void say(struct line *line, const char *first, const char *second, const char *third)
{
    span words[3] = {span_text(first), span_text(second), span_text(third)};
    size_t count = second == NULL ? 1 : third == NULL ? 2 : 3;
    redis_send(line->redis, words, count, on_answer, line);
}

/* ---- a real Redis ------------------------------------------------------------------------ */

static void test_many_commands_and_a_kill(void **state)
{
    (void)state;
    struct redis_server server;
    struct line line;
    assert_true(redis_server_start(&server, NULL));
    line_open(&line, server.address, NULL);
    until_connected(&line, 1);
    for (int i = 0; i < COMMANDS; i++) {
        say(&line, "INCR", "n", NULL);
    }
    assert_int_equal(redis_in_flight(line.redis), COMMANDS);
    until_idle(&line);
    assert_int_equal(line.answered, COMMANDS);
    assert_int_equal(line.last, COMMANDS);
    assert_int_equal(line.lost, 0);
    assert_false(line.out_of_order);
    for (int i = 0; i < COMMANDS; i++) {
        if (i == COMMANDS / 2) { /* the second half is never executed */
            for (int64_t t = kit_begin(); line.answered < COMMANDS + COMMANDS / 4;) {
                assert_true(kit_waits(t));
                turn(&line);
            }
            redis_server_signal(&server, SIGSTOP);
        }
        say(&line, "INCR", "n", NULL);
    }
    redis_server_kill(&server);
    until_idle(&line);
    assert_int_equal(line.answered, 2 * COMMANDS);
    assert_true(line.lost >= COMMANDS / 2 && line.lost < COMMANDS);
    assert_int_equal(line.last + (int64_t)line.lost, 2 * COMMANDS);
    assert_false(line.out_of_order);
    turn(&line);
    assert_int_equal(line.losses, 1);
    assert_int_equal(line.answered_at_loss, 2 * COMMANDS);
    say(&line, "INCR", "n", NULL); /* there is no connection */
    until_idle(&line);
    assert_int_equal(line.reply.kind, REDIS_LOST);
    assert_true(redis_server_again(&server));
    until_connected(&line, 2);
    say(&line, "ECHO", "back", NULL);
    until_idle(&line);
    assert_true(span_is(line.reply.text, "back"));
    line_close(&line);
    redis_server_close(&server);
}

static void test_stopped_redis(void **state)
{
    (void)state;
    struct redis_server server;
    struct line line;
    assert_true(redis_server_start(&server, NULL));
    line_open(&line, server.address, NULL);
    line.config.timeout_ms = 200;
    until_connected(&line, 1);
    redis_server_signal(&server, SIGSTOP);
    say(&line, "INCR", "n", NULL);
    say(&line, "INCR", "n", NULL);
    until_idle(&line);
    assert_int_equal(line.lost, 2);
    turn(&line);
    assert_int_equal(line.losses, 1);
    until_connected(&line, 2); /* the kernel accepts for it */
    say(&line, "INCR", "n", NULL);
    until_idle(&line);
    assert_int_equal(line.lost, 3);
    redis_server_signal(&server, SIGCONT);
    until_connected(&line, 3);
    say(&line, "INCR", "n", NULL);
    until_idle(&line);
    assert_int_equal(line.reply.kind, REDIS_INT);
    assert_true(line.reply.number >= 1 && line.reply.number <= 4); /* unknown, not undone */
    line_close(&line);
    redis_server_close(&server);
}

static void test_password(void **state)
{
    (void)state;
    struct redis_server server;
    struct line line;
    assert_true(redis_server_start(&server, "open sesame"));
    line_open(&line, server.address, "open sesame");
    until_connected(&line, 1);
    say(&line, "ECHO", "in", NULL);
    until_idle(&line);
    assert_true(span_is(line.reply.text, "in"));
    assert_int_equal(kit_logged("redis_password_refused"), 0);
    line_close(&line);
    static const char *const wrong[] = {NULL, "open barley"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        line_open(&line, server.address, wrong[i]);
        until_connected(&line, 1);
        say(&line, "ECHO", "in", NULL);
        until_idle(&line);
        assert_int_equal(line.reply.kind, REDIS_ERROR);
        assert_true(span_starts(line.reply.text, "NOAUTH"));
        assert_int_equal(kit_logged("redis_password_refused"), wrong[i] == NULL ? 0 : 1);
        line_close(&line);
    }
    redis_server_close(&server);
}

static void test_unix_socket(void **state)
{
    (void)state;
    struct redis_server server;
    struct line line;
    assert_true(redis_server_start(&server, NULL));
    line_open(&line, server.socket, NULL);
    until_connected(&line, 1);
    for (int i = 0; i < 1000; i++) {
        say(&line, "INCR", "n", NULL);
    }
    until_idle(&line);
    assert_int_equal(line.last, 1000);
    redis_server_kill(&server);
    for (int64_t t = kit_begin(); line.losses == 0;) {
        assert_true(kit_waits(t));
        turn(&line);
    }
    assert_true(redis_server_again(&server));
    until_connected(&line, 2);
    line_close(&line);
    redis_server_close(&server);
}

/* ---- one of the test's own --------------------------------------------------------------- */

struct script_of_peer {
    const char *says; /* to the first command of the first connection; then it behaves */
    size_t huge;      /* instead: a bulk string of so many bytes */
    bool closes;
    bool mute;   /* the first connection never answers */
    bool greets; /* the first connection is refused with an error that nobody asked for */
};

static void serve(int fd, int index, void *self)
{
    const struct script_of_peer *script = self;
    struct buf words;
    int commands = 0;
    buf_init(&words, 1 << 20);
    if (index == 0 && script->greets) {
        (void)tcp_say(fd, "-ERR max number of clients reached\r\n");
        buf_close(&words);
        return;
    }
    while (tcp_read_command(fd, &words)) {
        bool first = index == 0 && commands++ == 0;
        if (index == 0 && script->mute) {
            continue;
        }
        if (first && script->huge > 0) {
            char head[32];
            char *bytes = mem_must_alloc(script->huge);
            (void)snprintf(head, sizeof(head), "$%zu\r\n", script->huge);
            (void)(tcp_say(fd, head) && tcp_send(fd, span_of(bytes, script->huge)) &&
                   tcp_say(fd, "\r\n"));
            mem_free(bytes);
        } else {
            (void)tcp_say(fd, first && script->says != NULL ? script->says : "+fine\r\n");
        }
        if (first && script->closes) {
            break;
        }
    }
    buf_close(&words);
}

/* The first command is answered by the script, the second must find a peer that behaves. */
static void play(struct script_of_peer *script, struct line *line)
{
    char address[32];
    struct tcp_peer *peer = tcp_peer_start(serve, script);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", tcp_peer_port(peer));
    line_open(line, address, NULL);
    line->config.timeout_ms = script->mute ? 150 : 10000;
    until_connected(line, 1);
    say(line, "GET", "k", NULL);
    until_idle(line);
    enum redis_kind kind = line->reply.kind;
    if (!redis_connected(line->redis)) {
        until_connected(line, 2);
        assert_int_equal(line->losses, 1);
    }
    say(line, "GET", "k", NULL);
    until_idle(line);
    assert_true(span_is(line->reply.text, "fine"));
    assert_int_equal(line->answered, 2);
    line->reply = (struct redis_reply){.kind = kind};
    tcp_peer_stop(&peer);
}

static void test_what_a_peer_may_say(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct script_of_peer script;
        enum redis_kind kind;
        int connects;
    } rows[] = {
        {"never answers", {.mute = true}, REDIS_LOST, 2},
        {"closes at once", {.says = "", .closes = true}, REDIS_LOST, 2},
        {"closes within a reply", {.says = "$100\r\nabc", .closes = true}, REDIS_LOST, 2},
        {"closes within a list", {.says = "*3\r\n:1\r\n", .closes = true}, REDIS_LOST, 2},
        {"is no Redis", {.says = "HTTP/1.1 400 Bad Request\r\n\r\n"}, REDIS_LOST, 2},
        {"a number that is none", {.says = "$x\r\n"}, REDIS_LOST, 2},
        {"a negative length", {.says = "$-7\r\n"}, REDIS_LOST, 2},
        {"nested too deep",
         {.says = "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"},
         REDIS_LOST,
         2},
        {"a list without an end", {.says = "*2000000000\r\n:1\r\n"}, REDIS_LOST, 2},
        {"says more than was asked", {.says = "+a\r\n+b\r\n"}, REDIS_TEXT, 2},
        {"a list nobody asked for", {.says = ":1\r\n*1\r\n:2\r\n"}, REDIS_INT, 2},
        {"a nothing nobody asked for", {.says = ":1\r\n$-1\r\n"}, REDIS_INT, 2},
        {"an error nobody asked for", {.says = ":1\r\n-ERR go away\r\n"}, REDIS_INT, 2},
        {"has no room for clients", {.greets = true}, REDIS_LOST, 2},
        {"nested", {.says = "*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}, REDIS_LIST, 1},
        {"nothing", {.says = "$-1\r\n"}, REDIS_NIL, 1},
        {"no list", {.says = "*-1\r\n"}, REDIS_NIL, 1},
        {"an empty list", {.says = "*0\r\n"}, REDIS_LIST, 1},
        {"an empty text", {.says = "$0\r\n\r\n"}, REDIS_TEXT, 1},
        {"READONLY", {.says = "-READONLY You can't write\r\n"}, REDIS_ERROR, 1},
        {"OOM", {.says = "-OOM command not allowed\r\n"}, REDIS_ERROR, 1},
        {"LOADING", {.says = "-LOADING Redis is loading\r\n"}, REDIS_ERROR, 1},
        {"MOVED", {.says = "-MOVED 3999 127.0.0.1:6381\r\n"}, REDIS_ERROR, 1},
        {"NOSCRIPT", {.says = "-NOSCRIPT No matching script\r\n"}, REDIS_ERROR, 1},
        {"large", {.huge = (size_t)8 << 20}, REDIS_TEXT, 1},
        {"too large: unknown", {.huge = (size_t)65 << 20}, REDIS_LOST, 1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct line line;
        struct script_of_peer script = rows[i].script;
        play(&script, &line);
        if (line.reply.kind != rows[i].kind || line.connects != rows[i].connects) {
            print_error("row \"%s\": kind %d, %d connects\n", rows[i].name, (int)line.reply.kind,
                        line.connects);
            fail();
        }
        line_close(&line);
    }
}

/* Nobody listens: nothing is answered but REDIS_LOST, and it goes on trying. */
static void test_nobody_listens(void **state)
{
    (void)state;
    struct redis_server server;
    struct line line;
    assert_true(redis_server_start(&server, NULL));
    redis_server_kill(&server);
    line_open(&line, server.address, NULL);
    for (int i = 0; i < 5; i++) {
        say(&line, "GET", "k", NULL);
        turn(&line);
    }
    until_idle(&line);
    assert_int_equal(line.lost, 5);
    assert_int_equal(line.connects, 0);
    assert_int_equal(line.losses, 0); /* there was nothing to lose */
    assert_true(kit_logged("redis_away") == 1);
    assert_true(redis_server_again(&server));
    until_connected(&line, 1);
    say(&line, "ECHO", "there", NULL);
    until_idle(&line);
    assert_true(span_is(line.reply.text, "there"));
    line_close(&line);
    redis_server_close(&server);
}

/* What is sent while corked leaves with the uncorking, and epoll is not asked to say that it may.
 */
static void test_corked_commands_leave_together(void **state)
{
    (void)state;
    struct redis_server server;
    struct line line;
    struct epoll_event event = {0};
    assert_true(redis_server_start(&server, NULL));
    line_open(&line, server.address, NULL);
    until_connected(&line, 1);
    until_idle(&line);
    redis_cork(line.redis);
    for (int i = 0; i < 100; i++) {
        say(&line, "INCR", "corked", NULL);
    }
    assert_int_equal(epoll_wait(line.epoll_fd, &event, 1, 50), 0); /* nothing left, nothing came */
    redis_uncork(line.redis);
    assert_int_equal(epoll_wait(line.epoll_fd, &event, 1, KIT_PATIENCE_MS), 1);
    assert_int_equal(event.events, EPOLLIN); /* the answers, and no wish to write */
    until_idle(&line);
    assert_int_equal(line.answered, 100);
    assert_int_equal(line.last, 100);
    /* Redis ends between the cork and the uncorking. */
    redis_cork(line.redis);
    say(&line, "GET", "corked", NULL);
    redis_server_kill(&server);
    redis_uncork(line.redis);
    until_idle(&line);
    assert_int_equal(line.lost, 1);
    line_close(&line);
    redis_server_close(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_commands_and_a_kill),
        cmocka_unit_test(test_stopped_redis),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_what_a_peer_may_say),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_corked_commands_leave_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
