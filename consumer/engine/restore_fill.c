/* SPDX-License-Identifier: Apache-2.0
 *
 * The restore's work, under its lock: into data that holds a mark which fits, the
 * changelog's lines from the mark's place on (the tail: a Redis that restarted with
 * its own data, or fell back to a snapshot or a replica); into anything else the
 * whole changelog, after all that a view holds was removed, because a key that the
 * changelog does not know any more must not survive in old data.
 * The epoch and the mark go first: a restore that is cut short leaves data that
 * nobody takes for a view, or, of a tail, data that still holds its old mark.
 * Leases stay in a tail; ledger_view_age_ms tells whoever takes one over how long
 * ago calls of an earlier view ended. Lines go to Redis in batches of one script
 * each, which checks the lock. One thread.
 */
#include "consumer/engine/restore_inside.h"

#include "common/log.h"

#include <stdio.h>

#define FILL_TURN_MAX      8  /* reads a turn */
#define FILL_IN_FLIGHT_MAX 32 /* batches */
#define FILL_IDLE_MS       5
#define FILL_SAY_RECORDS   100000
#define FILL_SAY_MS        5000
#define FILL_SCAN_COUNT    "1000"
#define FILL_HEAD          6 /* words of a script's call before its own arguments */

_Static_assert(FILL_HEAD + 4 * CHANGELOG_READ_MAX + 1 <= REDIS_ARGS_MAX, "a batch fits");

/* Not from the changelog, and right whatever the changelog says. */
static const char *const kept[] = {
    "hearback:seen:", "hearback:budget:", "hearback:crash:", RESTORE_LOCK_KEY};

static void on_beat(void *self);

void restore_fill_init(struct restore *restore)
{
    restore->beat = (struct timer){.fire = on_beat, .self = restore};
    for (int i = 0; i < RESTORE_PERCENTS; i++) {
        (void)snprintf(restore->percents[i], sizeof(restore->percents[i]), "restoring: %d %%", i);
    }
    restore->metric_records = metric_counter(
        "hearback_restore_records_total", "Changelog records written back to Redis.", NULL, NULL);
    restore->metric_restores = metric_counter(
        "hearback_restores_total", "Restores of the view that this process began.", NULL, NULL);
    restore->metric_done =
        metric_gauge("hearback_restore_records_done",
                     "Changelog records that the present or last restore has written.", NULL, NULL);
    restore->metric_left =
        metric_gauge("hearback_restore_records_left",
                     "Changelog records that the restore has still to read, estimated from "
                     "offsets; compaction leaves fewer.",
                     NULL, NULL);
}

/* ---- progress ---------------------------------------------------------------------------- */

static int64_t distance(const struct changelog_place *from, const struct changelog_place *to)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < to->partitions; i++) {
        sum += to->next[i] > from->next[i] ? to->next[i] - from->next[i] : 0;
    }
    return sum;
}

static int64_t left(const struct restore *restore)
{
    return distance(&restore->reader.read, &restore->reader.ends);
}

static int percent(const struct restore *restore)
{
    int64_t done = restore->total == 0 ? 0 : (restore->total - left(restore)) * 100;
    int64_t part = restore->total == 0 ? 0 : done / restore->total;
    return part < RESTORE_PERCENTS ? (int)part : RESTORE_PERCENTS - 1;
}

const char *restore_fill_tells(const struct restore *restore)
{
    return restore->state == RESTORE_CLEARING ? "restoring: removing old data"
                                              : restore->percents[percent(restore)];
}

static void tell_progress(struct restore *restore)
{
    int64_t now = clock_mono_ms(restore->parts.clock);
    metric_set(restore->metric_done, restore->records);
    metric_set(restore->metric_left, left(restore));
    if (now - restore->said_ms < FILL_SAY_MS &&
        restore->records - restore->said_records < FILL_SAY_RECORDS) {
        return;
    }
    restore->said_ms = now;
    restore->said_records = restore->records;
    LOG(LOG_INFO, "restore_progress", L_INT("records", restore->records),
        L_INT("of_about", restore->total), L_INT("percent", percent(restore)));
}

