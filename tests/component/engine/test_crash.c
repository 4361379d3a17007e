/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes that crash, or are killed: what Redis is told of their records, and
 * how they end.
 */
#define _GNU_SOURCE /* unshare */
#include "tests/component/engine/crash_victim.h"

#include "common/clock.h"
#include "consumer/engine/crash_report.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- in the victim ----------------------------------------------------------------------- */

static volatile int sink;

static void failed_check(void)
{
    CHECK(sink == -1);
}

/* NOLINTNEXTLINE(misc-no-recursion): that is the point */
static int deeper(int depth)
{
    volatile char room[4096];
    room[depth % 4096] = (char)depth;
    return depth == -1 ? 0 : deeper(depth + 1) + room[0];
}

static void endless_recursion(void)
{
    sink = deeper(0);
}

static int64_t processor_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void work_for(int64_t ms)
{
    for (int64_t end = processor_ms() + ms; processor_ms() < end;) {
        sink = sink + 1;
    }
}

static void endless_loop(void)
{
    for (;;) {
#if defined(__SANITIZE_THREAD__)
        (void)processor_ms(); /* it holds signals back until a call */
#endif
        sink = sink + 1;
    }
}

static void trap(void)
{
    (void)raise(SIGTRAP);
}

static void exit_well(void)
{
    _exit(0);
}

static void *crash_thread(void *nothing)
{
    victim_through_nothing();
    return nothing;
}

static void in_another_thread(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, crash_thread, NULL) == 0);
    (void)pthread_join(thread, NULL);
}

/* Many threads at once: one of them reports, once. */
static void in_many_threads(void)
{
    pthread_t threads[8];
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        CHECK(pthread_create(&threads[i], NULL, crash_thread, NULL) == 0);
    }
    (void)pthread_join(threads[0], NULL);
}

static void while_alone(void)
{
    crash_close(victim_second);
    crash_alone(victim_first, true);
    victim_through_nothing();
}

static void not_alone_any_more(void)
{
    crash_alone(victim_first, true);
    crash_alone(victim_first, false);
    victim_through_nothing();
}

static void with_none(void)
{
    crash_close(victim_first);
    crash_close(victim_second);
    victim_through_nothing();
}

static void after_the_end(void)
{
    crash_end();
    victim_through_nothing();
}

/* Turns that end, of three times turn_max together. */
static void many_turns(void)
{
    for (int i = 0; i < 6; i++) {
        crash_turn(0, true);
        work_for(VICTIM_TURN_MS / 2);
    }
    _exit(0);
}

/* A turn of half turn_max's processor time, of which it is stopped for long in the middle. */
static void stopped_turn(void)
{
    work_for(VICTIM_TURN_MS / 4);
    (void)raise(SIGSTOP);
    work_for(VICTIM_TURN_MS / 4);
    _exit(0);
}

/* A turn that waits for twice turn_max, for somebody who does not come. */
static void waiting_turn(void)
{
    int64_t end = crash_now_ms() + 2 * VICTIM_TURN_MS;
    for (int64_t left = 2 * VICTIM_TURN_MS; left > 0; left = end - crash_now_ms()) {
        (void)poll(NULL, 0, (int)left);
    }
    _exit(0);
}

static void without_watchdog(void)
{
    crash_end();
    crash_begin(VICTIM_KEY, &(struct config_redis){.address = (char[]){"/nowhere"}}, 0);
    work_for(VICTIM_TURN_MS * 2);
    _exit(0);
}

/* ---- tests ------------------------------------------------------------------------------- */

