/* SPDX-License-Identifier: Apache-2.0
 *
 * Room at a destination: an item that comes where there is none goes back into its
 * record, between two steps, without a trace but what the ledger knows of it. Whose
 * record that is, and when the item is made again, is the intake's. One thread.
 */
#include "consumer/engine/stages_inside.h"

bool stages_crowded(struct stages *stages, struct work *work)
{
    struct destination *to = stages_destination(stages, work);
    return stages->parts.crowded != NULL && work->key->at != to &&
           stages->parts.crowded(stages->parts.self, work, to);
}

void stages_take_back(struct stages *stages, struct work *work)
{
    CHECK(!work->owed && !work->queued && !work->waiting && !work->holding);
    timers_cancel(stages->parts.timers, &work->timer);
    stages_release(stages, work);
    (void)order_leave(stages->parts.order, work);
    work->load->open--;
    pool_return(stages->parts.pool, work);
    stages->open--;
    metric_set(stages->metric_open, (int64_t)stages->open);
}
