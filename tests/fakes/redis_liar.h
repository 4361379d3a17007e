/* SPDX-License-Identifier: Apache-2.0
 *
 * A proxy before a real Redis that misbehaves when it is told to: at the command
 * that is named it answers something else, a part, or nothing, with or without
 * letting Redis have the command. Otherwise it passes everything on, one command
 * at a time, in threads of its own.
 */
#ifndef HEARBACK_TESTS_FAKES_REDIS_LIAR_H
#define HEARBACK_TESTS_FAKES_REDIS_LIAR_H

#include <stdbool.h>
#include <stddef.h>

enum lie_kind {
    LIE_SAYS,     /* `says`, and Redis never sees the command */
    LIE_SAYS_DID, /* `says`, but Redis has done it */
    LIE_HALF,     /* Redis does it; half of its reply, then the connection closes */
    LIE_CLOSES,   /* the connection closes; Redis never sees the command */
    LIE_DID,      /* the same, but Redis has done it */
    LIE_MORE,     /* Redis's reply, and behind it `says` that nobody asked for */
};

struct lie {
    enum lie_kind kind;
    const char *at;   /* stands in the command's bytes, e.g. a script's SHA-1 */
    const char *also; /* and this does, too; NULL: no matter */
    const char *says;
    int times;
};

struct redis_liar;

/* In front of the Redis at 127.0.0.1:`port`. Its own port into *own. */
struct redis_liar *redis_liar_start(int port, int *own);
void redis_liar_stop(struct redis_liar **at);
/* From now on; what it was told before is forgotten. */
void redis_liar_tell(struct redis_liar *liar, const struct lie *lie);
/* How often it still will. */
int redis_liar_left(struct redis_liar *liar);

#endif
