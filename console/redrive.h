/* SPDX-License-Identifier: Apache-2.0
 *
 * Redriving letters: the record of each is found (where it stood, or the copy kept
 * with the letters), goes once to its worker's retry topic with the effects that
 * are wanted of it, and when the broker has that, the letters are taken away. In
 * this order: a letter is never gone before its retry is there. Blocks its thread.
 */
#ifndef HEARBACK_CONSOLE_REDRIVE_H
#define HEARBACK_CONSOLE_REDRIVE_H

#include "console/dead_topic.h"
#include "console/finder.h"
#include "console/post.h"

#define REDRIVE_EFFECTS_MAX 2048 /* a retry record; more are more records of the same */

enum redrive_from {
    REDRIVE_UNKNOWN,     /* not looked for yet, or Kafka went away before */
    REDRIVE_FROM_SOURCE, /* the record stands where it stood */
    REDRIVE_FROM_COPY,   /* gone there; there is a copy */
    REDRIVE_FROM_LETTER, /* gone there; the letter is the whole record */
    REDRIVE_GONE,        /* there is nothing of it any more */
    REDRIVE_NO_TOPIC,    /* the worker's retry topic is missing */
};

enum redrive_state {
    REDRIVE_KEPT,    /* the letters stay */
    REDRIVE_ASKED,   /* the retry is there or, in a dry run, would be; the letters are still, too */
    REDRIVE_SETTLED, /* the retry is there, the letters are gone */
};

/* The letters of one record. */
struct batch {
    struct redrive *home;
    struct kept **letters;
    size_t count;
    enum redrive_from from;
    enum redrive_state state;
    size_t owed; /* records under way */
    bool refused;
    struct batch *next; /* of those whose retry is there and whose letters are to be taken away */
};

struct redrive {
    const struct config *config;
    bool dry;
    struct finder finder;
    struct post post;
    struct batch *batches;
    size_t count;
    struct batch *acked;
    size_t retries; /* records sent, or that would be */
};

/* `letters` are sorted by LETTERS_PLACE and outlive it. ERR_RETRY: Kafka went away; what was done
 * is in the batches all the same. The caller closes it in any case. */
MUST_USE struct err redrive_run(struct redrive *redrive, const struct config *config,
                                const struct letters *letters, bool dry);
void redrive_close(struct redrive *redrive);

/* Takes a letter away. */
MUST_USE struct err redrive_bury(struct post *post, const struct letter *letter,
                                 void (*acked)(void *owner, bool durable), void *owner);
/* Where the letter's record is, as far as its own topic goes: REDRIVE_FROM_SOURCE with *record,
 * which is borrowed from the finder, or REDRIVE_GONE. */
MUST_USE struct err redrive_source(struct finder *finder, const struct letter *letter,
                                   enum redrive_from *from, const rd_kafka_message_t **record);

/* ---- the retry record, pure --------------------------------------------------------------- */

#define RETRY_HEADERS_MAX 16

struct retry {
    struct post_header headers[RETRY_HEADERS_MAX];
    size_t count;
    char partition[32];
    char offset[32];
    struct buf only;
};

/* The headers of the retry record for these letters of one record, REDRIVE_EFFECTS_MAX at most;
 * `source` are the record's own headers. Borrows the letters' and the headers' spans. */
void retry_init(struct retry *retry, struct kept *const *letters, size_t count,
                const struct post_header *source, size_t source_count);
void retry_close(struct retry *retry);

#endif
