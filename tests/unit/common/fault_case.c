/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses a case and compares the faults, word for word.
 */
#include "tests/unit/common/fault_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

bool fault_case_same(const char *name, span yaml, unsigned needed_for, const char *expected)
{
    struct config config;
    struct buf faults;
    buf_init(&faults, 1 << 18);
    struct err err = config_parse(&config, yaml, "t", needed_for, &faults);
    bool same = err.class == ERR_CONFIG && strcmp(buf_text(&faults), expected) == 0;
    if (!same) {
        print_error("%s: %s\nexpected\n%sgot\n%s", name, err_class_name(err.class), expected,
                    buf_text(&faults));
    }
    config_close(&config);
    buf_close(&faults);
    return same;
}

void fault_cases_run(const struct fault_case *cases, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        wrong += fault_case_same(cases[i].name, span_text(cases[i].yaml), cases[i].needed_for,
                                 cases[i].expected)
                     ? 0
                     : 1;
    }
    assert_int_equal(wrong, 0);
}
