/* SPDX-License-Identifier: Apache-2.0
 *
 * What the door's unit tests share: a source as the defaults of the
 * configuration make it, filled in by hand, and requests put together in a line.
 */
#ifndef HEARBACK_TESTS_UNIT_PRODUCER_KIT_H
#define HEARBACK_TESTS_UNIT_PRODUCER_KIT_H

#include "common/config.h"
#include "producer/request.h"

/* A member of config_source that is text; for test tables. */
void kit_set(char **member, const char *text);

/* Koji, hmac sha256 hex, secret "Jefe". kit_close frees it. */
void kit_source(struct config_source *source);
void kit_close(struct config_source *source);
void kit_secret(struct secret *secret, const char *text);

void kit_header(struct request *request, const char *name, const char *value);
/* "sha256=<hex>" of the body under the secret, computed apart from the code under test. */
void kit_sign(const char *secret, const char *body, char out[80]);

#endif
