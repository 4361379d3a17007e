/* SPDX-License-Identifier: Apache-2.0
 *
 * The intake of a replay: partitions are assigned by hand, from where to where it
 * was asked for, and nothing is stored. And what both kinds know of a partition's
 * end. One thread; finding the offsets blocks, once, before the first record.
 */
#include "consumer/engine/intake_inside.h"

#define REPLAY_ASK_MS 10000

SCOPED_FREE(free_list, rd_kafka_topic_partition_list_t *, rd_kafka_topic_partition_list_destroy)
SCOPED_FREE(free_metadata, const struct rd_kafka_metadata *, rd_kafka_metadata_destroy)

/* ---- the end of a partition -------------------------------------------------------------- */

void intake_ended(struct intake *intake, const rd_kafka_message_t *m)
{
    struct partition *partition = intake_partition_of(intake, m);
    if (partition != NULL && partition->assigned) {
        partition->at_end = true;
        partition->end_offset = m->offset;
        partition->replayed = true;
    }
}

int64_t intake_read_until_ms(const struct intake *intake)
{
    /* What was appended within the last second may still be on its way here. */
    int64_t now = clock_wall_ms(intake->parts.clock) - INTAKE_HEARD_MS;
    int64_t until = now;
    for (const struct partition *p = intake->partitions; p != NULL; p = p->next) {
        bool all = p->at_end && intake->caught_up && intake->stash.count == 0;
        if (p->assigned && !all && p->read_ms < until) {
            until = p->read_ms;
        }
    }
    return until;
}

bool intake_place(const struct intake *intake, size_t index, struct origin *place)
{
    for (const struct partition *p = intake->partitions; p != NULL; p = p->next) {
        if (p->assigned && index-- == 0) {
            *place = (struct origin){.topic = span_text(p->topic->name), .partition = p->id};
            return true;
        }
    }
    return false;
}

/* ---- what is to be read ------------------------------------------------------------------ */

static struct err find_partitions(struct intake *intake, rd_kafka_topic_partition_list_t *list)
{
    const struct replay *replay = intake->parts.replay;
    const char *name = intake->topics[INTAKE_SOURCE].name;
    SCOPED(free_metadata) const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(intake->consumer, name, NULL);
    if (topic == NULL) {
        FAIL(ERR_FATAL, 0, "no handle for the topic");
    }
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(intake->consumer, 0, topic, &metadata, REPLAY_ASK_MS);
    rd_kafka_topic_destroy(topic);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topic_cnt != 1) {
        FAIL(ERR_FATAL, (int)code, "Kafka does not say what partitions the topic has");
    }
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++) {
        if (replay->partition < 0 || replay->partition == i) {
            rd_kafka_topic_partition_list_add(list, name, i);
        }
    }
    if (list->cnt == 0) {
        FAIL(ERR_CONFIG, 0, "the topic has no such partition");
    }
    return NO_ERROR;
}

/* Each element's offset becomes the edge's, never outside what is there. */
static struct err find_edge(struct intake *intake, const struct replay_edge *edge, bool begin,
                            rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = edge->at;
    }
    if (edge->kind == REPLAY_TIME) {
        rd_kafka_resp_err_t code =
            rd_kafka_offsets_for_times(intake->consumer, list, REPLAY_ASK_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            FAIL(ERR_FATAL, (int)code, "Kafka does not say which offsets a time has");
        }
    }
    for (int i = 0; i < list->cnt; i++) {
        int64_t low = 0;
        int64_t high = 0;
        rd_kafka_topic_partition_t *at = &list->elems[i];
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            intake->consumer, at->topic, at->partition, &low, &high, REPLAY_ASK_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            FAIL(ERR_FATAL, (int)code, "Kafka does not say where a partition begins and ends");
        }
        bool open = edge->kind == REPLAY_OPEN;
        bool beyond = at->offset < 0 || at->offset > high; /* no record is that young */
        at->offset = open ? (begin ? low : high) : beyond ? high : at->offset;
        at->offset = at->offset < low ? low : at->offset;
    }
    return NO_ERROR;
}

struct err intake_replay_begin(struct intake *intake)
{
    const struct replay *replay = intake->parts.replay;
    SCOPED(free_list) rd_kafka_topic_partition_list_t *from = rd_kafka_topic_partition_list_new(8);
    SCOPED(free_list) rd_kafka_topic_partition_list_t *to = NULL;
    TRY(find_partitions(intake, from));
    to = rd_kafka_topic_partition_list_copy(from);
    TRY(find_edge(intake, &replay->from, true, from));
    TRY(find_edge(intake, &replay->to, false, to));
    for (int i = 0; i < from->cnt; i++) {
        struct partition *partition = intake_gain(intake, &from->elems[i]);
        partition->until = to->elems[i].offset;
        partition->replayed = from->elems[i].offset >= partition->until;
        LOG(LOG_INFO, "replay_range", L_INT("partition", partition->id),
            L_INT("from", from->elems[i].offset), L_INT("to", partition->until));
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(intake->consumer, from);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_FATAL, (int)code, "the partitions cannot be assigned");
    }
    intake->joined = true;
    return NO_ERROR;
}

bool intake_replay_wants(const struct replay *replay, const struct item *item)
{
    return replay == NULL || replay->key.len == 0 ||
           span_equal(replay->key, item->job->record.key) ||
           span_equal(replay->key, item->order_key);
}

bool intake_replayed(const struct intake *intake)
{
    bool all = intake->joined && intake->loads == 0 && intake->stash.count == 0;
    for (const struct partition *p = intake->partitions; p != NULL && all; p = p->next) {
        all = !p->assigned || p->replayed;
    }
    return all;
}
