/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of items and the queues by order key. One thread.
 */
#include "consumer/engine/work.h"

#include "common/mem.h"

void pool_init(struct pool *pool, size_t count)
{
    *pool = (struct pool){.count = count};
    pool->all = mem_must_array(count, sizeof(struct work));
    for (size_t i = count; i > 0; i--) {
        pool->all[i - 1].next = pool->spare;
        pool->spare = &pool->all[i - 1];
    }
}

void pool_close(struct pool *pool)
{
    CHECK(pool->used == 0);
    mem_free(TAKE(pool->all));
}

struct work *pool_take(struct pool *pool)
{
    struct work *work = pool->spare;
    if (work == NULL) {
        return NULL;
    }
    pool->spare = work->next;
    pool->used++;
    *work = (struct work){.phase = PHASE_CLAIM, .serial = ++pool->serial};
    arena_init(&work->item.arena, WORK_ARENA_BYTES);
    arena_init(&work->call_arena, WORK_ARENA_BYTES);
    return work;
}

void pool_return(struct pool *pool, struct work *work)
{
    CHECK(!work->queued && !work->waiting && !work->owed && !work->holding && work->key == NULL);
    CHECK(!work->gated && work->admitted == 0);
    CHECK(!timer_is_set(&work->timer) && !timer_is_set(&work->renew));
    json_object_put(TAKE(work->item.memo));
    transfer_close(&work->transfer);
    arena_close(&work->call_arena);
    arena_close(&work->item.arena);
    work->next = pool->spare;
    pool->spare = work;
    pool->used--;
    pool->returned++;
}

bool work_is_idle(const struct work *work)
{
    return !work->queued && !work->owed && !work->waiting && !work->gated &&
           !timer_is_set(&work->timer);
}

void order_init(struct order *order, size_t expected)
{
    *order = (struct order){.bucket_count = 64};
    while (order->bucket_count < expected * 2) {
        order->bucket_count *= 2;
    }
    order->buckets = mem_must_array(order->bucket_count, sizeof(struct order_key *));
    order->stirred.last = &order->stirred.first;
    order->stuck.last = &order->stuck.first;
}

void order_close(struct order *order)
{
    CHECK(order->keys == 0);
    mem_free(TAKE(order->buckets));
}

static struct order_key **find(const struct order *order, span name, uint64_t hash)
{
    struct order_key **at = &order->buckets[hash & (order->bucket_count - 1)];
    while (*at != NULL &&
           ((*at)->hash != hash || !span_equal(span_of((*at)->name, (*at)->name_len), name))) {
        at = &(*at)->next;
    }
    return at;
}

struct order_key *order_find(const struct order *order, span name)
{
    return *find(order, name, span_hash(name));
}

static struct order_key *find_or_make(struct order *order, span name)
{
    uint64_t hash = span_hash(name);
    struct order_key **at = find(order, name, hash);
    if (*at == NULL) {
        struct order_key *made = mem_must_alloc(sizeof(*made) + name.len);
        made->hash = hash;
        made->last = &made->first;
        made->tickets_last = &made->tickets;
        made->name_len = name.len;
        memcpy(made->name, name.at, name.len);
        *at = made;
        order->keys++;
    }
    return *at;
}

/* ---- which keys are to be looked at ---- */

static void take_out(struct order_key *key)
{
    struct key_list *list = TAKE(key->in);
    if (list == NULL) {
        return;
    }
    *key->in_from = key->in_next;
    if (key->in_next != NULL) {
        key->in_next->in_from = key->in_from;
    } else {
        list->last = key->in_from;
    }
}

static void put_at(struct key_list *list, struct order_key **at, struct order_key *key)
{
    key->in = list;
    key->in_next = *at;
    key->in_from = at;
    *at = key;
    if (key->in_next != NULL) {
        key->in_next->in_from = &key->in_next;
    } else {
        list->last = &key->in_next;
    }
}

void order_stir(struct order *order, struct order_key *key)
{
    if (key->tickets != NULL && key->in != &order->stirred) {
        take_out(key);
        put_at(&order->stirred, order->stirred.last, key);
    }
}

void order_stir_first(struct order *order, struct order_key *key)
{
    take_out(key);
    put_at(&order->stirred, &order->stirred.first, key);
}

struct order_key *order_take_stirred(struct order *order)
{
    struct order_key *key = order->stirred.first;
    if (key != NULL) {
        take_out(key);
    }
    return key;
}

void order_stick(struct order *order, struct order_key *key)
{
    take_out(key);
    put_at(&order->stuck, order->stuck.last, key);
}

