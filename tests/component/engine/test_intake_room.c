/* SPDX-License-Identifier: Apache-2.0
 *
 * Shares of the pool, with a real Kafka and Redis: one hot key, one huge record or
 * one broken destination leaves room for the others, and nothing overtakes within
 * a key. A record is words "KEY@DESTINATION", an item each, and behind "!" nothing can be read; the
 * test answers calls.
 */
#include "tests/component/engine/shop.h"
#include "tests/fakes/c11_threads.h"

#include <stdio.h>

#define KEY_SHARE         3
#define RECORD_SHARE      8
#define DESTINATION_SHARE 6
#define POOL              48
#define NOTES_MAX         16384

static char worker_name[64];

/* What was answered, in order. */
struct note {
    char key[16];
    int64_t place; /* offset * 100000 + which item */
};
static struct note notes[NOTES_MAX];
static size_t note_count;

/* ---- a worker with two destinations ------------------------------------------------------ */

enum { ROUTE, GOOD, BAD };

/* Word number `index`, .len 0 beyond the last. */
static span word(span text, size_t index)
{
    size_t at = 0;
    for (;;) {
        size_t from = at;
        while (at < text.len && text.at[at] != ' ') {
            at++;
        }
        if (index-- == 0 || at == text.len) {
            return index == SIZE_MAX ? span_of(text.at + from, at - from) : SPAN_NONE;
        }
        at++;
    }
}

/* A page of so many, "#N": the like of p7@good. */
static span member(struct item *next, span value, size_t index)
{
    int64_t count = 0;
    if (!span_number(span_of(value.at + 1, value.len - 1), 0, INT64_MAX, &count) ||
        (int64_t)index >= count) {
        return SPAN_NONE;
    }
    return span_text(arena_printf(&next->arena, "p%zu@good", index));
}

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    span value = job->record.value;
    span name = value.at[0] == '#' ? member(next, value, job->made) : word(value, job->made);
    if (job->state == NULL) { /* as a worker that reads the record once */
        job->state = arena_alloc(&job->arena, 1);
    }
    if (span_is(name, "!")) {
        FAIL(ERR_POISON, 0, "nothing can be read behind this");
    }
    *made = name.len > 0;
    if (*made) {
        const uint8_t *at = memchr(name.at, '@', name.len);
        assert_non_null(at);
        char *id = arena_printf(&next->arena, "%lld.%zu", (long long)job->record.offset, job->made);
        next->effect_id = span_text(id);
        next->order_key = arena_copy(&next->arena, span_of(name.at, (size_t)(at - name.at)));
        next->part = (void *)(uintptr_t)(at + 1);
    }
    return NO_ERROR;
}

static struct err ask_route(struct item *item, struct call *call)
{
    call->kind = CALL_STEP;
    call->step = step_next(*(const char *)item->part == 'g' ? GOOD : BAD);
    return NO_ERROR;
}

static struct err ask(struct item *item, struct call *call)
{
    char *path = arena_printf(call->arena, "/" SPAN_FMT "/" SPAN_FMT, SPAN_ARG(item->order_key),
                              SPAN_ARG(item->effect_id));
    call->kind = CALL_HTTP;
    call->method = "GET";
    call->path = span_text(path);
    return NO_ERROR;
}

static struct step answered(struct item *item, const struct reply *reply)
{
    (void)reply;
    struct note *note = &notes[note_count++];
    assert_true(note_count < NOTES_MAX);
    const char *dot = memchr(item->effect_id.at, '.', item->effect_id.len);
    span offset = span_of(item->effect_id.at, (size_t)((const uint8_t *)dot - item->effect_id.at));
    span index = span_of(dot + 1, item->effect_id.len - offset.len - 1);
    int64_t number = 0;
    int64_t part = 0;
    span_to_text(item->order_key, note->key, sizeof(note->key));
    assert_true(span_number(offset, 0, INT64_MAX, &number) && span_number(index, 0, 99999, &part));
    note->place = number * 100000 + part;
    return step_done("done");
}

