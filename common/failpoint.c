/* SPDX-License-Identifier: Apache-2.0
 *
 * The hook of the failpoints: unset in every program.
 */
#include "common/failpoint.h"

void (*failpoint_hook)(const char *name);
