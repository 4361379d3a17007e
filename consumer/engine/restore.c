/* SPDX-License-Identifier: Apache-2.0
 *
 * The restore's states: asking (who is this Redis, what epoch and mark does it
 * hold), locking, filling (restore_fill.c), opening. Any lost connection or lock
 * sends it back to asking. One thread.
 */
#include "consumer/engine/restore_inside.h"

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"

#include <stdio.h>

#define RESTORE_POLL_MS 200

/* A question to Redis, with the round it was asked in. */
struct question {
    struct question *next; /* all that are open: they go with the restore */
    struct question **from;
    struct restore *restore;
    uint64_t round;
    void (*answered)(struct restore *restore, const struct redis_reply *reply);
};

static void ask_view(struct restore *restore);

static void drop(struct question *question)
{
    *question->from = question->next;
    if (question->next != NULL) {
        question->next->from = question->from;
    }
    mem_free(question);
}

static void on_answer(void *self, const struct redis_reply *reply)
{
    struct question *question = self;
    if (question->round == question->restore->round && reply->kind != REDIS_LOST) {
        question->answered(question->restore, reply);
    }
    drop(question);
}

void restore_ask(struct restore *restore, const span *args, size_t count,
                 void (*answered)(struct restore *restore, const struct redis_reply *reply))
{
    struct question *question = mem_must_alloc(sizeof(*question));
    *question = (struct question){.next = restore->questions,
                                  .from = &restore->questions,
                                  .restore = restore,
                                  .round = restore->round,
                                  .answered = answered};
    if (question->next != NULL) {
        question->next->from = &question->next;
    }
    restore->questions = question;
    redis_send(restore->parts.redis, args, count, on_answer, question);
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

void restore_again(struct restore *restore)
{
    unlock(restore);
    restore_fill_stop(restore);
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

/* Both have been read; `next` goes on from here. */
static void look(struct restore *restore,
                 void (*on_epoch)(struct restore *restore, const struct redis_reply *reply))
{
    span get[] = {span_text("GET"), span_text(LEDGER_EPOCH_KEY)};
    restore_ask(restore, get, COUNT_OF(get), on_epoch);
}

static void look_at_mark(struct restore *restore,
                         void (*on_mark)(struct restore *restore, const struct redis_reply *reply))
{
    span get[] = {span_text("HGETALL"), span_text(MARK_KEY)};
    restore_ask(restore, get, COUNT_OF(get), on_mark);
}

/* False when the answer is none. */
static bool note_epoch(struct restore *restore, const struct redis_reply *reply)
{
    SCOPED(json_free) struct json_object *epoch = NULL;
    buf_clear(&restore->epoch);
    restore->epoch_id[0] = 0;
    restore->epoch_fits = false;
    if (reply->kind == REDIS_TEXT && !failed(json_parse(reply->text, &epoch))) {
        buf_add(&restore->epoch, reply->text);
        span_to_text(json_text_at(epoch, "/id"), restore->epoch_id, sizeof(restore->epoch_id));
        restore->epoch_fits = span_is(json_text_at(epoch, "/run_id"), restore->run_id);
    }
    return reply->kind == REDIS_TEXT || reply->kind == REDIS_NIL;
}

static bool note_mark(struct restore *restore, const struct redis_reply *reply)
{
    mark_read(&restore->mark, reply);
    return reply->kind == REDIS_LIST;
}

/* Opens the view when its epoch is there and was made on the Redis that answers. The mark was read
 * behind the epoch and may be of a later one: then it says nothing of this view's age. */
static bool adopt(struct restore *restore)
{
    bool same = strcmp(restore->mark.epoch, restore->epoch_id) == 0;
    if (!restore->epoch_fits) {
        return false;
    }
    restore->state = RESTORE_OPEN;
    ledger_open(restore->parts.ledger, buf_span(&restore->epoch), same ? restore->mark.age_ms : 0);
    marks_opened(restore->marks, buf_span(&restore->epoch));
    LOG(LOG_INFO, "ledger_open", L_INT("view", ledger_view(restore->parts.ledger)),
        L_INT("age_ms", ledger_view_age_ms(restore->parts.ledger)));
    restore->parts.opened(restore->parts.self);
    return true;
}

/* Under the lock nobody else opens the view: what is missing now stays so until we are done. */
static void on_locked_mark(struct restore *restore, const struct redis_reply *reply)
{
    if (!note_mark(restore, reply)) {
        restore_again(restore);
        return;
    }
    if (restore->epoch_fits) {
        unlock(restore);
        (void)adopt(restore);
        return;
    }
    struct err err = restore_fill_start(restore);
    if (failed(err)) {
        LOG_ERR(LOG_WARN, "restore_waits", err, L_TEXT("topic", TOPIC_CHANGELOG));
        restore_again(restore);
    }
}

static void on_locked_epoch(struct restore *restore, const struct redis_reply *reply)
{
    if (!note_epoch(restore, reply)) {
        restore_again(restore);
        return;
    }
    look_at_mark(restore, on_locked_mark);
}

static void on_lock(struct restore *restore, const struct redis_reply *reply)
{
    if (!span_is(reply->text, "OK")) { /* somebody else restores; or Redis refuses writes */
        if (reply->kind == REDIS_ERROR) {
            LOG(LOG_WARN, "redis_refused", L_TEXT("script", "restore lock"),
                L_SPAN("found", reply->text),
                L_TEXT("expected", "a Redis that takes writes; trying again"));
        }
        restore_again(restore);
        return;
    }
    restore->locked = true;
    look(restore, on_locked_epoch);
}

static void on_mark(struct restore *restore, const struct redis_reply *reply)
{
    if (!note_mark(restore, reply)) {
        restore_again(restore);
        return;
    }
    if (adopt(restore)) {
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
    restore_ask(restore, lock, COUNT_OF(lock), on_lock);
}

static void on_epoch(struct restore *restore, const struct redis_reply *reply)
{
    if (!note_epoch(restore, reply)) {
        restore_again(restore);
        return;
    }
    look_at_mark(restore, on_mark);
}

static void on_info(struct restore *restore, const struct redis_reply *reply)
{
    static const char wanted[] = "run_id:";
    const char *text = reply->kind == REDIS_TEXT ? (const char *)reply->text.at : "";
    const char *at = strstr(text, wanted);
    size_t len = at == NULL ? 0 : strcspn(at + sizeof(wanted) - 1, "\r\n");
    if (len == 0 || len >= sizeof(restore->run_id)) {
        restore_again(restore); /* LOADING, or no INFO yet */
        return;
    }
    memcpy(restore->run_id, at + sizeof(wanted) - 1, len);
    restore->run_id[len] = 0;
    look(restore, on_epoch);
}

static void on_policy(void *self, const struct redis_reply *reply)
{
    struct restore *restore = self;
    span policy = redis_element(reply, 1)->text;
    if (restore->said_policy || reply->kind == REDIS_LOST || span_is(policy, "noeviction")) {
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
    restore_ask(restore, info, COUNT_OF(info), on_info);
}

/* ---- opening ----------------------------------------------------------------------------- */

static void on_done(struct restore *restore, const struct redis_reply *reply)
{
    if (!span_is(redis_element(reply, 0)->text, "ok")) {
        restore_again(restore);
        return;
    }
    LOG(LOG_INFO, "restore_finished", L_INT("records", restore->records),
        L_INT("took_ms", clock_mono_ms(restore->parts.clock) - restore->began_ms));
    ask_view(restore);
}

static void make_epoch(struct restore *restore)
{
    unsigned char id[8];
    random_fill(id, sizeof(id));
    for (size_t i = 0; i < sizeof(id); i++) {
        (void)snprintf(restore->epoch_id + i * 2, 3, "%02x", id[i]);
    }
    buf_clear(&restore->epoch);
    buf_addf(&restore->epoch,
             "{\"id\":\"%s\",\"run_id\":\"%s\",\"began_ms\":%lld,\"records\":%lld}",
             restore->epoch_id, restore->run_id, (long long)clock_wall_ms(restore->parts.clock),
             (long long)restore->records);
}

void restore_open_view(struct restore *restore)
{
    struct buf room;
    buf_init(&room, 65536);
    make_epoch(restore);
    restore->mark =
        (struct mark){.at_ms = clock_wall_ms(restore->parts.clock), .place = restore->reader.read};
    memcpy(restore->mark.epoch, restore->epoch_id, sizeof(restore->mark.epoch));
    memcpy(restore->mark.cluster, restore->reader.cluster, sizeof(restore->mark.cluster));
    span head[] = {
        span_text("EVALSHA"),        span_text(script_restore_done.sha), span_text("3"),
        span_text(RESTORE_LOCK_KEY), span_text(LEDGER_EPOCH_KEY),        span_text(MARK_KEY),
        span_text(restore->token),   buf_span(&restore->epoch)};
    size_t count = COUNT_OF(head);
    memcpy(restore->args, head, sizeof(head));
    count += mark_fields(&restore->mark, &room, restore->args + count, REDIS_ARGS_MAX - count - 1);
    restore->args[count++] = span_text(SCRIPT_LIVE);
    restore->state = RESTORE_OPENING;
    restore->locked = false; /* restore_done lets it go */
    restore_ask(restore, restore->args, count, on_done);
    buf_close(&room);
    restore_fill_stop(restore);
}

int64_t restore_turn(struct restore *restore)
{
    return restore->state == RESTORE_READING ? restore_fill_turn(restore) : -1;
}

const char *restore_tells(const struct restore *restore)
{
    switch (restore->state) {
    case RESTORE_AWAY:
        return "waiting for Redis";
    case RESTORE_ASKING:
        return "waiting for Redis, or for another worker that restores the ledger";
    case RESTORE_CLEARING:
    case RESTORE_READING:
        return restore_fill_tells(restore);
    case RESTORE_OPENING:
    case RESTORE_OPEN:
        break;
    }
    return "waiting for the ledger to open";
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
    buf_init(&restore->epoch, 4096);
    restore->marks = marks_new((struct marks_parts){.clock = parts.clock,
                                                    .redis = parts.redis,
                                                    .ledger = parts.ledger,
                                                    .timers = parts.timers,
                                                    .outbox = parts.outbox});
    restore_fill_init(restore);
    ledger_on_lost(parts.ledger, on_view_lost, restore);
    return restore;
}

void restore_free(struct restore **at)
{
    struct restore *restore = TAKE(*at);
    if (restore != NULL) {
        timers_cancel(restore->parts.timers, &restore->poll);
        restore_fill_stop(restore);
        marks_free(&restore->marks);
        buf_close(&restore->epoch);
        while (restore->questions != NULL) { /* Redis's connection goes next, and answers none */
            drop(restore->questions);
        }
        mem_free(restore);
    }
}

void restore_connected(struct restore *restore)
{
    scripts_load(restore->parts.redis);
    span policy[] = {span_text("CONFIG"), span_text("GET"), span_text("maxmemory-policy")};
    ask_view(restore);
    redis_send(restore->parts.redis, policy, COUNT_OF(policy), on_policy, restore);
}

void restore_disconnected(struct restore *restore)
{
    ledger_close_view(restore->parts.ledger);
    restore->locked = false; /* it runs out, or the next round finds its token another */
    restore_fill_stop(restore);
    restore->state = RESTORE_AWAY;
    restore->round++;
}
