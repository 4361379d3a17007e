/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking partition after partition what is due, a question at a time, and
 * reading the records again, a record at a time. What was read is open in the
 * intake until its items are settled; meanwhile it is not read twice.
 */
#include "consumer/engine/later.h"

#include "common/letter.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "consumer/engine/deadletter.h"
#include "consumer/engine/later_keys.h"
#include "consumer/engine/record_fetch.h"

#include <stdio.h>

#define LATER_POLL_MS    1000
#define LATER_FETCH_MS   5 /* while a record is being read: its queue is not in the loop's epoll */
#define LATER_DUE_MAX    512 /* entries of one answer */
#define LATER_WANTS_MAX  64  /* records read again at a time */
#define LATER_WANT_BYTES (256u << 10)
#define LATER_DROP_MAX   32 /* effects of one script */

enum want_state { WANT_FREE, WANT_WAITS, WANT_READING, WANT_OPEN, WANT_GONE };

/* A record with items that are due. */
struct want {
    enum want_state state;
    struct later *later;
    struct job job; /* its place, for all but its items; the topic is the intake's */
    struct arena arena;
    span effects[LATER_DUE_MAX];
    size_t count;
    size_t drops; /* scripts under way that drop its entries */
};

struct later {
    struct later_parts parts;
    struct record_fetch *fetch;
    struct want wants[LATER_WANTS_MAX];
    struct want *reading;
    size_t next; /* partition to be asked, of those the intake has */
    bool asking;
    struct origin asked; /* of which partition */
    int64_t round_ms;    /* when the present round began */
    struct metric *metric_fired;
    struct metric *metric_waiting;
    int64_t waiting; /* entries counted in this round */
};

struct later *later_new(struct later_parts parts)
{
    struct later *later = mem_must_alloc(sizeof(*later));
    later->parts = parts;
    later->fetch = record_fetch_new(&parts.config->kafka, parts.clock);
    later->round_ms = clock_mono_ms(parts.clock) - LATER_POLL_MS;
    later->metric_fired = metric_counter(
        "hearback_later_fired_total", "Items that went on when their time had come.", NULL, NULL);
    later->metric_waiting =
        metric_gauge("hearback_later_waiting",
                     "Items of this worker's partitions that wait for their time.", NULL, NULL);
    return later;
}

static void free_want(struct want *want)
{
    arena_close(&want->arena);
    want->state = WANT_FREE;
    want->count = 0;
}

void later_free(struct later **at)
{
    struct later *later = TAKE(*at);
    if (later == NULL) {
        return;
    }
    CHECK(!later->asking);
    for (size_t i = 0; i < LATER_WANTS_MAX; i++) {
        if (later->wants[i].state != WANT_FREE) {
            free_want(&later->wants[i]);
        }
    }
    record_fetch_free(&later->fetch);
    mem_free(later);
}

static struct want *find_want(struct later *later, const struct origin *place, int64_t offset)
{
    for (size_t i = 0; i < LATER_WANTS_MAX; i++) {
        struct want *want = &later->wants[i];
        const struct origin *at = &want->job.origin;
        if (want->state != WANT_FREE && at->partition == place->partition && at->offset == offset &&
            span_equal(at->topic, place->topic)) {
            return want;
        }
    }
    return NULL;
}

/* ---- what is due ------------------------------------------------------------------------- */

static struct want *make_want(struct later *later, int64_t offset)
{
    for (size_t i = 0; i < LATER_WANTS_MAX; i++) {
        struct want *want = &later->wants[i];
        if (want->state == WANT_FREE) {
            want->state = WANT_WAITS;
            want->later = later;
            want->job = (struct job){.origin = later->asked};
            want->job.origin.offset = offset;
            arena_init(&want->arena, LATER_WANT_BYTES);
            return want;
        }
    }
    return NULL;
}

static void add_due(struct later *later, span effect, span text)
{
    SCOPED(json_free) struct json_object *entry = NULL;
    int64_t offset = -1;
    if (failed(json_parse(text, &entry)) || !json_whole(json_at(entry, "/offset"), &offset)) {
        LOG(LOG_ERROR, "later_unreadable", L_SPAN("effect", effect),
            L_TEXT("expected", "an entry that says of which record the item is"));
        return;
    }
    struct want *want = find_want(later, &later->asked, offset);
    if (want == NULL) {
        want = make_want(later, offset);
    }
    if (want == NULL || want->state != WANT_WAITS || want->count == LATER_DUE_MAX) {
        return; /* with a later answer */
    }
    span kept = arena_copy(&want->arena, effect);
    if (kept.at != NULL) {
        want->effects[want->count++] = kept;
    }
}

static void on_due(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct later *later = self;
    later->asking = false;
    if (result != LEDGER_OK) {
        return;
    }
    int64_t count = 0;
    (void)span_number(redis_element(reply, 1)->text, 0, INT64_MAX, &count);
    later->waiting += count;
    for (size_t i = 3; i + 2 < reply->count; i += 3) {
        add_due(later, redis_element(reply, i)->text, redis_element(reply, i + 2)->text);
    }
}

static void ask_due(struct later *later, int64_t until_ms)
{
    struct later_keys keys;
    char now[24];
    char most[24];
    later_keys_make(later->parts.worker->name, &later->asked, &keys);
    (void)snprintf(now, sizeof(now), "%lld", (long long)until_ms);
    (void)snprintf(most, sizeof(most), "%d", LATER_DUE_MAX);
    span args[] = {span_text(now), span_text(most)};
    struct ledger_request request = {.script = &script_later_due,
                                     .keys = keys.spans,
                                     .key_count = 2,
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = on_due,
                                     .self = later};
    later->asking = true;
    ledger_run(later->parts.ledger, &request);
}

