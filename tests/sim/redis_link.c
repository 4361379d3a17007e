/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of common/redis.c: a connection whose commands take time, are executed
 * on the real server in order, and whose loss leaves it open which of them were.
 * The turn behaves as the real one's: answers in order, the lost hook behind
 * them, reconnecting with growing patience.
 */
#include "tests/sim/redis_link.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/own.h"
#include "common/redis.h"
#include "consumer/engine/ledger.h"
#include "tests/sim/edges.h"
#include "tests/sim/store.h"

#define LINK_RECONNECT_MIN_MS 50
#define LINK_RECONNECT_MAX_MS 2000
#define LINK_BYTES_MAX        (64u << 20)
#define LINK_IDLE_MS          1000

/* As the process sees it. */
struct redis_command {
    struct redis_command *next;
    redis_answered answered;
    void *self;
    int64_t sent_ms;
    bool replied;
    struct arena arena;
    struct redis_reply reply;
};

struct packet {
    struct packet *next;
    struct redis_command *command; /* NULL: nobody waits for it */
    bool departed;                 /* it has left the process's own buffer */
    struct arena arena;
    span *args;
    size_t count;
};

/* What was sent on one connection and not executed yet, in order. It outlives the connection and
 * the process. */
struct wire {
    struct redis *redis; /* NULL: the connection is gone */
    struct packet *first;
};

struct redis {
    struct owner owner;
    const struct config_redis *config;
    struct redis_hooks hooks;
    uint64_t connection; /* rises with each */
    bool connected;
    bool connecting;
    bool greeted;
    bool was_lost;
    int64_t connect_at_ms; /* simulated time, as all here */
    int64_t connect_started_ms;
    int64_t reconnect_ms;
    int64_t arrives_ms; /* of what was sent last */
    int64_t answers_ms; /* of what was answered last */
    struct redis_command *oldest;
    struct redis_command **newest;
    struct wire *wire;
    size_t in_flight;
};

static struct {
    int64_t away_until;
    int64_t stalled_until;
    int64_t refuses_until;
    const char *error;
    int empty_before; /* scripts until it is emptied; 0: it is not */
} server;

static int64_t latency(void)
{
    int64_t usual = plan_get()->redis_latency_ms;
    return !plan_get()->steady && world_chance(WORLD_EDGE, 5) ? world_between(WORLD_EDGE, 0, 600)
                                                              : world_between(WORLD_EDGE, 0, usual);
}

/* ---- losing it --------------------------------------------------------------------------- */

static void free_packet(struct packet *packet)
{
    arena_close(&packet->arena);
    mem_free(packet);
}

/* The connection is gone: the first of what is on the wire still arrive, the rest never do. */
static void let_fly(struct redis *redis, bool all_arrive)
{
    struct wire *wire = TAKE(redis->wire);
    size_t count = 0;
    if (wire == NULL) {
        return;
    }
    for (const struct packet *p = wire->first; p != NULL && p->departed; p = p->next) {
        count++;
    }
    size_t arriving = all_arrive ? count : world_draw(WORLD_EDGE, count + 1);
    struct packet **at = &wire->first;
    for (; arriving > 0; arriving--) {
        (*at)->command = NULL;
        at = &(*at)->next;
    }
    struct packet *lost = TAKE(*at);
    while (lost != NULL) {
        struct packet *next = lost->next;
        free_packet(lost);
        lost = next;
    }
    wire->redis = NULL;
}

static void plan_reconnect(struct redis *redis)
{
    redis->was_lost = redis->was_lost || redis->connected;
    redis->connected = false;
    redis->connecting = false;
    redis->connect_at_ms = world_now() + redis->reconnect_ms;
    redis->reconnect_ms = redis->reconnect_ms * 2 > LINK_RECONNECT_MAX_MS ? LINK_RECONNECT_MAX_MS
                                                                          : redis->reconnect_ms * 2;
}

static void drop_connection(struct redis *redis, bool all_arrive)
{
    redis->connection++;
    let_fly(redis, all_arrive);
    for (struct redis_command *c = redis->oldest; c != NULL; c = c->next) {
        if (!c->replied) {
            c->replied = true;
            c->reply = (struct redis_reply){.kind = REDIS_LOST};
        }
    }
    plan_reconnect(redis);
}

void redis_link_cut(struct redis *redis)
{
    if (redis->connected || redis->connecting) {
        world_trace("w%d loses its connection to Redis", redis->owner.proc->slot);
        drop_connection(redis, false);
        proc_wake(redis->owner);
    }
}

void redis_link_died(struct redis *redis)
{
    redis->connection++;
    let_fly(redis, false);
}

void redis_link_cut_all(void)
{
    for (int i = 0; i < PLAN_WORKERS_MAX; i++) {
        struct redis *redis = proc_of(i)->redis;
        if (redis != NULL && proc_lives(redis->owner)) {
            redis_link_cut(redis);
        }
    }
}

void redis_link_away(int64_t for_ms)
{
    redis_link_cut_all();
    server.away_until = world_now() + for_ms;
}

