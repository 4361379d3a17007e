/* SPDX-License-Identifier: Apache-2.0
 *
 * The restore's states: asking (who is this Redis, what epoch does it hold),
 * locking, reading the changelog to its end, opening. Any lost connection or
 * lock sends it back to asking. A consumer of its own reads the changelog and
 * lives only that long. One thread.
 */
#include "consumer/engine/restore.h"

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/random.h"
#include "consumer/engine/changelog_reader.h"

#include <stdio.h>

#define RESTORE_LOCK_KEY      "hearback:restore"
#define RESTORE_POLL_MS       200
#define RESTORE_READ_MAX      1000
#define RESTORE_IDLE_MS       5
#define RESTORE_IN_FLIGHT_MAX 64
#define RESTORE_SAY_EVERY     100000

enum restore_state { RESTORE_AWAY, RESTORE_ASKING, RESTORE_READING, RESTORE_OPENING, RESTORE_OPEN };

struct restore {
    struct restore_parts parts;
    enum restore_state state;
    struct timer poll;
    uint64_t round; /* answers of an earlier round are ignored */
    char token[64]; /* of the lock: this process and round */
    bool locked;    /* as far as we know */
    char run_id[64];
    struct changelog_reader reader;
    size_t batches_out; /* batches Redis has not answered yet */
    struct arena batch;
    span args[REDIS_ARGS_MAX];
    size_t arg_count;
    int64_t records;
    int64_t began_ms;
    bool said_policy;
    struct metric *metric_records;
    struct metric *metric_restores;
};

/* A question to Redis, with the round it was asked in. */
struct question {
    struct restore *restore;
    uint64_t round;
    void (*answered)(struct restore *restore, const struct redis_reply *reply);
};

static void ask_view(struct restore *restore);

static void on_answer(void *self, const struct redis_reply *reply)
{
    struct question *question = self;
    if (question->round == question->restore->round && reply->kind != REDIS_LOST) {
        question->answered(question->restore, reply);
    }
    mem_free(question);
}

static void ask(struct restore *restore, const span *args, size_t count,
                void (*answered)(struct restore *restore, const struct redis_reply *reply))
{
    struct question *question = mem_must_alloc(sizeof(*question));
    *question =
        (struct question){.restore = restore, .round = restore->round, .answered = answered};
    redis_send(restore->parts.redis, args, count, on_answer, question);
}

static void stop_reading(struct restore *restore)
{
    changelog_reader_close(&restore->reader);
    arena_close(&restore->batch);
    restore->arg_count = 0;
}

static void unlock(struct restore *restore);

static void ask_again_later(struct restore *restore)
{
    unlock(restore);
    stop_reading(restore);
    restore->state = RESTORE_ASKING;
    restore->round++;
    timers_set(restore->parts.timers, &restore->poll,
               clock_mono_ms(restore->parts.clock) + RESTORE_POLL_MS);
}

static void on_poll(void *self)
{
    struct restore *restore = self;
    if (restore->state == RESTORE_ASKING) {
        ask_view(restore);
    }
}

/* ---- asking ------------------------------------------------------------------------------ */

static void opened(struct restore *restore, span epoch, int64_t began_ms)
{
    restore->state = RESTORE_OPEN;
    ledger_open(restore->parts.ledger, epoch, began_ms);
    LOG(LOG_INFO, "ledger_open", L_INT("view", ledger_view(restore->parts.ledger)));
    restore->parts.opened(restore->parts.self);
}

static struct err start_reading(struct restore *restore);

/* Opens the view when its epoch is there and was made on the Redis that answers. */
static bool adopt(struct restore *restore, const struct redis_reply *reply)
{
    SCOPED(json_free) struct json_object *epoch = NULL;
    int64_t began = 0;
    if (reply->kind != REDIS_TEXT || failed(json_parse(reply->text, &epoch)) ||
        !span_is(json_text_at(epoch, "/run_id"), restore->run_id)) {
        return false;
    }
    (void)json_whole(json_at(epoch, "/began_ms"), &began);
    opened(restore, reply->text, began);
    return true;
}

