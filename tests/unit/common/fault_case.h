/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration that is wrong and what is said about it, for the tests of
 * config*.c.
 */
#ifndef HEARBACK_TESTS_UNIT_COMMON_FAULT_CASE_H
#define HEARBACK_TESTS_UNIT_COMMON_FAULT_CASE_H

#include "common/config.h"

struct fault_case {
    const char *name;
    unsigned needed_for;
    const char *yaml;
    const char *expected; /* every line; the file is called t */
};

/* Says what is different. */
bool fault_case_same(const char *name, span yaml, unsigned needed_for, const char *expected);
/* All of them, then fails if one was different. */
void fault_cases_run(const struct fault_case *cases, size_t count);

#endif
