/* SPDX-License-Identifier: Apache-2.0
 *
 * Jira's limits as the modelled vendor counts them: calls of a method in any
 * second, and writes on one issue in any 2 and any 30 seconds. Nobody is refused:
 * a worker that keeps its budgets never comes so far, so one call too many is a
 * violation.
 */
#ifndef HEARBACK_TESTS_SIM_LIMITS_H
#define HEARBACK_TESTS_SIM_LIMITS_H

/* A call arrives, now. `issue`: the one it writes on, -1: none. */
void limits_arrive(const char *method, int issue);

#endif