static const struct destination_kind good = {.name = "good", .open = shop_open_nothing};
static const struct destination_kind bad = {.name = "bad", .open = shop_open_nothing};
static const struct stage stages[] = {
    [ROUTE] = {.name = "route", .ask = ask_route, .doubt = STAGE_READ},
    [GOOD] = {.name = "good", .to = &good, .ask = ask, .answered = answered, .doubt = STAGE_READ},
    [BAD] = {.name = "bad", .to = &bad, .ask = ask, .answered = answered, .doubt = STAGE_READ},
};
static const struct worker router = {.name = worker_name,
                                     .topic = worker_name,
                                     .help = "for tests",
                                     .stages = stages,
                                     .stage_count = COUNT_OF(stages),
                                     .itemise = itemise,
                                     .fragment = shop_fragment,
                                     .digest = shop_digest};

/* ---- the bench --------------------------------------------------------------------------- */

/* The whole pool, but where a test says otherwise. */
static int64_t destination_share;
static int64_t record_share;

static int open_bench(void **state)
{
    static struct shop_bench bench;
    *state = &bench;
    note_count = 0;
    destination_share = POOL;
    record_share = RECORD_SHARE;
    if (shop_bench_open(&bench, 2)) {
        (void)snprintf(worker_name, sizeof(worker_name), "%s", bench.name);
    }
    return 0;
}

static int close_bench(void **state)
{
    shop_bench_close(*state);
    return 0;
}

static void set_shares(struct config *config)
{
    config->worker.items_max = POOL;
    config->worker.items_per_key_max = KEY_SHARE;
    config->worker.items_per_record_max = record_share;
    config->worker.items_per_destination_max = destination_share;
    config->worker.calls_max = 32;
    config->worker.lease_ms = 60000;
}

static void open_shop(struct shop *shop, const struct shop_bench *bench, const char *owner)
{
    shop_open(shop, (struct shop_place){.kafka = bench->kafka,
                                        .redis = bench->server.address,
                                        .owner = owner,
                                        .worker = &router,
                                        .adjust = set_shares});
}

static size_t noted(const char *key)
{
    size_t count = 0;
    for (size_t i = 0; i < note_count; i++) {
        count += strncmp(notes[i].key, key, strlen(key)) == 0 ? 1 : 0;
    }
    return count;
}

/* No key's items were answered in another order than that of their records. */
static void expect_order(void)
{
    for (size_t i = 0; i < note_count; i++) {
        for (size_t j = i + 1; j < note_count; j++) {
            if (strcmp(notes[i].key, notes[j].key) == 0 && notes[i].place >= notes[j].place) {
                fail_msg("%s: %lld before %lld", notes[i].key, (long long)notes[i].place,
                         (long long)notes[j].place);
            }
        }
    }
}

/* Answers what is called until all is settled. */
static void finish(struct shop *shop, const struct shop_bench *bench, int64_t records)
{
    for (int64_t t = kit_begin();; shop_turn(shop)) {
        const struct partition *p = intake_partition(shop->intake, bench->name, 0);
        if (p != NULL && p->assigned && window_low(&p->window) >= records) {
            break;
        }
        if (!kit_waits(t)) {
            fail_msg("low %lld of %lld, %zu items, %zu tickets", (long long)window_low(&p->window),
                     (long long)records, shop->pool.used, shop->intake->tickets);
        }
        (void)shop_answer(shop, "/", 1000);
    }
    expect_order();
    assert_int_equal(shop->intake->tickets, 0);
    for (size_t i = 0; i < shop->destination_count; i++) {
        assert_int_equal(shop->to[i].items, 0);
    }
}

static void append(const struct shop_bench *bench, const char *value)
{
    shop_append(bench, bench->name, 0, "k", value, NULL);
}

