/* SPDX-License-Identifier: Apache-2.0
 *
 * The intake. librdkafka calls the rebalance callback from inside a consume
 * call; it only notes what came and went. One thread.
 */
#define _GNU_SOURCE /* eventfd */
#include "consumer/engine/intake.h"

#include "common/kafka.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "consumer/engine/deadletter.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define INTAKE_BATCH          64
#define INTAKE_PARTITIONS_MAX 512
#define INTAKE_IDLE_POLL_MS   100 /* while there is no room: one record, so rebalances are served */
#define INTAKE_PAUSE_AFTER_MS 1000
#define INTAKE_ARENA_BYTES    (64u << 20)

struct intake {
    struct intake_parts parts;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    int event_fd;
    bool joined;
    bool stopping;
    bool shrank;
    bool full; /* between the two marks the answer stays what it was */
    uint64_t digest;
    struct partition *partitions[INTAKE_PARTITIONS_MAX]; /* by id; made when first assigned */
    rd_kafka_message_t *pending[INTAKE_BATCH];           /* read, not yet opened */
    size_t pending_first;
    size_t pending_count;
    struct load *unmade; /* loads whose cursor is not at its end, in order */
    struct load **unmade_last;
    size_t loads;
    int64_t polled_ms;
    int64_t short_since_ms;
    bool paused;
    struct metric *metric_records;
    struct metric *metric_skipped;
    struct metric *metric_partitions;
};

/* ---- partitions -------------------------------------------------------------------------- */

static struct partition *find(struct intake *intake, int32_t id)
{
    CHECK(id >= 0 && id < INTAKE_PARTITIONS_MAX);
    return intake->partitions[id];
}

static void gained(struct intake *intake, int32_t id)
{
    if (find(intake, id) == NULL) {
        intake->partitions[id] = mem_must_alloc(sizeof(struct partition));
    }
    struct partition *partition = find(intake, id);
    partition->id = id;
    partition->assigned = true;
    partition->generation++;
    partition->stored = -1;
    partition->dirty = false;
    window_close(&partition->window);
    seen_init(&partition->seen, intake->parts.redis, intake->parts.ledger, intake->digest,
              intake->parts.worker->name, intake->parts.worker->topic, id);
    metric_add(intake->metric_partitions, 1);
}

static void gone(struct intake *intake, int32_t id)
{
    struct partition *partition = find(intake, id);
    if (partition != NULL && partition->assigned) {
        partition->assigned = false;
        partition->generation++;
        intake->shrank = true;
        seen_flush(&partition->seen);
        metric_add(intake->metric_partitions, -1);
    }
}

