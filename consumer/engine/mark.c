/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and renewing the mark.
 *
 * What is claimed: when the data in Redis holds a mark, every line of the
 * changelog before the mark's place that counts is in that data. It rests on this:
 *   Redis's data after a crash, a roll-back or a fail-over is what a beginning of
 *   its commands made: a snapshot is one instant, an append-only file a prefix, a
 *   replica has applied a prefix (one Redis, not a cluster; noeviction). So the
 *   data has all that was done before the newest mark that it holds.
 *   A line that a script returned is appended after the script ran. When a worker's
 *   line at offset o is acknowledged, the lines before it were appended earlier,
 *   and their scripts ran before that, whoever ran them.
 *   A line that is appended beforehand (intended) counts only if its script ran at
 *   most LEDGER_BEFORE_MAX_MS after the line was handed over (ledger.c). So the
 *   acknowledged offsets are held back for longer than that before they are written.
 *   Then the scripts of all lines before them that count ran before the mark is
 *   written.
 *   A restore sets the place to where it stopped reading: it applied those lines
 *   itself.
 * No clock is compared with another: only how long each process waits matters. Lines
 * behind the place that are in the data already are applied again, in their order,
 * and end at the same values.
 *
 * A line that takes a key back (a tombstone) is kept for TOPIC_CHANGELOG_TOMBSTONES_MS
 * only. Data that is older may hold what was taken back, so its mark does not fit;
 * `at` is read off wall clocks, which a day's allowance covers.
 */
#include "consumer/engine/mark.h"

#include "common/log.h"
#include "common/mem.h"
#include "consumer/engine/outbox.h"

#include <inttypes.h>
#include <stdio.h>

#define MARK_EVERY_MS 10000
#define MARK_HOLD_MS  (LEDGER_BEFORE_MAX_MS + 5000)
#define MARK_DAY_MS   (INT64_C(24) * 60 * 60 * 1000)
#define MARK_HEAD     8 /* words of the script's call that are no offsets */

/* ---- reading ----------------------------------------------------------------------------- */

static void read_field(struct mark *mark, span name, span value)
{
    int64_t partition = 0;
    if (span_is(name, "e")) {
        span_to_text(value, mark->epoch, sizeof(mark->epoch));
    } else if (span_is(name, "c")) {
        span_to_text(value, mark->cluster, sizeof(mark->cluster));
    } else if (span_is(name, "at")) {
        (void)span_number(value, 0, INT64_MAX, &mark->at_ms);
    } else if (span_is(name, "age")) {
        (void)span_number(value, 0, INT64_MAX, &mark->age_ms);
    } else if (span_number(name, 0, CHANGELOG_PARTITIONS_MAX - 1, &partition) &&
               span_number(value, 0, INT64_MAX, &mark->place.next[partition])) {
        mark->place.partitions =
            partition >= mark->place.partitions ? (int32_t)partition + 1 : mark->place.partitions;
    }
}

void mark_read(struct mark *mark, const struct redis_reply *reply)
{
    *mark = (struct mark){0};
    for (size_t i = 0; i < COUNT_OF(mark->place.next); i++) {
        mark->place.next[i] = -1;
    }
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        read_field(mark, redis_element(reply, i)->text, redis_element(reply, i + 1)->text);
    }
}

const char *mark_unfit(const struct mark *mark, const struct changelog_reader *reader,
                       int64_t wall_ms)
{
    const struct changelog_place *place = &mark->place;
    if (mark->epoch[0] == 0) {
        return "the data holds no mark";
    }
    if (strcmp(mark->cluster, reader->cluster) != 0) {
        return "the mark is of another Kafka cluster";
    }
    if (place->partitions != reader->ends.partitions) {
        return "the changelog had another number of partitions, which must never change";
    }
    if (mark->at_ms < wall_ms - (TOPIC_CHANGELOG_TOMBSTONES_MS - MARK_DAY_MS)) {
        return "the data is older than what the changelog still knows of deletions";
    }
    if (mark->at_ms > wall_ms + MARK_DAY_MS) {
        return "the mark is of the future: a clock is wrong";
    }
    for (int32_t i = 0; i < place->partitions; i++) {
        if (place->next[i] < 0) {
            return "the mark says nothing of some partitions";
        }
        if (place->next[i] > reader->ends.next[i]) {
            return "the changelog ends before the mark: it was made anew, or cut";
        }
    }
    return NULL;
}

static void add_field(struct buf *room, size_t *ends, size_t *count, const char *name)
{
    buf_add_text(room, name);
    ends[(*count)++] = room->len;
}

