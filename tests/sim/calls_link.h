/* SPDX-License-Identifier: Apache-2.0
 *
 * What befalls the modelled network before the vendor.
 */
#ifndef HEARBACK_TESTS_SIM_CALLS_LINK_H
#define HEARBACK_TESTS_SIM_CALLS_LINK_H

#include <stdint.h>

void calls_link_down(int64_t for_ms);     /* nothing answers, or 503 */
void calls_link_no_login(int64_t for_ms); /* 401 */
void calls_link_heal(void);               /* and from now on the weather is fair */

#endif
