/* SPDX-License-Identifier: Apache-2.0
 *
 * Ends a turn of the loop that does not end by itself: a timer on the thread's
 * processor time looks whether the turn it last saw is still going on, and aborts
 * when it has been for turn_max. Processor time, so a process that was stopped, a
 * machine that slept or has none to spare, and a call that waits are never taken
 * for it. One a process, for the thread that begins it.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_WATCHDOG_H
#define HEARBACK_CONSUMER_ENGINE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#define WATCHDOG_SIGNAL SIGVTALRM

/* 0: no watchdog. */
void watchdog_begin(int64_t turn_max_ms);
void watchdog_end(void);
/* A turn begins. */
void watchdog_turn(void);
/* It was the watchdog that aborted. Safe in a signal handler. */
bool watchdog_bit(void);

#endif
