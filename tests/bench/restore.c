/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a restore takes: a million settled effects are appended to the changelog
 * of the run's Kafka, then read bare by librdkafka (the floor), then restored whole
 * into an empty Redis, each in a process of its own. One line of JSON: records,
 * seconds, records a second, the floor, the ratio, and the restorer's memory.
 */
#define _GNU_SOURCE /* epoll_create1, wait4 */
#include "consumer/engine/restore.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "consumer/engine/changelog_reader.h"
#include "tests/fakes/redis_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECORDS     1000000
#define PATIENCE_MS (10 * 60 * 1000)

static struct config_kafka kafka = {
    .replication = 1, .partitions = 2, .session_timeout_ms = 6000, .message_bytes_max = 1 << 20};

/* What a child tells its parent. */
struct figures {
    int64_t records;
    int64_t ms;
};

static int64_t now_ms(void)
{
    return clock_mono_ms(clock_system());
}

/* ---- filling ----------------------------------------------------------------------------- */

static void append(rd_kafka_t *rk, int number)
{
    char key[160];
    char value[320];
    int key_len = snprintf(key, sizeof(key),
                           "S:hearback:effect:{ticket-filer/koji/theme-%d}:koji/interview-%08d",
                           number / 20, number);
    int value_len = snprintf(value, sizeof(value),
                             "{\"s\":\"done\",\"r\":\"filed\",\"o\":\"%032d\",\"t\":17900000%05d,"
                             "\"m\":{\"issue\":\"PROD-%d\",\"issue_id\":\"%d\",\"comment\":\"%d\","
                             "\"fold\":\"koji/interview-%08d\"}}",
                             number, number % 100000, number / 20, number, number, number);
    CHECK(key_len > 0 && value_len > 0);
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = TOPIC_CHANGELOG},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, (size_t)key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value, (size_t)value_len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(rk, parts, COUNT_OF(parts));
    while (error != NULL) {
        CHECK(rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        rd_kafka_error_destroy(error);
        (void)rd_kafka_poll(rk, 100);
        error = rd_kafka_produceva(rk, parts, COUNT_OF(parts));
    }
}

