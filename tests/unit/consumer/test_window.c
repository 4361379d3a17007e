/* SPDX-License-Identifier: Apache-2.0
 *
 * The window of open offsets: what may be stored, in whatever order records are
 * settled, against a list that is searched from end to end.
 */
#include "consumer/engine/window.h"

#include "tests/unit/consumer/kit.h"

#define MODEL_STEPS    100000
#define MODEL_OPEN_MAX 700

static void low_is_the_next_to_read(void **state)
{
    (void)state;
    struct window win = {.next = -1};
    assert_int_equal(window_low(&win), -1);
    assert_false(window_full(&win));
    window_open(&win, 0);
    assert_int_equal(window_low(&win), 0);
    window_settle(&win, 0);
    assert_int_equal(window_low(&win), 1);
    window_open(&win, 10); /* a gap: compaction, transaction markers */
    window_open(&win, 11);
    window_open(&win, 20);
    assert_int_equal(window_low(&win), 10);
    window_settle(&win, 20);
    assert_int_equal(window_low(&win), 10);
    window_settle(&win, 10);
    assert_int_equal(window_low(&win), 11);
    window_settle(&win, 11);
    assert_int_equal(window_low(&win), 21);
    window_close(&win);
    assert_int_equal(window_low(&win), -1);
    window_open(&win, 5); /* usable again */
    assert_int_equal(window_low(&win), 5);
    window_close(&win);
}

static void an_empty_window_may_go_back(void **state)
{
    (void)state;
    struct window win = {.next = -1};
    window_open(&win, 100);
    window_settle(&win, 100);
    window_open(&win, 7);
    assert_int_equal(window_low(&win), 7);
    window_settle(&win, 7);
    assert_int_equal(window_low(&win), 8);
    window_close(&win);
}

static void fullness_is_the_distance(void **state)
{
    (void)state;
    static const struct {
        int64_t newest;
        bool full;
    } cases[] = {
        {WINDOW_SPAN_MAX - 2, false}, {WINDOW_SPAN_MAX - 1, true}, {WINDOW_SPAN_MAX, true}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct window win = {.next = -1};
        window_open(&win, 1000);
        window_open(&win, 1001);
        window_open(&win, 1000 + cases[i].newest);
        assert_int_equal(window_full(&win), cases[i].full);
        window_settle(&win, 1001);
        assert_int_equal(window_full(&win), cases[i].full);
        window_settle(&win, 1000); /* what is left is new */
        assert_false(window_full(&win));
        window_settle(&win, 1000 + cases[i].newest);
        assert_false(window_full(&win));
        window_close(&win);
    }
}

/* ---- what must not happen ----------------------------------------------------------------- */

static void open_backwards(void *what)
{
    (void)what;
    struct window win = {.next = -1};
    window_open(&win, 5);
    window_open(&win, 4);
}

static void open_twice(void *what)
{
    (void)what;
    struct window win = {.next = -1};
    window_open(&win, 5);
    window_open(&win, 5);
}

static void open_negative(void *what)
{
    (void)what;
    struct window win = {.next = -1};
    window_open(&win, -1);
}

static void settle_twice(void *what)
{
    (void)what;
    struct window win = {.next = -1};
    window_open(&win, 4);
    window_open(&win, 5);
    window_settle(&win, 5);
    window_settle(&win, 5);
}

static void pass_backwards(void *what)
{
    (void)what;
    struct window win = {.next = -1};
    window_open(&win, 5);
    window_pass(&win, 5);
}

static void settle_in_a_gap(void *what)
{
    (void)what;
    struct window win = {.next = -1};
    window_open(&win, 4);
    window_open(&win, 6);
    window_settle(&win, 5);
}

static void settle_in_an_empty_one(void *what)
{
    (void)what;
    struct window win = {.next = -1};
    window_settle(&win, 0);
}

static void misuse_is_found(void **state)
{
    (void)state;
    assert_true(kit_dies(open_backwards, NULL));
    assert_true(kit_dies(open_twice, NULL));
    assert_true(kit_dies(open_negative, NULL));
    assert_true(kit_dies(settle_twice, NULL));
    assert_true(kit_dies(pass_backwards, NULL));
    assert_true(kit_dies(settle_in_a_gap, NULL));
    assert_true(kit_dies(settle_in_an_empty_one, NULL));
}

/* ---- the model ---------------------------------------------------------------------------- */

struct model {
    int64_t open[MODEL_OPEN_MAX];
    size_t count;
    int64_t next;
};

static int64_t model_low(const struct model *model)
{
    int64_t low = model->count > 0 ? INT64_MAX : model->next;
    for (size_t i = 0; i < model->count; i++) {
        low = model->open[i] < low ? model->open[i] : low;
    }
    return low;
}

static void model_open(struct model *model, struct window *win, struct kit_random *random)
{
    bool gap = kit_below(random, 8) == 0;
    int64_t offset =
        (model->next < 0 ? 0 : model->next) + (gap ? (int64_t)kit_below(random, 300) : 0);
    window_open(win, offset);
    model->open[model->count++] = offset;
    model->next = offset + 1;
}

/* What is settled before it is opened needs no place of its own. */
static void model_pass(struct model *model, struct window *win)
{
    int64_t offset = model->next < 0 ? 0 : model->next;
    window_pass(win, offset);
    model->next = offset + 1;
}

static void model_settle(struct model *model, struct window *win, struct kit_random *random)
{
    size_t i = kit_below(random, model->count);
    if (kit_below(random, 2) == 0) { /* favour the oldest, so that the ring turns */
        int64_t low = model_low(model);
        for (i = 0; model->open[i] != low; i++) {
        }
    }
    window_settle(win, model->open[i]);
    model->open[i] = model->open[--model->count];
}

static void as_a_list_would(void **state)
{
    (void)state;
    struct kit_random random = kit_random();
    struct window win = {.next = -1};
    static struct model model;
    model = (struct model){.next = -1};
    size_t most = MODEL_OPEN_MAX;
    for (size_t step = 0; step < MODEL_STEPS; step++) {
        if (step % 5000 == 0) {
            most = 1 + kit_below(&random, MODEL_OPEN_MAX);
        }
        bool open = model.count == 0 || (model.count < most && kit_below(&random, 100) < 55);
        if (open && kit_below(&random, 3) == 0) {
            model_pass(&model, &win);
        } else if (open) {
            model_open(&model, &win, &random);
        } else if (model.count > 0) {
            model_settle(&model, &win, &random);
        }
        int64_t low = model_low(&model);
        if (window_low(&win) != low ||
            window_full(&win) != (model.count > 0 && model.next - low >= WINDOW_SPAN_MAX)) {
            fail_msg("step %zu: low %lld, expected %lld", step, (long long)window_low(&win),
                     (long long)low);
        }
        if (kit_below(&random, 20000) == 0) {
            window_close(&win);
            model = (struct model){.next = -1};
        }
    }
    window_close(&win);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(low_is_the_next_to_read),  cmocka_unit_test(an_empty_window_may_go_back),
        cmocka_unit_test(fullness_is_the_distance), cmocka_unit_test(misuse_is_found),
        cmocka_unit_test(as_a_list_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
