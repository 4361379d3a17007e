/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of workers, and what every stage uses of an item.
 */
#include "consumer/worker.h"

#include "consumer/workers/ticket_filer.h"

static const struct worker *const workers[] = {&ticket_filer};

const struct worker *const *workers_all(size_t *count)
{
    *count = COUNT_OF(workers);
    return workers;
}

const struct worker *workers_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(workers); i++) {
        if (strcmp(workers[i]->name, name) == 0) {
            return workers[i];
        }
    }
    return NULL;
}