#define UNTIL(shop, what)                                                                          \
    do {                                                                                           \
        for (int64_t until_ = kit_begin(); !(what); shop_turn(shop)) {                             \
            if (!kit_waits(until_)) {                                                              \
                fail_msg("not in time: %s", #what);                                                \
            }                                                                                      \
        }                                                                                          \
    } while (false)

/* ---- tests ------------------------------------------------------------------------------- */

static void test_a_hot_key_leaves_room(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    for (int i = 0; i < 120; i++) {
        append(bench, "hot@good");
    }
    append(bench, "x1@good");
    append(bench, "hot@good x2@good");
    append(bench, "x3@good");
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    UNTIL(&shop, (shop_answer(&shop, "/x", 1000), noted("x") == 3));
    assert_int_equal(noted("hot"), 0);
    UNTIL(&shop, shop.pool.used == KEY_SHARE);
    assert_int_equal(order_find(&shop.order, span_text("hot"))->count, KEY_SHARE);
    finish(&shop, bench, 123);
    assert_int_equal(noted("hot"), 121);
    shop_close(&shop);
}

/* What waits behind a share is not overtaken, be it of another key than the one it waits for. */
static void test_nothing_overtakes_within_a_key(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    for (int i = 0; i < KEY_SHARE; i++) {
        append(bench, "hot@good"); /* 0 to 2 */
    }
    append(bench, "hot@good a@good b@good"); /* 3: its first item waits, the others need not */
    append(bench, "hot@good a@good c@good"); /* 4 */
    append(bench, "a@good d@good");          /* 5 */
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    UNTIL(&shop, (shop_answer(&shop, "/b", 9), shop_answer(&shop, "/c", 9),
                  shop_answer(&shop, "/d", 9), note_count == 3));
    assert_int_equal(shop_answer(&shop, "/a", 9), 1);
    shop_turns(&shop, 50);
    assert_int_equal(notes[3].place, 300001);
    assert_int_equal(shop.intake->tickets, 2); /* of hot */
    UNTIL(&shop, (shop_answer(&shop, "/a", 9), noted("a") == 3));
    assert_int_equal(noted("hot"), 0);
    finish(&shop, bench, 6);
    assert_int_equal(note_count, KEY_SHARE + 8);
    shop_close(&shop);
}

static void test_a_huge_record_leaves_room(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    append(bench, "#10000");
    append(bench, "x@good p9990@good");
    append(bench, "y@good");
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    UNTIL(&shop, (shop_answer(&shop, "/x", 9), shop_answer(&shop, "/y", 9), note_count == 2));
    UNTIL(&shop, shop.pool.used == RECORD_SHARE);
    finish(&shop, bench, 3); /* p9990 of the page before that of the record behind it */
    assert_int_equal(note_count, 10003);
    shop_close(&shop);
}

/* One destination never answers. Which items are its own is known only when they come there. */
static void test_a_broken_destination_leaves_room(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    char value[64];
    destination_share = DESTINATION_SHARE;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(value, sizeof(value), "b%d@bad b%d@bad", i, (i + 1) % 100);
        append(bench, value);
        if (i % 5 == 0) {
            (void)snprintf(value, sizeof(value), "g%d@good b%d@bad", i, i);
            append(bench, value);
        }
    }
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    struct destination *broken = shop.to[0].kind == &bad ? &shop.to[0] : &shop.to[1];
    UNTIL(&shop, (shop_answer(&shop, "/g", 1000), noted("g") == 20));
    assert_int_equal(note_count, 20);
    assert_in_range(broken->items, DESTINATION_SHARE, DESTINATION_SHARE - 1 + KEY_SHARE);
    shop_turns(&shop, 100);
    assert_int_equal(shop.pool.used, broken->items); /* nothing goes round and round */
    size_t started = shop.lane.rig.caller.started;
    shop_turns(&shop, 100);
    assert_int_equal(shop.lane.rig.caller.started, started);
    finish(&shop, bench, 120);
    assert_int_equal(note_count, 240);
    shop_close(&shop);
}

