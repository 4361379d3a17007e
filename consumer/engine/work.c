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
}

void order_init(struct order *order, size_t expected)
{
    *order = (struct order){.bucket_count = 64};
    while (order->bucket_count < expected * 2) {
        order->bucket_count *= 2;
    }
    order->buckets = mem_must_array(order->bucket_count, sizeof(struct order_key *));
}

void order_close(struct order *order)
{
    CHECK(order->keys == 0);
    mem_free(TAKE(order->buckets));
}

static struct order_key **find(struct order *order, span name, uint64_t hash)
{
    struct order_key **at = &order->buckets[hash & (order->bucket_count - 1)];
    while (*at != NULL &&
           ((*at)->hash != hash || !span_equal(span_of((*at)->name, (*at)->name_len), name))) {
        at = &(*at)->next;
    }
    return at;
}

bool order_enter(struct order *order, struct work *work)
{
    span name = work->item.order_key;
    uint64_t hash = span_hash(name);
    struct order_key **at = find(order, name, hash);
    if (*at == NULL) {
        struct order_key *made = mem_must_alloc(sizeof(*made) + name.len);
        made->hash = hash;
        made->last = &made->first;
        made->name_len = name.len;
        memcpy(made->name, name.at, name.len);
        *at = made;
        order->keys++;
    }
    struct order_key *key = *at;
    work->key = key;
    work->behind = NULL;
    *key->last = work;
    key->last = &work->behind;
    return key->first == work;
}

struct work *order_leave(struct order *order, struct work *work)
{
    struct order_key *key = TAKE(work->key);
    struct work **at = &key->first;
    bool was_first = key->first == work;
    while (*at != work) {
        CHECK(*at != NULL);
        at = &(*at)->behind;
    }
    *at = work->behind;
    if (key->last == &work->behind) {
        key->last = at;
    }
    work->behind = NULL;
    if (key->first == NULL) {
        struct order_key **in_bucket = find(order, span_of(key->name, key->name_len), key->hash);
        *in_bucket = key->next;
        mem_free(key);
        order->keys--;
        return NULL;
    }
    return was_first ? key->first : NULL;
}
