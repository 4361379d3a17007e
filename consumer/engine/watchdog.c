/* SPDX-License-Identifier: Apache-2.0
 *
 * The timer ticks four times in turn_max; the fourth tick in a row that finds the
 * turn of the one before aborts. So a turn has turn_max at least and a quarter more
 * at most, and a turn costs no system call. The handler touches atomics only.
 */
#define _GNU_SOURCE /* SIGEV_THREAD_ID, gettid */
#include "consumer/engine/watchdog.h"

#include "common/err.h"
#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id /* glibc names it from 2.38 on */
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define TICKS 4

static struct {
    bool on;
    timer_t timer;
    struct sigaction before;
    atomic_ulong turn;
    atomic_ulong seen;
    atomic_int ticks; /* in a row that found the same turn */
    atomic_bool bit;
} watchdog;

static void on_tick(int signal)
{
    (void)signal;
    int saved_errno = errno;
    unsigned long turn = atomic_load(&watchdog.turn);
    if (atomic_exchange(&watchdog.seen, turn) != turn) {
        atomic_store(&watchdog.ticks, 0);
    } else if (atomic_fetch_add(&watchdog.ticks, 1) + 1 == TICKS) {
        atomic_store(&watchdog.bit, true);
        (void)raise(SIGABRT);
    }
    errno = saved_errno;
}

static bool start_timer(int64_t tick_ms)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WATCHDOG_SIGNAL};
    struct timespec tick = {.tv_sec = (time_t)(tick_ms / 1000),
                            .tv_nsec = (long)(tick_ms % 1000 * 1000000)};
    struct itimerspec every = {.it_interval = tick, .it_value = tick};
    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &watchdog.timer) != 0) {
        return false;
    }
    if (timer_settime(watchdog.timer, 0, &every, NULL) != 0) {
        (void)timer_delete(watchdog.timer);
        return false;
    }
    return true;
}

void watchdog_begin(int64_t turn_max_ms)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART | SA_ONSTACK};
    if (turn_max_ms <= 0) {
        return;
    }
    CHECK(!watchdog.on);
    watchdog_turn();
    atomic_store(&watchdog.bit, false);
    atomic_store(&watchdog.ticks, 0);
    (void)sigemptyset(&action.sa_mask);
    CHECK(sigaction(WATCHDOG_SIGNAL, &action, &watchdog.before) == 0);
    watchdog.on = start_timer(turn_max_ms < TICKS ? 1 : turn_max_ms / TICKS);
    if (!watchdog.on) {
        LOG(LOG_WARN, "no_watchdog", L_INT("found", errno),
            L_TEXT("expected", "a timer of the thread's processor time; a record that keeps the "
                               "worker busy for ever is not found without"));
        (void)sigaction(WATCHDOG_SIGNAL, &watchdog.before, NULL);
    }
}

void watchdog_end(void)
{
    if (watchdog.on) {
        watchdog.on = false;
        (void)timer_delete(watchdog.timer);
        (void)sigaction(WATCHDOG_SIGNAL, &watchdog.before, NULL);
    }
}

void watchdog_turn(void)
{
    (void)atomic_fetch_add_explicit(&watchdog.turn, 1, memory_order_relaxed);
}

bool watchdog_bit(void)
{
    return atomic_load(&watchdog.bit);
}