/* A worker with one destination has no use for that share. */
static void test_one_destination_has_the_whole_pool(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    char value[64];
    destination_share = DESTINATION_SHARE;
    for (int i = 0; i < 30; i++) {
        (void)snprintf(value, sizeof(value), "g%d@good", i);
        append(bench, value);
    }
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    shop.intake->parts.destination_count = 1;
    UNTIL(&shop, shop.lane.rig.caller.open_count == 30);
    finish(&shop, bench, 30);
    shop_close(&shop);
}

/* A record's own letter holds a place of its share, and gives it back. */
static void test_a_letter_gives_its_place_back(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    record_share = 1;
    append(bench, "a@good b@good c@good !");
    append(bench, "b@good");
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    shop.lane.rig.outbox.but_not = TOPIC_DEAD;
    UNTIL(&shop, (shop_answer(&shop, "/a", 1), noted("a") == 1 && shop.pool.used == 0));
    shop.lane.rig.outbox.but_not = NULL; /* the letter is there when nothing else is open */
    finish(&shop, bench, 2);
    assert_int_equal(note_count, 4);
    shop_close(&shop);
}

/* What waits is not looked at again and again: each record when it comes, each key when it moves.
 */
static void test_waiting_costs_nothing(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    enum { RECORDS = 1500, KEYS = 5 };
    struct shop shop;
    char value[64];
    for (int i = 0; i < RECORDS; i++) {
        (void)snprintf(value, sizeof(value), "k%d@good", i % KEYS);
        append(bench, value);
    }
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    finish(&shop, bench, RECORDS);
    assert_int_equal(note_count, RECORDS);
    assert_in_range(shop.intake->looks, RECORDS, RECORDS * 6);
    shop_close(&shop);
}

static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (*random >> 33) % below;
}

/* Everything at once, answered at random: each item once, each key in order. */
static void test_at_random(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    uint64_t random = (uint64_t)kit_begin();
    size_t items = 0;
    destination_share = DESTINATION_SHARE;
    print_message("seed %llu\n", (unsigned long long)random);
    for (int i = 0; i < 300; i++) {
        struct buf value;
        buf_init(&value, 4096);
        uint64_t count = draw(&random, 12) == 0 ? 30 : 1 + draw(&random, 4);
        for (uint64_t n = 0; n < count; n++) {
            uint64_t key = draw(&random, 3) == 0 ? 0 : draw(&random, 25);
            buf_addf(&value, "%sk%d@%s", n == 0 ? "" : " ", (int)key,
                     draw(&random, 3) == 0 ? "bad" : "good");
        }
        items += count;
        append(bench, buf_text(&value));
        buf_close(&value);
    }
    shop_flush(bench);
    open_shop(&shop, bench, "me");
    struct fake_caller *caller = &shop.lane.rig.caller;
    for (int64_t t = kit_begin(); note_count < items; shop_turn(&shop)) {
        if (!kit_waits(t)) {
            fail_msg("%zu of %zu", note_count, items);
        }
        for (size_t i = 0; i < caller->open_count;) {
            if (draw(&random, 2) == 0) {
                fake_caller_answer(caller, caller->open[i], (struct fake_answer){.status = 200});
            } else {
                i++;
            }
        }
        /* The last one that finds room brings those behind it. */
        assert_in_range(shop.to[0].items, 0, DESTINATION_SHARE - 1 + KEY_SHARE);
        assert_in_range(shop.to[1].items, 0, DESTINATION_SHARE - 1 + KEY_SHARE);
    }
    finish(&shop, bench, 300);
    assert_int_equal(note_count, items);
    shop_close(&shop);
}

int main(void)
{
    c11_threads_seen();
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_a_hot_key_leaves_room),
        ON_A_BENCH(test_nothing_overtakes_within_a_key),
        ON_A_BENCH(test_a_huge_record_leaves_room),
        ON_A_BENCH(test_a_broken_destination_leaves_room),
        ON_A_BENCH(test_one_destination_has_the_whole_pool),
        ON_A_BENCH(test_a_letter_gives_its_place_back),
        ON_A_BENCH(test_waiting_costs_nothing),
        ON_A_BENCH(test_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
