/* SPDX-License-Identifier: Apache-2.0
 *
 * librdkafka's consumer, as far as the intake calls it, before the modelled group.
 * As the real one: a rebalance is told from inside a consume call, offsets may be
 * stored of assigned partitions only, and what is stored is committed by a thread
 * of its own now and then, on a revoke and on closing.
 */
#include "common/kafka.h"
#include "common/mem.h"
#include "tests/sim/edges.h"
#include "tests/sim/group.h"
#include "tests/sim/truth.h"

#define CONSUMER_COMMIT_MS 1000

struct rd_kafka_s {
    struct member member;
};

struct rd_kafka_topic_s {
    const char *name;
};

struct rd_kafka_queue_s {
    struct member *member;
};

static void on_commit_time(void *self)
{
    struct member *member = self;
    if (!proc_lives(member->owner) || member->closed) {
        return;
    }
    if (proc_runs(member->owner)) {
        for (int32_t p = 0; p < plan_get()->partitions; p++) {
            if (member->assigned[p]) {
                group_commit(member, p);
            }
        }
    }
    world_at(world_now() + CONSUMER_COMMIT_MS, on_commit_time, member);
}

struct err kafka_consumer_new(const struct config_kafka *config, const char *group,
                              const struct kafka_role *role, rd_kafka_t **out)
{
    (void)config;
    (void)group;
    rd_kafka_t *rk = mem_must_alloc(sizeof(*rk));
    rk->member.owner = proc_owner();
    rk->member.rebalanced = role->rebalanced;
    rk->member.opaque = role->opaque;
    rk->member.rk = rk;
    rk->member.owner.proc->member = &rk->member;
    world_at(world_now() + world_between(WORLD_EDGE, 1, CONSUMER_COMMIT_MS), on_commit_time,
             &rk->member);
    *out = rk;
    return NO_ERROR;
}

void rd_kafka_destroy(rd_kafka_t *rk)
{
    rk->member.owner.proc->member = NULL;
}

rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *rk)
{
    rd_kafka_queue_t *queue = mem_must_alloc(sizeof(*queue));
    queue->member = &rk->member;
    return queue;
}

void rd_kafka_queue_destroy(rd_kafka_queue_t *queue)
{
    mem_free(queue);
}

void rd_kafka_queue_io_event_enable(rd_kafka_queue_t *queue, int fd, const void *payload,
                                    size_t size)
{
    (void)queue;
    (void)fd;
    (void)payload;
    (void)size;
}

rd_kafka_resp_err_t rd_kafka_subscribe(rd_kafka_t *rk,
                                       const rd_kafka_topic_partition_list_t *topics)
{
    (void)topics;
    group_join(&rk->member);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- rebalances -------------------------------------------------------------------------- */

static void tell(struct member *member, const struct change *change)
{
    static const char *const words[] = {"is assigned", "is to let go", "has lost"};
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        if (change->partitions[p]) {
            world_trace("group: w%d %s %d", member->owner.proc->slot, words[change->what], (int)p);
            rd_kafka_topic_partition_list_add(list, TOPIC_INTERVIEWS, p);
        }
    }
    member->lost = change->what == GROUP_LOST;
    member->rebalanced(member->rk,
                       change->what == GROUP_ASSIGN ? RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
                                                    : RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS,
                       list, member->opaque);
    member->lost = false;
    rd_kafka_topic_partition_list_destroy(list);
}

static void on_fetched(void *self)
{
    const struct member *member = self;
    proc_wake(member->owner);
}

rd_kafka_error_t *rd_kafka_incremental_assign(rd_kafka_t *rk,
                                              const rd_kafka_topic_partition_list_t *list)
{
    struct member *member = &rk->member;
    for (int i = 0; i < list->cnt; i++) {
        int32_t p = list->elems[i].partition;
        CHECK(!member->assigned[p]);
        member->assigned[p] = true;
        member->next[p] = group_committed(p);
        member->stored[p] = -1;
        member->ended[p] = -1;
        member->fetches[p] = world_now() + world_between(WORLD_EDGE, 5, 500);
        world_at(member->fetches[p], on_fetched, member);
    }
    return NULL;
}

