/* SPDX-License-Identifier: Apache-2.0
 *
 * The timer heap: order, taking one out of the middle, and what timers do to
 * each other while they fire, against an array that is searched for the least.
 */
#include "consumer/engine/timers.h"

#include "tests/unit/consumer/kit.h"

#define MODEL_TIMERS 150
#define MODEL_STEPS  100000

struct log_entry {
    struct timer timer;
    struct fired *to;
    char name;
};

struct fired {
    char names[64];
    size_t count;
};

static void note(void *self)
{
    struct log_entry *entry = self;
    assert_false(timer_is_set(&entry->timer)); /* unset before it fires */
    entry->to->names[entry->to->count++] = entry->name;
}

static struct log_entry entry_of(struct fired *to, char name)
{
    return (struct log_entry){.timer = {.fire = note}, .to = to, .name = name};
}

static void set(struct timers *timers, struct log_entry *entry, int64_t due_ms)
{
    entry->timer.self = entry;
    timers_set(timers, &entry->timer, due_ms);
}

static void they_fire_in_order(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct fired fired = {.count = 0};
    struct log_entry e[5];
    static const int64_t due[] = {50, 10, 40, 20, 30};
    assert_int_equal(timers_next_ms(&timers, 0), -1);
    timers_run(&timers, 1000); /* nothing there */
    for (size_t i = 0; i < COUNT_OF(e); i++) {
        e[i] = entry_of(&fired, (char)('a' + i));
        set(&timers, &e[i], due[i]);
        assert_true(timer_is_set(&e[i].timer));
    }
    assert_int_equal(timers_next_ms(&timers, 0), 10);
    assert_int_equal(timers_next_ms(&timers, 10), 0);
    assert_int_equal(timers_next_ms(&timers, 99), 0);
    timers_run(&timers, 9);
    assert_string_equal(fired.names, "");
    timers_run(&timers, 30);
    assert_string_equal(fired.names, "bde");
    assert_int_equal(timers_next_ms(&timers, 30), 10);
    timers_run(&timers, 1000);
    assert_string_equal(fired.names, "bdeca");
    assert_int_equal(timers_next_ms(&timers, 1000), -1);
    timers_close(&timers);
}

static void they_are_moved_and_cancelled(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct fired fired = {.count = 0};
    struct log_entry e[5];
    for (size_t i = 0; i < COUNT_OF(e); i++) {
        e[i] = entry_of(&fired, (char)('a' + i));
        set(&timers, &e[i], (int64_t)(i + 1) * 10);
    }
    timers_cancel(&timers, &e[1].timer); /* from the middle */
    assert_false(timer_is_set(&e[1].timer));
    timers_cancel(&timers, &e[1].timer); /* again: nothing */
    set(&timers, &e[4], 5);              /* the last becomes the first */
    set(&timers, &e[0], 60);             /* and the first the last */
    assert_int_equal(timers.count, 4);
    assert_int_equal(timers_next_ms(&timers, 0), 5);
    timers_run(&timers, 100);
    assert_string_equal(fired.names, "ecda");
    timers_close(&timers);
    assert_int_equal(timers_next_ms(&timers, 0), -1);
}

/* ---- while they fire ---------------------------------------------------------------------- */

struct chain {
    struct timers *timers;
    struct timer timer;
    struct timer *victim;
    int64_t again_ms; /* 0: no more */
    int fired;
};

static void fire_chain(void *self)
{
    struct chain *chain = self;
    chain->fired++;
    if (chain->victim != NULL) {
        timers_cancel(chain->timers, chain->victim);
    }
    if (chain->again_ms > 0) {
        timers_set(chain->timers, &chain->timer, chain->again_ms);
        chain->again_ms = 0;
    }
}

static void they_change_each_other_while_firing(void **state)
{
    (void)state;
    struct timers timers = {0};
    struct chain later = {.timers = &timers, .timer = {.fire = fire_chain}};
    struct chain self = {.timers = &timers, .timer = {.fire = fire_chain}, .again_ms = 100};
    struct chain at_once = {.timers = &timers, .timer = {.fire = fire_chain}, .again_ms = 20};
    struct chain killer = {
        .timers = &timers, .timer = {.fire = fire_chain}, .victim = &later.timer};
    later.timer.self = &later;
    self.timer.self = &self;
    at_once.timer.self = &at_once;
    killer.timer.self = &killer;
    timers_set(&timers, &self.timer, 10);
    timers_set(&timers, &at_once.timer, 10);
    timers_set(&timers, &killer.timer, 11);
    timers_set(&timers, &later.timer, 12);
    timers_run(&timers, 20);
    assert_int_equal(self.fired, 1); /* set anew for later: not in this run */
    assert_true(timer_is_set(&self.timer));
    assert_int_equal(at_once.fired, 2); /* set anew for now: still in this run */
    assert_int_equal(killer.fired, 1);
    assert_int_equal(later.fired, 0); /* due, and cancelled by an earlier one */
    assert_int_equal(timers_next_ms(&timers, 20), 80);
    timers_run(&timers, 100);
    assert_int_equal(self.fired, 2);
    timers_close(&timers);
}

