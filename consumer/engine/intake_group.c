/* SPDX-License-Identifier: Apache-2.0
 *
 * The intake's part in the consumer group: which partitions are ours, what may be
 * stored of them, and pausing. librdkafka calls the rebalance callback from
 * inside a consume call. One thread.
 */
#include "consumer/engine/intake_inside.h"

#include <stdio.h>

static struct intake_topic *topic_named(struct intake *intake, const char *name)
{
    for (size_t i = 0; i < COUNT_OF(intake->topics); i++) {
        if (strcmp(intake->topics[i].name, name) == 0) {
            return &intake->topics[i];
        }
    }
    NEVER("a record of a topic that was not subscribed");
}

struct partition *intake_partition(struct intake *intake, const char *topic, int32_t id)
{
    CHECK(id >= 0 && id < INTAKE_PARTITIONS_MAX);
    return topic_named(intake, topic)->partitions[id];
}

struct partition *intake_partition_of(struct intake *intake, const rd_kafka_message_t *m)
{
    if (intake->newest == NULL || intake->newest_topic != m->rkt ||
        intake->newest->id != m->partition) {
        intake->newest = intake_partition(intake, rd_kafka_topic_name(m->rkt), m->partition);
        intake->newest_topic = m->rkt;
    }
    return intake->newest;
}

void intake_begin(struct intake *intake, struct partition *partition)
{
    char name[SEEN_NAME];
    partition->generation++;
    intake->swept = false;
    intake->news = true;
    partition->stored = -1;
    partition->dirty = false;
    window_close(&partition->window);
    int len = snprintf(name, sizeof(name), "%s/%s/%d", intake->parts.worker->name,
                       partition->topic->name, (int)partition->id);
    CHECK(len > 0 && (size_t)len < sizeof(name)); /* cut, two partitions would share their bits */
    seen_init(&partition->seen, intake->parts.redis, intake->parts.ledger, intake->digest, name);
}

static struct partition *make_partition(struct intake *intake, const char *topic, int32_t id)
{
    struct partition *made = mem_must_alloc(sizeof(*made));
    made->topic = topic_named(intake, topic);
    made->id = id;
    made->next = intake->partitions;
    made->topic->partitions[id] = made;
    intake->partitions = made;
    return made;
}

struct partition *intake_gain(struct intake *intake, const rd_kafka_topic_partition_t *at)
{
    struct partition *partition = intake_partition(intake, at->topic, at->partition);
    if (partition == NULL) {
        partition = make_partition(intake, at->topic, at->partition);
    }
    partition->assigned = true;
    intake_begin(intake, partition);
    suspects_stale(&intake->suspects);
    partition->at_end = false;
    partition->read_ms = 0;
    if (at->offset >= 0) { /* what is read from here on follows what the group has settled */
        partition->window.next = at->offset;
        partition->stored = at->offset;
    }
    intake_check_added(partition);
    metric_add(partition->topic->metric_partitions, 1);
    return partition;
}

struct of_partition {
    struct intake *intake;
    const struct partition *partition;
};

static bool is_of(void *self, const rd_kafka_message_t *message)
{
    const struct of_partition *of = self;
    return intake_partition_of(of->intake, message) == of->partition;
}

/* What was taken of the partition and not opened is read again by its next owner. */
static void drop_stashed(struct intake *intake, const struct partition *partition)
{
    struct of_partition of = {.intake = intake, .partition = partition};
    stash_drop(&intake->stash, is_of, &of);
}

static void gone(struct intake *intake, const rd_kafka_topic_partition_t *at)
{
    struct partition *partition = intake_partition(intake, at->topic, at->partition);
    if (partition != NULL && partition->assigned) {
        partition->assigned = false;
        partition->generation++;
        intake->shrank = true;
        intake->swept = false;
        intake->news = true;
        drop_stashed(intake, partition);
        seen_flush(&partition->seen);
        metric_add(partition->topic->metric_partitions, -1);
    }
}

/* Where the group has come to. librdkafka would ask the same and not tell. */
static void ask_committed(struct intake *intake, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_resp_err_t err =
        partitions->cnt == 0
            ? RD_KAFKA_RESP_ERR_NO_ERROR
            : rd_kafka_committed(intake->consumer, partitions, INTAKE_COMMITTED_MS);
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *at = &partitions->elems[i];
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR || at->err != RD_KAFKA_RESP_ERR_NO_ERROR ||
            at->offset < 0) {
            at->offset = RD_KAFKA_OFFSET_INVALID;
        }
        at->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
}

