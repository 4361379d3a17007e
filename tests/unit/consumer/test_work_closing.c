/* SPDX-License-Identifier: Apache-2.0
 *
 * Order keys whose first item is closing: its end is being written, and the next one
 * prepares beside it.
 */
#include "consumer/engine/work.h"

#include "tests/unit/consumer/kit.h"

static struct work work_for(const char *key)
{
    return (struct work){.item = {.order_key = span_text(key)}};
}

static void the_next_may_prepare_beside_an_end(void **state)
{
    (void)state;
    struct order order;
    struct work a = work_for("k");
    struct work b = work_for("k");
    struct work c = work_for("k");
    order_init(&order, 1);
    assert_true(order_enter(&order, &a));
    assert_null(order_close_work(&a)); /* there is no next one */
    assert_false(order_is_closing(&a));
    assert_false(order_enter(&order, &b));
    assert_null(order_close_work(&b)); /* it is not its turn */
    assert_null(order_before(&a));
    assert_ptr_equal(order_behind(&a), &b);
    assert_ptr_equal(order_before(&b), &a);
    assert_ptr_equal(order_close_work(&a), &b);
    assert_true(order_is_closing(&a));
    assert_true(order_runs(&a) && order_runs(&b));
    assert_null(order_before(&a));
    assert_ptr_equal(order_behind(&a), &b);
    assert_ptr_equal(order_before(&b), &a);
    assert_false(order_enter(&order, &c));
    assert_false(order_runs(&c));
    assert_null(order_close_work(&b)); /* one end at a time */
    assert_ptr_equal(order_leave(&order, &b), &c);
    assert_ptr_equal(order_before(&c), &a);
    assert_null(order_leave(&order, &a)); /* c runs already */
    assert_null(order_leave(&order, &c));
    assert_int_equal(order.keys, 0);
    order_close(&order);
}

static void whoever_awaits_the_end_goes_on_then(void **state)
{
    (void)state;
    struct order order;
    struct work a = work_for("k");
    struct work b = work_for("k");
    order_init(&order, 1);
    (void)order_enter(&order, &a);
    (void)order_enter(&order, &b);
    assert_ptr_equal(order_close_work(&a), &b);
    b.awaits = true;
    assert_ptr_equal(order_leave(&order, &a), &b);
    assert_false(b.awaits);
    assert_null(order_leave(&order, &b));
    order_close(&order);
}

static void an_end_that_is_none_goes_first_again(void **state)
{
    (void)state;
    struct order order;
    struct work a = work_for("k");
    struct work b = work_for("k");
    struct work c = work_for("k");
    order_init(&order, 1);
    (void)order_enter(&order, &a);
    (void)order_enter(&order, &b);
    assert_ptr_equal(order_close_work(&a), &b);
    order_reopen(&a);
    assert_false(order_is_closing(&a));
    assert_false(order_runs(&b));
    assert_false(order_enter(&order, &c)); /* behind both */
    assert_ptr_equal(order_leave(&order, &a), &b);
    assert_ptr_equal(order_close_work(&b), &c);
    assert_null(order_leave(&order, &c));
    order_reopen(&b); /* alone by now: whoever comes is behind it */
    assert_false(order_enter(&order, &c));
    assert_ptr_equal(order_leave(&order, &b), &c);
    assert_null(order_leave(&order, &c));
    assert_int_equal(order.keys, 0);
    order_close(&order);
}

/* The closing one is one of its key as long as it is there. */
static void a_closing_one_counts(void **state)
{
    (void)state;
    struct order order;
    struct destination here = {0};
    struct work a = work_for("k");
    struct work b = work_for("k");
    order_init(&order, 1);
    (void)order_enter(&order, &a);
    (void)order_enter(&order, &b);
    struct order_key *key = a.key;
    order_move(key, &here);
    assert_ptr_equal(order_close_work(&a), &b);
    assert_int_equal(key->count, 2);
    assert_int_equal(here.items, 2);
    assert_null(order_leave(&order, &b));
    assert_int_equal(key->count, 1); /* the key is still there */
    assert_int_equal(here.items, 1);
    assert_null(order_leave(&order, &a));
    assert_int_equal(here.items, 0);
    assert_int_equal(order.keys, 0);
    order_close(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_may_prepare_beside_an_end),
        cmocka_unit_test(whoever_awaits_the_end_goes_on_then),
        cmocka_unit_test(an_end_that_is_none_goes_first_again),
        cmocka_unit_test(a_closing_one_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
