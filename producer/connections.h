/* SPDX-License-Identifier: Apache-2.0
 *
 * Every open connection and since when it is at what, so that a sender who
 * trickles bytes is cut off: libmicrohttpd's own time-out starts anew with each
 * byte. Thread-safe.
 */
#ifndef HEARBACK_PRODUCER_CONNECTIONS_H
#define HEARBACK_PRODUCER_CONNECTIONS_H

#include <stddef.h>
#include <stdint.h>

enum connection_phase {
    CONNECTION_HEAD, /* idle, or sending a head */
    CONNECTION_BODY, /* from the head's end */
    CONNECTION_OURS, /* it is our turn */
};

struct connection;
struct connections;

struct connections *connections_new(void);
/* All are closed by now. */
void connections_free(struct connections **connections);

/* Borrows the socket until connections_close, which comes before the socket is closed. */
struct connection *connections_open(struct connections *connections, int fd, int64_t now_ms);
void connections_close(struct connections *connections, struct connection *connection);
void connections_mark(struct connections *connections, struct connection *connection,
                      enum connection_phase phase, int64_t now_ms);

/* Shuts the sockets that are in BODY for longer than `limit_ms`, or in HEAD (which may have been
 * idle first) for twice that; how many. */
size_t connections_reap(struct connections *connections, int64_t now_ms, int64_t limit_ms);

#endif
