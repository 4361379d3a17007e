/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of items and the queues that keep items of one order key apart.
 */
#include "consumer/engine/work.h"

#include "tests/unit/consumer/kit.h"

#include "common/mem.h"

#include <stdio.h>

#define MODEL_WORKS 200
#define MODEL_KEYS  7
#define MODEL_STEPS 100000

/* ---- the pool ----------------------------------------------------------------------------- */

static void the_pool_runs_out_and_fills_again(void **state)
{
    (void)state;
    struct pool pool;
    struct work *works[3];
    pool_init(&pool, 3);
    for (size_t i = 0; i < 3; i++) {
        works[i] = pool_take(&pool);
        assert_non_null(works[i]);
        assert_int_equal(pool.used, i + 1);
    }
    assert_ptr_not_equal(works[0], works[1]);
    assert_ptr_not_equal(works[1], works[2]);
    assert_null(pool_take(&pool));
    assert_null(pool_take(&pool));
    assert_int_equal(pool.used, 3);
    pool_return(&pool, works[1]);
    assert_int_equal(pool.used, 2);
    assert_ptr_equal(pool_take(&pool), works[1]);
    assert_null(pool_take(&pool));
    for (size_t i = 0; i < 3; i++) {
        pool_return(&pool, works[i]);
    }
    assert_int_equal(pool.used, 0);
    pool_close(&pool);
}

static void a_place_is_as_new_when_taken_again(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 1);
    struct work *work = pool_take(&pool);
    uint64_t serial = work->serial;
    work->item.memo = json_object_new_object();
    item_memo_set(&work->item, "a", span_text("b"));
    work->item.stage = 5;
    work->item.in_doubt = true;
    work->phase = PHASE_LETTER;
    work->attempts = 9;
    work->failures = 9;
    work->lease_until_ms = 9;
    (void)snprintf(work->detail, sizeof(work->detail), "old");
    assert_non_null(arena_alloc(&work->item.arena, 100));
    assert_non_null(arena_alloc(&work->call_arena, 100));
    pool_return(&pool, work);
    work = pool_take(&pool);
    assert_int_not_equal(work->serial, serial); /* answers for the earlier use are told apart */
    assert_null(work->item.memo);
    assert_int_equal(work->item.stage, 0);
    assert_false(work->item.in_doubt);
    assert_int_equal(work->phase, PHASE_CLAIM);
    assert_int_equal(work->attempts, 0);
    assert_int_equal(work->failures, 0);
    assert_int_equal(work->lease_until_ms, 0);
    assert_string_equal(work->detail, "");
    assert_int_equal(work->item.arena.used, 0);
    assert_int_equal(work->call_arena.used, 0);
    pool_return(&pool, work);
    pool_close(&pool);
}

enum held {
    HELD_QUEUED,
    HELD_WAITING,
    HELD_OWED,
    HELD_SLOT,
    HELD_KEY,
    HELD_TIMER,
    HELD_RENEW,
    HELD_KINDS
};

static void return_while_held(void *what)
{
    struct pool pool;
    struct timers timers = {0};
    struct order order;
    pool_init(&pool, 1);
    order_init(&order, 1);
    struct work *work = pool_take(&pool);
    work->item.order_key = span_text("k");
    switch (*(enum held *)what) {
    case HELD_QUEUED:
        work->queued = true;
        break;
    case HELD_WAITING:
        work->waiting = true;
        break;
    case HELD_OWED:
        work->owed = true;
        break;
    case HELD_SLOT:
        work->holding = true;
        break;
    case HELD_KEY:
        (void)order_enter(&order, work);
        break;
    case HELD_TIMER:
        timers_set(&timers, &work->timer, 1);
        break;
    case HELD_RENEW:
        timers_set(&timers, &work->renew, 1);
        break;
    case HELD_KINDS:
        break;
    }
    pool_return(&pool, work);
}

static void close_while_used(void *what)
{
    (void)what;
    struct pool pool;
    pool_init(&pool, 1);
    (void)pool_take(&pool);
    pool_close(&pool);
}

