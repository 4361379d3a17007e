/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the configuration start from: the smallest file that does for
 * every program, its secrets, and reading a file that must be right.
 */
#ifndef HEARBACK_TESTS_UNIT_COMMON_CONFIG_KIT_H
#define HEARBACK_TESTS_UNIT_COMMON_CONFIG_KIT_H

#include "common/config.h"

#define EVERY (CONFIG_FOR_INGEST | CONFIG_FOR_WORKER | CONFIG_FOR_CONSOLE)

extern const char minimal[];

/* Fails the test, showing the faults, unless the file has none. */
void parse(struct config *config, const char *yaml, unsigned needed_for);
/* A setup for cmocka: puts the secrets into the environment. */
int with_secrets(void **state);

#endif
