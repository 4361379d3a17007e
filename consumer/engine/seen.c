/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and marking seen bits. A key holds 24 bytes of guard and 8 KiB of bits.
 */
#include "consumer/engine/seen.h"

#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>

#define SEEN_HEAD 24
/* In the last quarter of a segment the next one is asked for. */
#define SEEN_AHEAD_FROM (SEEN_SEGMENT - SEEN_SEGMENT / 4)
#define SEEN_KEY        (SEEN_NAME + 128)

/* An answer that is owed: it may come when the segment is not wanted any more. */
struct load_ticket {
    struct seen *seen;
    uint64_t round;
};

static void forget_segment(struct seen_segment *segment)
{
    mem_free(TAKE(segment->bits));
    *segment = (struct seen_segment){.number = -1};
}

void seen_init(struct seen *seen, struct redis *redis, struct ledger *ledger, uint64_t digest,
               const char *name)
{
    uint64_t round = seen->round + 1; /* a partition that comes back: old answers may be owed */
    mem_free(seen->here.bits);
    mem_free(seen->ahead.bits);
    *seen = (struct seen){.redis = redis,
                          .ledger = ledger,
                          .digest = digest,
                          .round = round,
                          .here = {.number = -1},
                          .ahead = {.number = -1}};
    span_to_text(span_text(name), seen->name, sizeof(seen->name));
}

void seen_close(struct seen *seen)
{
    forget_segment(&seen->here);
    forget_segment(&seen->ahead);
}

static void make_key(const struct seen *seen, int64_t segment, char *out)
{
    (void)snprintf(out, SEEN_KEY, "hearback:seen:{%s}:%016" PRIx64 ":%" PRId64, seen->name,
                   seen->digest, segment);
}

static int64_t read_number(const uint8_t *at)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | at[i];
    }
    return (int64_t)number;
}

static struct seen_segment *awaited(struct seen *seen, uint64_t round)
{
    if (seen->here.loading && seen->here.round == round) {
        return &seen->here;
    }
    return seen->ahead.loading && seen->ahead.round == round ? &seen->ahead : NULL;
}

static void on_loaded(void *self, const struct redis_reply *reply)
{
    struct load_ticket *ticket = self;
    struct seen_segment *segment = awaited(ticket->seen, ticket->round);
    if (segment != NULL) {
        segment->loading = false;
        if (reply->kind == REDIS_TEXT && reply->text.len > SEEN_HEAD &&
            reply->text.len <= SEEN_HEAD + SEEN_SEGMENT / 8) {
            segment->bits = mem_must_alloc(SEEN_SEGMENT / 8);
            memcpy(segment->bits, reply->text.at + SEEN_HEAD, reply->text.len - SEEN_HEAD);
            segment->guard_offset = read_number(reply->text.at);
            segment->guard_ms = read_number(reply->text.at + 8);
            segment->newest_ms = read_number(reply->text.at + 16);
        }
    }
    mem_free(ticket);
}

static void load(struct seen *seen, struct seen_segment *into, int64_t number)
{
    char key[SEEN_KEY];
    make_key(seen, number, key);
    forget_segment(into);
    *into = (struct seen_segment){.number = number, .loading = true, .round = ++seen->round};
    struct load_ticket *ticket = mem_must_alloc(sizeof(*ticket));
    *ticket = (struct load_ticket){.seen = seen, .round = into->round};
    span get[] = {span_text("GET"), span_text(key)};
    redis_send(seen->redis, get, COUNT_OF(get), on_loaded, ticket);
}

/* The offset has come into another segment. */
static void enter(struct seen *seen, int64_t number)
{
    if (seen->ahead.number == number) {
        forget_segment(&seen->here);
        seen->here = seen->ahead;
        seen->ahead = (struct seen_segment){.number = -1};
    } else {
        load(seen, &seen->here, number);
    }
}

/* The bits are another topic's of the same name. Were they left, marks would make them credible. */
static void forget(struct seen *seen)
{
    char key[SEEN_KEY];
    make_key(seen, seen->here.number, key);
    span del[] = {span_text("DEL"), span_text(key)};
    redis_send(seen->redis, del, COUNT_OF(del), NULL, NULL);
    mem_free(TAKE(seen->here.bits));
}

enum seen_answer seen_ask(struct seen *seen, int64_t offset, int64_t at_ms)
{
    int64_t number = offset / SEEN_SEGMENT;
    size_t bit = (size_t)(offset % SEEN_SEGMENT);
    struct seen_segment *here = &seen->here;
    if (number != here->number) {
        enter(seen, number);
    }
    if (bit >= SEEN_AHEAD_FROM && seen->ahead.number != number + 1) {
        load(seen, &seen->ahead, number + 1);
    }
    if (here->loading) {
        return SEEN_LOADING;
    }
    if (here->bits == NULL) {
        return SEEN_NO;
    }
    /* Redis numbers bits from the most significant one of the first byte. */
    bool marked = (here->bits[bit / 8] >> (7 - bit % 8) & 1) != 0;
    bool other_time = offset == here->guard_offset && at_ms != here->guard_ms;
    bool impossible = marked && (offset < here->guard_offset || at_ms > here->newest_ms);
    if (other_time || impossible) {
        forget(seen);
        return SEEN_NO;
    }
    return marked ? SEEN_YES : SEEN_NO;
}

static void ignore(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    (void)self;
    (void)result;
    (void)reply;
}

void seen_flush(struct seen *seen)
{
    if (seen->pending_count == 0 || !ledger_is_open(seen->ledger)) {
        seen->pending_count = 0; /* lost bits cost a question each, later */
        return;
    }
    char key[SEEN_KEY];
    char numbers[SEEN_PENDING + 3][SPAN_WHOLE_ROOM];
    span args[SEEN_PENDING + 3];
    struct seen_record low = seen->pending[0];
    int64_t newest = 0;
    for (size_t i = 0; i < seen->pending_count; i++) {
        const struct seen_record *r = &seen->pending[i];
        low = r->offset < low.offset ? *r : low;
        newest = r->at_ms > newest ? r->at_ms : newest;
        args[i + 3] = span_of_whole(r->offset % SEEN_SEGMENT, numbers[i + 3]);
    }
    int64_t head[] = {low.offset, low.at_ms, newest};
    for (size_t i = 0; i < COUNT_OF(head); i++) {
        args[i] = span_of_whole(head[i], numbers[i]);
    }
    make_key(seen, low.offset / SEEN_SEGMENT, key);
    span keys[] = {span_text(key)};
    struct ledger_request request = {.script = &script_seen_mark,
                                     .keys = keys,
                                     .key_count = 1,
                                     .args = args,
                                     .arg_count = seen->pending_count + 3,
                                     .done = ignore};
    seen->pending_count = 0;
    ledger_run(seen->ledger, &request);
}

void seen_mark(struct seen *seen, int64_t offset, int64_t at_ms)
{
    bool other_segment =
        seen->pending_count > 0 && seen->pending[0].offset / SEEN_SEGMENT != offset / SEEN_SEGMENT;
    if (other_segment || seen->pending_count == SEEN_PENDING) {
        seen_flush(seen);
    }
    seen->pending[seen->pending_count++] = (struct seen_record){.offset = offset, .at_ms = at_ms};
}
