/* SPDX-License-Identifier: Apache-2.0
 *
 * The records taken and not opened: against a naive list, with random sequences.
 * Records are made by the test, so rd_kafka_message_destroy is the test's own.
 */
#include "consumer/engine/stash.h"

#include "tests/unit/consumer/kit.h"

#include "common/mem.h"

#define STEPS 200000
#define MOST  700

static size_t destroyed;

void rd_kafka_message_destroy(rd_kafka_message_t *message)
{
    destroyed++;
    mem_free(message);
}

static rd_kafka_message_t *record(int64_t offset)
{
    rd_kafka_message_t *message = mem_must_alloc(sizeof(*message));
    message->offset = offset;
    message->partition = (int32_t)(offset % 3);
    message->len = (size_t)(offset % 100);
    message->key_len = 5;
    return message;
}

static bool is_partition(void *self, const rd_kafka_message_t *message)
{
    return message->partition == *(const int32_t *)self;
}

struct model {
    int64_t offsets[MOST];
    size_t count;
};

static void model_drop(struct model *model, int32_t partition)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->offsets[i] % 3 != partition) {
            model->offsets[kept++] = model->offsets[i];
        }
    }
    model->count = kept;
}

static void expect_like(const struct stash *stash, const struct model *model)
{
    assert_int_equal(stash->count, model->count);
    assert_true(stash->count == 0 ? stash->bytes == 0 : stash->bytes > 0);
    if (model->count > 0) {
        assert_int_equal(stash_first(stash)->offset, model->offsets[0]);
    } else {
        assert_null(stash_first(stash));
    }
}

static void as_a_list_would(void **state)
{
    (void)state;
    struct kit_random random = kit_random();
    struct stash stash = {0};
    static struct model model;
    int64_t next = 0;
    model = (struct model){0};
    destroyed = 0;
    for (size_t step = 0; step < STEPS; step++) {
        uint64_t dice = kit_below(&random, 1000);
        if (dice == 0) {
            int32_t partition = (int32_t)kit_below(&random, 3);
            stash_drop(&stash, is_partition, &partition);
            model_drop(&model, partition);
        } else if (model.count < MOST && (dice < 520 || model.count == 0)) {
            stash_put(&stash, record(next));
            model.offsets[model.count++] = next++;
        } else {
            rd_kafka_message_t *message = stash_take(&stash);
            assert_int_equal(message->offset, model.offsets[0]);
            rd_kafka_message_destroy(message);
            memmove(model.offsets, model.offsets + 1, --model.count * sizeof(model.offsets[0]));
        }
        expect_like(&stash, &model);
    }
    stash_close(&stash);
    assert_int_equal(stash.bytes, 0);
    assert_int_equal(destroyed, next); /* each once */
}

static void take_from_nothing(void *what)
{
    (void)what;
    struct stash stash = {0};
    (void)stash_take(&stash);
}

static void nothing_comes_of_nothing(void **state)
{
    (void)state;
    struct stash stash = {0};
    int32_t partition = 0;
    stash_drop(&stash, is_partition, &partition);
    stash_close(&stash);
    assert_true(kit_dies(take_from_nothing, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_list_would),
        cmocka_unit_test(nothing_comes_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
