/* SPDX-License-Identifier: Apache-2.0
 *
 * One request's way through the door, without the network: what its head allows,
 * what its body proves, and what is answered. server.c feeds it and suspends it.
 * Owned by the connection's thread; while it waits for the broker nobody touches it.
 */
#ifndef HEARBACK_PRODUCER_VISIT_H
#define HEARBACK_PRODUCER_VISIT_H

#include "producer/refusal.h"
#include "producer/route.h"

#define VISIT_ARENA_BYTES       (64 * 1024)
#define VISIT_UNSIGNED_BYTES    (16 * 1024)   /* a larger body is no check of the address */
#define VISIT_SKIPPED_BYTES_MAX (1024 * 1024) /* read past before the connection is cut */

struct answer {
    enum refusal refusal;
    bool handshake;
    unsigned status;
    const char *content_type;
    const char *allow; /* of 405, else NULL */
    span body;         /* in the visit's arena */
};

struct visit {
    const struct config_source *config; /* NULL until the path is known */
    const struct source *source;
    struct request request;
    struct buf body;
    struct arena arena;
    struct record record;
    enum refusal refusal; /* decided while the body still comes in */
    size_t skipped;       /* bytes of the body read past since */
};

void visit_init(struct visit *visit);
void visit_close(struct visit *visit);

/* The head; the request's headers and query are in place. REFUSAL_NONE: read the body. */
enum refusal visit_head(struct visit *visit, const struct config *config, const char *method,
                        const char *path);
/* A piece of the body. False when the connection should be cut. */
bool visit_piece(struct visit *visit, span piece);
/* The body is whole. True: publish visit->record; false: give *answer. */
bool visit_judge(struct visit *visit, const struct route_arrival *arrival, struct answer *answer);

/* The answer to a refusal; `text` NULL takes the table's words. */
void visit_refuse(struct visit *visit, enum refusal refusal, const char *text,
                  struct answer *answer);
/* The answer to a record that the broker has. */
void visit_accept(struct visit *visit, struct answer *answer);

#endif