void order_stir_stuck(struct order *order)
{
    while (order->stuck.first != NULL) {
        struct order_key *key = order->stuck.first;
        take_out(key);
        order_stir(order, key);
    }
}

static void drop_unused(struct order *order, struct order_key *key)
{
    if (key->first == NULL && key->closing == NULL && key->tickets == NULL) {
        take_out(key);
        struct order_key **in_bucket = find(order, span_of(key->name, key->name_len), key->hash);
        *in_bucket = key->next;
        mem_free(key);
        order->keys--;
    }
}

bool order_enter(struct order *order, struct work *work)
{
    struct order_key *key = find_or_make(order, work->item.order_key);
    work->key = key;
    work->behind = NULL;
    *key->last = work;
    key->last = &work->behind;
    key->count++;
    if (key->at != NULL) {
        key->at->items++;
    }
    return key->first == work;
}

static void leave_line(struct order_key *key, struct work *work)
{
    struct work **at = &key->first;
    while (*at != work) {
        CHECK(*at != NULL);
        at = &(*at)->behind;
    }
    *at = work->behind;
    if (key->last == &work->behind) {
        key->last = at;
    }
    work->behind = NULL;
}

bool order_is_closing(const struct work *work)
{
    return work->key != NULL && work->key->closing == work;
}

bool order_runs(const struct work *work)
{
    return work->key->first == work || work->key->closing == work;
}

struct work *order_before(const struct work *work)
{
    const struct order_key *key = work->key;
    struct work *before = key->first != work ? key->first : key->closing;
    return order_is_closing(work) ? NULL : before;
}

struct work *order_behind(const struct work *work)
{
    return order_is_closing(work) ? work->key->first : work->behind;
}

struct work *order_close_work(struct work *work)
{
    struct order_key *key = work->key;
    if (key->first != work || key->closing != NULL || work->behind == NULL) {
        return NULL;
    }
    leave_line(key, work);
    key->closing = work;
    return key->first;
}

void order_reopen(struct work *work)
{
    struct order_key *key = work->key;
    CHECK(key->closing == work);
    key->closing = NULL;
    work->behind = key->first;
    key->first = work;
    if (key->last == &key->first) {
        key->last = &work->behind;
    }
}

/* Who may run because the work is no more. */
static struct work *leave(struct order_key *key, struct work *work)
{
    if (key->closing == work) {
        key->closing = NULL;
        struct work *next = key->first;
        bool awaits = next != NULL && next->awaits;
        if (awaits) {
            next->awaits = false;
        }
        return awaits ? next : NULL;
    }
    bool was_first = key->first == work;
    leave_line(key, work);
    return was_first ? key->first : NULL;
}

struct work *order_leave(struct order *order, struct work *work)
{
    struct order_key *key = TAKE(work->key);
    struct work *next = leave(key, work);
    key->count--;
    if (key->at != NULL) {
        CHECK(key->at->items > 0);
        key->at->items--;
        key->at = key->count > 0 ? key->at : NULL;
    }
    order_stir(order, key);
    drop_unused(order, key);
    return next;
}

void order_move(struct order_key *key, struct destination *to)
{
    if (key->at != NULL) {
        CHECK(key->at->items >= key->count);
        key->at->items -= key->count;
    }
    key->at = to;
    to->items += key->count;
}

void order_queue(struct order *order, struct ticket *ticket, span name)
{
    struct order_key *key = find_or_make(order, name);
    ticket->key = key;
    ticket->behind = NULL;
    *key->tickets_last = ticket;
    key->tickets_last = &ticket->behind;
    order_stir(order, key);
}

void order_queue_behind(struct order *order, struct ticket *ticket, struct ticket *after)
{
    struct order_key *key = ticket->key;
    struct ticket **at = after == NULL ? &key->tickets : &after->behind;
    ticket->behind = *at;
    *at = ticket;
    if (key->tickets_last == at) {
        key->tickets_last = &ticket->behind;
    }
    order_stir(order, key);
}

void order_unqueue(struct order *order, struct ticket *ticket)
{
    struct order_key *key = TAKE(ticket->key);
    struct ticket **at = &key->tickets;
    key->held = *at == ticket ? NULL : key->held;
    while (*at != ticket) {
        CHECK(*at != NULL);
        at = &(*at)->behind;
    }
    *at = ticket->behind;
    if (key->tickets_last == &ticket->behind) {
        key->tickets_last = at;
    }
    ticket->behind = NULL;
    if (key->tickets == NULL) {
        take_out(key);
    }
    order_stir(order, key);
    drop_unused(order, key);
}