static void say_rebalance(const char *what, const rd_kafka_topic_partition_list_t *partitions)
{
    LOG(LOG_INFO, "rebalance", L_TEXT("what", what), L_INT("partitions", partitions->cnt));
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct intake *intake = opaque;
    rd_kafka_error_t *error = NULL;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        say_rebalance("assigned", partitions);
        for (int i = 0; i < partitions->cnt; i++) {
            gained(intake, partitions->elems[i].partition);
        }
        error = rd_kafka_incremental_assign(rk, partitions);
        /* Whether a partition is paused outlives its assignment: say it anew. */
        (void)(intake->paused ? rd_kafka_pause_partitions(rk, partitions)
                              : rd_kafka_resume_partitions(rk, partitions));
    } else {
        bool lost = rd_kafka_assignment_lost(rk) != 0;
        say_rebalance(lost ? "lost" : "revoked", partitions);
        if (!lost) {
            intake_store(intake); /* before the unassign: it is committed with it */
        }
        for (int i = 0; i < partitions->cnt; i++) {
            gone(intake, partitions->elems[i].partition);
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
    for (int32_t id = 0; id < INTAKE_PARTITIONS_MAX; id++) {
        struct partition *p = intake->partitions[id];
        if (p == NULL || !p->assigned || !p->dirty) {
            continue;
        }
        p->dirty = false;
        seen_flush(&p->seen);
        int64_t low = window_low(&p->window);
        if (low > p->stored) {
            list = list == NULL ? rd_kafka_topic_partition_list_new(8) : list;
            rd_kafka_topic_partition_list_add(list, intake->parts.worker->topic, id)->offset = low;
            p->stored = low;
        }
    }
    if (list == NULL) {
        return;
    }
    (void)rd_kafka_offsets_store(intake->consumer, list); /* each element says for itself */
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            LOG(LOG_WARN, "offset_not_stored", L_INT("partition", list->elems[i].partition),
                L_TEXT("found", rd_kafka_err2str(list->elems[i].err)),
                L_TEXT("expected", "a partition that is ours; its next owner reads these again"));
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- life -------------------------------------------------------------------------------- */

struct err intake_new(struct intake_parts parts, struct intake **out, int *event_fd)
{
    struct intake *intake = mem_must_alloc(sizeof(*intake));
    char group[128];
    struct kafka_role role = {
        .client_id = "hearback-worker", .rebalanced = on_rebalance, .opaque = intake};
    (void)snprintf(group, sizeof(group), "hearback.%s", parts.worker->name);
    intake->parts = parts;
    intake->digest = parts.worker->digest(parts.config);
    intake->unmade_last = &intake->unmade;
    intake->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (intake->event_fd < 0) {
        mem_free(intake);
        FAIL(ERR_FATAL, errno, "no descriptor for Kafka");
    }
    struct err err = kafka_consumer_new(&parts.config->kafka, group, &role, &intake->consumer);
    if (failed(err)) {
        (void)close(intake->event_fd);
        mem_free(intake);
        return err;
    }
    static const uint64_t one = 1;
    intake->queue = rd_kafka_queue_get_consumer(intake->consumer);
    rd_kafka_queue_io_event_enable(intake->queue, intake->event_fd, &one, sizeof(one));
    intake->metric_records =
        metric_counter("hearback_records_total", "Records read from Kafka.", NULL, NULL);
    intake->metric_skipped = metric_counter("hearback_records_skipped_total",
                                            "Records passed over: settled before.", NULL, NULL);
    intake->metric_partitions =
        metric_gauge("hearback_partitions", "Partitions assigned to this worker.", NULL, NULL);
    *out = intake;
    *event_fd = intake->event_fd;
    return NO_ERROR;
}

static void free_load(struct intake *intake, struct load *load)
{
    arena_close(&load->job.arena);
    rd_kafka_message_destroy(load->message);
    mem_free(load);
    intake->loads--;
}

void intake_free(struct intake **at, bool abandon)
{
    struct intake *intake = TAKE(*at);
    if (intake == NULL) {
        return;
    }
    for (; intake->pending_count > 0; intake->pending_count--) {
        rd_kafka_message_destroy(intake->pending[intake->pending_first++]);
    }
    CHECK(abandon || intake->loads == 0);
    rd_kafka_queue_io_event_enable(intake->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(intake->queue);
    (void)rd_kafka_consumer_close(intake->consumer);
    if (abandon) {
        return; /* the process ends; open records still point into librdkafka */
    }
    rd_kafka_destroy(intake->consumer);
    for (size_t i = 0; i < INTAKE_PARTITIONS_MAX; i++) {
        if (intake->partitions[i] != NULL) {
            window_close(&intake->partitions[i]->window);
            seen_close(&intake->partitions[i]->seen);
            mem_free(intake->partitions[i]);
        }
    }
    (void)close(intake->event_fd);
    mem_free(intake);
}

struct err intake_join(struct intake *intake)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, intake->parts.worker->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(intake->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_FATAL, (int)err, "the topic cannot be subscribed");
    }
    intake->joined = true;
    return NO_ERROR;
}

void intake_stop(struct intake *intake)
{
    intake->stopping = true;
    intake->shrank = true; /* so that what waits is given back */
    while (intake->unmade != NULL) {
        struct load *load = intake->unmade;
        intake->unmade = load->next;
        load->spoiled = true;
        if (load->open == 0) {
            free_load(intake, load);
        }
    }
    intake->unmade_last = &intake->unmade;
}

size_t intake_loads(const struct intake *intake)
{
    return intake->loads;
}

bool intake_shrank(struct intake *intake)
{
    bool shrank = intake->shrank;
    intake->shrank = false;
    return shrank;
}

bool intake_wants(void *self, const struct load *load)
{
    const struct intake *intake = self;
    return !intake->stopping && load->partition->assigned &&
           load->generation == load->partition->generation;
}

/* ---- a load ------------------------------------------------------------------------------ */

static void unlink_unmade(struct intake *intake, const struct load *load)
{
    struct load **at = &intake->unmade;
    while (*at != NULL && *at != load) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = load->next;
        if (intake->unmade_last == &load->next) {
            intake->unmade_last = at;
        }
    }
}

void intake_settled(void *self, struct load *load)
{
    struct intake *intake = self;
    struct partition *partition = load->partition;
    unlink_unmade(intake, load);
    if (!load->spoiled && partition->assigned && load->generation == partition->generation) {
        window_settle(&partition->window, load->job.record.offset);
        seen_mark(&partition->seen, load->job.record.offset, load->job.record.at_ms);
        partition->dirty = true;
    }
    free_load(intake, load);
}

