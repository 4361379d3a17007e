/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan's deliveries and faults as they happen, and the loop that moves time
 * from the first thing that is due to the next.
 */
#include "tests/sim/history.h"

#include "common/log.h"
#include "consumer/engine/engine_inside.h"
#include "tests/sim/broker.h"
#include "tests/sim/calls_link.h"
#include "tests/sim/edges.h"
#include "tests/sim/group.h"
#include "tests/sim/redis_link.h"
#include "tests/sim/store.h"
#include "tests/sim/truth.h"

#include <stdio.h>
#include <stdlib.h>

#define HISTORY_REST_MS     (INT64_C(40) * 60 * 1000) /* from the last fault to rest, at most */
#define HISTORY_LOOK_MS     500
#define HISTORY_ROLLBACK_MS 10000
#define HISTORY_DRAIN_MS    25000 /* worker.drain_deadline, and what closing takes */

static struct {
    bool rewinding;
    int64_t rest_ms; /* when all was at rest; 0: not yet */
    bool draining;
    bool over;
} history;

/* ---- the log goes into the trace --------------------------------------------------------- */

void log_write(struct log_site *site, enum log_level level, const char *event,
               const struct log_pair *pairs, size_t count)
{
    (void)site;
    (void)level;
    if (!world_traces()) {
        return;
    }
    struct buf line;
    buf_init(&line, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].kind == LOG_PAIR_TEXT) {
            buf_addf(&line, " %s=" SPAN_FMT, pairs[i].key, SPAN_ARG(pairs[i].text));
        } else {
            buf_addf(&line, " %s=%lld", pairs[i].key, (long long)pairs[i].number);
        }
    }
    world_trace("w%d log %s%s", proc_owner().proc->slot, event, buf_text(&line));
    buf_close(&line);
}

void log_init(const char *program, enum log_level level)
{
    (void)program;
    (void)level;
}

bool log_level_parse(span text, enum log_level *level)
{
    (void)text;
    (void)level;
    return false;
}

void log_divert(void (*sink)(span line))
{
    (void)sink;
}

/* ---- faults ------------------------------------------------------------------------------ */

static void set_trap(struct proc *proc, const struct plan_fault *fault, bool kill)
{
    proc_trap(proc, (struct trap){.set = true,
                                  .kill = kill,
                                  .point = plan_point(fault->point),
                                  .count = fault->count,
                                  .for_ms = fault->for_ms});
}

static void refuse(const struct plan_fault *fault)
{
    static const char *const words[] = {"READONLY You can't write against a read only replica.",
                                        "OOM command not allowed when used memory > 'maxmemory'.",
                                        "LOADING Redis is loading the dataset in memory",
                                        "MISCONF Errors writing to the AOF file"};
    redis_link_refuse(fault->for_ms, words[fault->count % 4]);
}

static void restart_redis(const struct plan_fault *fault)
{
    redis_link_away(fault->for_ms);
    if (fault->count % 2 == 0) {
        store_empty();
    }
    store_restart();
}

/* With the group empty its offsets may be set back, as an operator does after mending a rule. */
static void on_rewind(void *self)
{
    (void)self;
    bool down = group_empty();
    for (int i = 0; i < plan_get()->workers; i++) {
        down = down && proc_of(i)->state == PROC_DOWN;
    }
    if (!down) {
        world_at(world_now() + HISTORY_LOOK_MS, on_rewind, NULL);
        return;
    }
    world_trace("the group goes back to the beginning");
    history.rewinding = false;
    truth_second_rules();
    truth_rewound();
    group_rewind();
    for (int i = 0; i < plan_get()->workers; i++) {
        proc_of(i)->second_rules = true;
        if (proc_of(i)->state == PROC_DOWN) {
            proc_start(proc_of(i));
        }
    }
}

static void rewind_all(void)
{
    if (history.rewinding) {
        return;
    }
    history.rewinding = true;
    for (int i = 0; i < plan_get()->workers; i++) {
        struct proc *proc = proc_of(i);
        proc->stays_down = true;
        if (proc->state == PROC_UP) {
            proc_term(proc);
        } else {
            proc_kill(proc, -1);
        }
    }
    world_at(world_now() + HISTORY_LOOK_MS, on_rewind, NULL);
}

static void change_rules(struct proc *proc)
{
    truth_second_rules();
    proc->second_rules = true;
    proc_term(proc);
}

static void befall_worker(const struct plan_fault *fault, struct proc *proc)
{
    switch (fault->kind) {
    case FAULT_KILL:
        proc_kill(proc, fault->for_ms);
        return;
    case FAULT_KILL_POINT:
        set_trap(proc, fault, true);
        return;
    case FAULT_STOP:
        proc_stop(proc, fault->for_ms);
        return;
    case FAULT_STOP_POINT:
        set_trap(proc, fault, false);
        return;
    case FAULT_DRAIN:
        proc_term(proc);
        return;
    case FAULT_RULES:
        change_rules(proc);
        return;
    default:
        if (proc->redis != NULL) {
            redis_link_cut(proc->redis);
        }
        return;
    }
}

static void on_rollback(void *self)
{
    const struct plan_fault *fault = self;
    world_trace("Redis goes back ten seconds");
    redis_link_away(fault->for_ms);
    store_rollback();
}

