/* SPDX-License-Identifier: Apache-2.0
 *
 * The last places of the pool, with a real Kafka and Redis: a full pool takes
 * records again only when a good part of it is free, and a record whose items are
 * done ends at once, although others wait for each place that comes free. A record
 * is one item of its key; the test answers calls.
 */
#include "tests/component/engine/shop.h"
#include "tests/fakes/c11_threads.h"

#include <stdio.h>

#define POOL 64
#define LOW  (POOL / 8) /* with fewer places free than this, no more is taken, */
#define HIGH (POOL / 4) /* until so many are */

static char worker_name[64];

/* ---- a worker that makes one call a record ----------------------------------------------- */

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    *made = job->made == 0;
    if (*made) {
        char *id = arena_printf(&next->arena, "%lld", (long long)job->record.offset);
        next->effect_id = span_text(id);
        next->order_key = arena_copy(&next->arena, job->record.key);
    }
    return NO_ERROR;
}

static struct err ask(struct item *item, struct call *call)
{
    char *path = arena_printf(call->arena, "/" SPAN_FMT, SPAN_ARG(item->order_key));
    call->kind = CALL_HTTP;
    call->method = "GET";
    call->path = span_text(path);
    return NO_ERROR;
}

static struct step answered(struct item *item, const struct reply *reply)
{
    (void)item;
    (void)reply;
    return step_done("done");
}

static const struct stage stages[] = {
    {.name = "call", .to = &shop_nobody, .ask = ask, .answered = answered, .doubt = STAGE_READ},
};
static const struct worker caller = {.name = worker_name,
                                     .topic = worker_name,
                                     .help = "for tests",
                                     .stages = stages,
                                     .stage_count = COUNT_OF(stages),
                                     .itemise = itemise,
                                     .fragment = shop_fragment,
                                     .digest = shop_digest};

/* ---- the bench --------------------------------------------------------------------------- */

static int64_t pool;      /* items at once, */
static int64_t key_share; /* and of one key */

static int open_bench(void **state)
{
    static struct shop_bench bench;
    *state = &bench;
    pool = key_share = POOL;
    if (shop_bench_open(&bench, 1)) {
        (void)snprintf(worker_name, sizeof(worker_name), "%s", bench.name);
    }
    return 0;
}

static int close_bench(void **state)
{
    shop_bench_close(*state);
    return 0;
}

static void set_pool(struct config *config)
{
    config->worker.items_max = pool;
    config->worker.items_per_key_max = key_share;
    config->worker.calls_max = pool;
    config->worker.lease_ms = 60000;
}

/* So many records, of so many keys in turn, and a worker that reads them. */
static void open_shop(struct shop *shop, const struct shop_bench *bench, int records, int keys)
{
    for (int i = 0; i < records; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%d", i % keys);
        shop_append(bench, bench->name, 0, key, "{}", NULL);
    }
    shop_flush(bench);
    shop_open(shop, (struct shop_place){.kafka = bench->kafka,
                                        .redis = bench->server.address,
                                        .owner = "me",
                                        .worker = &caller,
                                        .adjust = set_pool});
}

#define UNTIL(shop, what)                                                                          \
    do {                                                                                           \
        for (int64_t until_ = kit_begin(); !(what); shop_turn(shop)) {                             \
            if (!kit_waits(until_)) {                                                              \
                fail_msg("not in time: %s", #what);                                                \
            }                                                                                      \
        }                                                                                          \
    } while (false)

static void finish(struct shop *shop, const struct shop_bench *bench, int64_t records)
{
    const struct partition *p = intake_partition(shop->intake, bench->name, 0);
    UNTIL(shop, (shop_answer(shop, "/", POOL), window_low(&p->window) >= records));
    shop_close(shop);
}

static size_t spare(const struct shop *shop)
{
    return shop->pool.count - shop->pool.used;
}

/* ---- tests ------------------------------------------------------------------------------- */

/* With one mark it would take a record, or one batch, for each item that ends. */
static void test_a_good_part_comes_free_first(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    enum { RECORDS = 3 * POOL };
    struct shop shop;
    open_shop(&shop, bench, RECORDS, RECORDS);
    UNTIL(&shop, shop.intake->full && shop.intake->stash.count > 0);
    assert_int_equal(spare(&shop), LOW - 1);
    int64_t loads = (int64_t)intake_loads(shop.intake);
    for (int more = 1; more < HIGH - LOW + 1; more++) { /* between the two marks */
        UNTIL(&shop, shop_answer(&shop, "/", 1) == 1);
        UNTIL(&shop, (int64_t)intake_loads(shop.intake) <= loads - more);
        shop_turns(&shop, 20);
        assert_int_equal(intake_loads(shop.intake), loads - more);
        assert_int_equal(spare(&shop), LOW - 1 + more);
        assert_true(shop.intake->full && shop.intake->stash.count > 0);
    }
    UNTIL(&shop, shop_answer(&shop, "/", 1) == 1); /* now so many are free */
    UNTIL(&shop, spare(&shop) < LOW);
    assert_int_equal(intake_loads(shop.intake), loads);
    finish(&shop, bench, RECORDS);
}

/* Two keys want more places than there are, so that the pool is used up at every look and no pass
 * over the records is made. Those of which all is made and done end all the same. */
static void test_what_is_done_ends_while_others_want_its_place(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    enum { KEYS = 2, EACH = 20, RECORDS = KEYS * EACH, SMALL_POOL = 12 };
    struct shop shop;
    pool = SMALL_POOL;
    key_share = 1;
    open_shop(&shop, bench, RECORDS, KEYS);
    UNTIL(&shop, shop.intake->tickets == RECORDS - KEYS);
    UNTIL(&shop, shop.lane.rig.caller.open_count == KEYS);
    shop.lane.rig.config.worker.items_per_key_max = SMALL_POOL; /* each would take all there is */
    for (int done = 1; done <= EACH / 2; done++) {
        UNTIL(&shop, shop_answer(&shop, "/", 1) == 1);
        UNTIL(&shop, intake_loads(shop.intake) == (size_t)(RECORDS - done));
        UNTIL(&shop, shop.pool.used == SMALL_POOL);
        assert_non_null(shop.order.stirred.first);
    }
    finish(&shop, bench, RECORDS);
}

int main(void)
{
    c11_threads_seen();
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_a_good_part_comes_free_first),
        ON_A_BENCH(test_what_is_done_ends_while_others_want_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
