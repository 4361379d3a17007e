/* SPDX-License-Identifier: Apache-2.0
 *
 * One history: the plan is drawn, happens, comes to rest, and is judged.
 */
#ifndef HEARBACK_TESTS_SIM_HISTORY_H
#define HEARBACK_TESTS_SIM_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

/* Ends the process: 0 when everything held. */
_Noreturn void history_run(uint64_t seed, bool trace);

#endif