static void test_what_each_crash_tells(void **state)
{
    const struct victims *victims = *state;
    static const struct {
        const char *name;
        void (*happen)(void);
        int signal;
        const char *told;
        const char *said;
    } cases[] = {
        {"fault", victim_through_nothing, SIGSEGV, VICTIM_BOTH_ONCE, "\"records\":2,\"alone\":0"},
        {"abort", abort, SIGABRT, VICTIM_BOTH_ONCE, "\"found\":\"SIGABRT\""},
        {"check", failed_check, SIGABRT, VICTIM_BOTH_ONCE, "\"found\":\"SIGABRT\""},
        {"stack", endless_recursion, SIGSEGV, VICTIM_BOTH_ONCE, "\"found\":\"SIGSEGV\""},
        {"trap", trap, SIGTRAP, VICTIM_BOTH_ONCE, "\"found\":\"SIGTRAP\""},
        {"loop", endless_loop, SIGABRT, VICTIM_BOTH_ONCE, "longer than worker.turn_max"},
        {"thread", in_another_thread, SIGSEGV, VICTIM_BOTH_ONCE, "\"records\":2"},
        {"threads", in_many_threads, SIGSEGV, VICTIM_BOTH_ONCE, "\"records\":2"},
        {"alone", while_alone, SIGSEGV, "[t/1/42/1700000000042/alone,1]",
         "\"records\":1,\"alone\":1"},
        {"released", not_alone_any_more, SIGSEGV, VICTIM_BOTH_ONCE, "\"records\":2,\"alone\":0"},
        {"none", with_none, SIGSEGV, VICTIM_NOTHING, "\"records\":0"},
        {"ended", after_the_end, SIGSEGV, VICTIM_NOTHING, ""},
        {"exit", exit_well, 0, VICTIM_NOTHING, ""},
        {"turns", many_turns, 0, VICTIM_NOTHING, ""},
        {"waits", waiting_turn, 0, VICTIM_NOTHING, ""},
        {"no watchdog", without_watchdog, 0, VICTIM_NOTHING, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *said = victim_run(victims, cases[i].happen, cases[i].signal);
        if (strstr(said, cases[i].said) == NULL || strstr(said, "crash_unreported") != NULL) {
            fail_msg("%s: said %s", cases[i].name, said);
        }
        if (strcmp(victims_told(victims), cases[i].told) != 0) {
            fail_msg("%s: told %s", cases[i].name, victims_told(victims));
        }
        victims_forget(victims);
    }
}

static void test_crashes_add_up_and_are_forgotten_in_a_week(void **state)
{
    const struct victims *victims = *state;
    (void)victim_run(victims, victim_through_nothing, SIGSEGV);
    (void)victim_run(victims, failed_check, SIGABRT);
    (void)victim_run(victims, while_alone, SIGSEGV);
    assert_string_equal(victims_told(victims), "[t/1/43/1700000000043,2,t/1/42/1700000000042,2,"
                                               "t/1/42/1700000000042/alone,1]");
    long long left = strtoll(redis_say(victims->redis, "TTL", VICTIM_KEY, NULL), NULL, 10);
    assert_in_range(left, 604700, 604800);
}

/* Two workers that had the same records: one of them late, after its partition went. */
static void test_two_at_the_same_time(void **state)
{
    const struct victims *victims = *state;
    struct victim both[2];
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        both[i] = victim_start(victims, victim_through_nothing);
    }
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        victim_go(&both[i]);
    }
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        int status = 0;
        (void)victim_end(&both[i], &status);
        assert_true(WIFSIGNALED(status));
    }
    assert_string_equal(victims_told(victims), "[t/1/43/1700000000043,2,t/1/42/1700000000042,2]");
}

static void into_a_full_pipe(void)
{
    char much[4096];
    memset(much, '-', sizeof(much));
    CHECK(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK) == 0);
    while (write(STDERR_FILENO, much, sizeof(much)) > 0) {
    }
    CHECK(fcntl(STDERR_FILENO, F_SETFL, 0) == 0);
    victim_through_nothing();
}

/* Whoever should take the log does not: the report is made, and the end comes. */
static void test_nobody_reads_the_log(void **state)
{
    const struct victims *victims = *state;
    int status = 0;
    struct victim victim = victim_start(victims, into_a_full_pipe);
    victim_go(&victim);
    for (int64_t t = kit_begin(); waitpid(victim.pid, &status, WNOHANG) == 0;) {
        assert_true(kit_waits(t));
    }
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_string_equal(victims_told(victims), VICTIM_BOTH_ONCE);
    (void)close(victim.to);
    (void)close(victim.from);
}

static void test_killed_from_outside_tells_nothing(void **state)
{
    const struct victims *victims = *state;
    static const int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGBUS, SIGFPE,
                                  SIGILL,  SIGABRT, SIGSYS,  SIGTRAP};
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        int status = 0;
        struct victim victim = victim_start(victims, exit_well);
        assert_int_equal(kill(victim.pid, signals[i]), 0);
        const char *said = victim_end(&victim, &status);
        bool as_expected = WIFSIGNALED(status) && WTERMSIG(status) == signals[i];
        if (!as_expected) {
            fail_msg("signal %d: status %x: %s", signals[i], (unsigned)status, said);
        }
        assert_string_equal(victims_told(victims), VICTIM_NOTHING);
    }
}

