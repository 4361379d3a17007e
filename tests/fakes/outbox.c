/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox whose acknowledgements are the test's.
 */
#include "tests/fakes/outbox.h"

#include "common/mem.h"

#define VALUE_MAX (64U << 20)

void fake_outbox_init(struct fake_outbox *outbox)
{
    *outbox = (struct fake_outbox){.by_itself = true};
    outbox->last = &outbox->first;
}

void fake_outbox_close(struct fake_outbox *outbox)
{
    struct fake_record *record = TAKE(outbox->first);
    while (record != NULL) {
        struct fake_record *next = record->next;
        buf_close(&record->key);
        buf_close(&record->value);
        buf_close(&record->headers);
        mem_free(record);
        record = next;
    }
    outbox->last = &outbox->first;
}

static void keep(void *self, const struct outbox_record *from,
                 void (*acked)(void *owner, bool durable), void *owner)
{
    struct fake_outbox *outbox = self;
    struct fake_record *record = mem_must_alloc(sizeof(*record));
    span_to_text(span_text(from->topic), record->topic, sizeof(record->topic));
    buf_init(&record->key, VALUE_MAX);
    buf_init(&record->value, VALUE_MAX);
    buf_init(&record->headers, VALUE_MAX);
    buf_add(&record->key, from->key);
    buf_add(&record->value, from->value);
    record->tombstone = from->value.at == NULL;
    for (size_t i = 0; i < from->header_count; i++) {
        buf_addf(&record->headers, "%s=" SPAN_FMT "\n", from->headers[i].name,
                 SPAN_ARG(from->headers[i].value));
    }
    record->acked = acked;
    record->owner = owner;
    *outbox->last = record;
    outbox->last = &record->next;
    outbox->sent++;
    outbox->unanswered++;
}

struct outbox fake_outbox_interface(struct fake_outbox *outbox)
{
    return (struct outbox){.send = keep, .self = outbox};
}

bool fake_outbox_answer(struct fake_outbox *outbox, bool durable)
{
    for (struct fake_record *r = outbox->first; r != NULL; r = r->next) {
        if (!r->answered && (outbox->but_not == NULL || strcmp(r->topic, outbox->but_not) != 0)) {
            r->answered = true;
            outbox->unanswered--;
            r->acked(r->owner, durable);
            return true;
        }
    }
    return false;
}

bool fake_outbox_turn(struct fake_outbox *outbox)
{
    bool any = false;
    size_t owed = outbox->by_itself ? outbox->unanswered : 0;
    for (; owed > 0; owed--) {
        any = fake_outbox_answer(outbox, true) || any;
    }
    return any;
}

const struct fake_record *fake_outbox_at(const struct fake_outbox *outbox, size_t index)
{
    const struct fake_record *r = outbox->first;
    while (r != NULL && index > 0) {
        r = r->next;
        index--;
    }
    return r;
}

const struct fake_record *fake_outbox_last(const struct fake_outbox *outbox, const char *topic)
{
    const struct fake_record *found = NULL;
    for (const struct fake_record *r = outbox->first; r != NULL; r = r->next) {
        found = span_is(span_text(r->topic), topic) ? r : found;
    }
    return found;
}
