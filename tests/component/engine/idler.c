/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker and its bench.
 */
#include "tests/component/engine/idler.h"

#include <stdio.h>

static char worker_name[64];

static struct err ask(struct item *item, struct call *call)
{
    (void)item;
    call->kind = CALL_STEP;
    call->step = step_done("done");
    return NO_ERROR;
}

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    (void)next;
    job->nothing = "nothing";
    *made = false;
    return NO_ERROR;
}

static const struct stage stages[] = {
    {.name = "note", .to = &shop_nobody, .ask = ask, .doubt = STAGE_READ},
};
const struct worker idler = {.name = worker_name,
                             .topic = worker_name,
                             .help = "for tests",
                             .stages = stages,
                             .stage_count = COUNT_OF(stages),
                             .itemise = itemise,
                             .fragment = shop_fragment,
                             .digest = shop_digest};

int idler_open_bench(void **state)
{
    static struct shop_bench bench;
    *state = &bench;
    if (shop_bench_open(&bench, 1)) {
        (void)snprintf(worker_name, sizeof(worker_name), "%s", bench.name);
    }
    return 0;
}

int idler_close_bench(void **state)
{
    shop_bench_close(*state);
    return 0;
}
