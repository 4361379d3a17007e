/* SPDX-License-Identifier: Apache-2.0
 *
 * The coordinator: who is in the group, and who has which partition. A partition
 * moves when its old owner has let it go, or was put out.
 */
#include "tests/sim/group.h"

#include "common/mem.h"
#include "tests/sim/edges.h"
#include "tests/sim/truth.h"

#define GROUP_MEMBERS_MAX 16 /* those that died count until their session is over */

static struct {
    struct member *members[GROUP_MEMBERS_MAX]; /* NULL: a place to have */
    struct member *owners[PLAN_PARTITIONS_MAX];
    struct member *targets[PLAN_PARTITIONS_MAX];
    bool revoking[PLAN_PARTITIONS_MAX];
    int64_t committed[PLAN_PARTITIONS_MAX];
    int first; /* whom the next assignment favours */
} group;

static void on_seen(void *self)
{
    const struct member *member = self;
    proc_wake(member->owner);
}

static void send_change(struct member *member, enum group_change what, const bool *partitions)
{
    struct change *change = mem_must_alloc(sizeof(*change));
    change->what = what;
    memcpy(change->partitions, partitions, sizeof(change->partitions));
    change->seen_ms = world_now() + world_between(WORLD_EDGE, 1, 200);
    struct change **at = &member->changes;
    while (*at != NULL) {
        if ((*at)->seen_ms > change->seen_ms) {
            change->seen_ms = (*at)->seen_ms;
        }
        at = &(*at)->next;
    }
    *at = change;
    world_at(change->seen_ms, on_seen, member);
}

/* ---- who shall have what ----------------------------------------------------------------- */

static size_t count_targets(const struct member *member)
{
    size_t count = 0;
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        count += group.targets[p] == member ? 1 : 0;
    }
    return count;
}

static struct member *least_loaded(void)
{
    struct member *found = NULL;
    for (int i = 0; i < GROUP_MEMBERS_MAX; i++) {
        struct member *member = group.members[(i + group.first) % GROUP_MEMBERS_MAX];
        if (member != NULL && (found == NULL || count_targets(member) < count_targets(found))) {
            found = member;
        }
    }
    return found;
}

static bool is_member(const struct member *member)
{
    for (int i = 0; i < GROUP_MEMBERS_MAX && member != NULL; i++) {
        if (group.members[i] == member) {
            return true;
        }
    }
    return false;
}

/* Sticky: who has a partition keeps it, unless they have more than their share. */
static void choose_targets(void)
{
    size_t members = 0;
    for (int i = 0; i < GROUP_MEMBERS_MAX; i++) {
        members += group.members[i] != NULL ? 1 : 0;
    }
    size_t partitions = (size_t)plan_get()->partitions;
    size_t share = members == 0 ? 0 : (partitions + members - 1) / members;
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        group.targets[p] = NULL;
    }
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        if (is_member(group.owners[p]) && count_targets(group.owners[p]) < share) {
            group.targets[p] = group.owners[p];
        }
    }
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        if (group.targets[p] == NULL) {
            group.targets[p] = least_loaded();
        }
    }
}

static void hand_out(struct member *member)
{
    bool given[PLAN_PARTITIONS_MAX] = {false};
    bool any = false;
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        if (group.owners[p] == NULL && group.targets[p] == member) {
            group.owners[p] = member;
            given[p] = true;
            any = true;
        }
    }
    if (any) {
        send_change(member, GROUP_ASSIGN, given);
    }
}

static void take_back(struct member *member)
{
    bool taken[PLAN_PARTITIONS_MAX] = {false};
    bool any = false;
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        if (group.owners[p] == member && group.targets[p] != member && !group.revoking[p]) {
            group.revoking[p] = true;
            taken[p] = true;
            any = true;
        }
    }
    if (any) {
        send_change(member, GROUP_REVOKE, taken);
    }
}

static void rebalance(void)
{
    choose_targets();
    for (int i = 0; i < GROUP_MEMBERS_MAX; i++) {
        if (group.members[i] != NULL) {
            take_back(group.members[i]);
            hand_out(group.members[i]);
        }
    }
}

/* ---- coming and going -------------------------------------------------------------------- */

