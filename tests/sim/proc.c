/* SPDX-License-Identifier: Apache-2.0
 *
 * The processes and whose turn it is. A process's turn runs on its own stack, so
 * that it can be left in the middle: for good, or until it goes on.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS, eventfd */
#include "tests/sim/proc.h"

#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/ops.h"
#include "common/random.h"
#include "common/stop.h"
#include "consumer/engine/engine.h"
#include "tests/sim/edges.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#define PROC_STACK     ((size_t)512 * 1024)
#define PROC_SPINS_MAX 20000 /* turns without time going on */
#define PROC_LAZY_MS   20    /* waits of at least this long may be longer on a busy machine */

static struct proc procs[PLAN_WORKERS_MAX];
static struct proc *current;
static ucontext_t scheduler;
static int deaths;
static int stops;
static int64_t spin_ms;
static int spins;

struct proc *proc_of(int slot)
{
    CHECK(slot >= 0 && slot < PLAN_WORKERS_MAX);
    return &procs[slot];
}

struct owner proc_owner(void)
{
    CHECK(current != NULL);
    return (struct owner){.proc = current, .life = current->life};
}

bool proc_lives(struct owner owner)
{
    return owner.proc->life == owner.life && owner.proc->state != PROC_DOWN;
}

bool proc_runs(struct owner owner)
{
    return proc_lives(owner) && owner.proc->state == PROC_UP;
}

int64_t proc_awake_ms(struct owner owner)
{
    return owner.proc->state == PROC_STOPPED ? owner.proc->stopped_until_ms : world_now();
}

void proc_wake(struct owner owner)
{
    if (proc_runs(owner) && owner.proc->turn_at_ms > world_now()) {
        owner.proc->turn_at_ms = world_now();
    }
}

/* ---- its own clock, signals and chance --------------------------------------------------- */

static int64_t mono_ms(void *self)
{
    const struct proc *proc = self;
    return 1000000 + proc->slot * 777 + world_now();
}

static int64_t wall_ms(void *self)
{
    (void)self;
    return WORLD_WALL_MS + world_now();
}

struct err stop_init(int *fd)
{
    *fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(*fd >= 0);
    return NO_ERROR;
}

bool stop_asked(int fd)
{
    (void)fd;
    bool asked = current->term;
    current->term = false;
    return asked;
}

bool stop_wait(int fd, int timeout_ms)
{
    (void)fd;
    (void)timeout_ms;
    NEVER("nobody waits for a signal here");
}

void random_fill(void *out, size_t bytes)
{
    uint8_t *at = out;
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)world_draw(WORLD_EDGE, 256);
    }
}

void ops_ready(struct ops *ops, const char *reason)
{
    (void)ops;
    (void)reason;
    NEVER("there is no operations port");
}

/* ---- life -------------------------------------------------------------------------------- */

static void leave(void)
{
    CHECK(swapcontext(&current->context, &scheduler) == 0);
}

struct restart {
    struct proc *proc;
    uint64_t life;
};

static void on_restart(void *self)
{
    const struct restart *restart = self;
    struct proc *proc = restart->proc;
    if (proc->life == restart->life && proc->state == PROC_DOWN && !proc->stays_down) {
        proc_start(proc);
    }
}

static void plan_restart(struct proc *proc, int64_t after_ms)
{
    struct restart *restart = mem_must_alloc(sizeof(*restart));
    *restart = (struct restart){.proc = proc, .life = proc->life};
    world_at(world_now() + after_ms, on_restart, restart);
}

/* What the system does with a process's sockets. */
static void drop_edges(struct proc *proc)
{
    proc->state = PROC_DOWN;
    deaths += proc->redis != NULL || proc->outbox != NULL ? 1 : 0;
    if (proc->redis != NULL) {
        redis_link_died(proc->redis);
    }
    if (proc->outbox != NULL) {
        outbox_link_died(proc->outbox);
    }
}

int proc_stops(void)
{
    return stops;
}

int proc_deaths(void)
{
    return deaths;
}

/* The process has ended of its own will; with a drain given up its edges are still there. */
static void ended(struct proc *proc, const char *how)
{
    world_trace("w%d ends: %s", proc->slot, how);
    drop_edges(proc);
    plan_restart(proc, world_between(WORLD_EDGE, 200, 3000));
}

static void live(void)
{
    struct proc *proc = current;
    int stop_fd = -1;
    struct err err = stop_init(&stop_fd);
    if (!failed(err)) {
        struct engine_setup setup = {.config = &proc->config,
                                     .worker = workers_find("ticket-filer"),
                                     .clock = &proc->clock,
                                     .stop_fd = stop_fd};
        err = engine_new(&setup, &proc->engine);
    }
    while (!failed(err) && !engine_ended(proc->engine)) {
        int64_t wait = 0;
        err = engine_turn(proc->engine, &wait);
        if (wait >= PROC_LAZY_MS) {
            int64_t usual = wait > 400 ? 100 : wait * 4;
            int64_t lazy = plan_get()->lazy_ms;
            wait += world_between(WORLD_EDGE, 0, lazy > 0 ? lazy : usual);
        }
        proc->turn_at_ms = world_now() + wait;
        leave();
    }
    bool asked = proc->draining;
    engine_free(&proc->engine);
    ended(proc, failed(err) ? err.text : "drained");
    if (!asked && !failed(err)) {
        world_violated("w%d ended without being asked", proc->slot);
    }
    leave();
    NEVER("a process that ended has a turn");
}

