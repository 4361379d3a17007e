/* SPDX-License-Identifier: Apache-2.0
 *
 * Behind and catching up, with a real Kafka and Redis: what the metrics tell,
 * what is read ahead in which state, and that the reading does not fall asleep.
 */
#include "tests/component/engine/idler.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#define BODY_BYTES 1000
#define MANY       40000 /* records: forty times the prefetch of a lane */
#define SOON_MS    8000  /* it takes one second; sleeping at each full queue, about sixteen */
#define FEW        3000
#define MARK       10000 /* a lane's catching_up_lag */

static void fill(const struct shop_bench *bench, int records)
{
    char body[BODY_BYTES + 1];
    uint64_t random = 1;
    for (int n = 0; n < records; n++) {
        for (size_t i = 0; i < BODY_BYTES; i++) { /* letters that do not compress */
            random = random * 6364136223846793005u + 1442695040888963407u;
            body[i] = (char)('0' + (random >> 33) % 64);
        }
        body[BODY_BYTES] = 0;
        shop_append(bench, bench->name, 0, "k", body, NULL);
    }
    shop_flush(bench);
}

static void open_shop(struct shop *shop, const struct shop_bench *bench)
{
    shop_open(shop, (struct shop_place){.kafka = bench->kafka,
                                        .redis = bench->server.address,
                                        .owner = "me",
                                        .worker = &idler});
}

static int64_t lag(const struct shop *shop)
{
    return metric_value(shop->intake->topics[INTAKE_SOURCE].metric_lag);
}

static int64_t catching_up(const struct shop *shop)
{
    return metric_value(shop->intake->metric_catching_up);
}

/* ---- tests ------------------------------------------------------------------------------- */

/* Forty times what librdkafka holds: were it not woken, it would sleep for a second at each. */
static void test_far_behind(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    fill(bench, MANY);
    open_shop(&shop, bench);
    redis_server_signal(&bench->server, SIGSTOP); /* nothing is opened until the state is seen */
    for (int64_t t = kit_begin(); catching_up(&shop) == 0; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    assert_int_equal(lag(&shop), MANY);
    redis_server_signal(&bench->server, SIGCONT);
    int64_t began = kit_begin();
    while (lag(&shop) > 0) {
        if (kit_begin() - began > SOON_MS) {
            fail_msg("the lag is still %lld", (long long)lag(&shop));
        }
        shop_turn(&shop);
        (void)poll(NULL, 0, 10); /* busy elsewhere, while librdkafka's queue fills */
    }
    shop_until_low(&shop, bench->name, 0, MANY);
    assert_int_equal(catching_up(&shop), 0);
    assert_int_equal(kit_logged("catching_up"), 1);
    assert_int_equal(kit_logged("caught_up"), 1);
    shop_close(&shop);
}

/* Redis does not say what was seen, so nothing can be opened. Far behind, what comes is taken, up
 * to the setting; the rest stays where it is. */
static void test_what_is_read_ahead_has_a_bound(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    fill(bench, MANY);
    open_shop(&shop, bench);
    int64_t most = shop.lane.rig.config.kafka.prefetch_catching_up_bytes;
    redis_server_signal(&bench->server, SIGSTOP);
    for (int64_t t = kit_begin(); shop.intake->stash.bytes < most; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    for (int turn = 0; turn < 200; turn++) {
        shop_turn(&shop);
    }
    assert_int_equal(catching_up(&shop), 1);
    assert_true(shop.intake->stash.bytes < most + INTAKE_BATCH_MAX * (BODY_BYTES + 300));
    redis_server_signal(&bench->server, SIGCONT);
    shop_until_low(&shop, bench->name, 0, MANY);
    shop_close(&shop);
}

/* Hardly behind: one batch is taken, and no more before it is opened. */
static void test_the_steady_state_takes_a_batch(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    fill(bench, FEW);
    open_shop(&shop, bench);
    redis_server_signal(&bench->server, SIGSTOP);
    for (int64_t t = kit_begin(); shop.intake->stash.count < INTAKE_BATCH / 2; shop_turn(&shop)) {
        assert_true(kit_waits(t));
    }
    for (int turn = 0; turn < 200; turn++) {
        shop_turn(&shop);
    }
    assert_int_equal(catching_up(&shop), 0);
    /* And one each 100 ms, so that rebalances are served. */
    assert_true(shop.intake->stash.count <= INTAKE_BATCH + 50);
    redis_server_signal(&bench->server, SIGCONT);
    shop_until_low(&shop, bench->name, 0, FEW);
    shop_close(&shop);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, idler_open_bench, idler_close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_far_behind),
        ON_A_BENCH(test_what_is_read_ahead_has_a_bound),
        ON_A_BENCH(test_the_steady_state_takes_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