static void nothing_in_use_goes_back(void **state)
{
    (void)state;
    for (int held = 0; held < HELD_KINDS; held++) {
        enum held what = (enum held)held;
        if (!kit_dies(return_while_held, &what)) {
            fail_msg("held %d went back", held);
        }
    }
    enum held none = HELD_KINDS;
    assert_false(kit_dies(return_while_held, &none));
    assert_true(kit_dies(close_while_used, NULL));
}

/* ---- order keys --------------------------------------------------------------------------- */

static struct work work_for(const char *key)
{
    return (struct work){.item = {.order_key = span_text(key)}};
}

static void one_key_first_come_first_served(void **state)
{
    (void)state;
    struct order order;
    struct work a = work_for("theme");
    struct work b = work_for("theme");
    struct work c = work_for("theme");
    order_init(&order, 1);
    assert_true(order_enter(&order, &a));
    assert_false(order_enter(&order, &b));
    assert_false(order_enter(&order, &c));
    assert_int_equal(order.keys, 1);
    assert_ptr_equal(order_leave(&order, &a), &b);
    assert_null(a.key);
    assert_false(order_enter(&order, &a)); /* again, behind the others */
    assert_ptr_equal(order_leave(&order, &b), &c);
    assert_ptr_equal(order_leave(&order, &c), &a);
    assert_null(order_leave(&order, &a));
    assert_int_equal(order.keys, 0);
    assert_true(order_enter(&order, &b)); /* the key is free again */
    assert_null(order_leave(&order, &b));
    order_close(&order);
}

static void leaving_from_the_middle_and_the_end(void **state)
{
    (void)state;
    struct order order;
    struct work w[4] = {work_for("k"), work_for("k"), work_for("k"), work_for("k")};
    order_init(&order, 1);
    for (size_t i = 0; i < 4; i++) {
        (void)order_enter(&order, &w[i]);
    }
    assert_null(order_leave(&order, &w[2])); /* nobody may run because of that */
    assert_null(order_leave(&order, &w[3])); /* the last: the next goes behind the second */
    assert_false(order_enter(&order, &w[2]));
    assert_ptr_equal(order_leave(&order, &w[0]), &w[1]);
    assert_ptr_equal(order_leave(&order, &w[1]), &w[2]);
    assert_null(order_leave(&order, &w[2]));
    assert_int_equal(order.keys, 0);
    order_close(&order);
}

static void keys_are_apart(void **state)
{
    (void)state;
    /* Also keys that are the beginning of another, and bytes that end a C string. */
    static const struct work keys[] = {
        {.item.order_key = {.at = (const uint8_t *)"", .len = 0}},
        {.item.order_key = {.at = (const uint8_t *)"a", .len = 1}},
        {.item.order_key = {.at = (const uint8_t *)"a\0b", .len = 3}},
        {.item.order_key = {.at = (const uint8_t *)"a\0c", .len = 3}},
        {.item.order_key = {.at = (const uint8_t *)"aa", .len = 2}},
    };
    struct order order;
    struct work works[COUNT_OF(keys)];
    order_init(&order, 1);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        works[i] = keys[i];
        assert_true(order_enter(&order, &works[i]));
    }
    assert_int_equal(order.keys, COUNT_OF(keys));
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        assert_null(order_leave(&order, &works[i]));
    }
    order_close(&order);
}

static void many_keys_in_few_buckets(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct order order;
    order_init(&order, 1); /* 64 buckets for 5,000 keys: chains of eighty */
    assert_int_equal(order.bucket_count, 64);
    static struct work works[MANY];
    static char names[MANY][16];
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "theme-%zu", i);
        works[i] = work_for(names[i]);
        assert_true(order_enter(&order, &works[i]));
    }
    assert_int_equal(order.keys, MANY);
    for (size_t i = 0; i < MANY; i++) { /* out of the middle of the chains */
        struct work *one = &works[(i * 2003) % MANY];
        struct work late = work_for(names[(i * 2003) % MANY]);
        assert_false(order_enter(&order, &late));
        assert_ptr_equal(order_leave(&order, one), &late);
        assert_null(order_leave(&order, &late));
    }
    assert_int_equal(order.keys, 0);
    order_close(&order);
    order_init(&order, 1000);
    assert_true(order.bucket_count >= 2000);
    order_close(&order);
}

