/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of commands for the Lua scripts' tests. A row is what is asked of Redis
 * and what it must answer; '@' stands for the prefix of the test's own keys. The
 * first word may be a script's name (then the number of keys follows), a Redis
 * command, or one of the short forms of script_rows.c. Before every script the
 * same runs dry: it must change no byte and say what the live run then says. After
 * it the journal that it returned is compared with what Redis holds.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_SCRIPT_ROWS_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_SCRIPT_ROWS_H

#include "tests/component/engine/kit.h"

struct row {
    const char *name;
    const char *words[28];
    const char *gives; /* '*' stands for anything */
};

/* cmocka setup and teardown of the whole program. */
int rows_open(void **state);
int rows_close(void **state);
/* Top to bottom, under a prefix of their own. Skips the test without a Redis. */
void rows_run(void **state, const struct row *rows, size_t count);
#define ROWS(state, rows) rows_run((state), (rows), COUNT_OF(rows))

#endif