static void on_fault(void *self)
{
    const struct plan_fault *fault = self;
    world_trace("fault: %s", plan_fault_name(fault->kind));
    switch (fault->kind) {
    case FAULT_REBALANCE:
        group_shuffle();
        return;
    case FAULT_REDIS_STALL:
        redis_link_stall(fault->for_ms);
        return;
    case FAULT_REDIS_AWAY:
        redis_link_away(fault->for_ms);
        return;
    case FAULT_REDIS_REFUSE:
        refuse(fault);
        return;
    case FAULT_REDIS_EMPTY:
        if (fault->count % 3 == 0) {
            store_empty();
        } else { /* in the middle of something */
            redis_link_empty_before(fault->count);
        }
        return;
    case FAULT_REDIS_RESTART:
        restart_redis(fault);
        return;
    case FAULT_REDIS_ROLLBACK:
        store_snapshot();
        world_at(world_now() + HISTORY_ROLLBACK_MS, on_rollback, self);
        return;
    case FAULT_BROKER_SLOW:
        broker_slow(fault->for_ms);
        return;
    case FAULT_VENDOR_DOWN:
        calls_link_down(fault->for_ms);
        return;
    case FAULT_VENDOR_LOGIN:
        calls_link_no_login(fault->for_ms);
        return;
    case FAULT_REWIND:
        rewind_all();
        return;
    default:
        befall_worker(fault, proc_of(fault->worker));
        return;
    }
}

/* ---- the end ----------------------------------------------------------------------------- */

static void on_drained(void *self)
{
    (void)self;
    for (int i = 0; i < plan_get()->workers; i++) {
        if (proc_of(i)->state != PROC_DOWN) {
            world_violated("w%d was asked to stop and is still there", i);
        }
    }
    history.over = true;
}

static void come_to_rest(void)
{
    world_trace("all is at rest");
    history.rest_ms = world_now();
    truth_judge();
    history.over = !plan_get()->drained;
    if (plan_get()->drained) {
        for (int i = 0; i < plan_get()->workers; i++) {
            proc_of(i)->stays_down = true;
            proc_term(proc_of(i));
        }
        world_at(world_now() + HISTORY_DRAIN_MS, on_drained, NULL);
    }
}

/* Nobody is in the middle of something, nor stopped, nor without the ledger. */
static bool nothing_under_way(void)
{
    for (int i = 0; i < plan_get()->workers; i++) {
        const struct proc *proc = proc_of(i);
        const struct engine *engine = proc->engine;
        if (proc->state != PROC_UP || engine == NULL || stages_count(engine->stages) > 0 ||
            !ledger_is_open(engine->ledger) || ledger_in_flight(engine->ledger) > 0) {
            return false;
        }
    }
    return true;
}

static void on_look(void *self)
{
    (void)self;
    if (truth_at_rest() && nothing_under_way()) {
        come_to_rest();
        return;
    }
    if (world_now() > plan_get()->faults_end_ms + HISTORY_REST_MS) {
        world_violated("stuck: no fault since %.0f s, and not everything is settled",
                       (double)(world_now() - plan_get()->faults_end_ms) / 1000.0);
    }
    world_at(world_now() + HISTORY_LOOK_MS, on_look, NULL);
}

/* No fault from now on. */
static void on_calm(void *self)
{
    (void)self;
    if (history.rewinding) {
        world_at(world_now() + HISTORY_LOOK_MS, on_calm, NULL);
        return;
    }
    world_trace("no fault from now on");
    redis_link_heal();
    broker_heal();
    calls_link_heal();
    for (int i = 0; i < plan_get()->workers; i++) {
        proc_of(i)->trap.set = false;
    }
    world_at(world_now() + HISTORY_ROLLBACK_MS + HISTORY_LOOK_MS, on_look, NULL);
}

/* ---- the whole of it --------------------------------------------------------------------- */

static void on_delivery(void *self)
{
    broker_deliver(self);
}

static void on_start(void *self)
{
    struct proc *proc = self;
    if (proc->state == PROC_DOWN && !proc->stays_down) {
        proc_start(proc);
    }
}

static void foresee(void)
{
    struct plan *plan = (struct plan *)(uintptr_t)plan_get();
    for (int i = 0; i < plan->workers; i++) {
        proc_of(i)->slot = i;
        world_at(world_between(WORLD_PLAN, 0, 3000), on_start, proc_of(i));
    }
    for (size_t i = 0; i < plan->delivery_count; i++) {
        world_at(plan->deliveries[i].at_ms, on_delivery, &plan->deliveries[i]);
    }
    for (size_t i = 0; i < plan->fault_count; i++) {
        world_at(plan->faults[i].at_ms, on_fault, &plan->faults[i]);
    }
    int64_t last = plan->delivery_count == 0 ? 0 : plan->deliveries[plan->delivery_count - 1].at_ms;
    world_at(plan->faults_end_ms > last ? plan->faults_end_ms : last, on_calm, NULL);
}

void history_run(uint64_t seed, bool trace)
{
    world_begin(seed, trace);
    plan_draw();
    plan_say();
    store_open();
    foresee();
    while (!history.over) {
        int64_t event = world_next();
        int64_t turn = proc_next();
        world_move(event <= turn ? event : turn);
        if (event <= turn) {
            world_happen();
        } else {
            proc_turn();
        }
    }
    world_trace("over");
    (void)fflush(stdout);
    _Exit(0);
}
