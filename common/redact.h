/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes people's addresses out of text before it goes where people must not
 * appear: anything that looks like an e-mail address, and the respondent's own
 * address, id and name when known, each replaced by a word in brackets.
 */
#ifndef HEARBACK_COMMON_REDACT_H
#define HEARBACK_COMMON_REDACT_H

#include "common/arena.h"

struct redact_person {
    span email;
    span id;
    span name;
};

/* A copy in the arena without addresses; `text` itself when nothing had to go. .at is NULL when
 * the arena is full. ASCII case does not matter. Ids and names count as whole words only; what
 * is known and under 3 bytes long is left alone. */
span redact(struct arena *arena, span text, const struct redact_person *person);

#endif