static void close_with_keys(void *what)
{
    (void)what;
    struct order order;
    struct work work = work_for("k");
    order_init(&order, 1);
    (void)order_enter(&order, &work);
    order_close(&order);
}

static void an_order_in_use_is_not_closed(void **state)
{
    (void)state;
    assert_true(kit_dies(close_with_keys, NULL));
}

/* ---- tickets and destinations ------------------------------------------------------------- */

static void tickets_stand_in_line(void **state)
{
    (void)state;
    struct order order;
    struct work work = work_for("k");
    struct ticket t[4] = {{0}, {0}, {0}, {0}};
    order_init(&order, 1);
    order_queue(&order, &t[1], span_text("k")); /* a ticket alone keeps the key */
    struct order_key *key = order_find(&order, span_text("k"));
    assert_non_null(key);
    assert_null(order_find(&order, span_text("other")));
    assert_true(order_enter(&order, &work)); /* tickets do not run: it is the first */
    assert_ptr_equal(work.key, key);
    order_queue(&order, &t[2], span_text("k"));
    t[0].key = key;
    order_queue_behind(&order, &t[0], NULL);
    t[3].key = key;
    order_queue_behind(&order, &t[3], &t[2]); /* the last: who comes now stands behind it */
    struct ticket end = {0};
    order_queue(&order, &end, span_text("k"));
    const struct ticket *expected[] = {&t[0], &t[1], &t[2], &t[3], &end};
    const struct ticket *at = key->tickets;
    for (size_t i = 0; i < COUNT_OF(expected); i++, at = at->behind) {
        assert_ptr_equal(at, expected[i]);
    }
    assert_null(at);
    order_unqueue(&order, &t[2]);
    order_unqueue(&order, &end);
    order_queue(&order, &end, span_text("k"));
    assert_ptr_equal(t[3].behind, &end);
    assert_null(order_leave(&order, &work)); /* a ticket may not run either */
    assert_int_equal(order.keys, 1);
    struct destination to = {0};
    key->held = &to;
    order_unqueue(&order, &t[1]);
    assert_ptr_equal(key->held, &to);
    order_unqueue(&order, &t[0]); /* the one that had no room there */
    assert_null(key->held);
    order_unqueue(&order, &t[3]);
    order_unqueue(&order, &end);
    assert_int_equal(order.keys, 0);
    order_close(&order);
}

static void all_of_a_key_count_where_its_first_is(void **state)
{
    (void)state;
    struct order order;
    struct work w[3] = {work_for("k"), work_for("k"), work_for("k")};
    struct destination here = {0};
    struct destination there = {0};
    order_init(&order, 1);
    (void)order_enter(&order, &w[0]);
    (void)order_enter(&order, &w[1]);
    struct order_key *key = w[0].key;
    order_move(key, &here);
    assert_int_equal(here.items, 2);
    (void)order_enter(&order, &w[2]);
    assert_int_equal(here.items, 3);
    order_move(key, &there);
    assert_int_equal(here.items, 0);
    assert_int_equal(there.items, 3);
    struct ticket ticket = {0};
    order_queue(&order, &ticket, span_text("k"));
    (void)order_leave(&order, &w[0]);
    assert_ptr_equal(key->at, &there);
    (void)order_leave(&order, &w[1]);
    (void)order_leave(&order, &w[2]);
    assert_int_equal(there.items, 0);
    assert_null(key->at); /* where the next one goes is anybody's guess */
    order_unqueue(&order, &ticket);
    order_close(&order);
}

static void expect_stirred(struct order *order, const struct order_key *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(order_take_stirred(order), keys[i]);
    }
    assert_null(order_take_stirred(order));
}

/* Keys are looked at in turn; those that wait for something else only when they are stirred again.
 */
