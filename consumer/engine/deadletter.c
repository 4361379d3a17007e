/* SPDX-License-Identifier: Apache-2.0
 *
 * Dead letters: what will never work, with its reason and where it came from. An
 * item's letter holds the item's own part of the record and its place. The record
 * itself is written once a load, before the first of these letters, so that a
 * letter can be redriven when its topic has let the record go, and a page of
 * thousands that fail does not write the page thousands of times. A record that
 * yields no items is its own letter. Headers hold nothing of a person. One thread.
 */
#include "consumer/engine/deadletter.h"
#include "consumer/engine/stages_inside.h"

#include <stdio.h>

#define LETTER_BYTES_MAX     (4u << 20)
#define LETTER_KEY_BYTES_MAX (64u << 10)
#define LETTER_NUMBER        32
#define LETTER_DO                                                                                  \
    "look at it with `hearback dead show`, mend what is at fault, then `hearback dead redrive`; "  \
    "`hearback dead drop` if it is to stay undone"

struct letter {
    struct outbox_record record;
    struct buf key;
    char partition[LETTER_NUMBER];
    char offset[LETTER_NUMBER];
    char attempts[LETTER_NUMBER];
    char first_at[LETTER_NUMBER];
    char last_at[LETTER_NUMBER];
};

static void add(struct letter *letter, const char *name, span value)
{
    struct outbox_record *record = &letter->record;
    CHECK(record->header_count < OUTBOX_HEADERS_MAX);
    record->headers[record->header_count++] = (struct outbox_header){.name = name, .value = value};
}

/* Where the record stood first. */
static struct letter_place first_place(const struct job *job)
{
    return (struct letter_place){.topic = job->origin.topic,
                                 .partition = job->origin.partition,
                                 .offset = job->origin.offset};
}

/* Where the record stands that is taken up again; NULL when it is the first one. */
static const struct letter_place *retry_place(const struct job *job, struct letter_place *room)
{
    span here = span_text(job->record.topic);
    if (span_equal(here, job->origin.topic)) {
        return NULL;
    }
    *room = (struct letter_place){
        .topic = here, .partition = job->record.partition, .offset = job->record.offset};
    return room;
}

static void open_letter(struct letter *letter, const char *kind, const struct job *job)
{
    *letter = (struct letter){.record = {.topic = TOPIC_DEAD}};
    buf_init(&letter->key, LETTER_KEY_BYTES_MAX);
    (void)snprintf(letter->partition, LETTER_NUMBER, "%d", (int)job->origin.partition);
    (void)snprintf(letter->offset, LETTER_NUMBER, "%lld", (long long)job->origin.offset);
    add(letter, "kind", span_text(kind));
    add(letter, "topic", job->origin.topic);
    add(letter, "partition", span_text(letter->partition));
    add(letter, "offset", span_text(letter->offset));
}

static void send_letter(struct outbox outbox, struct letter *letter,
                        void (*acked)(void *owner, bool durable), void *owner)
{
    letter->record.key = buf_span(&letter->key);
    if (letter->key.broken) { /* no memory now: as if the broker had not taken it */
        acked(owner, false);
    } else {
        outbox.send(outbox.self, &letter->record, acked, owner);
    }
    buf_close(&letter->key);
}

static span header_of(rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t len = 0;
    if (message == NULL ||
        rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        value == NULL) {
        return SPAN_NONE;
    }
    return span_of(value, len);
}

/* What the record needs to be read again as it was: its value and its CloudEvents headers. Its key
 * goes with its topic: it may name somebody, and only said where the record stood. */
static void add_envelope(struct letter *letter, const struct record *from,
                         rd_kafka_message_t *message)
{
    static const char *const names[] = {"ce_id",          "ce_type",      "ce_source",  "ce_time",
                                        "ce_specversion", "content-type", "traceparent"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        span value = header_of(message, names[i]);
        if (value.at != NULL) {
            add(letter, names[i], value);
        }
    }
    letter->record.value = from->value.at == NULL ? span_text("") : from->value;
}

static void count(const char *reason)
{
    metric_add(metric_counter("hearback_dead_letters_total", "Dead letters written, by reason.",
                              "reason", reason),
               1);
}

/* ---- a record without items -------------------------------------------------------------- */

void deadletter_record(struct outbox outbox, struct deadletter dead,
                       void (*acked)(void *owner, bool durable), void *owner)
{
    struct letter letter;
    char digest[LETTER_DIGEST_ROOM];
    struct letter_place room;
    const struct job *job = dead.job;
    const struct record *from = &job->record;
    struct letter_place first = first_place(job);
    open_letter(&letter, LETTER_KIND_WHOLE, job);
    letter_key_whole(&letter.key, dead.worker->name, &first, retry_place(job, &room));
    letter_digest(from->value, digest);
    add(&letter, "digest", span_text(digest));
    add(&letter, "worker", span_text(dead.worker->name));
    add(&letter, "reason", span_text(dead.reason));
    add(&letter, "detail", span_text(dead.detail));
    add_envelope(&letter, from, dead.message);
    LOG(LOG_WARN, "dead_letter", L_TEXT("worker", dead.worker->name), L_TEXT("reason", dead.reason),
        L_TEXT("detail", dead.detail), L_SPAN("topic", job->origin.topic),
        L_INT("partition", job->origin.partition), L_INT("offset", job->origin.offset),
        L_TEXT("expected", "a record that can be worked on"), L_TEXT("do", LETTER_DO));
    count(dead.reason);
    send_letter(outbox, &letter, acked, owner);
}