static struct figures fill(void)
{
    static const char *const options[] = {"linger.ms", "50", "queue.buffering.max.messages",
                                          "200000", NULL};
    struct kafka_role role = {.client_id = "bench-fill", .options = options};
    rd_kafka_t *rk = NULL;
    struct buf said;
    int64_t began = now_ms();
    buf_init(&said, 65536);
    CHECK(!failed(kafka_producer_new(&kafka, &role, &rk)));
    CHECK(!failed(kafka_create_topics(rk, &kafka, 20000, &said)));
    for (int i = 0; i < RECORDS; i++) {
        append(rk, i);
    }
    CHECK(rd_kafka_flush(rk, PATIENCE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(rk);
    buf_close(&said);
    return (struct figures){RECORDS, now_ms() - began};
}

/* ---- the floor --------------------------------------------------------------------------- */

static struct figures read_bare(void)
{
    static struct ledger_line lines[CHANGELOG_READ_MAX];
    static struct changelog_reader reader;
    struct figures figures = {0};
    int64_t began = now_ms();
    CHECK(!failed(changelog_reader_open(&reader, &kafka)));
    CHECK(!failed(changelog_reader_start(&reader, NULL)));
    while (!changelog_reader_at_end(&reader)) {
        size_t count = 0;
        CHECK(now_ms() - began < PATIENCE_MS);
        (void)changelog_reader_next(&reader, lines, &count);
        figures.records += (int64_t)count;
    }
    figures.ms = now_ms() - began;
    changelog_reader_close(&reader);
    return figures;
}

/* ---- the restore ------------------------------------------------------------------------- */

struct bench {
    struct config config;
    struct restore *restore;
    bool open;
};

static void on_connected(void *self)
{
    restore_connected(((struct bench *)self)->restore);
}

static void on_lost(void *self)
{
    restore_disconnected(((struct bench *)self)->restore);
}

static void on_opened(void *self)
{
    ((struct bench *)self)->open = true;
}

/* As the worker's loop. */
static void turn(struct redis *redis, struct restore *restore, struct timers *timers, int epoll_fd)
{
    struct epoll_event event;
    int64_t redis_wait = redis_turn(redis);
    int64_t wait = restore_turn(restore);
    timers_run(timers, now_ms());
    wait = wait < 0 || wait > redis_wait ? redis_wait : wait;
    wait = wait > 50 ? 50 : wait;
    if (epoll_wait(epoll_fd, &event, 1, (int)wait) == 1) {
        redis_ready(redis, (event.events & ~(uint32_t)EPOLLOUT) != 0,
                    (event.events & EPOLLOUT) != 0);
    }
}

static void no_send(void *self, const struct outbox_record *record,
                    void (*acked)(void *owner, bool durable), void *owner)
{
    (void)self;
    (void)record;
    acked(owner, false);
}

static struct figures restore(char *address)
{
    static struct bench bench;
    struct timers timers = {0};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bench.config.kafka = kafka;
    bench.config.redis = (struct config_redis){.address = address, .timeout_ms = 10000};
    bench.config.worker.restore_wait_ms = 10000;
    scripts_init();
    struct redis *redis =
        redis_new(&bench.config.redis, clock_system(), epoll_fd, 0,
                  (struct redis_hooks){.connected = on_connected, .lost = on_lost, .self = &bench});
    struct ledger *ledger = ledger_new(redis, (struct outbox){.send = no_send}, clock_system());
    bench.restore = restore_new((struct restore_parts){.config = &bench.config,
                                                       .clock = clock_system(),
                                                       .redis = redis,
                                                       .ledger = ledger,
                                                       .timers = &timers,
                                                       .owner = "bench",
                                                       .opened = on_opened,
                                                       .self = &bench});
    int64_t began = now_ms();
    while (!bench.open) {
        CHECK(now_ms() - began < PATIENCE_MS);
        turn(redis, bench.restore, &timers, epoll_fd);
    }
    return (struct figures){0, now_ms() - began};
}

/* ---- the whole --------------------------------------------------------------------------- */

enum part { FILL, FLOOR, RESTORE };

static struct figures run(enum part part, char *address, struct rusage *usage)
{
    struct figures figures = {0};
    int ends[2];
    int status = 0;
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        figures = part == FILL ? fill() : part == FLOOR ? read_bare() : restore(address);
        CHECK(write(ends[1], &figures, sizeof(figures)) == (ssize_t)sizeof(figures));
        _exit(0);
    }
    CHECK(wait4(child, &status, 0, usage) == child && status == 0);
    CHECK(read(ends[0], &figures, sizeof(figures)) == (ssize_t)sizeof(figures));
    (void)close(ends[0]);
    (void)close(ends[1]);
    return figures;
}

static double a_second(int64_t records, int64_t ms)
{
    return (double)records * 1000 / (double)(ms == 0 ? 1 : ms);
}

static double cpu_s(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* What this Redis has used so far. */
static double redis_cpu_s(const struct redis_server *server)
{
    static const char user[] = "used_cpu_user:";
    static const char system[] = "used_cpu_sys:";
    redisContext *redis = redis_ask_open(server->address, NULL);
    CHECK(redis != NULL);
    const char *info = redis_say(redis, "INFO", "cpu", NULL);
    const char *at = strstr(info, user);
    const char *sys = strstr(info, system);
    CHECK(at != NULL && sys != NULL);
    double used = strtod(at + sizeof(user) - 1, NULL) + strtod(sys + sizeof(system) - 1, NULL);
    redisFree(redis);
    return used;
}

int main(void)
{
    struct redis_server server;
    struct rusage usage;
    char *bootstrap = getenv("HEARBACK_KAFKA");
    if (bootstrap == NULL) {
        (void)printf("{\"bench\":\"restore\",\"skipped\":\"HEARBACK_KAFKA is not set\"}\n");
        return 0;
    }
    log_init("bench", LOG_ERROR);
    kafka.bootstrap = bootstrap;
    CHECK(redis_server_start(&server, NULL));
    (void)run(FILL, NULL, &usage);
    struct figures floor = run(FLOOR, NULL, &usage);
    struct figures whole = run(RESTORE, server.address, &usage);
    double redis_s = redis_cpu_s(&server);
    redis_server_close(&server);
    double speed = a_second(floor.records, whole.ms);
    double bare = a_second(floor.records, floor.ms);
    (void)printf("{\"bench\":\"restore\",\"records\":%" PRId64
                 ",\"seconds\":%.2f,\"records_s\":%.0f,\"floor_records_s\":%.0f,"
                 "\"ratio\":%.2f,\"worker_cpu_s\":%.2f,\"redis_cpu_s\":%.2f,\"rss_mb\":%.0f}\n",
                 floor.records, (double)whole.ms / 1000, speed, bare, bare / speed, cpu_s(&usage),
                 redis_s, (double)usage.ru_maxrss / 1024);
    return 0;
}