/* Lets the lock go when it is still ours, so that nobody waits for it to run out. */
static void unlock(struct restore *restore)
{
    if (!restore->locked) {
        return;
    }
    restore->locked = false;
    span args[] = {span_text("EVALSHA"),
                   span_text(script_restore_unlock.sha),
                   span_text("1"),
                   span_text(RESTORE_LOCK_KEY),
                   span_text(restore->token),
                   span_text(SCRIPT_LIVE)};
    redis_send(restore->parts.redis, args, COUNT_OF(args), NULL, NULL);
}

/* Under the lock nobody else opens the view: what is missing now stays so until we are done. */
static void on_view_locked(struct restore *restore, const struct redis_reply *reply)
{
    if (reply->kind == REDIS_ERROR || adopt(restore, reply)) {
        unlock(restore);
        if (restore->state != RESTORE_OPEN) {
            ask_again_later(restore);
        }
        return;
    }
    struct err err = start_reading(restore);
    if (failed(err)) {
        LOG_ERR(LOG_WARN, "restore_waits", err, L_TEXT("topic", TOPIC_CHANGELOG));
        ask_again_later(restore);
    }
}

static void on_lock(struct restore *restore, const struct redis_reply *reply)
{
    if (reply->kind != REDIS_TEXT) { /* somebody else restores; or Redis refuses writes */
        if (reply->kind == REDIS_ERROR) {
            LOG(LOG_WARN, "redis_refused", L_TEXT("script", "restore lock"),
                L_SPAN("found", reply->text),
                L_TEXT("expected", "a Redis that takes writes; trying again"));
        }
        ask_again_later(restore);
        return;
    }
    span get[] = {span_text("GET"), span_text(LEDGER_EPOCH_KEY)};
    restore->locked = true;
    ask(restore, get, COUNT_OF(get), on_view_locked);
}

static void on_view(struct restore *restore, const struct redis_reply *reply)
{
    if (reply->kind == REDIS_ERROR) {
        ask_again_later(restore);
        return;
    }
    if (adopt(restore, reply)) {
        return;
    }
    (void)snprintf(restore->token, sizeof(restore->token), "%s:%llu", restore->parts.owner,
                   (unsigned long long)restore->round);
    char ttl[24];
    (void)snprintf(ttl, sizeof(ttl), "%lld",
                   (long long)restore->parts.config->worker.restore_wait_ms);
    span lock[] = {span_text("SET"),          span_text(RESTORE_LOCK_KEY),
                   span_text(restore->token), span_text("NX"),
                   span_text("PX"),           span_text(ttl)};
    ask(restore, lock, COUNT_OF(lock), on_lock);
}

static void on_info(struct restore *restore, const struct redis_reply *reply)
{
    static const char wanted[] = "run_id:";
    const char *text = reply->kind == REDIS_TEXT ? (const char *)reply->text.at : "";
    const char *at = strstr(text, wanted);
    size_t len = at == NULL ? 0 : strcspn(at + sizeof(wanted) - 1, "\r\n");
    if (len == 0 || len >= sizeof(restore->run_id)) {
        ask_again_later(restore); /* LOADING, or no INFO yet */
        return;
    }
    memcpy(restore->run_id, at + sizeof(wanted) - 1, len);
    restore->run_id[len] = 0;
    span get[] = {span_text("GET"), span_text(LEDGER_EPOCH_KEY)};
    ask(restore, get, COUNT_OF(get), on_view);
}

static void on_policy(struct restore *restore, const struct redis_reply *reply)
{
    span policy = redis_element(reply, 1)->text;
    if (restore->said_policy || span_is(policy, "noeviction")) {
        return;
    }
    restore->said_policy = true;
    if (reply->kind == REDIS_ERROR) {
        LOG(LOG_WARN, "redis_policy_unknown", L_SPAN("found", reply->text),
            L_TEXT("expected", "maxmemory-policy noeviction; CONFIG GET is not allowed here, "
                               "so please make sure"));
    } else {
        LOG(LOG_ERROR, "redis_policy", L_SPAN("found", policy),
            L_TEXT("expected", "maxmemory-policy noeviction: a Redis that evicts forgets what was "
                               "done; set it in redis.conf"));
    }
}