/* ---- the model ---------------------------------------------------------------------------- */

struct model;

struct modelled {
    struct timer timer;
    struct model *model;
    int64_t due_ms; /* -1: not set */
};

struct model {
    struct timers timers;
    struct modelled all[MODEL_TIMERS];
    struct kit_random random;
    int64_t now_ms;
    size_t fired;
};

static int64_t model_least(const struct model *model)
{
    int64_t least = -1;
    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        int64_t due = model->all[i].due_ms;
        if (due >= 0 && (least < 0 || due < least)) {
            least = due;
        }
    }
    return least;
}

static void model_set(struct modelled *one, int64_t due_ms)
{
    one->due_ms = due_ms;
    timers_set(&one->model->timers, &one->timer, due_ms);
}

static void model_cancel(struct modelled *one)
{
    one->due_ms = -1;
    timers_cancel(&one->model->timers, &one->timer);
}

static void model_fire(void *self)
{
    struct modelled *one = self;
    struct model *model = one->model;
    if (one->due_ms < 0 || one->due_ms > model->now_ms || one->due_ms != model_least(model)) {
        fail_msg("fired at %lld: due %lld, the least is %lld", (long long)model->now_ms,
                 (long long)one->due_ms, (long long)model_least(model));
    }
    assert_false(timer_is_set(&one->timer));
    one->due_ms = -1;
    model->fired++;
    struct modelled *other = &model->all[kit_below(&model->random, MODEL_TIMERS)];
    switch (kit_below(&model->random, 6)) {
    case 0:
        model_set(one, model->now_ms + 1 + (int64_t)kit_below(&model->random, 50));
        break;
    case 1:
        model_set(other, model->now_ms + (int64_t)kit_below(&model->random, 50));
        break;
    case 2:
        model_cancel(other);
        break;
    }
}

static void model_check(const struct model *model, size_t step)
{
    int64_t least = model_least(model);
    int64_t left = least - model->now_ms;
    int64_t expected = least < 0 ? -1 : left < 0 ? 0 : left;
    if (timers_next_ms(&model->timers, model->now_ms) != expected) {
        fail_msg("step %zu: next in %lld, expected %lld", step,
                 (long long)timers_next_ms(&model->timers, model->now_ms), (long long)expected);
    }
    size_t set_count = 0;
    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        assert_int_equal(timer_is_set(&model->all[i].timer), model->all[i].due_ms >= 0);
        set_count += model->all[i].due_ms >= 0 ? 1 : 0;
    }
    assert_int_equal(model->timers.count, set_count);
}

static void as_an_array_would(void **state)
{
    (void)state;
    static struct model model;
    model = (struct model){.random = kit_random()};
    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        struct modelled *one = &model.all[i];
        *one = (struct modelled){
            .timer = {.fire = model_fire, .self = one}, .model = &model, .due_ms = -1};
    }
    for (size_t step = 0; step < MODEL_STEPS; step++) {
        struct modelled *one = &model.all[kit_below(&model.random, MODEL_TIMERS)];
        switch (kit_below(&model.random, 10)) {
        case 0:
            model_cancel(one);
            break;
        case 1:
            model.now_ms += (int64_t)kit_below(&model.random, 20);
            timers_run(&model.timers, model.now_ms);
            assert_true(model_least(&model) < 0 || model_least(&model) > model.now_ms);
            break;
        default:
            model_set(one, model.now_ms + (int64_t)kit_below(&model.random, 200));
        }
        if (step % 16 == 0) {
            model_check(&model, step);
        }
    }
    assert_true(model.fired > MODEL_STEPS / 100);
    timers_close(&model.timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_fire_in_order),
        cmocka_unit_test(they_are_moved_and_cancelled),
        cmocka_unit_test(they_change_each_other_while_firing),
        cmocka_unit_test(as_an_array_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
