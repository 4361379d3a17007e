/* SPDX-License-Identifier: Apache-2.0
 *
 * Places and deadlines, against a naive list; and the connections that are cut.
 */
#include "tests/unit/producer/cmocka_kit.h"

#include "common/err.h"
#include "common/own.h"
#include "producer/connections.h"
#include "producer/waiting.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_places(void **state)
{
    struct waiting *waiting = waiting_new(2);
    int a = 0;
    int b = 0;
    (void)state;
    assert_true(waiting_next_due(waiting) == INT64_MAX);
    uint64_t first = waiting_take(waiting, &a, 10);
    uint64_t second = waiting_take(waiting, &b, 20);
    assert_true(first != WAITING_NOBODY && second != WAITING_NOBODY && first != second);
    assert_true(waiting_take(waiting, &a, 30) == WAITING_NOBODY);
    assert_int_equal(waiting_count(waiting), 2);
    assert_true(waiting_next_due(waiting) == 10);
    assert_null(waiting_overdue(waiting, 9));
    assert_ptr_equal(waiting_overdue(waiting, 10), &a);
    assert_null(waiting_overdue(waiting, 19));
    assert_null(waiting_settle(waiting, first)); /* too late */
    uint64_t third = waiting_take(waiting, &a, 30);
    assert_true(third != first); /* the same place, another id */
    assert_null(waiting_settle(waiting, first));
    assert_ptr_equal(waiting_settle(waiting, third), &a);
    assert_null(waiting_settle(waiting, third)); /* once */
    assert_ptr_equal(waiting_settle(waiting, second), &b);
    assert_null(waiting_settle(waiting, WAITING_NOBODY));
    assert_null(waiting_settle(waiting, UINT64_MAX));
    waiting_free(&waiting);
    assert_null(waiting);
}

static void test_clocks_that_cross(void **state)
{
    struct waiting *waiting = waiting_new(2);
    int a = 0;
    int b = 0;
    (void)state;
    (void)waiting_take(waiting, &a, 20);
    (void)waiting_take(waiting, &b, 19);
    assert_null(waiting_overdue(waiting, 19));
    assert_ptr_equal(waiting_overdue(waiting, 20), &a);
    assert_ptr_equal(waiting_overdue(waiting, 20), &b);
    waiting_free(&waiting);
}

#define MODEL_PLACES 17

struct model {
    uint64_t ids[MODEL_PLACES];
    int64_t due[MODEL_PLACES];
    int who[MODEL_PLACES];
    size_t count;
};

static void drop(struct model *model, size_t at)
{
    for (size_t i = at; i + 1 < model->count; i++) {
        model->ids[i] = model->ids[i + 1];
        model->due[i] = model->due[i + 1];
        model->who[i] = model->who[i + 1];
    }
    model->count--;
}

/* Random takes, settles and time-outs; a list in order of arrival is the truth. */
static void test_model(void **state)
{
    static int people[64];
    struct model model = {.count = 0};
    struct waiting *waiting = waiting_new(MODEL_PLACES);
    unsigned seed = (unsigned)time(NULL);
    int64_t now = 0;
    (void)state;
    print_message("seed %u\n", seed);
    for (int step = 0; step < 200000; step++) {
        int what = rand_r(&seed) % 3;
        if (what == 0) {
            int who = rand_r(&seed) % 64;
            uint64_t id = waiting_take(waiting, &people[who], now + 50);
            assert_true((id == WAITING_NOBODY) == (model.count == MODEL_PLACES));
            if (id != WAITING_NOBODY) {
                model.ids[model.count] = id;
                model.due[model.count] = now + 50;
                model.who[model.count++] = who;
            }
        } else if (what == 1 && model.count > 0) {
            size_t at = (size_t)rand_r(&seed) % model.count;
            assert_ptr_equal(waiting_settle(waiting, model.ids[at]), &people[model.who[at]]);
            assert_null(waiting_settle(waiting, model.ids[at]));
            drop(&model, at);
        } else {
            now += rand_r(&seed) % 40;
            void *who = waiting_overdue(waiting, now);
            bool due = model.count > 0 && model.due[0] <= now;
            assert_ptr_equal(who, due ? &people[model.who[0]] : NULL);
            if (due) {
                drop(&model, 0);
            }
        }
        assert_int_equal(waiting_count(waiting), model.count);
        assert_true(waiting_next_due(waiting) == (model.count > 0 ? model.due[0] : INT64_MAX));
    }
    while (waiting_overdue(waiting, INT64_MAX - 1) != NULL) {
    }
    waiting_free(&waiting);
}

struct race {
    struct waiting *waiting;
    atomic_uint_fast64_t offered;
    atomic_int taken;
};

static void *settle_all(void *opaque)
{
    struct race *race = opaque;
    uint64_t id = 0;
    while ((id = atomic_load(&race->offered)) != UINT64_MAX) {
        if (id != WAITING_NOBODY && waiting_settle(race->waiting, id) != NULL) {
            atomic_fetch_add(&race->taken, 1);
        }
    }
    return NULL;
}

/* However many settle the same id, one gets it. */
static void test_settled_once(void **state)
{
    struct race race = {.waiting = waiting_new(4)};
    pthread_t threads[2];
    int who = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, settle_all, &race), 0);
    }
    for (int round = 1; round <= 5000; round++) {
        atomic_store(&race.offered, waiting_take(race.waiting, &who, round));
        while (atomic_load(&race.taken) < round) {
        }
        assert_int_equal(waiting_count(race.waiting), 0);
    }
    atomic_store(&race.offered, UINT64_MAX);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&race.taken), 5000);
    waiting_free(&race.waiting);
}

static bool is_shut(int peer)
{
    char byte = 0;
    return recv(peer, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_slow_connections_are_shut(void **state)
{
    static const struct {
        const char *name;
        enum connection_phase phase;
        int64_t lasts_ms; /* at this age it is still left alone, a moment later not */
    } rows[] = {{"head", CONNECTION_HEAD, 200}, {"body", CONNECTION_BODY, 100}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int pair[2];
        struct connections *connections = connections_new();
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        struct connection *other = connections_open(connections, -1, 5000);
        struct connection *one = connections_open(connections, pair[0], 0);
        connections_mark(connections, one, rows[i].phase, 1000);
        ROW_CHECK(rows[i].name, connections_reap(connections, 1000 + rows[i].lasts_ms, 100) == 0);
        ROW_CHECK(rows[i].name, !is_shut(pair[1]));
        ROW_CHECK(rows[i].name, connections_reap(connections, 1001 + rows[i].lasts_ms, 100) == 1);
        ROW_CHECK(rows[i].name, is_shut(pair[1]));
        ROW_CHECK(rows[i].name, connections_reap(connections, 4000, 100) == 0);
        connections_mark(connections, other, CONNECTION_OURS, 0);
        ROW_CHECK(rows[i].name, connections_reap(connections, INT64_C(1) << 40, 100) == 0);
        connections_close(connections, one);
        connections_close(connections, other);
        connections_free(&connections);
        (void)close(pair[0]);
        (void)close(pair[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_clocks_that_cross),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_settled_once),
        cmocka_unit_test(test_slow_connections_are_shut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
