/* SPDX-License-Identifier: Apache-2.0
 *
 * Dead letters: what will never work, with its reason and where it came from. An
 * item's letter holds the item's own part of the record and its place; a record
 * that cannot be read at all is kept whole. Headers hold nothing of a person.
 */
#include "consumer/engine/deadletter.h"
#include "consumer/engine/stages_inside.h"

#include <stdio.h>

#define LETTER_BYTES_MAX (4u << 20)
#define LETTER_NUMBER    32

struct letter {
    struct outbox_record record;
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

static void address(struct letter *letter, const struct deadletter *dead)
{
    const struct record *from = dead->record;
    letter->record.topic = TOPIC_DEAD;
    letter->record.key = from->key;
    (void)snprintf(letter->partition, LETTER_NUMBER, "%d", (int)from->partition);
    (void)snprintf(letter->offset, LETTER_NUMBER, "%lld", (long long)from->offset);
    add(letter, "worker", span_text(dead->worker->name));
    add(letter, "reason", span_text(dead->reason));
    add(letter, "detail", span_text(dead->detail));
    add(letter, "topic", span_text(from->topic));
    add(letter, "partition", span_text(letter->partition));
    add(letter, "offset", span_text(letter->offset));
}

static void count(const char *reason)
{
    metric_add(metric_counter("hearback_dead_letters_total", "Dead letters written, by reason.",
                              "reason", reason),
               1);
}

void deadletter_record(struct outbox outbox, struct deadletter dead,
                       void (*acked)(void *owner, bool durable), void *owner)
{
    struct letter letter = {0};
    address(&letter, &dead);
    letter.record.value = dead.record->value.at == NULL ? span_text("") : dead.record->value;
    LOG(LOG_WARN, "dead_letter", L_TEXT("worker", dead.worker->name), L_TEXT("reason", dead.reason),
        L_TEXT("detail", dead.detail), L_TEXT("topic", dead.record->topic),
        L_INT("partition", dead.record->partition), L_INT("offset", dead.record->offset));
    count(dead.reason);
    outbox.send(outbox.self, &letter.record, acked, owner);
}

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

void stages_letter(struct stages *stages, struct work *work)
{
    const struct worker *worker = stages->parts.worker;
    struct deadletter dead = {.worker = worker,
                              .record = &work->load->job.record,
                              .reason = work->step.reason,
                              .detail = work->detail};
    struct letter letter = {0};
    struct buf fragment;
    buf_init(&fragment, LETTER_BYTES_MAX);
    worker->fragment(&work->item, &fragment);
    address(&letter, &dead);
    letter.record.value = fragment.broken ? span_text("{}") : buf_span(&fragment);
    (void)snprintf(letter.attempts, LETTER_NUMBER, "%u", work->attempts);
    clock_format(work->began_ms, letter.first_at, LETTER_NUMBER);
    clock_format(clock_wall_ms(stages->parts.clock), letter.last_at, LETTER_NUMBER);
    add(&letter, "effect", work->item.effect_id);
    add(&letter, "stage", span_text(stage_of(stages, work)->name));
    add(&letter, "attempts", span_text(letter.attempts));
    add(&letter, "first_at", span_text(letter.first_at));
    add(&letter, "last_at", span_text(letter.last_at));
    LOG(LOG_WARN, "dead_letter", L_TEXT("worker", worker->name),
        L_TEXT("reason", work->step.reason), L_TEXT("detail", work->detail),
        L_SPAN("effect", work->item.effect_id), L_TEXT("stage", stage_of(stages, work)->name),
        L_TEXT("topic", work->load->job.record.topic),
        L_INT("partition", work->load->job.record.partition),
        L_INT("offset", work->load->job.record.offset));
    count(work->step.reason);
    work->owed = true;
    stages->parts.outbox.send(stages->parts.outbox.self, &letter.record, on_letter, work);
    buf_close(&fragment);
}
