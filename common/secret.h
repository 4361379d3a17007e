/* SPDX-License-Identifier: Apache-2.0
 *
 * A secret cannot be printed by accident: it has no text accessor but the one
 * named reveal, is wiped when closed, and is compared in constant time only.
 */
#ifndef HEARBACK_COMMON_SECRET_H
#define HEARBACK_COMMON_SECRET_H

#include "common/err.h"
#include "common/span.h"

struct secret {
    uint8_t *hidden;
    size_t hidden_len;
};

/* Copies the bytes; the caller wipes its own. */
void secret_init(struct secret *secret, span bytes);
void secret_close(struct secret *secret);
bool secret_is_set(const struct secret *secret);

/* Constant time in the length of `given`; an unset secret equals nothing. */
bool secret_equal(const struct secret *secret, span given);

/* For handing to a MAC or an Authorization header, nothing else. Borrowed. */
span secret_reveal(const struct secret *secret);

/* Reads environment variable NAME, or the file that NAME_FILE names (a trailing
 * line end is not part of it). Both unset leaves the secret unset and is no
 * error; both set, an unreadable or an empty file is ERR_CONFIG. Call before threads start. */
MUST_USE struct err secret_load(struct secret *secret, const char *name);

#endif
