/* SPDX-License-Identifier: Apache-2.0
 *
 * A table in static memory, kept by the engine's thread, and the handler that
 * walks it, on whichever thread crashed. What the handler needs is made beforehand;
 * it calls nothing that is not safe there. A thread that blocks its signals, as
 * librdkafka's do, dies unheard: that convicts nobody either.
 */
#define _GNU_SOURCE /* gettid, SA_ONSTACK */
#include "consumer/engine/crash.h"

#include "common/log.h"
#include "common/own.h"
#include "common/redis_dial.h"
#include "consumer/engine/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS     10000 /* at the report's connection, so that no end of it goes unseen */
#define DIAL_MS     500
#define SAY_MS      100
#define STACK_BYTES (64 * 1024)
#define TOPIC_MAX   250

enum place_state { PLACE_FREE, PLACE_OPEN, PLACE_ALONE };

struct place {
    int64_t offset; /* of a free one: the next free place */
    int64_t at_ms;
    int32_t partition;
    int16_t topic;
    atomic_short state; /* written last when it is taken, first when it is given back */
};

struct fatal {
    int signal;
    const char *name;
    bool again; /* the instruction faults again when the handler returns */
};

static const struct fatal fatals[] = {{SIGSEGV, "SIGSEGV", true},  {SIGBUS, "SIGBUS", true},
                                      {SIGFPE, "SIGFPE", true},    {SIGILL, "SIGILL", true},
                                      {SIGABRT, "SIGABRT", false}, {SIGSYS, "SIGSYS", false},
                                      {SIGTRAP, "SIGTRAP", false}};

static struct place places[CRASH_RECORDS_MAX + 1]; /* place 0 is none */

static struct {
    bool on;
    char key[CRASH_KEY_MAX];
    const struct config_redis *redis;
    atomic_int fd; /* -1: none */
    bool connected;
    int64_t looked_ms;
    char topics[CRASH_TOPICS_MAX][TOPIC_MAX];
    int topic_count;
    atomic_uint used; /* places ever taken: the highest number */
    uint32_t spare;   /* first of the free ones, 0: none */
    bool said_full;
    atomic_int thread; /* that reports; 0: nobody crashed yet */
    struct sigaction before[COUNT_OF(fatals)];
    struct crash_report report;
} crash = {.fd = -1};

static uint8_t stack[STACK_BYTES];

/* ---- what is in flight ------------------------------------------------------------------- */