static span header_of(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value = NULL;
    size_t len = 0;
    if (headers == NULL ||
        rd_kafka_header_get_last(headers, name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        value == NULL) {
        return SPAN_NONE;
    }
    return span_of(value, len);
}

/* "/hooks/koji" → "koji"; without a header the records of that door are "unknown". */
static span source_name(span source)
{
    if (source.len == 0) {
        return span_text("unknown");
    }
    size_t at = source.len;
    while (at > 0 && source.at[at - 1] != '/') {
        at--;
    }
    return span_of(source.at + at, source.len - at);
}

static void open_load(struct intake *intake, struct partition *partition, rd_kafka_message_t *m)
{
    struct load *load = mem_must_alloc(sizeof(*load));
    rd_kafka_headers_t *headers = NULL;
    (void)rd_kafka_message_headers(m, &headers);
    load->partition = partition;
    load->generation = partition->generation;
    load->message = m;
    arena_init(&load->job.arena, INTAKE_ARENA_BYTES);
    load->job.record = (struct record){.topic = intake->parts.worker->topic,
                                       .partition = m->partition,
                                       .offset = m->offset,
                                       .at_ms = rd_kafka_message_timestamp(m, NULL),
                                       .key = span_of(m->key, m->key_len),
                                       .value = span_of(m->payload, m->len),
                                       .type = header_of(headers, "ce_type"),
                                       .source = source_name(header_of(headers, "ce_source"))};
    window_open(&partition->window, m->offset);
    *intake->unmade_last = load;
    intake->unmade_last = &load->next;
    intake->loads++;
}

/* False when the record must wait for its segment of seen bits. */
static bool take_record(struct intake *intake, rd_kafka_message_t *m)
{
    struct partition *partition = find(intake, m->partition);
    if (partition == NULL || !partition->assigned) {
        rd_kafka_message_destroy(m);
        return true;
    }
    int64_t at_ms = rd_kafka_message_timestamp(m, NULL);
    enum seen_answer seen = seen_ask(&partition->seen, m->offset, at_ms);
    if (seen == SEEN_LOADING) {
        return false;
    }
    metric_add(intake->metric_records, 1);
    if (seen == SEEN_YES) {
        metric_add(intake->metric_skipped, 1);
        window_open(&partition->window, m->offset);
        window_settle(&partition->window, m->offset);
        partition->dirty = true;
        rd_kafka_message_destroy(m);
        return true;
    }
    open_load(intake, partition, m);
    return true;
}

/* ---- items ------------------------------------------------------------------------------- */

static void on_record_letter(void *owner, bool durable)
{
    struct load *load = owner;
    struct intake *intake = load->intake;
    if (!durable) {
        deadletter_record(intake->parts.outbox, intake->parts.worker, &load->job.record,
                          load->job.nothing, "", on_record_letter, load);
        return;
    }
    metric_add(metric_counter("hearback_items_total", "Items settled, by what they came to.",
                              "outcome", "dead_letter"),
               1);
    load->open--;
    if (load->open == 0) {
        intake_settled(intake, load);
    }
}

static void bury_record(struct intake *intake, struct load *load, struct err err)
{
    load->job.nothing = "record_unreadable";
    load->intake = intake;
    load->made_all = true;
    load->open++; /* the letter is owed */
    deadletter_record(intake->parts.outbox, intake->parts.worker, &load->job.record,
                      "record_unreadable", err.text, on_record_letter, load);
}

/* Makes items of the load while there is room. True when its cursor is at the end. */
static bool make_items(struct intake *intake, struct load *load)
{
    size_t most = (size_t)intake->parts.config->worker.items_per_record_max;
    while (load->open < most) {
        bool made = false;
        struct work *work = pool_take(intake->parts.pool);
        if (work == NULL) {
            return false;
        }
        work->item.job = &load->job;
        work->item.config = intake->parts.config;
        struct err err = load->job.record.value.at == NULL && load->job.made == 0
                             ? (struct err){.class = ERR_POISON,
                                            .text = "the record has no value",
                                            .where = ERR_HERE}
                             : intake->parts.worker->itemise(&load->job, &work->item, &made);
        if (failed(err) || !made) {
            pool_return(intake->parts.pool, work);
        }
        if (err.class == ERR_POISON) {
            bury_record(intake, load, err);
            return true;
        }
        if (failed(err)) {
            LOG_ERR(LOG_WARN, "itemise_failed", err, L_INT("offset", load->job.record.offset));
            return false;
        }
        if (!made) {
            load->made_all = true;
            return true;
        }
        load->job.made++;
        load->open++;
        work->load = load;
        stages_admit(intake->parts.stages, work);
    }
    return false;
}

static void count_nothing(const char *reason)
{
    metric_add(metric_counter("hearback_records_without_items_total",
                              "Records in which there was nothing to do, by reason.", "reason",
                              reason == NULL ? "no_items" : reason),
               1);
}

static void pump(struct intake *intake)
{
    struct load **at = &intake->unmade;
    while (*at != NULL) {
        struct load *load = *at;
        bool wanted = intake_wants(intake, load);
        if (wanted && !make_items(intake, load)) {
            if (intake->parts.pool->spare == NULL) {
                return;
            }
            at = &load->next; /* it has its share; the next may have room */
            continue;
        }
        *at = load->next;
        if (intake->unmade_last == &load->next) {
            intake->unmade_last = at;
        }
        load->next = NULL;
        load->spoiled = load->spoiled || !wanted;
        if (load->open == 0) {
            if (wanted && load->job.made == 0) {
                count_nothing(load->job.nothing);
            }
            intake_settled(intake, load);
        }
    }
}

/* ---- consuming --------------------------------------------------------------------------- */

static struct err judge_error(const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__FATAL || m->err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
        LOG(LOG_ERROR, "consumer_dead", L_TEXT("found", rd_kafka_message_errstr(m)),
            L_TEXT("expected", "a member of the group; the process ends and starts again"));
        FAIL(ERR_FATAL, (int)m->err, "the consumer has failed for good");
    }
    if (m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        LOG(LOG_WARN, "consumer_error", L_TEXT("found", rd_kafka_message_errstr(m)),
            L_TEXT("expected", "records; librdkafka goes on by itself"));
    }
    return NO_ERROR;
}

