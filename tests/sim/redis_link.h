/* SPDX-License-Identifier: Apache-2.0
 *
 * What befalls the modelled connections to Redis.
 */
#ifndef HEARBACK_TESTS_SIM_REDIS_LINK_H
#define HEARBACK_TESTS_SIM_REDIS_LINK_H

#include <stdint.h>

void redis_link_away(int64_t for_ms);  /* all connections are lost, none is taken */
void redis_link_stall(int64_t for_ms); /* nothing is answered; done later */
void redis_link_refuse(int64_t for_ms, const char *error);
void redis_link_empty_before(int scripts); /* it is emptied just before the so manieth script */
void redis_link_cut_all(void);
void redis_link_heal(void);

#endif
