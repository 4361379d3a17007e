/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-worker-poison: the ticket filer as it is, with faults on request. A record that says
 * "boom-PLACE-FAULT" anywhere has that fault in its worker's code: PLACE is itemise, ask,
 * answered (of any HTTP call) or the name of the stage that is answered, FAULT one of the table
 * below. Everything else is the engine's: it knows nothing of this.
 */
#define _GNU_SOURCE /* memmem */
#include "consumer/workers/ticket_filer.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct worker *poison_find(const char *name);
int worker_main(int argc, char **argv);

#define workers_find poison_find
#define main         worker_main
#include "consumer/main.c" /* NOLINT(bugprone-suspicious-include) */
#undef main
#undef workers_find

/* ---- faults ------------------------------------------------------------------------------ */

static volatile int sink;

static volatile uintptr_t nowhere = 16; /* nearly: a sanitizer has words of its own for NULL */

static void through_null(void)
{
    sink = *(volatile char *)nowhere;
}

static void broken_promise(void)
{
    CHECK(sink == -1);
}

static void abort_it(void)
{
    abort();
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

static void endless_loop(void)
{
    for (;;) {
        sink = sink + 1;
    }
}

static void divide(void)
{
    volatile int many = 7;
    volatile int zero = 0;
    sink = many / zero;
    (void)raise(SIGFPE); /* not every processor minds */
}

static void no_instruction(void)
{
    __builtin_trap();
}

/* A page of a file that has no such page. */
static void behind_the_end(void)
{
    int fd = memfd_create("poison", 0);
    const volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    sink = page[0];
}

static const struct {
    const char *name;
    void (*happen)(void);
} faults[] = {{"null", through_null},       {"check", broken_promise}, {"abort", abort_it},
              {"stack", endless_recursion}, {"loop", endless_loop},    {"divide", divide},
              {"illegal", no_instruction},  {"bus", behind_the_end}};

static void visit(const char *place, const struct record *record)
{
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        char mark[64];
        int len = snprintf(mark, sizeof(mark), "boom-%s-%s", place, faults[i].name);
        if (record->value.len > 0 &&
            memmem(record->value.at, record->value.len, mark, (size_t)len) != NULL) {
            faults[i].happen();
        }
    }
}

/* ---- the worker -------------------------------------------------------------------------- */

#define STAGES_MAX 32

static struct stage stages[STAGES_MAX];
static struct worker poison;

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    visit("itemise", &job->record);
    return ticket_filer.itemise(job, next, made);
}

static struct err ask(struct item *item, struct call *call)
{
    visit("ask", &item->job->record);
    return ticket_filer.stages[item->stage].ask(item, call);
}

static struct step answered(struct item *item, const struct reply *reply)
{
    if (reply->status != 0) {
        visit("answered", &item->job->record);
        visit(ticket_filer.stages[item->stage].name, &item->job->record);
    }
    return ticket_filer.stages[item->stage].answered(item, reply);
}

static const struct worker *poison_find(const char *name)
{
    if (strcmp(name, ticket_filer.name) != 0) {
        return NULL;
    }
    CHECK(ticket_filer.stage_count <= STAGES_MAX);
    for (size_t i = 0; i < ticket_filer.stage_count; i++) {
        stages[i] = ticket_filer.stages[i];
        stages[i].ask = stages[i].ask == NULL ? NULL : ask;
        stages[i].answered = stages[i].answered == NULL ? NULL : answered;
    }
    poison = ticket_filer;
    poison.stages = stages;
    poison.itemise = itemise;
    return &poison;
}

int main(int argc, char **argv)
{
    return worker_main(argc, argv);
}
