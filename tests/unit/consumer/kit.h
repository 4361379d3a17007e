/* SPDX-License-Identifier: Apache-2.0
 *
 * What the workers' unit tests share: a seeded generator whose seed is printed,
 * a way to see a CHECK abort, texts that nobody wishes for, JSON read back, and
 * the configuration as the defaults make it.
 */
#ifndef HEARBACK_TESTS_UNIT_CONSUMER_KIT_H
#define HEARBACK_TESTS_UNIT_CONSUMER_KIT_H

#include "common/config.h"
#include "common/json.h"
#include "common/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct kit_random {
    uint64_t state;
};
/* Seeded from HEARBACK_SEED when that is set, else from the clock; says which. */
struct kit_random kit_random(void);
uint64_t kit_draw(struct kit_random *random);
/* 0 to n - 1. */
size_t kit_below(struct kit_random *random, size_t n);

/* True when fn(what) ends its process by abort, as a failed CHECK does. */
bool kit_dies(void (*fn)(void *), void *what);

/* Hostile texts, the last 1 MB long. Static. */
struct kit_text {
    const char *name;
    span text;
};
size_t kit_hostile(const struct kit_text **texts);

/* Strictly parsed; the test fails when it is no JSON. NULL for null. */
struct json_object *kit_json(span text);
#define KIT_JSON SCOPED(json_free) struct json_object *
/* The text at the pointer; the test fails when there is none. */
span kit_text_at(struct json_object *root, const char *pointer);
void kit_assert_text(span got, const char *expected);

/* Jira at https://example.atlassian.net, project RES, all else by default. */
void kit_config(struct config *config);

#endif
