/* SPDX-License-Identifier: Apache-2.0
 *
 * Open records and the items made of them. A record's items come from a cursor
 * as there is room; it is settled when its cursor is at the end and none of its
 * items is open. One thread.
 */
#include "consumer/engine/deadletter.h"
#include "consumer/engine/intake_inside.h"

static void free_load(struct intake *intake, struct load *load)
{
    if (load->late) {
        intake->parts.late_closed(intake->parts.self, &load->job.record);
    }
    arena_close(&load->job.arena);
    rd_kafka_message_destroy(load->message);
    mem_free(load);
    intake->loads--;
}

bool intake_wants(void *self, const struct load *load)
{
    const struct intake *intake = self;
    return !intake->stopping && load->partition->assigned &&
           load->generation == load->partition->generation;
}

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
    bool ours = partition->assigned && load->generation == partition->generation;
    if (!load->spoiled && ours && !load->late) {
        window_settle(&partition->window, load->job.record.offset);
        if (!intake->parts.dry && !load->partial) {
            seen_mark(&partition->seen, load->job.record.offset, load->job.record.at_ms);
        }
        partition->dirty = true;
    }
    free_load(intake, load);
}

/* The last segment of the path it came in by; "unknown" without the header. */
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

static struct record read_record(const struct partition *partition, const rd_kafka_message_t *m,
                                 const rd_kafka_headers_t *headers)
{
    return (struct record){.topic = partition->topic->name,
                           .partition = m->partition,
                           .offset = m->offset,
                           .at_ms = rd_kafka_message_timestamp(m, NULL),
                           .key = span_of(m->key, m->key_len),
                           .value = span_of(m->payload, m->len),
                           .type = intake_header(headers, "ce_type"),
                           .source = source_name(intake_header(headers, "ce_source"))};
}

static struct load *make_load(struct intake *intake, struct partition *partition,
                              rd_kafka_message_t *m)
{
    struct load *load = mem_must_alloc(sizeof(*load));
    struct job *job = &load->job;
    rd_kafka_headers_t *headers = NULL;
    (void)rd_kafka_message_headers(m, &headers);
    load->partition = partition;
    load->generation = partition->generation;
    load->message = m;
    arena_init(&job->arena, INTAKE_ARENA_BYTES);
    job->record = read_record(partition, m, headers);
    job->origin = (struct origin){
        .topic = span_text(partition->topic->name), .partition = m->partition, .offset = m->offset};
    if (partition->topic->retry) {
        load->refusal = intake_retry_read(job, headers);
    }
    if (!failed(load->refusal) && job->record.value.at == NULL) {
        load->refusal =
            (struct err){.class = ERR_POISON, .text = "the record has no value", .where = ERR_HERE};
    }
    *intake->unmade_last = load;
    intake->unmade_last = &load->next;
    intake->loads++;
    return load;
}

void intake_open(struct intake *intake, struct partition *partition, rd_kafka_message_t *m)
{
    struct load *load = make_load(intake, partition, m);
    const struct replay *replay = intake->parts.replay;
    if (replay != NULL) {
        load->partial = replay->key.len > 0;
        load->job.again_dead = load->job.again_dead || replay->again_dead;
        load->job.redo = replay->redo;
    }
    window_open(&partition->window, m->offset);
}

