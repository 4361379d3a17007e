/* SPDX-License-Identifier: Apache-2.0
 *
 * The lease of an item's order key: its key in Redis, how long it is ours by our
 * own clock, renewing it while the item waits, and letting it go.
 */
#include "consumer/engine/stages_inside.h"

#include "common/mem.h"

#define KEY_ROOM 1024

static void add_tagged(struct buf *text, const char *prefix, span worker, span order_key)
{
    buf_add_text(text, prefix);
    buf_add(text, worker);
    buf_add_char(text, '/');
    buf_add(text, order_key);
    buf_add_char(text, '}');
}

void stages_name_keys(const struct stages *stages, struct work *work)
{
    span worker = span_text(stages->parts.worker->name);
    struct buf text;
    buf_init(&text, KEY_ROOM);
    add_tagged(&text, "hearback:order:{", worker, work->item.order_key);
    size_t lease = text.len;
    add_tagged(&text, "hearback:effect:{", worker, work->item.order_key);
    buf_add_char(&text, ':');
    buf_add(&text, work->item.effect_id);
    CHECK(!text.broken); /* ids are at most 128 bytes each */
    span both = arena_copy(&work->item.arena, buf_span(&text));
    CHECK(both.at != NULL); /* it was just made */
    work->keys[WORK_LEASE] = span_of(both.at, lease);
    work->keys[WORK_EFFECT] = span_of(both.at + lease, both.len - lease);
    buf_close(&text);
}

span stages_word_of(const struct redis_reply *reply)
{
    return redis_element(reply, 0)->text;
}

/* An answer about a lease that may come after its item is gone. */
struct lease_ticket {
    struct stages *stages;
    struct work *work;
    uint64_t serial;
    uint64_t round;
    int64_t sent_ms;
};

static void on_renew(void *self);

void stages_hold_until(struct stages *stages, struct work *work, int64_t sent_ms)
{
    int64_t lease = stages->parts.config->worker.lease_ms;
    if (stages->parts.dry) {
        return; /* nothing is done, so nobody has to keep out of the way */
    }
    if (sent_ms + lease < work->lease_until_ms) {
        return; /* a renewal that was sent later has been answered before */
    }
    work->lease_until_ms = sent_ms + lease;
    work->renew.fire = on_renew;
    work->renew.self = work;
    timers_set(stages->parts.timers, &work->renew, sent_ms + lease / 3);
}

bool stages_lease_covers(const struct stages *stages, const struct work *work, int64_t ms)
{
    return stages->parts.dry || work->lease_until_ms - stages_now(stages) > ms;
}

static void run_lease_script(struct stages *stages, struct work *work, const char *verb,
                             void (*done)(void *, enum ledger_result, const struct redis_reply *))
{
    struct lease_ticket *ticket = mem_must_alloc(sizeof(*ticket));
    *ticket = (struct lease_ticket){.stages = stages,
                                    .work = work,
                                    .serial = work->serial,
                                    .round = work->lease_round,
                                    .sent_ms = stages_now(stages)};
    span args[] = {span_text(stages->parts.owner), span_text(verb), stages->ttl};
    struct ledger_request request = {.script = &script_lease,
                                     .keys = work->keys,
                                     .key_count = 1,
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = done,
                                     .self = ticket};
    ledger_run(stages->parts.ledger, &request);
}

static void on_renewed(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct lease_ticket *ticket = self;
    struct work *work = ticket->work;
    if (work->serial == ticket->serial && work->lease_round == ticket->round && work->key != NULL &&
        work->lease_until_ms > 0) {
        if (result == LEDGER_OK && span_is(stages_word_of(reply), "ok")) {
            stages_hold_until(ticket->stages, work, ticket->sent_ms);
        } else if (result == LEDGER_OK) {
            work->lease_until_ms = 0; /* seen before the next step */
        } else {
            timers_set(ticket->stages->parts.timers, &work->renew,
                       stages_now(ticket->stages) + STAGES_LEDGER_RETRY_MS);
        }
    }
    mem_free(ticket);
}

static void on_renew(void *self)
{
    struct work *work = self;
    struct stages *stages = work->home;
    if (!ledger_is_open(stages->parts.ledger)) {
        timers_set(stages->parts.timers, &work->renew, stages_now(stages) + STAGES_LEDGER_RETRY_MS);
        return;
    }
    run_lease_script(stages, work, "renew", on_renewed);
}

static void on_released(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    (void)result;
    (void)reply;
    mem_free(self);
}

const char *stages_let_go(struct stages *stages, const struct work *work)
{
    return stages_now(stages) < work->quiet_since_ms ? "drop" : "release";
}

static bool holds(const struct stages *stages, const struct work *work)
{
    return work->lease_until_ms > 0 && work->view == ledger_view(stages->parts.ledger);
}

void stages_inherit(const struct stages *stages, struct work *next, const struct work *work)
{
    if (!holds(stages, work)) {
        return;
    }
    bool longer = !holds(stages, next) || next->lease_until_ms < work->lease_until_ms;
    bool louder = !holds(stages, next) || next->quiet_since_ms < work->quiet_since_ms;
    next->quiet_since_ms = louder ? work->quiet_since_ms : next->quiet_since_ms;
    next->lease_until_ms = longer ? work->lease_until_ms : next->lease_until_ms;
    next->view = work->view;
}

/* True when it does not go with this one, because another of the line has it, or now inherits it.
 */
static bool lease_stays(const struct stages *stages, const struct work *work)
{
    const struct work *before = order_before(work);
    struct work *next = order_behind(work);
    if (before != NULL && holds(stages, before)) {
        return true;
    }
    if (next != NULL && holds(stages, next)) {
        stages_inherit(stages, next, work);
        return true;
    }
    return false;
}

void stages_release(struct stages *stages, struct work *work)
{
    timers_cancel(stages->parts.timers, &work->renew);
    if (holds(stages, work) && !lease_stays(stages, work) && ledger_is_open(stages->parts.ledger)) {
        run_lease_script(stages, work, stages_let_go(stages, work), on_released);
    }
    work->lease_until_ms = 0;
}
