/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engine's component tests share: cmocka with what it needs before
 * itself, the services of this run (tests/run.sh names them in the environment),
 * names that no other test uses, and quiet logs.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_KIT_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/own.h"
#include "tests/fakes/redis_server.h"

/* Real time that a wait may take before the test fails. */
#define KIT_PATIENCE_MS 30000

/* The service's address, or NULL after saying why the test is skipped. */
const char *kit_service(const char *variable);

/* The address in `name`, or the test is skipped. */
#define KIT_NEEDS(name, variable)                                                                  \
    const char *name = kit_service(variable);                                                      \
    if (name == NULL) {                                                                            \
        skip();                                                                                    \
    }

/* Twelve hex digits that no other test has. */
void kit_suffix(char *out, size_t room);

/* Log lines are kept in memory, not shown; the last ones can be asked for. */
void kit_quiet(void);
/* How often `event` was logged since kit_quiet. */
int kit_logged(const char *event);

/* True until the patience is over: for (int64_t t = kit_begin(); kit_waits(t); ) … */
int64_t kit_begin(void);
bool kit_waits(int64_t began_ms);

/* Open descriptors of this process. */
size_t kit_descriptors(void);

/* `text` with each '@' replaced by `prefix`, into `out`. */
void kit_expand(const char *text, const char *prefix, struct buf *out);
/* `pattern` with '*' for any bytes. */
bool kit_matches(span text, const char *pattern);

#endif