bool intake_open_late(struct intake *intake, rd_kafka_message_t *m, span only)
{
    struct partition *partition = intake_partition_of(intake, m);
    if (partition == NULL || !partition->assigned || intake->stopping) {
        rd_kafka_message_destroy(m);
        return false;
    }
    struct load *load = make_load(intake, partition, m);
    load->late = true;
    load->job.only = arena_copy(&load->job.arena, only);
    CHECK(load->job.only.at != NULL); /* 64 KiB of a fresh arena */
    return true;
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

/* ---- items ------------------------------------------------------------------------------- */

static void send_letter(struct intake *intake, struct load *load);

static void on_record_letter(void *owner, bool durable)
{
    struct load *load = owner;
    struct intake *intake = load->intake;
    if (!durable) {
        send_letter(intake, load);
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

static void send_letter(struct intake *intake, struct load *load)
{
    struct deadletter dead = {.worker = intake->parts.worker,
                              .job = &load->job,
                              .message = load->message,
                              .reason = "record_unreadable",
                              .detail = load->unreadable};
    deadletter_record(intake->parts.outbox, dead, on_record_letter, load);
}

static void bury_record(struct intake *intake, struct load *load, struct err err)
{
    if (intake->parts.dry) {
        LOG(LOG_INFO, "record_would", L_SPAN("topic", load->job.origin.topic),
            L_INT("partition", load->job.origin.partition),
            L_INT("offset", load->job.origin.offset), L_TEXT("what", "dead letter"),
            L_TEXT("detail", err.text));
        load->made_all = true;
        load->job.nothing = "would_be_dead";
        return;
    }
    load->intake = intake;
    load->made_all = true;
    load->open++; /* the letter is owed */
    load->unreadable = err.text;
    send_letter(intake, load);
}

/* Memory was short, or the record needs more than it is given. True when it was buried. */
static bool gives_up(struct intake *intake, struct load *load, struct err err)
{
    int64_t now = clock_mono_ms(intake->parts.clock);
    LOG_ERR(LOG_WARN, "itemise_failed", err, L_INT("offset", load->job.record.offset));
    load->failing_ms = load->failing_ms == 0 ? now : load->failing_ms;
    if (now - load->failing_ms < INTAKE_MEMORY_WAIT_MS) {
        return false;
    }
    bury_record(intake, load, err);
    return true;
}

/* Makes the load's next item and admits it when it is wanted. */
static struct err make_item(struct intake *intake, struct load *load, struct work *work, bool *made)
{
    struct job *job = &load->job;
    work->item.job = job;
    work->item.config = intake->parts.config;
    struct err err = failed(load->refusal) ? load->refusal
                                           : intake->parts.worker->itemise(job, &work->item, made);
    *made = *made && !failed(err);
    job->made += *made ? 1 : 0;
    if (!*made || !intake_retry_wants(job, work->item.effect_id) ||
        !intake_replay_wants(intake->parts.replay, &work->item)) {
        pool_return(intake->parts.pool, work);
        return err;
    }
    work->load = load;
    load->open++;
    load->admitted++;
    stages_admit(intake->parts.stages, work);
    return err;
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
        struct err err = make_item(intake, load, work, &made);
        if (err.class == ERR_POISON) {
            bury_record(intake, load, err);
            return true;
        }
        if (failed(err)) {
            return gives_up(intake, load, err);
        }
        load->failing_ms = 0;
        if (!made) {
            load->made_all = true;
            return true;
        }
    }
    return false;
}

/* A retry record asked for effects that the rules make no more: whoever sent it should know. */
static void say_missing(const struct load *load)
{
    const struct job *job = &load->job;
    size_t wanted = job->only.len / INTAKE_DIGEST_LEN;
    if (load->admitted >= wanted) {
        return;
    }
    metric_add(metric_counter("hearback_retry_items_missing_total",
                              "Items that a retry record asked for and that the rules do not make.",
                              NULL, NULL),
               (int64_t)(wanted - load->admitted));
    LOG(LOG_WARN, "retry_items_missing", L_SPAN("topic", job->origin.topic),
        L_INT("partition", job->origin.partition), L_INT("offset", job->origin.offset),
        L_INT("found", load->admitted), L_INT("expected", wanted),
        L_TEXT("do", "compare the rules and the field map with those of the time of the dead "
                     "letter: they make no such item any more"));
}

static void count_nothing(const char *reason)
{
    metric_add(metric_counter("hearback_records_without_items_total",
                              "Records in which there was nothing to do, by reason.", "reason",
                              reason == NULL ? "no_items" : reason),
               1);
}

void intake_pump(struct intake *intake)
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
        if (wanted && !failed(load->refusal)) {
            say_missing(load);
        }
        if (load->open == 0) {
            if (wanted && load->admitted == 0) {
                count_nothing(load->job.nothing);
            }
            intake_settled(intake, load);
        }
    }
}