static void ask_view(struct restore *restore)
{
    restore->round++;
    restore->state = RESTORE_ASKING;
    span info[] = {span_text("INFO"), span_text("server")};
    ask(restore, info, COUNT_OF(info), on_info);
}

/* ---- reading ----------------------------------------------------------------------------- */

static struct err start_reading(struct restore *restore)
{
    scripts_load(restore->parts.redis); /* they may have been flushed with the rest */
    TRY(changelog_reader_open(&restore->reader, &restore->parts.config->kafka));
    restore->records = 0;
    restore->batches_out = 0;
    restore->began_ms = clock_mono_ms(restore->parts.clock);
    restore->state = RESTORE_READING;
    metric_add(restore->metric_restores, 1);
    LOG(LOG_WARN, "restore_started", L_INT("partitions", restore->reader.partitions),
        L_TEXT("why", "Redis holds no view, or another Redis answers than the view was made on"));
    return NO_ERROR;
}

static void on_batch(struct restore *restore, const struct redis_reply *reply)
{
    restore->batches_out--;
    if (!span_is(redis_element(reply, 0)->text, "ok")) {
        LOG(LOG_WARN, "restore_lost_lock",
            L_SPAN("found",
                   reply->kind == REDIS_ERROR ? reply->text : redis_element(reply, 0)->text),
            L_TEXT("expected", "to hold the lock till the end; somebody else restores, or again"));
        ask_again_later(restore);
    }
}

static void send_batch(struct restore *restore)
{
    if (restore->arg_count == 0) {
        return;
    }
    restore->batches_out++;
    restore->args[restore->arg_count++] = span_text(SCRIPT_LIVE);
    ask(restore, restore->args, restore->arg_count, on_batch);
    restore->arg_count = 0;
    arena_close(&restore->batch);
}

static span keep(struct restore *restore, span bytes)
{
    span copy = arena_copy(&restore->batch, bytes);
    CHECK(copy.at != NULL);
    return copy;
}

static void add_line(struct restore *restore, const struct ledger_line *line)
{
    if (restore->arg_count == 0) {
        char ttl[24];
        (void)snprintf(ttl, sizeof(ttl), "%lld",
                       (long long)restore->parts.config->worker.restore_wait_ms);
        span head[] = {span_text("EVALSHA"),
                       span_text(script_restore_apply.sha),
                       span_text("1"),
                       span_text(RESTORE_LOCK_KEY),
                       span_text(restore->token),
                       keep(restore, span_text(ttl))};
        memcpy(restore->args, head, sizeof(head));
        restore->arg_count = COUNT_OF(head);
    }
    bool gone = line->value.at == NULL;
    const char *kind = line->kind == 'S' ? (gone ? "s" : "S") : (gone ? "h" : "H");
    restore->args[restore->arg_count++] = span_text(kind);
    restore->args[restore->arg_count++] = keep(restore, line->key);
    restore->args[restore->arg_count++] = keep(restore, line->field);
    restore->args[restore->arg_count++] = keep(restore, gone ? SPAN_NONE : line->value);
    restore->records++;
    metric_add(restore->metric_records, 1);
    if (restore->records % RESTORE_SAY_EVERY == 0) {
        LOG(LOG_INFO, "restore_progress", L_INT("records", restore->records));
    }
    if (restore->arg_count + 4 >= REDIS_ARGS_MAX) {
        send_batch(restore);
    }
}

