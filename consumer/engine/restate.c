/* SPDX-License-Identifier: Apache-2.0
 *
 * One entry a key (and field), in a list: there are few, behind a loss. The order
 * of things proves it. Who changes a key changes Redis first and says so behind it:
 * found unchanged after our line was acknowledged, every later change is said behind
 * our line. An effect's record is said first; there the script leaves word that our
 * line may stand behind it, and whoever writes the record says it once more.
 */
#include "consumer/engine/restate.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"

#define RESTATE_RETRY_MS  100
#define RESTATE_VALUE_MAX (64u << 20)

struct entry {
    struct entry *next;
    struct restate *home;
    char kind;
    struct buf key;
    struct buf field;
    struct buf said;
    bool running;
    bool anew; /* meanwhile another line of it may have come */
    bool over;
    int64_t not_before_ms;
};

struct restate {
    struct ledger *ledger;
    const struct clock *clock;
    struct entry *first;
    size_t count;
    struct metric *lines;
};

struct restate *restate_new(struct ledger *ledger, const struct clock *clock)
{
    struct restate *restate = mem_must_alloc(sizeof(*restate));
    restate->ledger = ledger;
    restate->clock = clock;
    restate->lines = metric_counter(
        "hearback_changelog_restated_total",
        "Changelog lines that may have come behind newer ones, and were said anew.", NULL, NULL);
    return restate;
}

static void remove_entry(struct restate *restate, struct entry **at)
{
    struct entry *entry = *at;
    *at = entry->next;
    restate->count--;
    buf_close(&entry->key);
    buf_close(&entry->field);
    buf_close(&entry->said);
    mem_free(entry);
}

void restate_free(struct restate **at)
{
    struct restate *restate = TAKE(*at);
    if (restate != NULL) {
        while (restate->first != NULL) {
            remove_entry(restate, &restate->first);
        }
        mem_free(restate);
    }
}

size_t restate_count(const struct restate *restate)
{
    return restate->count;
}

static struct entry *entry_of(struct restate *restate, const struct ledger_line *line)
{
    for (struct entry *at = restate->first; at != NULL; at = at->next) {
        if (at->kind == line->kind && span_equal(buf_span(&at->key), line->key) &&
            span_equal(buf_span(&at->field), line->field)) {
            return at;
        }
    }
    struct entry *entry = mem_must_alloc(sizeof(*entry));
    entry->home = restate;
    entry->kind = line->kind;
    buf_init(&entry->key, line->key.len + 1);
    buf_init(&entry->field, line->field.len + 1);
    buf_init(&entry->said, RESTATE_VALUE_MAX);
    buf_add(&entry->key, line->key);
    buf_add(&entry->field, line->field);
    buf_add(&entry->said, line->value);
    entry->next = restate->first;
    restate->first = entry;
    restate->count++;
    return entry;
}

void restate_add(struct restate *restate, const struct ledger_line *line)
{
    struct entry *entry = entry_of(restate, line);
    if (!span_equal(buf_span(&entry->said), line->value)) {
        buf_clear(&entry->said);
    }
    entry->anew = entry->running;
    entry->over = false;
}

static void on_asked(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct entry *entry = self;
    struct restate *restate = entry->home;
    bool anew = entry->anew;
    entry->running = false;
    entry->anew = false;
    if (result != LEDGER_OK || anew) {
        buf_clear(&entry->said);
        entry->not_before_ms =
            clock_mono_ms(restate->clock) + (result == LEDGER_OK ? 0 : RESTATE_RETRY_MS);
        return;
    }
    if (span_is(redis_element(reply, 0)->text, "stands")) {
        entry->over = true;
        return;
    }
    metric_add(restate->lines, 1);
    buf_clear(&entry->said);
    buf_add(&entry->said, redis_element(reply, 1)->text);
}

static void run(struct restate *restate, struct entry *entry)
{
    char kind[2] = {entry->kind, 0};
    span keys[] = {buf_span(&entry->key)};
    span args[] = {span_text(kind), buf_span(&entry->field), buf_span(&entry->said)};
    struct ledger_request request = {.script = &script_restate,
                                     .keys = keys,
                                     .key_count = COUNT_OF(keys),
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = on_asked,
                                     .self = entry};
    entry->running = true;
    ledger_run(restate->ledger, &request);
}

void restate_turn(struct restate *restate)
{
    int64_t now = restate->first == NULL ? 0 : clock_mono_ms(restate->clock);
    struct entry **at = &restate->first;
    while (*at != NULL) {
        struct entry *entry = *at;
        if (entry->over && !entry->running) {
            remove_entry(restate, at);
            continue;
        }
        if (!entry->running && entry->not_before_ms <= now && ledger_is_open(restate->ledger)) {
            run(restate, entry);
        }
        at = &entry->next;
    }
}