size_t mark_fields(const struct mark *mark, struct buf *room, span *out, size_t out_max)
{
    size_t ends[2 * (CHANGELOG_PARTITIONS_MAX + 4)];
    size_t count = 0;
    char number[24];
    const struct {
        const char *name;
        const char *text;
        int64_t number;
    } heads[] = {{"e", mark->epoch, 0},
                 {"c", mark->cluster, 0},
                 {"at", NULL, mark->at_ms},
                 {"age", NULL, mark->age_ms}};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        (void)snprintf(number, sizeof(number), "%" PRId64, heads[i].number);
        add_field(room, ends, &count, heads[i].name);
        add_field(room, ends, &count, heads[i].text != NULL ? heads[i].text : number);
    }
    for (int32_t i = 0; i < mark->place.partitions; i++) {
        (void)snprintf(number, sizeof(number), "%" PRId32, i);
        add_field(room, ends, &count, number);
        (void)snprintf(number, sizeof(number), "%" PRId64, mark->place.next[i]);
        add_field(room, ends, &count, number);
    }
    CHECK(count <= out_max && !room->broken);
    for (size_t i = 0, from = 0; i < count; from = ends[i++]) {
        out[i] = span_of(room->at + from, ends[i] - from);
    }
    return count;
}

/* ---- renewing ---------------------------------------------------------------------------- */

struct marks {
    struct marks_parts parts;
    struct timer timer;
    struct buf epoch;
    struct changelog_place held; /* what was acknowledged when it was taken */
    int64_t held_ms;             /* and when that was; negative: none is held */
    struct changelog_place written;
    bool said_lost;
};

static void on_timer(void *self);

struct marks *marks_new(struct marks_parts parts)
{
    struct marks *marks = mem_must_alloc(sizeof(*marks));
    marks->parts = parts;
    marks->held_ms = -1;
    marks->timer = (struct timer){.fire = on_timer, .self = marks};
    buf_init(&marks->epoch, 4096);
    return marks;
}

void marks_free(struct marks **at)
{
    struct marks *marks = TAKE(*at);
    if (marks != NULL) {
        timers_cancel(marks->parts.timers, &marks->timer);
        buf_close(&marks->epoch);
        mem_free(marks);
    }
}

static void hold(struct marks *marks)
{
    if (marks->parts.outbox != NULL) {
        kafka_outbox_acknowledged(marks->parts.outbox, &marks->held);
        marks->held_ms = clock_mono_ms(marks->parts.clock);
    }
}

void marks_opened(struct marks *marks, span epoch)
{
    buf_clear(&marks->epoch);
    buf_add(&marks->epoch, epoch);
    marks->written = (struct changelog_place){0};
    hold(marks);
    timers_set(marks->parts.timers, &marks->timer,
               clock_mono_ms(marks->parts.clock) + MARK_EVERY_MS);
}

/* Adds what was held long enough and moves the place on. */
static size_t add_place(struct marks *marks, char (*numbers)[24], span *args)
{
    size_t count = 0;
    for (int32_t i = 0; i < marks->held.partitions; i++) {
        bool news = i >= marks->written.partitions || marks->written.next[i] < marks->held.next[i];
        if (marks->held.next[i] < 0 || !news) {
            continue;
        }
        (void)snprintf(numbers[count], sizeof(numbers[0]), "%" PRId32, i);
        args[count] = span_text(numbers[count]);
        count++;
        (void)snprintf(numbers[count], sizeof(numbers[0]), "%" PRId64, marks->held.next[i]);
        args[count] = span_text(numbers[count]);
        count++;
    }
    marks->written = marks->held;
    return count;
}

static void renew(struct marks *marks)
{
    char numbers[2 * CHANGELOG_PARTITIONS_MAX][24];
    span args[2 * CHANGELOG_PARTITIONS_MAX + MARK_HEAD + 1];
    char at[24];
    char age[24];
    int64_t now = clock_mono_ms(marks->parts.clock);
    (void)snprintf(at, sizeof(at), "%" PRId64, clock_wall_ms(marks->parts.clock));
    (void)snprintf(age, sizeof(age), "%" PRId64, ledger_view_age_ms(marks->parts.ledger));
    span head[MARK_HEAD] = {span_text("EVALSHA"), span_text(script_mark.sha),
                            span_text("2"),       span_text(LEDGER_EPOCH_KEY),
                            span_text(MARK_KEY),  buf_span(&marks->epoch),
                            span_text(at),        span_text(age)};
    memcpy(args, head, sizeof(head));
    size_t count = MARK_HEAD;
    if (marks->held_ms >= 0 && now - marks->held_ms >= MARK_HOLD_MS) {
        count += add_place(marks, numbers, args + count);
        hold(marks);
    }
    args[count++] = span_text(SCRIPT_LIVE);
    redis_send(marks->parts.redis, args, count, NULL, NULL);
}

static void on_timer(void *self)
{
    struct marks *marks = self;
    if (!ledger_is_open(marks->parts.ledger)) {
        return; /* set again when it opens */
    }
    renew(marks);
    timers_set(marks->parts.timers, &marks->timer,
               clock_mono_ms(marks->parts.clock) + MARK_EVERY_MS);
}
