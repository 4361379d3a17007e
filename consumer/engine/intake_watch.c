/* SPDX-License-Identifier: Apache-2.0
 *
 * What the intake watches about its partitions: how far it is behind, and so
 * whether it catches up. librdkafka's own queue is small, and until 2.2 its
 * fetcher, having found the queue full, sleeps for up to a second whether or not
 * the queue has been emptied meanwhile. So what was taken is counted, and when it
 * may have been full, the fetcher is woken: a question to the partitions' leaders
 * passes through its thread (fetch.queue.backoff.ms does that where it exists). While catching up,
 * records are taken beyond that queue (the stash), so that a short wait does not stop the reading.
 * One thread.
 */
#include "consumer/engine/intake_inside.h"

/* ---- lag --------------------------------------------------------------------------------- */

/* How far the partition is behind, as of the broker's last answer. */
struct behind {
    int64_t unread;    /* not opened */
    int64_t unsettled; /* opened or not */
};

static int64_t above(int64_t end, int64_t from)
{
    return end > from ? end - from : 0;
}

static struct behind behind_of(const struct intake *intake, const struct partition *partition)
{
    int64_t low = RD_KAFKA_OFFSET_INVALID;
    int64_t high = RD_KAFKA_OFFSET_INVALID;
    rd_kafka_resp_err_t err = rd_kafka_get_watermark_offsets(
        intake->consumer, partition->topic->name, partition->id, &low, &high);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0) {
        return (struct behind){0}; /* the broker has not answered yet */
    }
    bool begun = partition->window.next >= 0;
    int64_t first = low < 0 ? 0 : low;
    return (struct behind){.unread = above(high, begun ? partition->window.next : first),
                           .unsettled =
                               above(high, begun ? window_low(&partition->window) : first)};
}

static void judge_lag(struct intake *intake, int64_t unread)
{
    int64_t mark = intake->parts.config->kafka.catching_up_lag;
    bool catching_up = intake->catching_up ? unread > mark / 4 : unread >= mark;
    if (catching_up == intake->catching_up) {
        return;
    }
    intake->catching_up = catching_up;
    metric_set(intake->metric_catching_up, catching_up ? 1 : 0);
    LOG(LOG_INFO, catching_up ? "catching_up" : "caught_up", L_INT("unread", unread));
}

static void measure(struct intake *intake)
{
    int64_t unread = 0;
    int64_t lags[INTAKE_TOPICS] = {0};
    for (const struct partition *p = intake->partitions; p != NULL; p = p->next) {
        if (p->assigned) {
            struct behind behind = behind_of(intake, p);
            unread += behind.unread;
            lags[p->topic - intake->topics] += behind.unsettled;
        }
    }
    for (size_t i = 0; i < COUNT_OF(intake->topics); i++) {
        metric_set(intake->topics[i].metric_lag, lags[i]);
    }
    metric_set(intake->metric_waiting, (int64_t)intake->tickets);
    judge_lag(intake, unread);
}

/* ---- waking the fetcher ------------------------------------------------------------------ */

static bool may_sleep(const struct intake *intake)
{
    int64_t prefetch = intake->parts.config->kafka.prefetch_bytes;
    return intake->taken_bytes >= prefetch / 2 ||
           intake->taken_records >= prefetch / INTAKE_RECORD_MIN / 2;
}

static void wake(struct intake *intake)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (const struct partition *p = intake->partitions; p != NULL; p = p->next) {
        if (p->assigned && behind_of(intake, p).unread > 0) {
            rd_kafka_topic_partition_list_add(list, p->topic->name, p->id)->offset =
                RD_KAFKA_OFFSET_END;
        }
    }
    if (list->cnt > 0) { /* the answer is not waited for: that the question goes out is enough */
        (void)rd_kafka_offsets_for_times(intake->consumer, list, 0);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

void intake_watch(struct intake *intake, int64_t now)
{
    if (may_sleep(intake)) {
        intake->taken_bytes = 0;
        intake->taken_records = 0;
        wake(intake);
    }
    if (now - intake->watched_ms >= INTAKE_WATCH_MS) {
        intake->watched_ms = now;
        measure(intake);
    }
}
