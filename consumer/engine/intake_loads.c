/* SPDX-License-Identifier: Apache-2.0
 *
 * Open records: from a message to a load, and to its end. It is settled when all
 * its items were made and none of them is open. One thread.
 */
#include "consumer/engine/intake_inside.h"

static void chain(struct intake *intake, struct load *load)
{
    load->older = intake->newest_load;
    if (load->older != NULL) {
        load->older->newer = load;
    }
    intake->newest_load = load;
    intake->loads++;
}

static void unchain(struct intake *intake, struct load *load)
{
    if (load->older != NULL) {
        load->older->newer = load->newer;
    }
    if (load->newer != NULL) {
        load->newer->older = load->older;
    } else {
        intake->newest_load = load->older;
    }
    intake->loads--;
}

static void free_load(struct intake *intake, struct load *load, bool settled)
{
    if (load->late) {
        intake->parts.late_closed(intake->parts.self, &load->job.record, load->buried);
    }
    if (settled) {
        intake_alone_settled(intake, load); /* last: once it is forgotten it would run again */
    }
    intake_alone_closed(intake, load);
    arena_close(&load->job.arena);
    intake->load_bytes -= load->message->len;
    rd_kafka_message_destroy(load->message);
    unchain(intake, load);
    mem_free(load);
}

bool intake_wants(void *self, const struct load *load)
{
    const struct intake *intake = self;
    return !intake->stopping && load->partition->assigned &&
           load->generation == load->partition->generation;
}

static void unlink_unmade(struct intake *intake, struct load *load)
{
    struct load **at = &intake->unmade;
    if (!load->listed) {
        return;
    }
    load->listed = false;
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

void intake_settled(struct intake *intake, struct load *load)
{
    struct partition *partition = load->partition;
    unlink_unmade(intake, load);
    intake_drop_tickets(intake, load);
    bool ours = partition->assigned && load->generation == partition->generation;
    if (!load->spoiled && ours && !load->late) {
        window_settle(&partition->window, load->job.record.offset);
        if (!intake->parts.dry && !load->partial) {
            seen_mark(&partition->seen, load->job.record.offset, load->job.record.at_ms);
        }
        partition->dirty = true;
    }
    free_load(intake, load, !load->spoiled && ours);
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
    load->listed = true;
    intake->news = true;
    chain(intake, load);
    intake->load_bytes += m->len;
    intake_alone_opened(intake, load);
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
    if (partition == NULL || !partition->assigned || intake->stopping ||
        intake_late_must_wait(intake, m)) {
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
    struct load *older = NULL;
    for (struct load *load = intake->newest_load; load != NULL; load = older) {
        older = load->older;
        load->listed = false;
        load->made_all = load->made_all || (load->cursor_done && load->tickets == NULL);
        load->spoiled = load->spoiled || !load->made_all;
        intake_drop_tickets(intake, load);
        if (load->open == 0) {
            intake_settled(intake, load); /* which frees it */
        }
    }
    intake->unmade = NULL;
    intake->unmade_last = &intake->unmade;
}