/* ---- the copy of a record whose items die ------------------------------------------------ */

static void on_copy(void *owner, bool durable)
{
    struct load *load = owner;
    struct work *work = TAKE(load->letters);
    load->copy = durable ? COPY_THERE : COPY_NONE;
    while (work != NULL) {
        struct work *next = TAKE(work->next);
        work->owed = false;
        if (durable) {
            stages_enqueue(work->home, work);
        } else {
            stages_sleep(work->home, work, STAGES_LEDGER_RETRY_MS);
        }
        work = next;
    }
}

static void send_copy(struct stages *stages, struct load *load)
{
    struct letter letter;
    const struct record *from = &load->job.record;
    struct letter_place first = first_place(&load->job);
    open_letter(&letter, LETTER_KIND_RECORD, &load->job);
    letter_key_copy(&letter.key, &first);
    letter_digest(from->value, load->digest);
    add(&letter, "digest", span_text(load->digest));
    add_envelope(&letter, from, load->message);
    load->copy = COPY_OWED;
    send_letter(stages->parts.outbox, &letter, on_copy, load);
}

static void await_copy(struct stages *stages, struct work *work)
{
    struct load *load = work->load;
    work->owed = true;
    work->next = load->letters;
    load->letters = work;
    if (load->copy == COPY_NONE) {
        send_copy(stages, load);
    }
}

/* ---- an item's letter -------------------------------------------------------------------- */

static void on_letter(void *owner, bool durable)
{
    struct work *work = owner;
    struct stages *stages = work->home;
    work->owed = false;
    if (!durable) {
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
        return;
    }
    work->phase = PHASE_RECORD;
    stages_enqueue(stages, work);
}

static void tell_letter(struct stages *stages, const struct work *work)
{
    LOG(LOG_WARN, "dead_letter", L_TEXT("worker", stages->parts.worker->name),
        L_TEXT("reason", work->step.reason), L_TEXT("detail", work->detail),
        L_SPAN("effect", work->item.effect_id), L_TEXT("stage", stage_of(stages, work)->name),
        L_INT("attempts", work->attempts), L_SPAN("topic", work->load->job.origin.topic),
        L_INT("partition", work->load->job.origin.partition),
        L_INT("offset", work->load->job.origin.offset),
        L_TEXT("expected", "an effect that its destination takes"), L_TEXT("do", LETTER_DO));
    count(work->step.reason);
}

static void add_times(struct stages *stages, struct letter *letter, const struct work *work)
{
    (void)snprintf(letter->attempts, LETTER_NUMBER, "%u", work->attempts);
    clock_format(work->began_ms, letter->first_at, LETTER_NUMBER);
    clock_format(clock_wall_ms(stages->parts.clock), letter->last_at, LETTER_NUMBER);
    add(letter, "attempts", span_text(letter->attempts));
    add(letter, "first_at", span_text(letter->first_at));
    add(letter, "last_at", span_text(letter->last_at));
}

void stages_letter(struct stages *stages, struct work *work)
{
    struct load *load = work->load;
    const struct worker *worker = stages->parts.worker;
    if (load->copy != COPY_THERE) {
        await_copy(stages, work);
        return;
    }
    struct letter letter;
    struct buf fragment;
    span trace = header_of(load->message, "traceparent");
    struct letter_place room;
    open_letter(&letter, LETTER_KIND_ITEM, &load->job);
    letter_key_item(&letter.key, worker->name, work->item.order_key, work->item.effect_id,
                    retry_place(&load->job, &room));
    buf_init(&fragment, LETTER_BYTES_MAX);
    worker->fragment(&work->item, &fragment);
    letter.record.value = fragment.broken ? span_text("{}") : buf_span(&fragment);
    add(&letter, "digest", span_text(load->digest));
    add(&letter, "worker", span_text(worker->name));
    add(&letter, "effect", work->item.effect_id);
    add(&letter, "order", work->item.order_key);
    add(&letter, "stage", span_text(stage_of(stages, work)->name));
    add(&letter, "reason", span_text(work->step.reason));
    add(&letter, "detail", span_text(work->detail));
    add_times(stages, &letter, work);
    if (trace.at != NULL) {
        add(&letter, "traceparent", trace);
    }
    tell_letter(stages, work);
    work->owed = true;
    send_letter(stages->parts.outbox, &letter, on_letter, work);
    buf_close(&fragment);
}