rd_kafka_error_t *rd_kafka_incremental_unassign(rd_kafka_t *rk,
                                                const rd_kafka_topic_partition_list_t *list)
{
    struct member *member = &rk->member;
    for (int i = 0; i < list->cnt; i++) {
        int32_t p = list->elems[i].partition;
        CHECK(member->assigned[p]);
        if (!member->lost) {
            group_commit(member, p);
        }
        member->assigned[p] = false;
        if (!member->lost && !member->closed) {
            group_let_go(member, p);
        }
    }
    return NULL;
}

int rd_kafka_assignment_lost(rd_kafka_t *rk)
{
    return rk->member.lost ? 1 : 0;
}

rd_kafka_resp_err_t rd_kafka_consumer_close(rd_kafka_t *rk)
{
    struct member *member = &rk->member;
    struct change all = {.what = GROUP_REVOKE};
    bool any = false;
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        all.partitions[p] = member->assigned[p];
        any = any || member->assigned[p];
    }
    if (any) {
        all.what = member->fenced ? GROUP_LOST : GROUP_REVOKE;
        tell(member, &all);
    }
    group_leave(member);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- records ----------------------------------------------------------------------------- */

static struct rd_kafka_topic_s interviews = {.name = TOPIC_INTERVIEWS};

const char *rd_kafka_topic_name(const rd_kafka_topic_t *topic)
{
    return topic->name;
}

rd_kafka_message_t *group_message(int32_t partition, int64_t offset)
{
    const struct broker_record *record = broker_interview(partition, offset);
    rd_kafka_message_t *message = mem_must_alloc(sizeof(*message));
    message->rkt = &interviews;
    message->partition = partition;
    message->offset = record->offset;
    message->key = (void *)(uintptr_t)record->key.at;
    message->key_len = record->key.len;
    message->payload = (void *)(uintptr_t)record->value.at;
    message->len = record->value.len;
    message->_private = (void *)(uintptr_t)record;
    return message;
}

/* The next record that is there, of whichever partition's turn it is. */
static rd_kafka_message_t *next_record(struct member *member)
{
    int32_t partitions = plan_get()->partitions;
    for (int32_t i = 0; i < partitions; i++) {
        int32_t p = (member->turn + i) % partitions;
        if (member->assigned[p] && !member->paused[p] && world_now() >= member->fetches[p] &&
            member->next[p] < broker_end(p)) {
            if (world_chance(WORLD_EDGE, 200)) {
                member->turn = p + 1;
            }
            return group_message(p, member->next[p]++);
        }
    }
    return NULL;
}

/* That a partition's end was reached is told once each time. */
static rd_kafka_message_t *next_end(struct member *member)
{
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        if (member->assigned[p] && !member->paused[p] && world_now() >= member->fetches[p] &&
            member->next[p] == broker_end(p) && member->ended[p] != member->next[p]) {
            rd_kafka_message_t *message = mem_must_alloc(sizeof(*message));
            member->ended[p] = member->next[p];
            message->err = RD_KAFKA_RESP_ERR__PARTITION_EOF;
            message->rkt = &interviews;
            message->partition = p;
            message->offset = member->next[p];
            return message;
        }
    }
    return NULL;
}

static void serve_changes(struct member *member)
{
    while (member->changes != NULL && member->changes->seen_ms <= world_now()) {
        struct change *change = member->changes;
        member->changes = change->next;
        tell(member, change);
        mem_free(change);
    }
}

ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *queue, int timeout_ms,
                                     rd_kafka_message_t **messages, size_t room)
{
    struct member *member = queue->member;
    size_t count = 0;
    (void)timeout_ms;
    if (room > 0) { /* as the real one: with no room no rebalance is served */
        int64_t since = member->polled_ms > 0 ? world_now() - member->polled_ms : 0;
        member->unpolled_ms = since > member->unpolled_ms ? since : member->unpolled_ms;
        member->polled_ms = world_now();
        serve_changes(member);
    }
    while (count < room && (messages[count] = next_record(member)) != NULL) {
        count++;
    }
    while (count < room && (messages[count] = next_end(member)) != NULL) {
        count++;
    }
    return (ssize_t)count;
}

void rd_kafka_message_destroy(rd_kafka_message_t *message)
{
    mem_free(message);
}

const char *rd_kafka_message_errstr(const rd_kafka_message_t *message)
{
    return rd_kafka_err2str(message->err);
}

