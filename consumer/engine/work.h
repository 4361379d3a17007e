/* SPDX-License-Identifier: Apache-2.0
 *
 * Records and items on their way: a record that is open (struct load), the items
 * made of it (struct work), the fixed pool both come from, and the queues by
 * order key that keep items of one key apart. Each work is in one list at most.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_WORK_H
#define HEARBACK_CONSUMER_ENGINE_WORK_H

#include "common/letter.h"
#include "consumer/engine/calls.h"

#include <librdkafka/rdkafka.h>

#define WORK_ARENA_BYTES (4u << 20)
#define WORK_HOLDER_MAX  96

struct intake;
struct partition;
struct stages;

/* The copy of a record among the dead letters, for its items' letters to rest on. */
enum copy {
    COPY_NONE,
    COPY_OWED, /* sent, not acknowledged */
    COPY_THERE,
};

/* A record with items that are not all settled. */
struct load {
    struct job job; /* first: the worker sees this part */
    struct partition *partition;
    uint64_t generation; /* of the partition's assignment when the record was read */
    rd_kafka_message_t *message;
    size_t open;            /* items made and not settled */
    bool made_all;          /* all its items were made */
    bool spoiled;           /* an item was given back: the record must not be settled */
    struct intake *intake;  /* while its dead letter is owed */
    struct err refusal;     /* set: no items can be made of it at all */
    const char *unreadable; /* static: why no items could be made */
    bool partial;           /* not all items were wanted: that it is settled says nothing */
    bool late;              /* read again for items whose time has come: not in the window */
    size_t admitted;        /* of the items made, those that were wanted */
    uint32_t crash_place;   /* what is reported of it if the worker crashes */
    bool convicted;         /* it crashed the worker while it was alone: it is not run */
    bool buried;            /* its dead letter is durable */
    int64_t failing_ms;     /* since when making items fails for want of memory; 0: it does not */
    struct load *older;     /* all that are open, in the order of opening */
    struct load *newer;     /* see intake->newest_load */
    struct load *next;      /* loads that the next pass looks at */
    bool listed;            /* it is among those */
    bool said_missing;      /* what a retry record asked for and the rules do not make */
    bool cramped;           /* a ticket of it waits only for the record's share of the pool */
    bool cursor_done;       /* the worker makes no more items of it: what is left are tickets */
    bool too_long;          /* to be listed item by item */
    struct ticket *tickets; /* of items that wait to be made, by index */
    enum copy copy;         /* made when the first of its items dies */
    struct work *letters;   /* wait for the copy */
    char digest[LETTER_DIGEST_ROOM]; /* of the value, once there is a copy */
};

/* What is done next when the work runs. */
enum phase {
    PHASE_CLAIM,  /* take the lease, learn what is known */
    PHASE_ASK,    /* the stage's question */
    PHASE_HOLD,   /* counted among the effects of its kind, or held with them */
    PHASE_SLOT,   /* a place among the destination's calls */
    PHASE_KEY,    /* a place among the calls of its key, such as the writes on one issue */
    PHASE_INTEND, /* write down that the effect is about to happen */
    PHASE_SEND,
    PHASE_RECORD, /* write down what came of it */
    PHASE_LATER,  /* write down when to go on */
    PHASE_BURY,   /* take back what a dead item began */
    PHASE_LETTER, /* append the record's copy, then the dead letter */
};

/* An item that waits to be made: its place in its record and in its order key's line. */
struct ticket {
    struct ticket *next;   /* of its load, with a higher index */
    struct ticket **from;  /* what points to it there */
    struct ticket *behind; /* in its key's line */
    struct load *load;
    struct order_key *key;
    size_t index; /* job->made when it is made */
    /* Of an item that was put back: what it went through. */
    int64_t began_ms; /* 0: it was never made */
    int64_t waited_ms;
    unsigned attempts;
};
enum work_key { WORK_LEASE, WORK_EFFECT, WORK_KEYS };

struct work {
    struct item item; /* first: stages see this part */
    size_t index;     /* which item of its record */
    struct stages *home;
    struct load *load;
    struct order_key *key;
    struct work
        *next; /* in the pool, the run list, the parked list, a slot queue, its load's letters */
    struct work *behind; /* in its order key's queue */
    uint64_t serial;     /* tells this use of the place in the pool from earlier ones */
    enum phase phase;
    bool queued;  /* in the run list or parked */
    bool waiting; /* in a gate's queue for a slot */
    bool gated;   /* in a gate's list of those that need nothing but a place in the budget */
    bool owed;    /* an answer is owed by the ledger, a destination, the outbox */
    bool holding; /* a slot of item.stage's destination */
    bool probe;
    struct gate *gate;      /* of the call, from PHASE_SLOT on */
    uint64_t ticket;        /* its turn there */
    int64_t admitted;       /* its cost, while it is one of gate->admitted, */
    int64_t admitted_ms;    /* since then */
    bool noted;             /* the intention stands, since the question was last asked */
    bool key_had;           /* a place among its key's calls, */
    int64_t key_until_ms;   /* which lapses then */
    unsigned refused_count; /* by its vendor, for good */
    int64_t forbidden_ms;   /* when the stage's call was first; 0: it was not */
    int64_t failing_ms;     /* since when the stage's call fails, in doubt or not; 0: it does not */
    bool own_fault;         /* it fails, and others go through */
    struct timer timer;
    struct timer renew; /* of the lease, while waiting */