static void keys_are_stirred_and_stuck(void **state)
{
    (void)state;
    struct order order;
    struct work work = work_for("a");
    struct ticket t[4] = {{0}, {0}, {0}, {0}};
    order_init(&order, 1);
    order_queue(&order, &t[0], span_text("a"));
    order_queue(&order, &t[1], span_text("b"));
    order_queue(&order, &t[2], span_text("c"));
    const struct order_key *a = t[0].key;
    const struct order_key *b = t[1].key;
    const struct order_key *c = t[2].key;
    order_queue(&order, &t[3], span_text("a")); /* once is enough */
    expect_stirred(&order, (const struct order_key *const[]){a, b, c}, 3);
    order_stick(&order, t[1].key);
    order_stick(&order, t[2].key);
    expect_stirred(&order, NULL, 0);
    order_stir(&order, t[0].key);
    order_stir_first(&order, t[2].key);
    expect_stirred(&order, (const struct order_key *const[]){c, a}, 2);
    order_stick(&order, t[2].key);
    order_stir_stuck(&order);
    expect_stirred(&order, (const struct order_key *const[]){b, c}, 2);
    order_stick(&order, t[1].key);
    order_unqueue(&order, &t[1]); /* the key is gone, and stuck nowhere */
    (void)order_enter(&order, &work);
    order_stir_stuck(&order);
    expect_stirred(&order, NULL, 0);
    (void)order_leave(&order, &work); /* whoever ends makes room */
    expect_stirred(&order, (const struct order_key *const[]){a}, 1);
    order_unqueue(&order, &t[0]);
    expect_stirred(&order, (const struct order_key *const[]){a}, 1); /* the next ticket */
    order_stir(&order, t[3].key);
    order_unqueue(&order, &t[3]);
    order_unqueue(&order, &t[2]);
    expect_stirred(&order, NULL, 0);
    order_close(&order);
}

/* ---- the model ---------------------------------------------------------------------------- */

struct model {
    struct work works[MODEL_WORKS];
    size_t key[MODEL_WORKS];
    uint64_t entered[MODEL_WORKS]; /* 0: not in a queue */
    uint64_t clock;
};

/* Who of the key came first. */
static struct work *model_first(struct model *model, size_t key)
{
    size_t first = MODEL_WORKS;
    for (size_t i = 0; i < MODEL_WORKS; i++) {
        if (model->entered[i] != 0 && model->key[i] == key &&
            (first == MODEL_WORKS || model->entered[i] < model->entered[first])) {
            first = i;
        }
    }
    return first == MODEL_WORKS ? NULL : &model->works[first];
}

static void model_step(struct model *model, struct order *order, struct kit_random *random)
{
    static const char *const names[MODEL_KEYS] = {"a", "b", "c", "d", "e", "f", "g"};
    size_t i = kit_below(random, MODEL_WORKS);
    if (model->entered[i] == 0) {
        model->key[i] = kit_below(random, MODEL_KEYS);
        struct work *first = model_first(model, model->key[i]);
        model->works[i].item.order_key = span_text(names[model->key[i]]);
        model->entered[i] = ++model->clock;
        assert_int_equal(order_enter(order, &model->works[i]), first == NULL);
        return;
    }
    bool was_first = model_first(model, model->key[i]) == &model->works[i];
    model->entered[i] = 0;
    struct work *next = model_first(model, model->key[i]);
    assert_ptr_equal(order_leave(order, &model->works[i]), was_first ? next : NULL);
}

static void as_a_list_would(void **state)
{
    (void)state;
    struct kit_random random = kit_random();
    struct order order;
    static struct model model;
    order_init(&order, 1);
    for (size_t step = 0; step < MODEL_STEPS; step++) {
        model_step(&model, &order, &random);
    }
    for (size_t i = 0; i < MODEL_WORKS; i++) {
        if (model.entered[i] != 0) {
            (void)order_leave(&order, &model.works[i]);
        }
    }
    assert_int_equal(order.keys, 0);
    order_close(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pool_runs_out_and_fills_again),
        cmocka_unit_test(a_place_is_as_new_when_taken_again),
        cmocka_unit_test(nothing_in_use_goes_back),
        cmocka_unit_test(one_key_first_come_first_served),
        cmocka_unit_test(leaving_from_the_middle_and_the_end),
        cmocka_unit_test(keys_are_apart),
        cmocka_unit_test(many_keys_in_few_buckets),
        cmocka_unit_test(an_order_in_use_is_not_closed),
        cmocka_unit_test(tickets_stand_in_line),
        cmocka_unit_test(all_of_a_key_count_where_its_first_is),
        cmocka_unit_test(keys_are_stirred_and_stuck),
        cmocka_unit_test(as_a_list_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