static void test_a_stopped_process_is_not_slow(void **state)
{
    const struct victims *victims = *state;
    int status = 0;
    struct victim victim = victim_start(victims, stopped_turn);
    victim_go(&victim);
    assert_int_equal(waitpid(victim.pid, &status, WUNTRACED), victim.pid);
    assert_true(WIFSTOPPED(status));
    for (int64_t t = kit_begin(); clock_mono_ms(clock_system()) - t < 2 * VICTIM_TURN_MS;) {
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(kill(victim.pid, SIGCONT), 0);
    const char *said = victim_end(&victim, &status);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fail_msg("status %x: %s", (unsigned)status, said);
    }
    assert_string_equal(victims_told(victims), VICTIM_NOTHING);
}

/* ---- the first process of a container ----------------------------------------------------- */

static void test_the_first_process_of_a_container(void **state)
{
    const struct victims *victims = *state;
    static const struct {
        void (*happen)(void);
        int code; /* 0: not by exit */
    } ways[] = {{endless_loop, 128 + SIGABRT},
                {trap, 128 + SIGTRAP},
                {failed_check, 128 + SIGABRT},
                {victim_through_nothing, 0}};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        int status = 0;
        pid_t between = fork();
        assert_true(between >= 0);
        if (between == 0) {
            if (unshare(CLONE_NEWPID) != 0) {
                _exit(99); /* not allowed here */
            }
            struct victim first = victim_start(victims, ways[i].happen);
            victim_go(&first);
            (void)victim_end(&first, &status);
            bool well =
                ways[i].code == 0 ? WIFSIGNALED(status) : WEXITSTATUS(status) == ways[i].code;
            _exit(well ? 0 : 1);
        }
        assert_int_equal(waitpid(between, &status, 0), between);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 99) {
            skip();
        }
        assert_int_equal(status, 0);
        assert_string_equal(victims_told(victims), VICTIM_BOTH_ONCE);
        victims_forget(victims);
    }
}

/* ---- the table ---------------------------------------------------------------------------- */

static void test_places_are_used_again(void **state)
{
    (void)state;
    int topic = crash_topic("t");
    uint32_t places[100];
    uint32_t highest = 0;
    assert_int_equal(crash_topic("t"), topic);
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < COUNT_OF(places); i++) {
            places[i] = crash_open(topic, 1, (int64_t)i, 1);
            assert_int_not_equal(places[i], 0);
            highest = places[i] > highest ? places[i] : highest;
        }
        for (size_t i = 0; i < COUNT_OF(places); i++) {
            crash_close(places[i * 37 % COUNT_OF(places)]);
        }
    }
    assert_in_range(highest, COUNT_OF(places), COUNT_OF(places) + 2);
    assert_int_equal(crash_open(-1, 1, 1, 1), 0);
    assert_int_equal(kit_logged("record_unwatched"), 1);
    crash_close(0);
    crash_alone(0, true);
}

static void test_too_many_topics(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    assert_int_equal(crash_topic(name), -1);
    for (int i = 0; i < CRASH_TOPICS_MAX * 2; i++) {
        (void)snprintf(name, sizeof(name), "many.%d", i);
        int number = crash_topic(name);
        assert_true(number < CRASH_TOPICS_MAX);
        assert_int_equal(crash_topic(name), number);
    }
    assert_int_equal(crash_topic("one more"), -1);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, victims_open, victims_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_what_each_crash_tells),
        ON_A_BENCH(test_crashes_add_up_and_are_forgotten_in_a_week),
        ON_A_BENCH(test_two_at_the_same_time),
        ON_A_BENCH(test_nobody_reads_the_log),
        ON_A_BENCH(test_killed_from_outside_tells_nothing),
        ON_A_BENCH(test_a_stopped_process_is_not_slow),
        ON_A_BENCH(test_the_first_process_of_a_container),
        ON_A_BENCH(test_places_are_used_again),
        ON_A_BENCH(test_too_many_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
