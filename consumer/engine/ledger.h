/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger: what must happen at most once, kept in Redis (the view) and in
 * the changelog (the truth). Everything goes through ledger_run, which
 *   appends the lines given beforehand to the changelog and waits for the broker,
 *   runs the script,
 *   makes sure that the view it ran on was the restored one (a GET of the epoch
 *   behind it on the same connection: the epoch is gone or new if the view was),
 *   appends the lines the script returned, and waits for the broker again, and
 *   makes sure once more: a view restored meanwhile may have been read before them.
 * Only then is the owner told. Lines that the broker had too late may stand behind
 * newer ones: what the view holds is said anew behind them (restate.h). While the
 * view is closed (no connection, no epoch, another Redis) nothing runs. One thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_LEDGER_H
#define HEARBACK_CONSUMER_ENGINE_LEDGER_H

#include "consumer/engine/outbox.h"
#include "consumer/scripts.h"

#define LEDGER_LINES_MAX 4
/* Longer than this between the lines beforehand and the owner's being told: LEDGER_AGAIN. mark.c
 * rests on it. */
#define LEDGER_BEFORE_MAX_MS 30000

enum ledger_result {
    LEDGER_OK,    /* the script ran on the restored view and its journal is durable */
    LEDGER_AGAIN, /* unknown, or refused for now: run it again later */
    LEDGER_VIEW,  /* the view was lost meanwhile: whoever holds a lease holds it no longer */
};

struct ledger_line { /* one line of the journal; .value.at NULL deletes */
    char kind;       /* S, H or Z: scripts.h */
    span key;
    span field;
    span value;
};

struct ledger_request {
    const struct script *script;
    const span *keys;
    size_t key_count;
    const span *args;
    size_t arg_count;
    struct ledger_line before[LEDGER_LINES_MAX]; /* durable before the script runs */
    size_t before_count;
    /* Changes nothing, neither Redis nor the changelog (not even the lines before); the words are
     * those that a live run would return. */
    bool dry;
    /* `reply` is the script's list and lives until the callback returns; NULL unless LEDGER_OK. */
    void (*done)(void *self, enum ledger_result result, const struct redis_reply *reply);
    void *self;
};

struct ledger;

struct ledger *ledger_new(struct redis *redis, struct outbox outbox, const struct clock *clock);
void ledger_free(struct ledger **at);

/* Texts are copied. Only while the ledger is open. */
void ledger_run(struct ledger *ledger, const struct ledger_request *request);
/* Once a turn, after scripts were sent: asks for the epoch behind them; once a second anyway. */
void ledger_confirm(struct ledger *ledger);

/* Redis's time in µs, 0 when it cannot be had; told from a later redis_turn. */
void ledger_ask_time(void *ledger, void (*told)(void *owner, int64_t time_us), void *owner);

bool ledger_is_open(const struct ledger *ledger);
/* Changes with every view: what was learned under another number is worth nothing. */
uint64_t ledger_view(const struct ledger *ledger);
/* What names the view for all processes; borrowed. */
span ledger_epoch(const struct ledger *ledger);
/* For how long the present view has been there at least. It is added up of what processes saw on
 * their monotonic clocks one after the other (mark.c), so no clock that jumps makes it too long. */
int64_t ledger_view_age_ms(const struct ledger *ledger);
size_t ledger_in_flight(const struct ledger *ledger);

/* For the restore: opens the view under this epoch (its JSON), which is known to be at least so
 * old, or closes it. `lost` is called when a confirmation finds that the epoch is not there any
 * more. */
void ledger_open(struct ledger *ledger, span epoch, int64_t age_ms);
void ledger_close_view(struct ledger *ledger);
void ledger_on_lost(struct ledger *ledger, void (*lost)(void *self), void *self);

bool ledger_kind_known(char kind);
/* The changelog's key of a line, into `key`. */
void ledger_line_key(const struct ledger_line *line, struct buf *key);
/* The other way round; false when it is none. */
bool ledger_line_parse(span key, span value, struct ledger_line *line);

#define LEDGER_EPOCH_KEY "hearback:epoch"

#endif