void proc_start(struct proc *proc)
{
    CHECK(proc->state == PROC_DOWN);
    uint64_t life = proc->life + 1;
    *proc = (struct proc){.slot = (int)(proc - procs),
                          .life = life,
                          .state = PROC_UP,
                          .second_rules = proc->second_rules,
                          .turn_at_ms = world_now()};
    plan_config(proc->second_rules, &proc->config);
    proc->clock = (struct clock){.mono_ms = mono_ms, .wall_ms = wall_ms, .self = proc};
    proc->stack = mmap(NULL, PROC_STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(proc->stack != MAP_FAILED && getcontext(&proc->context) == 0);
    proc->context.uc_stack.ss_sp = proc->stack;
    proc->context.uc_stack.ss_size = PROC_STACK;
    makecontext(&proc->context, live, 0);
    world_trace("w%d starts, life %d%s", proc->slot, (int)life,
                proc->second_rules ? ", second rules" : "");
}

void proc_kill(struct proc *proc, int64_t start_after_ms)
{
    if (proc->state == PROC_DOWN) {
        return;
    }
    world_trace("w%d is killed", proc->slot);
    drop_edges(proc);
    if (proc->member != NULL) {
        group_died(proc->member);
    }
    if (start_after_ms >= 0) {
        plan_restart(proc, start_after_ms);
    }
    if (proc == current) {
        leave();
    }
}

static void on_continue(void *self)
{
    const struct restart *wake = self;
    struct proc *proc = wake->proc;
    if (proc->life == wake->life && proc->state == PROC_STOPPED &&
        world_now() >= proc->stopped_until_ms) {
        world_trace("w%d goes on", proc->slot);
        proc->state = PROC_UP;
        proc->turn_at_ms = world_now();
        if (proc->member != NULL) {
            group_woke(proc->member);
        }
    }
}

void proc_stop(struct proc *proc, int64_t for_ms)
{
    if (proc->state != PROC_UP) {
        return;
    }
    world_trace("w%d is stopped for %lld ms", proc->slot, (long long)for_ms);
    stops++;
    proc->state = PROC_STOPPED;
    proc->stopped_until_ms = world_now() + for_ms;
    if (proc->member != NULL) {
        group_stopped(proc->member);
    }
    struct restart *wake = mem_must_alloc(sizeof(*wake));
    *wake = (struct restart){.proc = proc, .life = proc->life};
    world_at(proc->stopped_until_ms, on_continue, wake);
    if (proc == current) {
        leave();
    }
}

void proc_term(struct proc *proc)
{
    if (proc->state != PROC_DOWN && !proc->draining) {
        world_trace("w%d is asked to stop", proc->slot);
        proc->term = true;
        proc->draining = true;
        proc_wake((struct owner){.proc = proc, .life = proc->life});
    }
}

/* ---- failpoints -------------------------------------------------------------------------- */

static void on_failpoint(const char *name)
{
    struct trap *trap = &current->trap;
    bool guarded = strcmp(name, "sending") == 0 || strcmp(name, "sent") == 0;
    if (!trap->set || (trap->point != NULL && strcmp(trap->point, name) != 0) ||
        (!trap->kill && guarded) || --trap->count > 0) {
        return;
    }
    trap->set = false;
    world_trace("w%d comes to the point %s", current->slot, name);
    if (trap->kill) {
        proc_kill(current, trap->for_ms);
    } else {
        proc_stop(current, trap->for_ms);
    }
}

void proc_trap(struct proc *proc, struct trap trap)
{
    failpoint_hook = on_failpoint;
    proc->trap = trap;
}

/* ---- turns ------------------------------------------------------------------------------- */

static struct proc *first(void)
{
    struct proc *found = NULL;
    for (int i = 0; i < PLAN_WORKERS_MAX; i++) {
        if (procs[i].state == PROC_UP &&
            (found == NULL || procs[i].turn_at_ms < found->turn_at_ms)) {
            found = &procs[i];
        }
    }
    return found;
}

int64_t proc_next(void)
{
    const struct proc *proc = first();
    return proc == NULL ? INT64_MAX : proc->turn_at_ms;
}

void proc_turn(void)
{
    spins = world_now() == spin_ms ? spins + 1 : 0;
    spin_ms = world_now();
    current = first();
    if (spins > PROC_SPINS_MAX) {
        world_violated("w%d takes turns and time does not go on", current->slot);
    }
    CHECK(swapcontext(&scheduler, &current->context) == 0);
    current = NULL;
}
