/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations port: GET /healthz (the process lives), /readyz (it may be
 * sent work; the reason when not) and /metrics. Served by a thread of its own
 * that only reads atomics.
 */
#ifndef HEARBACK_COMMON_OPS_H
#define HEARBACK_COMMON_OPS_H

#include "common/err.h"

#include <stdint.h>

struct ops;

/* Listens on "address:port" (port 0: any) and logs ops_listening with the address it got.
 * ERR_CONFIG when the address cannot be had. The caller owns *out. */
MUST_USE struct err ops_start(const char *address, struct ops **out);
void ops_stop(struct ops **ops);
uint16_t ops_port(const struct ops *ops);

/* The listening socket of "address:port", for whoever serves on it; *port is the one it got. Names
 * are looked up. ERR_CONFIG with errno as the code. The caller owns *fd. */
MUST_USE struct err ops_listen(const char *address, int *fd, uint16_t *port);

/* Not ready until told so. `reason` is static text, shown by /readyz while not ready; NULL: ready.
 * A change is logged once. */
void ops_ready(struct ops *ops, const char *reason);

#endif
