/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory by lifetime: the cap, the alignment, what is run at the end and in
 * which order, and what memory that runs out leaves behind.
 */
#include "common/arena.h"

#include "common/mem.h"
#include "tests/unit/consumer/kit.h"

#include <errno.h>

static void the_cap(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100);
    assert_null(arena_alloc(&arena, 101));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 60));
    assert_null(arena_alloc(&arena, 41));
    assert_non_null(arena_alloc(&arena, 40));
    assert_int_equal(arena.used, 100);
    assert_null(arena_alloc(&arena, 1));
    assert_non_null(arena_alloc(&arena, 0));
    assert_null(arena_copy(&arena, SPAN_NONE).at); /* its NUL has no room */
    assert_null(arena_printf(&arena, "%s", ""));
    arena_close(&arena);
    assert_int_equal(arena.used, 0);
    assert_non_null(arena_alloc(&arena, 100)); /* usable again */
    arena_close(&arena);
}

static void everything_is_aligned_and_apart(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    struct arena arena;
    struct kit_random random = kit_random();
    uint8_t *blocks[COUNT];
    size_t sizes[COUNT];
    arena_init(&arena, 1u << 24);
    for (size_t i = 0; i < COUNT; i++) {
        static const size_t edges[] = {1, 15, 16, 17, 1023, 1024, 1025, 2047, 2048, 2049, 100000};
        sizes[i] = kit_below(&random, 3) == 0 ? edges[kit_below(&random, COUNT_OF(edges))]
                                              : 1 + kit_below(&random, 300);
        blocks[i] = arena_alloc(&arena, sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        memset(blocks[i], (int)(i & 0xFF), sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(blocks[i][0], i & 0xFF);
        assert_int_equal(blocks[i][sizes[i] - 1], i & 0xFF);
    }
    arena_close(&arena);
}

static void a_big_one_leaves_the_small_ones_their_place(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1u << 20);
    uint8_t *first = arena_alloc(&arena, 16);
    uint8_t *big = arena_alloc(&arena, 50000);
    uint8_t *second = arena_alloc(&arena, 16);
    assert_non_null(big);
    assert_true(second > first && second - first <= 64); /* behind it, not in a new chunk */
    memset(big, 1, 50000);
    memset(second, 2, 16);
    memset(first, 3, 16);
    assert_int_equal(big[49999], 1);
    arena_close(&arena);
    big = arena_alloc(&arena, 50000); /* a big one first */
    first = arena_alloc(&arena, 16);
    assert_non_null(big);
    assert_non_null(first);
    assert_true(first + 16 <= big || first >= big + 50000);
    arena_close(&arena);
}

static void copies(void **state)
{
    (void)state;
    struct arena arena;
    char source[] = "abc";
    arena_init(&arena, 1000);
    span copy = arena_copy(&arena, span_of(source, 3));
    source[0] = 'x';
    kit_assert_text(copy, "abc");
    assert_int_equal(copy.at[3], 0);
    copy = arena_copy(&arena, SPAN_NONE);
    assert_non_null(copy.at);
    assert_int_equal(copy.len, 0);
    assert_string_equal(arena_printf(&arena, "%d/%s", 7, "x"), "7/x");
    char *long_text = arena_printf(&arena, "%500d", 1);
    assert_int_equal(strlen(long_text), 500);
    assert_null(arena_printf(&arena, "%2000d", 1));
    assert_null(arena_copy(&arena, span_of(source, 1000)).at);
    arena_close(&arena);
}

/* ---- cleanup ------------------------------------------------------------------------------ */

static char closed[8];
static size_t closed_count;

static void close_letter(void *what)
{
    closed[closed_count++] = *(const char *)what;
    closed[closed_count] = 0;
}

static void cleanups_run_newest_first_and_once(void **state)
{
    (void)state;
    struct arena arena;
    char letters[] = "abc";
    closed_count = 0;
    arena_init(&arena, 1000);
    for (size_t i = 0; i < 3; i++) {
        assert_false(failed(arena_on_close(&arena, close_letter, &letters[i])));
    }
    assert_int_equal(closed_count, 0);
    arena_close(&arena);
    assert_string_equal(closed, "cba");
    arena_close(&arena);
    assert_int_equal(closed_count, 3);
}

static void a_cleanup_without_room_runs_at_once(void **state)
{
    (void)state;
    struct arena arena;
    char letter = 'x';
    closed_count = 0;
    arena_init(&arena, 10);
    struct err err = arena_on_close(&arena, close_letter, &letter);
    assert_int_equal(err.class, ERR_RETRY);
    assert_int_equal(err.code, ENOMEM);
    assert_int_equal(closed_count, 1);
    arena_close(&arena);
    assert_int_equal(closed_count, 1);
    arena_init(&arena, 1000);
    mem_fail_after(1);
    assert_int_equal(arena_on_close(&arena, close_letter, &letter).class, ERR_RETRY);
    assert_int_equal(closed_count, 2);
    arena_close(&arena);
}

static void memory_runs_out(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100000);
    mem_fail_after(1);
    assert_null(arena_alloc(&arena, 1));
    assert_int_equal(arena.used, 0);
    uint8_t *small = arena_alloc(&arena, 16);
    assert_non_null(small);
    mem_fail_after(1);
    assert_null(arena_alloc(&arena, 5000));
    assert_int_equal(arena.used, 16);
    uint8_t *next = arena_alloc(&arena, 16);
    assert_true(next > small && next - small <= 64); /* as if nothing had been asked */
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cap),
        cmocka_unit_test(everything_is_aligned_and_apart),
        cmocka_unit_test(a_big_one_leaves_the_small_ones_their_place),
        cmocka_unit_test(copies),
        cmocka_unit_test(cleanups_run_newest_first_and_once),
        cmocka_unit_test(a_cleanup_without_room_runs_at_once),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
