/* SPDX-License-Identifier: Apache-2.0
 *
 * What is read ahead, with a real Kafka and Redis: librdkafka holds no more than
 * the prefetch says, whether records are large or tiny; catching up reads on.
 */
#include "tests/component/engine/idler.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#define PREFETCH   (1 << 20) /* a lane's, the least that can be set */
#define BODY_MAX   1000
#define QUIET_MS   2000 /* librdkafka looks again within a second whether its queue is full */
#define FAR_BEHIND 5000

static void fill(const struct shop_bench *bench, size_t records, size_t body_bytes)
{
    char body[BODY_MAX + 1];
    memset(body, 'x', body_bytes);
    body[body_bytes] = 0;
    for (size_t n = 0; n < records; n++) {
        shop_append(bench, bench->name, 0, "k", body, NULL);
    }
    shop_flush(bench);
}

static void set_far_behind(struct config *config)
{
    config->kafka.catching_up_lag = FAR_BEHIND;
    config->kafka.prefetch_catching_up_bytes = 8 * PREFETCH;
}

static void open_shop(struct shop *shop, const struct shop_bench *bench)
{
    shop_open(shop, (struct shop_place){.kafka = bench->kafka,
                                        .redis = bench->server.address,
                                        .owner = "me",
                                        .worker = &idler,
                                        .adjust = set_far_behind});
}

/* A worker that has come to the end of its partition. */
static void open_at_end(struct shop *shop, const struct shop_bench *bench)
{
    open_shop(shop, bench);
    for (int64_t t = kit_begin();; shop_turn(shop)) {
        const struct partition *p = intake_partition(shop->intake, bench->name, 0);
        if (p != NULL && p->assigned && p->at_end) {
            return;
        }
        assert_true(kit_waits(t));
    }
}

/* Waits until librdkafka has `count` records, or comes to rest with fewer, yet `least`. It goes on
 * reading by itself while the worker makes no turn. */
static size_t wait_for(const struct shop *shop, size_t count, size_t least)
{
    size_t held = rd_kafka_queue_length(shop->intake->queue);
    for (int64_t t = kit_begin();
         held < count && (kit_begin() - t < QUIET_MS || (held < least && kit_waits(t)));) {
        (void)poll(NULL, 0, 10);
        held = rd_kafka_queue_length(shop->intake->queue);
    }
    return held;
}

/* ---- tests ------------------------------------------------------------------------------- */

/* It is given a few records at a time, so that no answer of the broker brings many more than are
 * wanted, until it takes no more of them. */
static void test_a_small_part_is_read_ahead(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    static const struct {
        size_t body_bytes;
        size_t each;
        size_t enough; /* records that make the prefetch */
    } rows[] = {
        {BODY_MAX, 100, PREFETCH / BODY_MAX},
        {10, 400, PREFETCH / INTAKE_RECORD_MIN},
    };
    size_t written = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct shop shop;
        size_t held = 0;
        size_t wanted = 0;
        open_at_end(&shop, bench);
        do {
            fill(bench, rows[i].each, rows[i].body_bytes);
            written += rows[i].each;
            wanted = held + rows[i].each;
            held = wait_for(&shop, wanted, rows[i].enough);
        } while (held >= wanted && held < 3 * rows[i].enough);
        if (held < rows[i].enough || held > rows[i].enough + 2 * rows[i].each) {
            fail_msg("of %zu bytes each %zu are held, expected %zu", rows[i].body_bytes, held,
                     rows[i].enough);
        }
        shop_until_low(&shop, bench->name, 0, (int64_t)written);
        shop_close(&shop);
    }
}

/* Redis does not say what was seen, so nothing can be opened. */
static void test_catching_up_reads_on(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    fill(bench, 2 * FAR_BEHIND, BODY_MAX);
    open_shop(&shop, bench);
    redis_server_signal(&bench->server, SIGSTOP);
    for (int64_t t = kit_begin(); shop.intake->stash.bytes < 7 * PREFETCH; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    assert_true(shop.intake->catching_up);
    redis_server_signal(&bench->server, SIGCONT);
    shop_until_low(&shop, bench->name, 0, 2 * FAR_BEHIND);
    shop_close(&shop);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, idler_open_bench, idler_close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_a_small_part_is_read_ahead),
        ON_A_BENCH(test_catching_up_reads_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
