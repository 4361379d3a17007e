/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of `hearback dead` share: verb_dead.c (the command line),
 * verb_dead_list.c (list), verb_dead_show.c (show) and verb_dead_redrive.c
 * (redrive and drop).
 * Nobody else includes this.
 */
#ifndef HEARBACK_CONSOLE_VERB_DEAD_H
#define HEARBACK_CONSOLE_VERB_DEAD_H

#include "console/redrive.h"
#include "console/verb.h"

#define DEAD_LINE_BYTES_MAX (64u << 10)
#define DEAD_SHOW_BYTES_MAX (64u << 20)

struct dead_asked {
    const char *path;
    struct letter_filter filter;
    size_t limit; /* 0: none */
    bool all;
    bool yes;
    bool dry;
    bool json;
    bool body;
};

enum verb_exit dead_list(const struct config *config, const struct dead_asked *asked,
                         struct letters *letters);
enum verb_exit dead_show(const struct config *config, const struct dead_asked *asked,
                         struct letters *letters);
enum verb_exit dead_redrive(const struct config *config, const struct dead_asked *asked,
                            struct letters *letters);
enum verb_exit dead_drop(const struct config *config, const struct dead_asked *asked,
                         struct letters *letters);

/* Lines and tables of the letters listed, for all of them. */
void dead_table(const struct letters *letters);
/* The members of the letter as JSON, with commas between. */
void dead_members(struct buf *out, const struct letter *letter);
/* "worker effect" or "worker record:TOPIC/PARTITION/OFFSET". */
void dead_name(struct buf *out, const struct letter *letter);
/* Where a record is, in a word. */
const char *dead_from(enum redrive_from from);
/* Says on standard error what Kafka did not do; VERB_FAILED. */
enum verb_exit dead_kafka_failed(const struct config *config, struct err err);
/* Prints and empties it. */
void dead_say(struct buf *out);

#endif