static bool has_room(struct intake *intake)
{
    struct pool *pool = intake->parts.pool;
    size_t low = pool->count / 8;
    size_t high = pool->count / 4;
    size_t spare = pool->count - pool->used;
    intake->full = intake->full ? spare < high : spare < low;
    if (intake->full || intake->unmade != NULL || intake->loads >= pool->count * 4) {
        return false;
    }
    for (size_t i = 0; i < INTAKE_PARTITIONS_MAX; i++) {
        const struct partition *p = intake->partitions[i];
        if (p != NULL && p->assigned && window_full(&p->window)) {
            return false;
        }
    }
    return true;
}

static void open_pending(struct intake *intake)
{
    while (intake->pending_count > 0 &&
           take_record(intake, intake->pending[intake->pending_first])) {
        intake->pending_first++;
        intake->pending_count--;
    }
    memmove(intake->pending, intake->pending + intake->pending_first,
            intake->pending_count * sizeof(intake->pending[0]));
    intake->pending_first = 0;
}

static struct err consume(struct intake *intake, size_t most, bool *more)
{
    rd_kafka_message_t *batch[INTAKE_BATCH];
    intake->polled_ms = clock_mono_ms(intake->parts.clock);
    ssize_t count = rd_kafka_consume_batch_queue(intake->queue, 0, batch, most);
    struct err err = NO_ERROR;
    for (ssize_t i = 0; i < count; i++) {
        if (batch[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            struct err found = judge_error(batch[i]);
            err = failed(err) ? err : found;
            rd_kafka_message_destroy(batch[i]);
        } else {
            intake->pending[intake->pending_count++] = batch[i];
        }
    }
    *more = count > 0 && (size_t)count == most;
    return err;
}

/* A shortage that lasts pauses the partitions: nothing is fetched, rebalances are still served. */
static void set_paused(struct intake *intake, bool paused)
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

static void watch_shortage(struct intake *intake, bool takes)
{
    int64_t now = clock_mono_ms(intake->parts.clock);
    if (takes || intake->stopping) {
        intake->short_since_ms = now;
        set_paused(intake, false);
    } else if (now - intake->short_since_ms >= INTAKE_PAUSE_AFTER_MS) {
        set_paused(intake, true);
    }
}

struct err intake_turn(struct intake *intake, bool *more)
{
    uint64_t ignored = 0;
    *more = false;
    (void)!read(intake->event_fd, &ignored, sizeof(ignored)); /* first: it fires on empty to full */
    if (!intake->joined) {
        return NO_ERROR;
    }
    bool open = ledger_is_open(intake->parts.ledger);
    if (open) {
        open_pending(intake);
        pump(intake);
    }
    bool takes = !intake->stopping && open && has_room(intake);
    watch_shortage(intake, takes);
    if (intake->pending_count == 0 && takes) {
        TRY(consume(intake, INTAKE_BATCH, more));
    } else if (intake->pending_count < INTAKE_BATCH &&
               clock_mono_ms(intake->parts.clock) - intake->polled_ms >= INTAKE_IDLE_POLL_MS) {
        TRY(consume(intake, 1, more));
        *more = false;
    }
    if (open) {
        open_pending(intake);
        pump(intake);
    }
    return NO_ERROR;
}
