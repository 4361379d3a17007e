/* SPDX-License-Identifier: Apache-2.0
 *
 * The door's HTTP side: libmicrohttpd with its own epoll threads. A request that
 * is being published suspends its connection; server_settled resumes it.
 */
#ifndef HEARBACK_PRODUCER_SERVER_H
#define HEARBACK_PRODUCER_SERVER_H

#include "common/config.h"
#include "producer/publish.h"

struct server;

/* Listens and logs `listening` with the address it got. Configuration and publisher must outlive
 * it; the caller owns *out. ERR_CONFIG when the address cannot be had, ERR_FATAL otherwise. */
MUST_USE struct err server_start(const struct config *config, struct publisher *publisher,
                                 struct server **out);
uint16_t server_port(const struct server *server);

/* Cuts off who sends too slowly. To be called once a second or so. */
void server_reap(struct server *server);

/* Takes no more connections; what still comes on open ones is told to close. */
void server_quiesce(struct server *server);
/* Waits until no request is under way; false when `timeout_ms` passed first. */
bool server_wait_idle(struct server *server, int timeout_ms);
/* No connection may be suspended any more. */
void server_stop(struct server **server);

/* For publisher_start: `who` is a visit of some server. */
void server_settled(void *who, enum refusal refusal);

#endif
