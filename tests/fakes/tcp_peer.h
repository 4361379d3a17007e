/* SPDX-License-Identifier: Apache-2.0
 *
 * A server whose every byte is the test's: it listens on a free port of this
 * machine and runs a function for each connection, in a thread of its own. The
 * function reads and writes as it likes; when it returns the connection closes.
 */
#ifndef HEARBACK_TESTS_FAKES_TCP_PEER_H
#define HEARBACK_TESTS_FAKES_TCP_PEER_H

#include "common/buf.h"

#include <stdatomic.h>

#define TCP_PEER_CONNECTIONS_MAX 1024

struct tcp_peer;

/* `index` counts connections from 0. */
typedef void (*tcp_serve)(int fd, int index, void *self);

struct tcp_peer *tcp_peer_start(tcp_serve serve, void *self);
/* Ends connections that are open, and joins their threads. */
void tcp_peer_stop(struct tcp_peer **at);
/* Refuses connections from now on; those that are open stay. Any thread. */
void tcp_peer_deafen(const struct tcp_peer *peer);
int tcp_peer_port(const struct tcp_peer *peer);

/* Small answers go out at once. Else the second waits until the first was acknowledged, which the
 * other side puts off for 40 ms; the peer's own connections have it. */
void tcp_no_delay(int fd);

/* For serve. False when the other side has closed. */
bool tcp_send(int fd, span bytes);
bool tcp_say(int fd, const char *text);
/* One HTTP request: head into `head`, body (by Content-Length) into `body`. */
bool tcp_read_request(int fd, struct buf *head, struct buf *body);
/* One Redis command, its words joined with blanks. */
bool tcp_read_command(int fd, struct buf *words);
/* Until the other side closes. */
void tcp_wait_closed(int fd);

#endif
