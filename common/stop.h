/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals become events. SIGTERM and SIGINT are blocked in every thread and read
 * from a file descriptor by the one that waits; SIGPIPE is ignored.
 */
#ifndef HEARBACK_COMMON_STOP_H
#define HEARBACK_COMMON_STOP_H

#include "common/err.h"

/* Before any thread starts. *fd is the caller's: non-blocking, readable when a signal came. */
MUST_USE struct err stop_init(int *fd);
/* Takes what is pending; true when the process was asked to stop. Never blocks. */
bool stop_asked(int fd);
/* Blocks until asked to stop or `timeout_ms` passed (-1: for ever); true when asked. */
bool stop_wait(int fd, int timeout_ms);

#endif