void redis_link_stall(int64_t for_ms)
{
    server.stalled_until = world_now() + for_ms;
}

void redis_link_refuse(int64_t for_ms, const char *error)
{
    server.refuses_until = world_now() + for_ms;
    server.error = error;
}

void redis_link_empty_before(int scripts)
{
    server.empty_before = scripts;
}

void redis_link_heal(void)
{
    server.empty_before = 0;
    server.away_until = server.refuses_until = server.stalled_until = 0;
}

/* ---- a command's way --------------------------------------------------------------------- */

static const char *short_word(const struct redis_reply *reply, char *room, size_t bytes)
{
    static const char *const kinds[] = {"lost", "nil", "int", "text", "list", "error"};
    const struct redis_reply *shown = reply->kind == REDIS_LIST ? redis_element(reply, 0) : reply;
    span_to_text(shown->text.len > 0 ? shown->text : span_text(kinds[reply->kind]), room, bytes);
    return room;
}

static void say(const struct packet *packet, const struct redis_reply *reply)
{
    if (world_traces()) {
        char word[64];
        span what = packet->args[0];
        span key = packet->count > 1 ? packet->args[1] : SPAN_NONE;
        for (struct script *const *at = scripts_all; *at != NULL && packet->count > 3; at++) {
            if (span_is(packet->args[1], (*at)->sha)) {
                what = span_text((*at)->name);
                key = packet->args[3];
            }
        }
        bool idle = span_is(key, LEDGER_EPOCH_KEY) && span_is(what, "GET") &&
                    reply->kind == REDIS_TEXT; /* asked for behind everything */
        if (!span_is(what, "SCRIPT") && !span_is(what, "INFO") && !idle) {
            world_trace("redis " SPAN_FMT " " SPAN_FMT " -> %s", SPAN_ARG(what), SPAN_ARG(key),
                        short_word(reply, word, sizeof(word)));
        }
    }
}

struct answer {
    struct redis *redis;
    struct redis_command *command;
    uint64_t connection;
    struct redis_reply reply; /* in the command's arena */
};

static void on_answer(void *self)
{
    struct answer *answer = self;
    struct redis *redis = answer->redis;
    if (proc_lives(redis->owner) && redis->connection == answer->connection) {
        answer->command->reply = answer->reply;
        answer->command->replied = true;
        proc_wake(redis->owner);
    }
    mem_free(answer);
}

static bool refused(const struct packet *packet)
{
    bool reads = span_is(packet->args[0], "GET") || span_is(packet->args[0], "INFO") ||
                 span_is(packet->args[0], "SCRIPT");
    return world_now() < server.refuses_until &&
           (!reads || strncmp(server.error, "LOADING", 7) == 0);
}

static void execute(struct packet *packet, struct arena *arena, struct redis_reply *reply)
{
    bool script = span_is(packet->args[0], "EVALSHA");
    if (script && server.empty_before > 0 && --server.empty_before == 0) {
        world_trace("Redis is emptied");
        store_empty();
    }
    if (refused(packet)) {
        *reply = (struct redis_reply){.kind = REDIS_ERROR,
                                      .text = arena_copy(arena, span_text(server.error))};
    } else {
        store_run(packet->args, packet->count, arena, reply);
    }
    say(packet, reply);
}

static void answer_later(struct redis *redis, struct answer *answer)
{
    int64_t at = world_now() + latency();
    redis->answers_ms = at > redis->answers_ms ? at : redis->answers_ms;
    world_at(redis->answers_ms, on_answer, answer);
    if (world_chance(WORLD_EDGE, plan_get()->cut_per_mille)) {
        redis_link_cut(redis);
    }
}

/* The wire's first packet is executed. */
static void on_arrival(void *self)
{
    struct wire *wire = self;
    struct packet *packet = wire->first;
    if (packet == NULL || !packet->departed) {
        return; /* it was lost */
    }
    if (world_now() < server.stalled_until) {
        world_at(server.stalled_until, on_arrival, wire);
        return;
    }
    struct redis *redis = wire->redis;
    struct redis_reply reply;
    wire->first = packet->next;
    if (packet->command == NULL) {
        execute(packet, &packet->arena, &reply);
    } else {
        struct answer *answer = mem_must_alloc(sizeof(*answer));
        *answer = (struct answer){
            .redis = redis, .command = packet->command, .connection = redis->connection};
        execute(packet, &packet->command->arena, &answer->reply);
        answer_later(redis, answer);
    }
    free_packet(packet);
}

/* hiredis keeps what is sent until the loop waits: a process that stands still keeps it for that
 * long, one that ends takes it with it. */
static void on_departure(void *self)
{
    struct wire *wire = self;
    struct redis *redis = wire->redis;
    struct packet *packet = wire->first;
    if (redis == NULL) {
        return;
    }
    if (!proc_runs(redis->owner)) {
        world_at(proc_awake_ms(redis->owner), on_departure, wire);
        return;
    }
    while (packet->departed) {
        packet = packet->next;
    }
    packet->departed = true;
    int64_t arrives = world_now() + latency();
    redis->arrives_ms = arrives > redis->arrives_ms ? arrives : redis->arrives_ms;
    world_at(redis->arrives_ms, on_arrival, wire);
}