int crash_topic_of(const char *name)
{
    for (int i = 0; i < crash.topic_count; i++) {
        if (strcmp(crash.topics[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

int crash_topic(const char *name)
{
    int known = crash_topic_of(name);
    if (known >= 0) {
        return known;
    }
    if (crash.topic_count == CRASH_TOPICS_MAX || strlen(name) >= TOPIC_MAX) {
        return -1;
    }
    (void)snprintf(crash.topics[crash.topic_count], TOPIC_MAX, "%s", name);
    return crash.topic_count++;
}

uint32_t crash_open(int topic, int32_t partition, int64_t offset, int64_t at_ms)
{
    uint32_t number = crash.spare;
    uint32_t used = atomic_load(&crash.used);
    if (topic < 0 || (number == 0 && used == CRASH_RECORDS_MAX)) {
        if (!crash.said_full) {
            LOG(LOG_WARN, "record_unwatched", L_INT("partition", partition),
                L_INT("offset", offset), L_INT("found", CRASH_RECORDS_MAX),
                L_TEXT("expected",
                       "fewer records open; lower "
                       "worker.items_max, or a record that is not watched is not found when it "
                       "crashes the worker"));
        }
        crash.said_full = true;
        return 0;
    }
    if (number == 0) {
        number = used + 1;
        atomic_store(&crash.used, number);
    } else {
        crash.spare = (uint32_t)places[number].offset;
    }
    struct place *place = &places[number];
    place->topic = (int16_t)topic;
    place->partition = partition;
    place->offset = offset;
    place->at_ms = at_ms;
    atomic_store(&place->state, PLACE_OPEN);
    return number;
}

void crash_close(uint32_t number)
{
    if (number != 0) {
        CHECK(number <= atomic_load(&crash.used));
        struct place *place = &places[number];
        CHECK(atomic_exchange(&place->state, PLACE_FREE) != PLACE_FREE);
        place->offset = crash.spare;
        crash.spare = number;
    }
}

void crash_alone(uint32_t number, bool alone)
{
    if (number != 0) {
        atomic_store(&places[number].state, alone ? PLACE_ALONE : PLACE_OPEN);
    }
}

/* ---- the handler ------------------------------------------------------------------------- */

/* Nobody outside sent it: the processor did, or this process. */
static bool our_own(const siginfo_t *info)
{
    return info->si_code > 0 || (info->si_code == SI_TKILL && info->si_pid == getpid());
}

static int64_t count_in_flight(bool *alone)
{
    uint32_t used = atomic_load(&crash.used);
    int64_t count = 0;
    *alone = false;
    for (uint32_t i = 1; i <= used; i++) {
        int state = atomic_load(&places[i].state);
        count += state != PLACE_FREE;
        *alone = *alone || state == PLACE_ALONE;
    }
    return count;
}

/* A pipe that nobody empties must not keep the end away: what has no room is not said. */
static void say(const char *line, size_t len)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&out, 1, SAY_MS) > 0 && (out.revents & POLLOUT) != 0) { /* of a page at least */
        (void)!write(STDERR_FILENO, line, len);
    }
}

static void say_crashed(const struct fatal *fatal, bool ours)
{
    char line[512];
    bool alone = false;
    int64_t count = count_in_flight(&alone);
    struct crash_text text = {.at = line, .room = sizeof(line) - 1};
    crash_add(&text, "{\"level\":\"error\",\"program\":\"hearback-worker\",\"event\":\"crashed\","
                     "\"found\":\"");
    crash_add(&text, fatal->name);
    crash_add(&text, watchdog_bit() ? ", a turn longer than worker.turn_max" : "");
    crash_add(&text, ours ? "" : ", sent by another process: no record is counted");
    crash_add(&text, "\",\"records\":");
    crash_add_number(&text, count);
    crash_add(&text, alone ? ",\"alone\":1" : ",\"alone\":0");
    crash_add(&text, ",\"expected\":\"no crash; start it again: a record that crashes it again "
                     "is found and becomes a dead letter; keep the core\"}");
    line[text.len++] = '\n';
    say(line, text.len);
}

static void say_unreported(void)
{
    static const char line[] =
        "{\"level\":\"error\",\"program\":\"hearback-worker\",\"event\":\"crash_unreported\","
        "\"found\":\"no answer of Redis within a second\",\"expected\":\"a Redis that takes the "
        "report; the next crash is counted instead\"}\n";
    say(line, sizeof(line) - 1);
}

static void tell_redis(void)
{
    uint32_t used = atomic_load(&crash.used);
    bool any = false;
    crash_report_begin(&crash.report, atomic_load(&crash.fd), crash.key,
                       crash_now_ms() + CRASH_REPORT_MS);
    for (uint32_t i = 1; i <= used; i++) {
        const struct place *place = &places[i];
        int state = atomic_load(&place->state);
        if (state != PLACE_FREE && place->topic >= 0 && place->topic < CRASH_TOPICS_MAX) {
            struct crash_position position = {.topic = crash.topics[place->topic],
                                              .partition = place->partition,
                                              .offset = place->offset,
                                              .at_ms = place->at_ms,
                                              .alone = state == PLACE_ALONE};
            crash_report_add(&crash.report, &position);
            any = true;
        }
    }
    if (any && !crash_report_end(&crash.report)) {
        say_unreported();
    }
}

/* What would have happened without us: the core, the exit status, a sanitizer's report. */
static void let_it_come(const struct fatal *fatal, const siginfo_t *info)
{
    sigset_t set;
    (void)sigaction(fatal->signal, &crash.before[fatal - fatals], NULL);
    if (fatal->again && info->si_code > 0) {
        return;
    }
    (void)sigemptyset(&set);
    (void)sigaddset(&set, fatal->signal);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(fatal->signal);
    _exit(128 + fatal->signal); /* the first process of a container does not die of its signals */
}

static void on_fatal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    const struct fatal *fatal = fatals;
    int nobody = 0;
    while (fatal->signal != signal) {
        fatal++;
    }
    if (atomic_compare_exchange_strong(&crash.thread, &nobody, (int)gettid())) {
        bool ours = our_own(info);
        say_crashed(fatal, ours);
        if (ours) {
            tell_redis();
        }
    } else if (nobody != (int)gettid()) {
        (void)poll(NULL, 0, 2 * CRASH_REPORT_MS); /* another thread has the word, and ends us all */
    }
    let_it_come(fatal, info);
}

/* ---- life -------------------------------------------------------------------------------- */

/* A sanitizer brings a stack for this; it will do. */
static void give_stack(void)
{
    stack_t mine = {.ss_sp = stack, .ss_size = sizeof(stack)};
    stack_t there = {0};
    CHECK(sigaltstack(NULL, &there) == 0);
    if ((there.ss_flags & SS_DISABLE) != 0) {
        CHECK(sigaltstack(&mine, NULL) == 0);
    }
}

void crash_key(const char *worker, const struct config_worker *config, char out[CRASH_KEY_MAX])
{
    bool observes = config->mode != NULL && strcmp(config->mode, "observe") == 0;
    int len = snprintf(out, CRASH_KEY_MAX, CRASH_KEY, worker, observes ? ".observe" : "");
    CHECK(len > 0 && len < CRASH_KEY_MAX);
}

void crash_begin(const char *key, const struct config_redis *redis, int64_t turn_max_ms)
{
    struct sigaction action = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    CHECK(!crash.on);
    crash.on = true;
    crash.redis = redis;
    crash.connected = false;
    (void)snprintf(crash.key, sizeof(crash.key), "%s", key);
    give_stack();
    (void)sigemptyset(&action.sa_mask);
    (void)sigaddset(&action.sa_mask, WATCHDOG_SIGNAL);
    for (size_t i = 0; i < COUNT_OF(fatals); i++) {
        CHECK(sigaction(fatals[i].signal, &action, &crash.before[i]) == 0);
    }
    watchdog_begin(turn_max_ms);
}

static void hang_up(void)
{
    int fd = atomic_exchange(&crash.fd, -1);
    if (fd >= 0) {
        (void)close(fd);
    }
}

void crash_end(void)
{
    if (crash.on) {
        crash.on = false;
        watchdog_end();
        for (size_t i = 0; i < COUNT_OF(fatals); i++) {
            (void)sigaction(fatals[i].signal, &crash.before[i], NULL);
        }
        hang_up();
    }
}

/* Reads what was answered and asks for a sign of life. False: the connection has ended. */
static bool look(int fd)
{
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    char some[256];
    ssize_t count = 0;
    do {
        count = recv(fd, some, sizeof(some), MSG_DONTWAIT);
    } while (count > 0);
    return count < 0 && errno == EAGAIN &&
           send(fd, ping, sizeof(ping) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) ==
               (ssize_t)sizeof(ping) - 1;
}

void crash_turn(int64_t now_ms, bool connected)
{
    watchdog_turn();
    bool came = connected && !crash.connected;
    crash.connected = connected;
    if (!crash.on || (!came && now_ms - crash.looked_ms < LOOK_MS)) {
        return;
    }
    crash.looked_ms = now_ms;
    int fd = atomic_load(&crash.fd);
    if (fd >= 0 && (came || !look(fd))) {
        hang_up(); /* Redis came anew: what was connected to the old one is worth nothing */
        fd = -1;
    }
    if (fd < 0 && connected) {
        atomic_store(&crash.fd, redis_dial(crash.redis, DIAL_MS));
    }
}
