/* SPDX-License-Identifier: Apache-2.0
 *
 * What the restore's files share: restore.c (who answers, which view, who
 * restores, opening) and restore_fill.c (what is removed, what is written).
 * Nobody else includes this.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_RESTORE_INSIDE_H
#define HEARBACK_CONSUMER_ENGINE_RESTORE_INSIDE_H

#include "common/metrics.h"
#include "consumer/engine/mark.h"
#include "consumer/engine/restore.h"

#define RESTORE_LOCK_KEY "hearback:restore"
#define RESTORE_PERCENTS 100 /* of which 100 is never said */

enum restore_state {
    RESTORE_AWAY,     /* no connection */
    RESTORE_ASKING,   /* which Redis, which view; or waiting for whoever restores */
    RESTORE_CLEARING, /* removing what the changelog may not know */
    RESTORE_READING,
    RESTORE_OPENING,
    RESTORE_OPEN,
};

struct question;

struct restore {
    struct restore_parts parts;
    enum restore_state state;
    struct timer poll;
    uint64_t round; /* answers of an earlier round are ignored */
    char token[64]; /* of the lock: this process and round */
    bool locked;    /* as far as we know */
    bool said_policy;
    struct marks *marks;
    struct question *questions; /* that Redis has not answered */

    /* What Redis said of itself. */
    char run_id[64];
    struct buf epoch; /* JSON; empty: none */
    char epoch_id[32];
    bool epoch_fits; /* it was made on this run_id */
    struct mark mark;

    /* The restore under way. */
    struct changelog_reader reader;
    struct ledger_line lines[CHANGELOG_READ_MAX];
    span args[REDIS_ARGS_MAX];
    struct timer beat; /* keeps the lock while nothing is written */
    bool whole;
    bool scanned;
    size_t batches_out; /* batches Redis has not answered yet */
    int64_t records;
    int64_t total; /* an estimate */
    int64_t began_ms;
    int64_t said_ms;
    int64_t said_records;
    char percents[RESTORE_PERCENTS][32]; /* written once: another thread reads them */

    struct metric *metric_records;
    struct metric *metric_restores;
    struct metric *metric_done;
    struct metric *metric_left;
};

/* ---- restore.c ---- */

/* Asks Redis; the answer is dropped when the round has ended by then, or is unknown. */
void restore_ask(struct restore *restore, const span *args, size_t count,
                 void (*answered)(struct restore *restore, const struct redis_reply *reply));
/* Gives up this round: lets the lock go and asks again in a while. */
void restore_again(struct restore *restore);
/* Everything is written: opens the view. */
void restore_open_view(struct restore *restore);

/* ---- restore_fill.c ---- */

void restore_fill_init(struct restore *restore);
/* Under the lock, with the view's epoch and mark known. */
MUST_USE struct err restore_fill_start(struct restore *restore);
void restore_fill_stop(struct restore *restore);
/* As restore_turn. */
int64_t restore_fill_turn(struct restore *restore);
/* "restoring: 43 %" */
const char *restore_fill_tells(const struct restore *restore);

#endif