static void on_join(void *self)
{
    struct member *member = self;
    if (!proc_lives(member->owner) || member->closed || member->joined) {
        return;
    }
    if (!proc_runs(member->owner)) {
        world_at(proc_awake_ms(member->owner), on_join, member);
        return;
    }
    world_trace("group: w%d joins", member->owner.proc->slot);
    member->joined = true;
    for (int i = 0; i < GROUP_MEMBERS_MAX; i++) {
        if (group.members[i] == NULL) {
            group.members[i] = member;
            rebalance();
            return;
        }
    }
    NEVER("more members than workers can have been started");
}

void group_join(struct member *member)
{
    world_at(world_now() + world_between(WORLD_EDGE, 10, 3000), on_join, member);
}

/* The coordinator does not count it in any more. */
static void put_out(struct member *member)
{
    if (!is_member(member)) {
        return;
    }
    for (int i = 0; i < GROUP_MEMBERS_MAX; i++) {
        group.members[i] = group.members[i] == member ? NULL : group.members[i];
    }
    member->joined = false;
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        if (group.owners[p] == member) {
            group.owners[p] = NULL;
            group.revoking[p] = false;
        }
    }
    rebalance();
}

void group_leave(struct member *member)
{
    member->closed = true;
    world_trace("group: w%d leaves", member->owner.proc->slot);
    put_out(member);
}

static void on_session_end(void *self)
{
    struct member *member = self;
    if (is_member(member) && !proc_runs(member->owner)) {
        world_trace("group: the session of w%d is over", member->owner.proc->slot);
        member->fenced = true;
        put_out(member);
    }
}

static void watch_session(struct member *member)
{
    /* The last heartbeat was up to two seconds ago. */
    world_at(world_now() + GROUP_SESSION_MS - world_between(WORLD_EDGE, 0, 2000), on_session_end,
             member);
}

void group_died(struct member *member)
{
    watch_session(member);
}

void group_stopped(struct member *member)
{
    watch_session(member);
}

/* It learns from its next heartbeat, not at once, that it was put out. */
void group_woke(struct member *member)
{
    if (member->fenced && !member->closed) {
        bool all[PLAN_PARTITIONS_MAX];
        memcpy(all, member->assigned, sizeof(all));
        member->fenced = false;
        member->changes = NULL; /* what was on its way is void */
        send_change(member, GROUP_LOST, all);
        member->changes->seen_ms = world_now() + world_between(WORLD_EDGE, 0, 2500);
        world_at(member->changes->seen_ms + world_between(WORLD_EDGE, 10, 1000), on_join, member);
    }
}

/* ---- offsets ----------------------------------------------------------------------------- */

int64_t group_committed(int32_t partition)
{
    return group.committed[partition];
}

void group_commit(struct member *member, int32_t partition)
{
    int64_t offset = member->stored[partition];
    if (offset < 0 || !is_member(member) || group.owners[partition] != member ||
        offset == group.committed[partition]) {
        return; /* refused: it is somebody else's, or nothing is new */
    }
    truth_offset(member->owner.proc->slot, partition, offset, "commits");
    group.committed[partition] = offset;
}

void group_let_go(struct member *member, int32_t partition)
{
    if (is_member(member) && group.owners[partition] == member) {
        group.owners[partition] = NULL;
        group.revoking[partition] = false;
        rebalance();
    }
}

/* ---- faults ------------------------------------------------------------------------------ */

void group_shuffle(void)
{
    group.first++;
    choose_targets();
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        int to = (int)world_draw(WORLD_EDGE, PLAN_WORKERS_MAX);
        if (group.members[to] != NULL) {
            group.targets[p] = group.members[to];
        }
    }
    for (int i = 0; i < GROUP_MEMBERS_MAX; i++) {
        if (group.members[i] != NULL) {
            take_back(group.members[i]);
            hand_out(group.members[i]);
        }
    }
}

bool group_empty(void)
{
    for (int i = 0; i < GROUP_MEMBERS_MAX; i++) {
        if (group.members[i] != NULL) {
            return false;
        }
    }
    return true;
}

void group_rewind(void)
{
    CHECK(group_empty());
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        group.committed[p] = 0;
    }
}