void redis_send(struct redis *redis, const span *args, size_t count, redis_answered answered,
                void *self)
{
    CHECK(count > 0 && count <= REDIS_ARGS_MAX);
    struct redis_command *command = mem_must_alloc(sizeof(*command));
    command->answered = answered;
    command->self = self;
    command->sent_ms = world_now();
    arena_init(&command->arena, LINK_BYTES_MAX);
    *redis->newest = command;
    redis->newest = &command->next;
    redis->in_flight++;
    if (!redis->connected) {
        command->replied = true; /* reply.kind is REDIS_LOST, the zero value */
        return;
    }
    struct packet *packet = mem_must_alloc(sizeof(*packet));
    packet->command = command;
    packet->count = count;
    arena_init(&packet->arena, LINK_BYTES_MAX);
    packet->args = arena_alloc(&packet->arena, sizeof(span) * count);
    for (size_t i = 0; i < count; i++) {
        packet->args[i] = arena_copy(&packet->arena, args[i]);
    }
    struct packet **at = &redis->wire->first;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = packet;
    world_at(world_now(), on_departure, redis->wire);
}

/* ---- connecting -------------------------------------------------------------------------- */

struct greeting {
    struct redis *redis;
    uint64_t connection;
};

static void on_connected(void *self)
{
    struct greeting *greeting = self;
    struct redis *redis = greeting->redis;
    if (proc_lives(redis->owner) && redis->connecting &&
        redis->connection == greeting->connection) {
        if (world_now() < server.away_until) {
            plan_reconnect(redis);
        } else {
            redis->connecting = false;
            redis->connected = true;
            redis->greeted = false;
        }
        proc_wake(redis->owner);
    }
    mem_free(greeting);
}

static void start_connect(struct redis *redis)
{
    struct greeting *greeting = mem_must_alloc(sizeof(*greeting));
    redis->connection++;
    redis->connecting = true;
    redis->wire = mem_must_alloc(sizeof(*redis->wire));
    redis->wire->redis = redis;
    redis->connect_started_ms = world_now();
    redis->arrives_ms = 0;
    redis->answers_ms = 0;
    *greeting = (struct greeting){.redis = redis, .connection = redis->connection};
    world_at(world_now() + latency(), on_connected, greeting);
}

struct redis *redis_new(const struct config_redis *config, const struct clock *clock, int epoll_fd,
                        uint64_t epoll_tag, struct redis_hooks hooks)
{
    (void)clock;
    (void)epoll_fd;
    (void)epoll_tag;
    struct redis *redis = mem_must_alloc(sizeof(*redis));
    *redis = (struct redis){.owner = proc_owner(),
                            .config = config,
                            .hooks = hooks,
                            .reconnect_ms = LINK_RECONNECT_MIN_MS};
    redis->newest = &redis->oldest;
    redis->owner.proc->redis = redis;
    return redis;
}

void redis_free(struct redis **at)
{
    struct redis *redis = TAKE(*at);
    if (redis != NULL) {
        redis_link_died(redis);
        redis->owner.proc->redis = NULL; /* the rest goes with the history */
    }
}

/* ---- the turn ---------------------------------------------------------------------------- */

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
        arena_close(&command->arena);
        mem_free(command);
    }
}

static void watch_silence(struct redis *redis)
{
    int64_t limit = redis->config->timeout_ms;
    bool hangs = redis->connecting && world_now() - redis->connect_started_ms > limit;
    bool silent = redis->connected && redis->oldest != NULL && !redis->oldest->replied &&
                  world_now() - redis->oldest->sent_ms > limit;
    if (hangs || silent) {
        world_trace("w%d gives its connection to Redis up", redis->owner.proc->slot);
        drop_connection(redis, world_now() < server.stalled_until);
    }
}

int64_t redis_turn(struct redis *redis)
{
    if (!redis->connected && !redis->connecting && world_now() >= redis->connect_at_ms) {
        start_connect(redis);
    }
    watch_silence(redis);
    hand_out(redis);
    if (redis->was_lost) {
        redis->was_lost = false;
        redis->hooks.lost(redis->hooks.self);
    }
    if (redis->connected && !redis->greeted) {
        redis->greeted = true;
        redis->reconnect_ms = LINK_RECONNECT_MIN_MS;
        redis->hooks.connected(redis->hooks.self);
    }
    hand_out(redis);
    if (!redis->connected && !redis->connecting) {
        int64_t left = redis->connect_at_ms - world_now();
        return left < 0 ? 0 : left;
    }
    return redis->oldest != NULL || !redis->connected ? redis->config->timeout_ms / 4 + 1
                                                      : LINK_IDLE_MS;
}

void redis_ready(struct redis *redis, bool readable, bool writable)
{
    (void)redis;
    (void)readable;
    (void)writable;
    NEVER("there is no descriptor");
}

bool redis_connected(const struct redis *redis)
{
    return redis->connected;
}

size_t redis_in_flight(const struct redis *redis)
{
    return redis->in_flight;
}
