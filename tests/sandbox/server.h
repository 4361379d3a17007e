/* SPDX-License-Identifier: Apache-2.0
 *
 * The sandbox's HTTP side, on libmicrohttpd with a thread per connection: a
 * delayed answer may then simply wait in its own thread, which is plainer than
 * suspending and resuming and good for the few hundred connections of a test.
 */
#ifndef HEARBACK_TESTS_SANDBOX_SERVER_H
#define HEARBACK_TESTS_SANDBOX_SERVER_H

#include "tests/sandbox/sandbox.h"

struct server;

/* Listens on the options' address and port (0: any). Borrows the sandbox. ERR_CONFIG. */
MUST_USE struct err server_start(struct server **out, struct sandbox *sandbox);
int server_port(const struct server *server);
/* Lets go what is being delayed and closes every connection. */
void server_stop(struct server **server);

#endif