    span keys[WORK_KEYS];   /* in Redis; in the item's arena */
    int64_t lease_until_ms; /* on our monotonic clock; 0: no lease */
    int64_t claim_sent_ms;
    int64_t intend_sent_ms;
    uint64_t heir_view;   /* it claims what an item before it holds, in this view; 0: it does not */
    uint64_t lease_round; /* rises with each lease had: an answer about an earlier one is ignored */
    int64_t sent_ms;      /* the call */
    uint64_t view;        /* the ledger's view the lease was taken in */
    int64_t quiet_since_ms;
    char holder[WORK_HOLDER_MAX]; /* who has the lease, and since when it stood still */
    int64_t holder_since_ms;
    uint64_t holder_view; /* the ledger's view that was seen in */
    unsigned busy;

    bool awaits;     /* the end of the item before it, before it goes on */
    bool released;   /* its lease goes with the record that is being written */
    bool overtaken;  /* the item before it goes back to work: it starts over */
    bool given_back; /* to whoever has the partition now: it is not settled */
    /* Where whoever takes this over goes on as long as the effect under way has not happened: the
     * first stage, or the one behind the last effect that was recorded. */
    int resume_stage;
    bool refused;      /* what is being recorded is that the effect did not happen */
    bool redo;         /* it is done, and what may be repeated is written again */
    unsigned failures; /* in a row, of the stage */
    unsigned attempts; /* calls made */
    int64_t waited_ms; /* spent backing off */
    int64_t floor_ms;  /* the destination's own word: not sooner than that */
    int64_t began_ms;  /* wall */
    char detail[512];  /* the vendor's words for the last refusal */

    struct call call;
    struct arena call_arena;
    struct transfer transfer;
    struct step step; /* what the last answer came to */
};

/* ---- the pool ---- */

struct pool {
    struct work *all;
    struct work *spare;
    size_t count;
    size_t used;
    uint64_t serial;
    uint64_t returned; /* rises whenever there is room where there may have been none */
};

void pool_init(struct pool *pool, size_t count);
void pool_close(struct pool *pool);
struct work *pool_take(struct pool *pool); /* NULL when all are used */
void pool_return(struct pool *pool, struct work *work);
/* In no list, and no timer or answer will bring it on. */
bool work_is_idle(const struct work *work);

/* ---- order keys ---- */

struct order_key {
    struct order_key *next; /* in its bucket */
    uint64_t hash;
    struct work *first; /* the one that may run */
    struct work **last;
    struct work *closing;   /* was before it: only its end is still to be written */
    size_t count;           /* of works, the closing one with them */
    struct destination *at; /* where the first one came to last: all of them count as there */
    struct ticket *tickets; /* behind the works, in order */
    struct ticket **tickets_last;
    struct destination *held; /* the first ticket's item came there, and had no room */
    struct key_list *in;      /* stirred or stuck; NULL: neither */
    struct order_key *in_next;
    struct order_key **in_from; /* what points to it there */
    size_t name_len;
    uint8_t name[];
};

struct key_list {
    struct order_key *first;
    struct order_key **last;
};

struct order {
    struct order_key **buckets;
    size_t bucket_count; /* a power of two */
    size_t keys;
    struct key_list stirred; /* of which the first ticket may have room now, in turn */
    struct key_list stuck;   /* of which it has none for another reason than the key's share */
};

void order_init(struct order *order, size_t expected);
void order_close(struct order *order);
/* Puts the work behind the others of its order key; true when it may run now. */
bool order_enter(struct order *order, struct work *work);
/* Takes the work out; returns the one that may run now because of that, NULL when there is none. */
struct work *order_leave(struct order *order, struct work *work);
/* Only the end of the running work is still to be written: the next one may run beside that, and is
 * returned. NULL when there is none, or an earlier one is closing, or it is not its turn. */
struct work *order_close_work(struct work *work);
/* The closing work is not at its end after all: it is before all others again. */
void order_reopen(struct work *work);
bool order_is_closing(const struct work *work);
/* Is it its turn, or is it closing? */
bool order_runs(const struct work *work);
/* Who is before it in its line, the closing work included; NULL when nobody is. */
struct work *order_before(const struct work *work);
struct work *order_behind(const struct work *work);

/* The key's first ticket is to be looked at: it may have room. Whatever here gives it some says so
 * by itself. */
void order_stir(struct order *order, struct order_key *key);
/* The key that was stirred longest ago, which it is no more; NULL when there is none. */
struct order_key *order_take_stirred(struct order *order);
/* It was not its turn yet: it comes next. */
void order_stir_first(struct order *order, struct order_key *key);
/* What it waits for is nothing that happens to the key: it stays until order_stir_stuck. */
void order_stick(struct order *order, struct order_key *key);
void order_stir_stuck(struct order *order);

/* The key's first item has come there: all of its items count as there, and nowhere else. */
void order_move(struct order_key *key, struct destination *to);
/* The key of that name; NULL when nothing of it is here. */
struct order_key *order_find(const struct order *order, span name);
/* Puts the ticket behind all of its key. */
void order_queue(struct order *order, struct ticket *ticket, span name);
/* Puts the ticket behind `after`, or before all others of its key (NULL), which it must have. */
void order_queue_behind(struct order *order, struct ticket *ticket, struct ticket *after);
void order_unqueue(struct order *order, struct ticket *ticket);

#endif
