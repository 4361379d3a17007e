/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-sim-day: the worker through a whole day on which its vendor is broken,
 * once for each way in which it may be, and through the catching up. Each day is
 * a process with a redis-server of its own; what must hold is checked as it
 * happens (truth.c, limits.c) and by looking (day_watch.c).
 */
#define _GNU_SOURCE /* prctl, mkdtemp */
#include "tests/sim/day.h"

#include "common/own.h"
#include "consumer/engine/engine_inside.h"
#include "consumer/scripts.h"
#include "tests/sim/broker.h"
#include "tests/sim/proc.h"
#include "tests/sim/store.h"
#include "tests/sim/truth.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY_LOOK_BROKEN_MS DAY_MINUTE
#define DAY_LOOK_MENDED_MS 1000
#define DAY_REST_MS        (2 * DAY_HOUR) /* from the mending to rest, at most */
#define DAY_SECONDS_MAX    120            /* of real time */

static struct {
    enum outage outage;
    bool over;
} day;

const char *day_name(enum outage outage)
{
    static const char *const names[OUTAGE_KINDS] = {
        [OUTAGE_NONE] = "none",    [OUTAGE_REFUSES] = "refuses", [OUTAGE_503] = "503",
        [OUTAGE_401] = "401",      [OUTAGE_403] = "403",         [OUTAGE_403_WRITES] = "403-writes",
        [OUTAGE_SILENT] = "silent"};
    return names[outage];
}

/* ---- what happens ------------------------------------------------------------------------ */

static void on_delivery(void *self)
{
    broker_deliver(self);
}

static void on_look(void *self)
{
    (void)self;
    int64_t now = world_now();
    if (now < DAY_BREAKS) {
        day_watch_well();
    } else if (now < DAY_MENDED) {
        day_watch_broken();
    } else {
        day_watch_mended();
        const struct engine *engine = proc_of(0)->engine;
        if (now > DAY_ARRIVALS && truth_at_rest() && stages_count(engine->stages) == 0 &&
            ledger_in_flight(engine->ledger) == 0 && day_watch_caught_up()) {
            truth_judge();
            day_watch_judge_end();
            day.over = true;
            return;
        }
        if (now > DAY_MENDED + DAY_REST_MS) {
            world_violated("the vendor is well again for two hours, and not everything is settled");
        }
    }
    world_at(now + (now < DAY_MENDED ? DAY_LOOK_BROKEN_MS : DAY_LOOK_MENDED_MS), on_look, NULL);
}

static void on_break(void *self)
{
    (void)self;
    world_trace("the vendor breaks: %s", day_name(day.outage));
    calls_link_break(day.outage);
    day_be_lazy(true);
}

static void on_mend(void *self)
{
    (void)self;
    world_trace("the vendor is well again");
    day_watch_judge_outage();
    calls_link_break(OUTAGE_NONE);
    day_be_lazy(false);
}

static void on_start(void *self)
{
    proc_start(self);
}

static _Noreturn void run(enum outage outage, bool trace)
{
    struct plan *plan = (struct plan *)(uintptr_t)plan_get();
    day.outage = outage;
    world_begin((uint64_t)outage, trace);
    day_plan();
    store_open();
    day_watch_begin(outage);
    calls_link_heal();
    world_at(0, on_start, proc_of(0));
    for (size_t i = 0; i < plan->delivery_count; i++) {
        world_at(plan->deliveries[i].at_ms, on_delivery, &plan->deliveries[i]);
    }
    world_at(DAY_BREAKS, on_break, NULL);
    world_at(DAY_MENDED, on_mend, NULL);
    world_at(DAY_LOOK_BROKEN_MS, on_look, NULL);
    while (!day.over) {
        int64_t event = world_next();
        int64_t turn = proc_next();
        world_move(event <= turn ? event : turn);
        if (event <= turn) {
            world_happen();
        } else {
            proc_turn();
        }
    }
    (void)fflush(stdout);
    _Exit(0);
}

/* ---- days, side by side ------------------------------------------------------------------ */

static void begin(enum outage outage, bool trace)
{
    char folder[64] = "/tmp/hearback-day.XXXXXX";
    char name[96];
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    CHECK(mkdtemp(folder) != NULL);
    store_start(folder);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)alarm(DAY_SECONDS_MAX);
        run(outage, trace);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    store_stop();
    static const char *const files[] = {"clock", "redis.sock"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        (void)snprintf(name, sizeof(name), "%s/%s", folder, files[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
    bool held = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!held) {
        (void)printf("%s: the day did not hold\n", day_name(outage));
    }
    (void)fflush(stdout);
    _Exit(held ? 0 : 1);
}

static bool wait_for_one(void)
{
    int status = 0;
    while (wait(&status) < 0) {
        CHECK(errno == EINTR);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool run_days(int only, bool trace)
{
    long jobs = sysconf(_SC_NPROCESSORS_ONLN);
    long running = 0;
    bool held = true;
    for (int outage = OUTAGE_NONE + 1; outage < OUTAGE_KINDS; outage++) {
        if (only >= 0 && only != outage) {
            continue;
        }
        if (running >= jobs) {
            held = wait_for_one() && held;
            running--;
        }
        (void)fflush(NULL);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            begin((enum outage)outage, trace);
        }
        running++;
    }
    for (; running > 0; running--) {
        held = wait_for_one() && held;
    }
    return held;
}

int main(int argc, char **argv)
{
    bool trace = argc == 3 && strcmp(argv[2], "--trace") == 0;
    int only = -1;
    for (int outage = OUTAGE_NONE + 1; argc > 1 && outage < OUTAGE_KINDS; outage++) {
        only = strcmp(argv[1], day_name((enum outage)outage)) == 0 ? outage : only;
    }
    if (argc > (trace ? 3 : 2) || (argc > 1 && only < 0)) {
        (void)fputs("usage: hearback-sim-day [refuses | 503 | 401 | 403 | 403-writes | silent "
                    "[--trace]]\nexit: 0 each day held, 1 not every one did\n",
                    stderr);
        return 2;
    }
    day_configure();
    scripts_init();
    return run_days(only, trace) ? 0 : 1;
}
