/* SPDX-License-Identifier: Apache-2.0
 *
 * Worker processes: each is the real engine on a stack of its own. It runs a turn
 * when it is its time, may be ended or stopped between two turns or at any
 * failpoint inside one, and is started anew with new memory: what was before is
 * abandoned, as a killed process's is. Its edges ask here whether they still
 * belong to a process that lives.
 */
#ifndef HEARBACK_TESTS_SIM_PROC_H
#define HEARBACK_TESTS_SIM_PROC_H

#include "common/clock.h"
#include "tests/sim/plan.h"

#include <ucontext.h>

struct engine;
struct kafka_outbox;
struct redis;
struct member;

enum proc_state { PROC_DOWN, PROC_UP, PROC_STOPPED };

/* Something that shall happen to a process when it comes to a failpoint. */
struct trap {
    bool set;
    bool kill;         /* else stop */
    const char *point; /* NULL: any */
    int count;
    int64_t for_ms;
};

struct proc {
    int slot;
    uint64_t life; /* rises with each start */
    enum proc_state state;
    bool second_rules;
    bool stays_down; /* nobody starts it again until all are */
    int64_t turn_at_ms;
    int64_t stopped_until_ms;
    bool term; /* asked to stop, not yet seen */
    bool draining;
    struct trap trap;
    struct config config;
    struct clock clock;
    ucontext_t context;
    void *stack;
    struct engine *engine;
    /* Its edges, as far as they are made. */
    struct redis *redis;
    struct kafka_outbox *outbox;
    struct member *member;
};

/* What an edge belongs to. */
struct owner {
    struct proc *proc;
    uint64_t life;
};

struct proc *proc_of(int slot);
/* Whose turn it is, as an owner. */
struct owner proc_owner(void);
bool proc_lives(struct owner owner); /* not ended; it may be stopped */
bool proc_runs(struct owner owner);  /* neither */
int64_t proc_awake_ms(
    struct owner owner);            /* when it runs: now, or when it is not stopped any more */
void proc_wake(struct owner owner); /* something is there for it */

void proc_start(struct proc *proc);
void proc_kill(struct proc *proc, int64_t start_after_ms); /* -1: somebody else starts it */
void proc_stop(struct proc *proc, int64_t for_ms);
void proc_term(struct proc *proc);
int proc_stops(void);  /* how often one was stopped */
int proc_deaths(void); /* how many were killed, or gave up draining */
void proc_trap(struct proc *proc, struct trap trap);

/* When the first turn is due; INT64_MAX when none is. Takes that turn. */
int64_t proc_next(void);
void proc_turn(void);

#endif
