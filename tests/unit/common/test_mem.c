/* SPDX-License-Identifier: Apache-2.0
 *
 * The allocator's front door and the seam that makes it fail.
 */
#include "common/mem.h"

#include "tests/unit/consumer/kit.h"

#include <stdint.h>

static void must_is_zeroed_and_never_null(void **state)
{
    (void)state;
    uint8_t *block = mem_must_alloc(100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(block[i], 0);
    }
    mem_free(block);
    block = mem_must_alloc(0);
    assert_non_null(block);
    mem_free(block);
    uint32_t *array = mem_must_array(10, sizeof(*array));
    assert_int_equal(array[9], 0);
    mem_free(array);
    array = mem_must_array(0, 0);
    assert_non_null(array);
    mem_free(array);
    char *text = mem_must_copy_text("abc");
    assert_string_equal(text, "abc");
    mem_free_text(&text);
    assert_null(text);
    mem_free_text(&text);
    mem_free(NULL);
}

static void overflow(void *what)
{
    (void)what;
    mem_free(mem_must_array(SIZE_MAX / 4 + 2, 4));
}

static void a_size_that_overflows_ends_it(void **state)
{
    (void)state;
    assert_true(kit_dies(overflow, NULL));
}

static void try_gives_and_grows(void **state)
{
    (void)state;
    char *block = mem_try_alloc(0);
    assert_non_null(block);
    block = mem_try_grow(block, 4);
    memcpy(block, "abc", 4);
    block = mem_try_grow(block, 100000);
    assert_string_equal(block, "abc");
    mem_free(block);
    block = mem_try_grow(NULL, 1);
    assert_non_null(block);
    mem_free(block);
}

static void the_nth_fails_once(void **state)
{
    (void)state;
    for (unsigned long n = 1; n <= 5; n++) {
        mem_fail_after(n);
        for (unsigned long i = 1; i <= 8; i++) {
            void *block = i % 2 == 0 ? mem_try_alloc(1) : mem_try_grow(NULL, 1);
            assert_int_equal(block == NULL, i == n);
            mem_free(block);
        }
    }
    mem_fail_after(1);
    void *must = mem_must_alloc(1); /* is not counted */
    assert_non_null(must);
    mem_free(must);
    assert_null(mem_try_alloc(1));
    mem_fail_after(1);
    mem_fail_after(0); /* switched off */
    void *block = mem_try_alloc(1);
    assert_non_null(block);
    mem_free(block);
}

static void a_failed_growth_leaves_the_block(void **state)
{
    (void)state;
    char *block = mem_try_alloc(4);
    memcpy(block, "abc", 4);
    mem_fail_after(1);
    assert_null(mem_try_grow(block, 1000));
    assert_string_equal(block, "abc");
    mem_free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(must_is_zeroed_and_never_null),
        cmocka_unit_test(a_size_that_overflows_ends_it),
        cmocka_unit_test(try_gives_and_grows),
        cmocka_unit_test(the_nth_fails_once),
        cmocka_unit_test(a_failed_growth_leaves_the_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
