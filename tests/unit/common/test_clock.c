/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as it is written, and the clock that tests move.
 */
#include "common/clock.h"

#include "tests/unit/consumer/kit.h"

static void format(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {1000, "1970-01-01T00:00:01.000Z"},
        {INT64_C(1779847631363), "2026-05-27T02:07:11.363Z"},
        {INT64_C(1709164800000), "2024-02-29T00:00:00.000Z"},
        {INT64_C(4102444799999), "2099-12-31T23:59:59.999Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[25];
        clock_format(cases[i].ms, out, sizeof(out));
        assert_string_equal(out, cases[i].text);
    }
}

static void in_too_little_room(void *what)
{
    char out[32];
    clock_format(0, out, *(size_t *)what);
}

static void format_wants_its_room(void **state)
{
    (void)state;
    size_t room = 24;
    assert_true(kit_dies(in_too_little_room, &room));
    room = 25;
    assert_false(kit_dies(in_too_little_room, &room));
}

static void the_fake_moves_when_told(void **state)
{
    (void)state;
    struct clock_fake fake = {.mono = 5, .wall = 1000};
    struct clock clock = clock_faked(&fake);
    assert_int_equal(clock_mono_ms(&clock), 5);
    assert_int_equal(clock_wall_ms(&clock), 1000);
    assert_int_equal(clock_mono_ms(&clock), 5);
    clock_fake_move(&fake, 20);
    assert_int_equal(clock_mono_ms(&clock), 25);
    assert_int_equal(clock_wall_ms(&clock), 1020);
    fake.wall -= 5000; /* somebody set the wall clock back */
    assert_int_equal(clock_wall_ms(&clock), -3980);
    assert_int_equal(clock_mono_ms(&clock), 25);
}

static void the_machines(void **state)
{
    (void)state;
    const struct clock *clock = clock_system();
    int64_t before = clock_mono_ms(clock);
    assert_true(before >= 0);
    for (size_t i = 0; i < 1000; i++) {
        int64_t now = clock_mono_ms(clock);
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_ms(clock) > INT64_C(1700000000000)); /* milliseconds, since 1970 */
    assert_true(clock_wall_ms(clock) < INT64_C(10000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format),
        cmocka_unit_test(format_wants_its_room),
        cmocka_unit_test(the_fake_moves_when_told),
        cmocka_unit_test(the_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
