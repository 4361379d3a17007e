/* SPDX-License-Identifier: Apache-2.0
 *
 * Times of the command line, and ages.
 */
#include "console/when.h"

#include "tests/unit/consumer/kit.h"

#define NOW  INT64_C(1779847631363) /* 2026-05-27T02:07:11.363Z */
#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

static void what_is_a_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0s", NOW},
        {"30s", NOW - 30000},
        {"15m", NOW - 15 * 60000},
        {"2h", NOW - 2 * HOUR},
        {" 2h ", NOW - 2 * HOUR},
        {"7d", NOW - 7 * DAY},
        {"1w", NOW - 7 * DAY},
        {"1d12h", NOW - DAY - 12 * HOUR},
        {"5000w", 0}, /* before 1970 */
        {"2026-05-27", NOW - 2 * HOUR - 7 * 60000 - 11363},
        {"2026-05-27T02:07:11.363Z", NOW},
        {"2026-05-27T02:07:11Z", NOW - 363},
        {"2026-05-27t02:07:11z", NOW - 363},
        {"2026-05-27 02:07:11", NOW - 363}, /* UTC */
        {"2026-05-27T04:07:11+02:00", NOW - 363},
        {"2026-05-26T21:07:11-0500", NOW - 363},
        {"1970-01-01", 0},
        {"2024-02-29", INT64_C(1709164800000)},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ms = -1;
        if (!when_parse(cases[i].text, NOW, &ms) || ms != cases[i].ms) {
            fail_msg("%s: %lld, expected %lld", cases[i].text, (long long)ms,
                     (long long)cases[i].ms);
        }
    }
}

static void what_is_none(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        " ",
                                        "h",
                                        "2",
                                        "-2h",
                                        "+2h",
                                        "2 h",
                                        "2hh",
                                        "2H",
                                        "2h30",
                                        "1.5h",
                                        "1234567s",
                                        "999999w",
                                        "yesterday",
                                        "2026-5-27",
                                        "2026-02-29",
                                        "2026-13-01",
                                        "2026-05-27T",
                                        "2026-05-27T25:00:00Z",
                                        "2026-05-27T02:07Z",
                                        "2026-05-27T02:07:11Zz",
                                        "2026-05-27T02:07:11.Z",
                                        "1969-12-31",
                                        "0000000000",
                                        "2026-05-2\xff"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ms = -1;
        if (when_parse(cases[i], NOW, &ms)) {
            fail_msg("%s is taken as %lld", cases[i], (long long)ms);
        }
    }
}

/* "T00:00:00" east of Greenwich on the first day: not before 1970. */
static void the_first_day(void **state)
{
    (void)state;
    int64_t ms = -1;
    assert_true(when_parse("1970-01-01T00:00:00+10:00", NOW, &ms));
    assert_int_equal(ms, 0);
}

static void ages(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {{-5, "0s"},        {0, "0s"},         {999, "0s"},
                 {41000, "41s"},    {59999, "59s"},    {60000, "1m"},
                 {HOUR - 1, "59m"}, {HOUR, "1h"},      {DAY - 1, "23h"},
                 {DAY, "1d"},       {90 * DAY, "90d"}, {INT64_C(20000) * DAY, "20000d"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[16];
        when_age(cases[i].ms, out, sizeof(out));
        assert_string_equal(out, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_a_time),
        cmocka_unit_test(what_is_none),
        cmocka_unit_test(the_first_day),
        cmocka_unit_test(ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