/* A modelled member is never fenced by its name. */
rd_kafka_resp_err_t rd_kafka_fatal_error(rd_kafka_t *rk, char *text, size_t room)
{
    (void)rk;
    (void)text;
    (void)room;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

const char *rd_kafka_err2str(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__STATE ? "wrong state" : "an error";
}

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *message,
                                   rd_kafka_timestamp_type_t *type)
{
    const struct broker_record *record = message->_private;
    if (type != NULL) {
        *type = RD_KAFKA_TIMESTAMP_CREATE_TIME;
    }
    return WORLD_WALL_MS + record->at_ms;
}

rd_kafka_resp_err_t rd_kafka_message_headers(const rd_kafka_message_t *message,
                                             rd_kafka_headers_t **headers)
{
    *headers = message->_private;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_header_get_last(const rd_kafka_headers_t *headers, const char *name,
                                             const void **value, size_t *size)
{
    static const struct {
        const char *name, *value;
    } known[] = {{"ce_type", "interview.analysis_ready"}, {"ce_source", "/hooks/koji"}};
    (void)headers;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(known[i].name, name) == 0) {
            *value = known[i].value;
            *size = strlen(known[i].value);
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
    }
    return RD_KAFKA_RESP_ERR__NOENT;
}

/* ---- offsets and pausing ----------------------------------------------------------------- */

rd_kafka_resp_err_t rd_kafka_offsets_store(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    struct member *member = &rk->member;
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *it = &list->elems[i];
        it->err = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (!member->assigned[it->partition]) {
            it->err = RD_KAFKA_RESP_ERR__STATE;
            continue;
        }
        truth_offset(member->owner.proc->slot, it->partition, it->offset, "stores");
        member->stored[it->partition] = it->offset;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t set_paused(struct member *member,
                                      const rd_kafka_topic_partition_list_t *list, bool paused)
{
    for (int i = 0; i < list->cnt; i++) {
        int32_t p = list->elems[i].partition;
        if (!paused && member->paused[p]) {
            member->fetches[p] = world_now() + world_between(WORLD_EDGE, 300, 1000);
        }
        member->paused[p] = paused;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_pause_partitions(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    return set_paused(&rk->member, list, true);
}

rd_kafka_resp_err_t rd_kafka_resume_partitions(rd_kafka_t *rk,
                                               rd_kafka_topic_partition_list_t *list)
{
    return set_paused(&rk->member, list, false);
}

rd_kafka_resp_err_t rd_kafka_assignment(rd_kafka_t *rk, rd_kafka_topic_partition_list_t **list)
{
    *list = rd_kafka_topic_partition_list_new(4);
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        if (rk->member.assigned[p]) {
            rd_kafka_topic_partition_list_add(*list, TOPIC_INTERVIEWS, p);
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int rd_kafka_version(void)
{
    return RD_KAFKA_VERSION;
}

/* ---- what it asks ------------------------------------------------------------------------ */

rd_kafka_resp_err_t rd_kafka_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *partitions,
                                       int timeout_ms)
{
    (void)rk;
    (void)timeout_ms;
    for (int i = 0; i < partitions->cnt; i++) {
        bool source = strcmp(partitions->elems[i].topic, TOPIC_INTERVIEWS) == 0;
        int64_t offset = source ? group_committed(partitions->elems[i].partition) : 0;
        partitions->elems[i].offset = offset > 0 ? offset : RD_KAFKA_OFFSET_INVALID;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_get_watermark_offsets(rd_kafka_t *rk, const char *topic,
                                                   int32_t partition, int64_t *low, int64_t *high)
{
    (void)rk;
    *low = 0;
    *high = strcmp(topic, TOPIC_INTERVIEWS) == 0 ? broker_end(partition) : 0;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* In place of kafka_ask.c. */
struct err kafka_topic_partitions(rd_kafka_t *rk, const char *name, int timeout_ms, int32_t *out)
{
    (void)rk;
    (void)name;
    (void)timeout_ms;
    *out = plan_get()->partitions;
    return NO_ERROR;
}

struct err kafka_topic_retention(rd_kafka_t *rk, const char *name, int timeout_ms, int64_t *out)
{
    (void)rk;
    (void)name;
    (void)timeout_ms;
    *out = -1; /* for ever */
    return NO_ERROR;
}