/* ---- batches ----------------------------------------------------------------------------- */

static void go_on(struct restore *restore);

static void on_batch(struct restore *restore, const struct redis_reply *reply)
{
    restore->batches_out--;
    if (span_is(redis_element(reply, 0)->text, "ok")) {
        go_on(restore);
        return;
    }
    LOG(LOG_WARN, "restore_interrupted",
        L_SPAN("found", reply->kind == REDIS_ERROR ? reply->text : redis_element(reply, 0)->text),
        L_TEXT("expected", "to hold the lock till the end, and a Redis that takes writes; "
                           "somebody else restores, or again"));
    restore_again(restore);
}

/* Runs the script with what stands behind the head in restore->args. */
static void send_batch(struct restore *restore, const struct script *script, size_t count)
{
    char ttl[24];
    (void)snprintf(ttl, sizeof(ttl), "%lld",
                   (long long)restore->parts.config->worker.restore_wait_ms);
    span head[FILL_HEAD] = {span_text("EVALSHA"),        span_text(script->sha),    span_text("1"),
                            span_text(RESTORE_LOCK_KEY), span_text(restore->token), span_text(ttl)};
    memcpy(restore->args, head, sizeof(head));
    restore->args[FILL_HEAD + count] = span_text(SCRIPT_LIVE);
    restore->batches_out++;
    restore_ask(restore, restore->args, FILL_HEAD + count + 1, on_batch);
}

static void on_beat(void *self)
{
    struct restore *restore = self;
    send_batch(restore, &script_restore_apply, 0);
    timers_set(restore->parts.timers, &restore->beat,
               clock_mono_ms(restore->parts.clock) +
                   restore->parts.config->worker.restore_wait_ms / 3);
}

static void send_lines(struct restore *restore, size_t count)
{
    span *arg = restore->args + FILL_HEAD;
    for (size_t i = 0; i < count; i++) {
        const struct ledger_line *line = &restore->lines[i];
        bool gone = line->value.at == NULL;
        const char *set = line->kind == 'S' ? "S" : line->kind == 'H' ? "H" : "Z";
        const char *del = line->kind == 'S' ? "s" : line->kind == 'H' ? "h" : "z";
        *arg++ = span_text(gone ? del : set);
        *arg++ = line->key;
        *arg++ = line->field;
        *arg++ = line->value;
    }
    if (count > 0) {
        send_batch(restore, &script_restore_apply, count * 4);
        restore->records += (int64_t)count;
        metric_add(restore->metric_records, (int64_t)count);
    }
}

/* ---- removing ---------------------------------------------------------------------------- */

static bool is_kept(span key)
{
    bool keep = false;
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        keep = keep || span_starts(key, kept[i]);
    }
    return keep;
}

static void remove_keys(struct restore *restore, const struct redis_reply *keys)
{
    size_t count = 0;
    for (size_t i = 0; i < keys->count; i++) {
        span key = redis_element(keys, i)->text;
        if (is_kept(key)) {
            continue;
        }
        restore->args[FILL_HEAD + count++] = key;
        if (FILL_HEAD + count + 1 == REDIS_ARGS_MAX) {
            send_batch(restore, &script_restore_clear, count);
            count = 0;
        }
    }
    if (count > 0) {
        send_batch(restore, &script_restore_clear, count);
    }
}

static void scan(struct restore *restore, span cursor);

