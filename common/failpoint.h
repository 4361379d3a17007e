/* SPDX-License-Identifier: Apache-2.0
 *
 * Named places between two steps, where a test may end the process, to show that
 * it can be ended anywhere. Programs never set the hook; a failpoint then costs
 * one load and one branch.
 */
#ifndef HEARBACK_COMMON_FAILPOINT_H
#define HEARBACK_COMMON_FAILPOINT_H

#include <stddef.h>

/* Tests only, before threads start. */
extern void (*failpoint_hook)(const char *name);

static inline void failpoint(const char *name)
{
    if (failpoint_hook != NULL) {
        failpoint_hook(name);
    }
}

#endif
