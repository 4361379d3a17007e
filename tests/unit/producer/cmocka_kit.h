/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka wants these before itself. The name of a failing table row is printed by
 * the callers through `print_message`.
 */
#ifndef HEARBACK_TESTS_UNIT_PRODUCER_CMOCKA_KIT_H
#define HEARBACK_TESTS_UNIT_PRODUCER_CMOCKA_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* In a table's loop: says which row it is when the assertion fails. */
#define ROW_CHECK(name_, condition_)                                                               \
    do {                                                                                           \
        if (!(condition_)) {                                                                       \
            print_error("row \"%s\": %s\n", (name_), #condition_);                                 \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

#endif