static void on_scanned(struct restore *restore, const struct redis_reply *reply)
{
    const struct redis_reply *keys = redis_element(reply, 1);
    span cursor = redis_element(reply, 0)->text;
    if (cursor.len == 0 || keys->kind != REDIS_LIST) {
        LOG(LOG_WARN, "redis_refused", L_TEXT("script", "SCAN"), L_SPAN("found", reply->text),
            L_TEXT("expected", "a list of keys; trying again"));
        restore_again(restore);
        return;
    }
    remove_keys(restore, keys);
    restore->scanned = span_is(cursor, "0");
    if (!restore->scanned) {
        scan(restore, cursor);
    }
    go_on(restore);
}

static void scan(struct restore *restore, span cursor)
{
    span args[] = {span_text("SCAN"),  cursor,
                   span_text("MATCH"), span_text("hearback:*"),
                   span_text("COUNT"), span_text(FILL_SCAN_COUNT)};
    restore_ask(restore, args, COUNT_OF(args), on_scanned);
}

static void start_removing(struct restore *restore)
{
    restore->state = RESTORE_CLEARING;
    restore->scanned = false;
    restore->args[FILL_HEAD] = span_text(LEDGER_EPOCH_KEY);
    restore->args[FILL_HEAD + 1] = span_text(MARK_KEY);
    send_batch(restore, &script_restore_clear, 2);
    scan(restore, span_text("0"));
}

/* ---- the whole of it --------------------------------------------------------------------- */

/* After an answer: is a part of it over? */
static void go_on(struct restore *restore)
{
    if (restore->batches_out > 0) {
        return;
    }
    if (restore->state == RESTORE_CLEARING && restore->scanned) {
        restore->state = RESTORE_READING;
    } else if (restore->state == RESTORE_READING && changelog_reader_at_end(&restore->reader)) {
        tell_progress(restore);
        metric_set(restore->metric_left, 0);
        restore_open_view(restore);
    }
}

struct err restore_fill_start(struct restore *restore)
{
    struct changelog_reader *reader = &restore->reader;
    scripts_load(restore->parts.redis); /* they may have been flushed with the rest */
    TRY(changelog_reader_open(reader, &restore->parts.config->kafka));
    const char *why = strcmp(restore->mark.epoch, restore->epoch_id) != 0
                          ? "the data holds no view, or one that nobody finished"
                          : mark_unfit(&restore->mark, reader, clock_wall_ms(restore->parts.clock));
    restore->whole = why != NULL;
    TRY(changelog_reader_start(reader, restore->whole ? NULL : &restore->mark.place));
    restore->batches_out = 0;
    restore->records = 0;
    restore->total = left(restore);
    restore->began_ms = clock_mono_ms(restore->parts.clock);
    restore->said_ms = restore->began_ms;
    restore->said_records = 0;
    restore->state = RESTORE_READING;
    metric_add(restore->metric_restores, 1);
    tell_progress(restore);
    LOG(LOG_WARN, "restore_started", L_TEXT("kind", restore->whole ? "whole" : "tail"),
        L_TEXT("why", restore->whole ? why : "Redis came back with data that holds a mark"),
        L_INT("partitions", reader->begins.partitions), L_INT("of_about", restore->total));
    if (restore->whole) {
        start_removing(restore);
    }
    on_beat(restore);
    return NO_ERROR;
}

void restore_fill_stop(struct restore *restore)
{
    timers_cancel(restore->parts.timers, &restore->beat);
    changelog_reader_close(&restore->reader);
}

int64_t restore_fill_turn(struct restore *restore)
{
    uint64_t round = restore->round;
    size_t count = 0;
    int reads = 0;
    bool taken = true;
    while (reads < FILL_TURN_MAX && restore->batches_out < FILL_IN_FLIGHT_MAX && taken) {
        taken = changelog_reader_next(&restore->reader, restore->lines, &count);
        send_lines(restore, count);
        reads++;
    }
    tell_progress(restore);
    if (!taken) {
        go_on(restore);
    }
    if (restore->round != round || restore->state != RESTORE_READING) {
        return -1;
    }
    return taken && restore->batches_out < FILL_IN_FLIGHT_MAX ? 0 : FILL_IDLE_MS;
}
