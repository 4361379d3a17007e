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

void intake_open(struct intake *intake, struct partition *partition, rd_kafka_message_t *m)
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
                              .record = &load->job.record,
                              .message = load->message,
                              .reason = "record_unreadable",
                              .detail = load->unreadable};
    deadletter_record(intake->parts.outbox, dead, on_record_letter, load);
}

static void bury_record(struct intake *intake, struct load *load, struct err err)
{
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
            return gives_up(intake, load, err);
        }
        load->failing_ms = 0;
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
        if (load->open == 0) {
            if (wanted && load->job.made == 0) {
                count_nothing(load->job.nothing);
            }
            intake_settled(intake, load);
        }
    }
}