static void say_rebalance(const char *what, const rd_kafka_topic_partition_list_t *partitions)
{
    LOG(LOG_INFO, "rebalance", L_TEXT("what", what), L_INT("partitions", partitions->cnt));
}

static void say_lost(const struct intake *intake, const rd_kafka_topic_partition_list_t *partitions)
{
    if (partitions->cnt == 0) {
        return;
    }
    metric_add(intake->metric_lost, partitions->cnt);
    LOG(LOG_WARN, "partitions_lost", L_INT("found", partitions->cnt),
        L_TEXT("expected", "to be asked before they go; others have them, and nothing is stored "
                           "of them here"),
        L_TEXT("do", "when it recurs: see why this process was silent for longer than "
                     "kafka.session_timeout, or raise that"));
}

void intake_rebalanced(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                       rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct intake *intake = opaque;
    rd_kafka_error_t *error = NULL;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        say_rebalance("assigned", partitions);
        intake->met = true;
        ask_committed(intake, partitions);
        for (int i = 0; i < partitions->cnt; i++) {
            (void)intake_gain(intake, &partitions->elems[i]);
        }
        error = rd_kafka_incremental_assign(rk, partitions);
        /* Whether a partition is paused outlives its assignment: say it anew. */
        (void)(intake->paused ? rd_kafka_pause_partitions(rk, partitions)
                              : rd_kafka_resume_partitions(rk, partitions));
    } else {
        bool lost = rd_kafka_assignment_lost(rk) != 0;
        say_rebalance(lost ? "lost" : "revoked", partitions);
        if (lost) {
            say_lost(intake, partitions);
        } else {
            intake_store(intake); /* before the unassign: it is committed with it */
        }
        for (int i = 0; i < partitions->cnt; i++) {
            gone(intake, &partitions->elems[i]);
        }
        error = rd_kafka_incremental_unassign(rk, partitions);
    }
    if (error != NULL) {
        LOG(LOG_ERROR, "rebalance_failed", L_TEXT("found", rd_kafka_error_string(error)),
            L_TEXT("expected", "an assignment that Kafka and this worker agree on"));
        rd_kafka_error_destroy(error);
    }
}

void intake_store(struct intake *intake)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    for (struct partition *p = intake->partitions; p != NULL; p = p->next) {
        if (!p->assigned || !p->dirty) {
            continue;
        }
        p->dirty = false;
        seen_flush(&p->seen);
        int64_t low = window_low(&p->window);
        if (low > p->stored && intake->parts.replay == NULL) { /* a replay has no offsets */
            list = list == NULL ? rd_kafka_topic_partition_list_new(8) : list;
            rd_kafka_topic_partition_list_add(list, p->topic->name, p->id)->offset = low;
            p->stored = low;
        }
    }
    if (list == NULL) {
        return;
    }
    (void)rd_kafka_offsets_store(intake->consumer, list); /* each element says for itself */
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            LOG(LOG_WARN, "offset_not_stored", L_TEXT("topic", list->elems[i].topic),
                L_INT("partition", list->elems[i].partition),
                L_TEXT("found", rd_kafka_err2str(list->elems[i].err)),
                L_TEXT("expected", "a partition that is ours; its next owner reads these again"));
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

struct err intake_join(struct intake *intake)
{
    if (intake->parts.replay != NULL) {
        return intake_replay_begin(intake);
    }
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(INTAKE_TOPICS);
    for (size_t i = 0; i < COUNT_OF(intake->topics); i++) {
        rd_kafka_topic_partition_list_add(topics, intake->topics[i].name, RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t err = rd_kafka_subscribe(intake->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_FATAL, (int)err, "the topics cannot be subscribed");
    }
    intake_count_partitions(intake);
    intake->joined = true;
    return NO_ERROR;
}

void intake_pause(struct intake *intake, bool paused)
{
    if (intake->paused == paused) {
        return;
    }
    intake->paused = paused;
    rd_kafka_topic_partition_list_t *list = NULL;
    if (rd_kafka_assignment(intake->consumer, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    (void)(paused ? rd_kafka_pause_partitions(intake->consumer, list)
                  : rd_kafka_resume_partitions(intake->consumer, list));
    LOG(LOG_INFO, paused ? "consuming_paused" : "consuming_resumed",
        L_INT("partitions", list->cnt));
    rd_kafka_topic_partition_list_destroy(list);
}
