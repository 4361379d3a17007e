/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker that finds nothing to do in any record: what is read, and when, is all
 * there is to see. And the bench with its topic, of one partition.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_IDLER_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_IDLER_H

#include "tests/component/engine/shop.h"

extern const struct worker idler;

int idler_open_bench(void **state);
int idler_close_bench(void **state);

#endif