/* The next partition's question, when it is time for it. */
static void ask_next(struct later *later)
{
    int64_t now = clock_mono_ms(later->parts.clock);
    if (later->next == 0) {
        if (now - later->round_ms < LATER_POLL_MS) {
            return;
        }
        later->round_ms = now;
        later->waiting = 0;
    }
    if (!intake_place(later->parts.intake, later->next, &later->asked)) {
        later->next = 0; /* the round is over */
        metric_set(later->metric_waiting, later->waiting);
        return;
    }
    later->next++;
    ask_due(later, intake_read_until_ms(later->parts.intake));
}

/* ---- the records ------------------------------------------------------------------------- */

static void on_dropped(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct want *want = self;
    (void)result; /* what stays is due again: another letter under the same key */
    (void)reply;
    if (--want->drops == 0) {
        free_want(want);
    }
}

static void drop(struct later *later, struct want *want)
{
    struct later_keys keys;
    later_keys_make(later->parts.worker->name, &want->job.origin, &keys);
    want->drops = (want->count + LATER_DROP_MAX - 1) / LATER_DROP_MAX;
    for (size_t at = 0; at < want->count; at += LATER_DROP_MAX) {
        size_t left = want->count - at;
        struct ledger_request request = {.script = &script_later_drop,
                                         .keys = keys.spans,
                                         .key_count = 2,
                                         .args = want->effects + at,
                                         .arg_count = left < LATER_DROP_MAX ? left : LATER_DROP_MAX,
                                         .done = on_dropped,
                                         .self = want};
        ledger_run(later->parts.ledger, &request);
    }
}

/* `buried`: the record is a dead letter, which stands for all that was to be made of it. */
static void drop_or_free(struct want *want, bool buried)
{
    if (buried && want->count > 0 && ledger_is_open(want->later->parts.ledger)) {
        want->state = WANT_GONE;
        drop(want->later, want);
    } else {
        free_want(want);
    }
}

static void on_gone_letter(void *owner, bool durable)
{
    struct want *want = owner;
    drop_or_free(want, durable);
}

void later_closed(struct later *later, const struct record *record, bool buried)
{
    struct origin place = {.topic = span_text(record->topic), .partition = record->partition};
    struct want *want = find_want(later, &place, record->offset);
    if (want != NULL && want->state == WANT_OPEN) {
        drop_or_free(want, buried);
    }
}

/* Nothing can go on without its record: said, and kept as a dead letter of its place. */
static void record_gone(struct later *later, struct want *want)
{
    const struct origin *place = &want->job.origin;
    LOG(LOG_ERROR, "later_record_gone", L_SPAN("topic", place->topic),
        L_INT("partition", place->partition), L_INT("offset", place->offset),
        L_INT("items", want->count),
        L_TEXT("expected", "the record these items were made of; its topic keeps records for less "
                           "time than the rule waits. Raise the topic's retention.ms"));
    metric_add(metric_counter("hearback_later_gone_total",
                              "Records of items that were due, gone from their topic.", NULL, NULL),
               1);
    struct deadletter dead = {.worker = later->parts.worker,
                              .job = &want->job,
                              .reason = "later_record_gone",
                              .detail = "its topic did not keep the record until it was due"};
    want->state = WANT_GONE;
    deadletter_record(later->parts.outbox, dead, on_gone_letter, want);
}

static void open_record(struct later *later, struct want *want, rd_kafka_message_t *message)
{
    struct buf only;
    buf_init(&only, LATER_DUE_MAX * LETTER_DIGEST_ROOM);
    for (size_t i = 0; i < want->count; i++) {
        char digest[LETTER_DIGEST_ROOM];
        letter_digest(want->effects[i], digest);
        buf_add_text(&only, digest);
    }
    want->state = WANT_OPEN;
    if (intake_open_late(later->parts.intake, message, buf_span(&only))) {
        metric_add(later->metric_fired, (int64_t)want->count);
    } else {
        free_want(want); /* the partition went meanwhile and its owner reads it, or it waits */
    }
    buf_close(&only);
}

static bool has_room(const struct pool *pool)
{
    return pool->count - pool->used > pool->count / 4;
}

static void read_records(struct later *later)
{
    rd_kafka_message_t *message = NULL;
    enum fetched got = record_fetch_turn(later->fetch, &message);
    if (got == FETCHED_RECORD) {
        open_record(later, TAKE(later->reading), message);
    } else if (got == FETCHED_GONE) {
        record_gone(later, TAKE(later->reading));
    }
    for (size_t i = 0; i < LATER_WANTS_MAX && !record_fetch_busy(later->fetch); i++) {
        struct want *want = &later->wants[i];
        const struct origin *place = &want->job.origin;
        if (want->state == WANT_WAITS && has_room(later->parts.pool) &&
            !failed(record_fetch_start(later->fetch, place))) {
            want->state = WANT_READING;
            later->reading = want;
        }
    }
}

int64_t later_turn(struct later *later)
{
    if (!ledger_is_open(later->parts.ledger)) {
        return -1;
    }
    if (!later->asking) {
        ask_next(later);
    }
    read_records(later);
    return record_fetch_busy(later->fetch) ? LATER_FETCH_MS : LATER_POLL_MS;
}