/* True when something was taken. */
static bool read_one(struct restore *restore)
{
    struct ledger_line line;
    enum changelog_read read = changelog_reader_next(&restore->reader, &line);
    if (read == CHANGELOG_LINE) {
        add_line(restore, &line);
    }
    return read != CHANGELOG_NOTHING;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void on_done(struct restore *restore, const struct redis_reply *reply)
{
    if (!span_is(redis_element(reply, 0)->text, "ok")) {
        ask_again_later(restore);
        return;
    }
    LOG(LOG_INFO, "restore_finished", L_INT("records", restore->records),
        L_INT("took_ms", clock_mono_ms(restore->parts.clock) - restore->began_ms));
    ask_view(restore);
}

static void open_view(struct restore *restore)
{
    unsigned char id[8];
    struct buf epoch;
    random_fill(id, sizeof(id));
    buf_init(&epoch, 1024);
    buf_add_text(&epoch, "{\"id\":\"");
    buf_add_hex(&epoch, span_of(id, sizeof(id)));
    buf_addf(&epoch, "\",\"run_id\":\"%s\",\"began_ms\":%lld,\"records\":%lld}", restore->run_id,
             (long long)clock_wall_ms(restore->parts.clock), (long long)restore->records);
    span args[] = {span_text("EVALSHA"),
                   span_text(script_restore_done.sha),
                   span_text("2"),
                   span_text(RESTORE_LOCK_KEY),
                   span_text(LEDGER_EPOCH_KEY),
                   span_text(restore->token),
                   buf_span(&epoch),
                   span_text(SCRIPT_LIVE)};
    restore->state = RESTORE_OPENING;
    restore->locked = false; /* restore_done lets it go */
    ask(restore, args, COUNT_OF(args), on_done);
    buf_close(&epoch);
    stop_reading(restore);
}

int64_t restore_turn(struct restore *restore)
{
    if (restore->state != RESTORE_READING) {
        return -1;
    }
    int taken = 0;
    uint64_t round = restore->round;
    while (taken < RESTORE_READ_MAX && restore->batches_out < RESTORE_IN_FLIGHT_MAX &&
           read_one(restore)) {
        taken++;
    }
    if (restore->round == round && changelog_reader_at_end(&restore->reader)) {
        send_batch(restore);
        if (restore->batches_out == 0) {
            open_view(restore);
        }
    }
    if (restore->state != RESTORE_READING) {
        return -1;
    }
    return taken > 0 ? 0 : RESTORE_IDLE_MS;
}

/* ---- life -------------------------------------------------------------------------------- */

static void on_view_lost(void *self)
{
    struct restore *restore = self;
    LOG(LOG_WARN, "ledger_lost", L_TEXT("found", "the epoch is gone or new"),
        L_TEXT("expected", "the view this process knew; nothing happens until it is restored"));
    ask_view(restore);
}

struct restore *restore_new(struct restore_parts parts)
{
    struct restore *restore = mem_must_alloc(sizeof(*restore));
    restore->parts = parts;
    restore->poll = (struct timer){.fire = on_poll, .self = restore};
    arena_init(&restore->batch, 64u << 20);
    restore->metric_records = metric_counter(
        "hearback_restore_records_total", "Changelog records written back to Redis.", NULL, NULL);
    restore->metric_restores = metric_counter(
        "hearback_restores_total", "Restores of the view that this process began.", NULL, NULL);
    ledger_on_lost(parts.ledger, on_view_lost, restore);
    return restore;
}

void restore_free(struct restore **at)
{
    struct restore *restore = TAKE(*at);
    if (restore != NULL) {
        timers_cancel(restore->parts.timers, &restore->poll);
        stop_reading(restore);
        mem_free(restore);
    }
}

void restore_connected(struct restore *restore)
{
    scripts_load(restore->parts.redis);
    span policy[] = {span_text("CONFIG"), span_text("GET"), span_text("maxmemory-policy")};
    ask_view(restore);
    ask(restore, policy, COUNT_OF(policy), on_policy);
}

void restore_disconnected(struct restore *restore)
{
    ledger_close_view(restore->parts.ledger);
    restore->locked = false; /* it runs out, or the next round finds its token another */
    stop_reading(restore);
    restore->state = RESTORE_AWAY;
    restore->round++;
}
