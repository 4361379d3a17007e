/* SPDX-License-Identifier: Apache-2.0
 *
 * Rates that every process of a credential shares. A budget is a row of places in
 * time, kept in Redis (budget_take.lua); a process fetches a few ahead, in one
 * script for many calls, and spends each when its time has come. What it does not
 * spend in time is gone.
 *
 * When Redis is slow, a process that has been heard of lately spends a reserve
 * instead: a small share of the rate, which the others give up as soon as it falls
 * silent, so that the sum stays within the limit. Silent is also who is answered
 * too late for the places it is given: it says so itself, by telling the others of
 * no answer that came late, or only when it is old. One thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_BUDGETS_H
#define HEARBACK_CONSUMER_ENGINE_BUDGETS_H

#include "common/clock.h"
#include "consumer/engine/budget_rule.h"
#include "consumer/engine/ledger.h"
#include "consumer/engine/timers.h"

#define BUDGET_SALT_BYTES 32
#define BUDGET_KEY_MAX    128
#define BUDGET_PLACES_MAX 512 /* fetched ahead */
#define BUDGET_HORIZON_MS 500 /* no place is fetched that lies further off, */
/* unless Redis is slow: then counted from when its answer is expected, but that at most so late. */
#define BUDGET_TRIP_MAX_MS 1000
#define BUDGET_FAR_MS      (BUDGET_HORIZON_MS + BUDGET_TRIP_MAX_MS)
#define BUDGET_LEAD_MS     250 /* what comes before a call (writing down the intent) may take */

/* Whose calls a budget counts. */
struct budget_name {
    const char *destination;
    const char *class;
    const uint8_t *salt; /* BUDGET_SALT_BYTES, a digest of the credential */
};

/* A clock that all processes can ask: Redis's. `told` is called later, with µs. Without an `ask`
 * the wall clock is taken for it: tests move one for everybody. */
struct budget_time {
    void (*ask)(void *self, void (*told)(void *owner, int64_t time_us), void *owner);
    void *self;
};

/* What the budgets of one process share. */
struct budgets {
    const struct config *config;
    struct ledger *ledger;
    const struct clock *clock;
    struct timers *timers;
    const char *owner;
    int64_t percent; /* of each rate that this process may use; a replay takes less than 100 */

    struct budget_time time;
    bool time_owed;
    bool time_known;
    int64_t time_asked_ms;
    int64_t time_told_ms;
    int64_t time_from_ms; /* when what is known was asked for */
    int64_t ahead_us;     /* of the shared clock before our monotonic one, */
    int64_t ahead_min_us; /* which lies between these two */
    int64_t ahead_max_us;
    uint64_t moves;  /* jumps of the shared clock */
    int64_t trip_ms; /* how long answers took lately, on average */
};

struct budget {
    struct budgets *home;
    struct budget_rule rule;
    char key[BUDGET_KEY_MAX];
    int64_t places[BUDGET_PLACES_MAX]; /* a ring, by the shared clock, in µs */
    size_t first;
    size_t count;
    int64_t wanted; /* cost of the calls that wait for a place */
    bool asking;
    int64_t jumps;        /* of the shared clock, as the budget counts them; -1: not known */
    uint64_t moves;       /* those that we saw, and told */
    int64_t time_from_ms; /* our time is only right when it was asked for after that */
    bool heard;           /* and is known there as one that may spend a reserve */
    bool leaves;          /* with what was asked last */
    uint64_t view;        /* of the ledger that the places were had in */
    /* Until then the others may hold us for one in touch: the shared clock in the last answer that
     * came in time, */
    int64_t heard_us;
    int64_t heard_ms;      /* when that came, on our clock, */
    int64_t heard_from_ms; /* and when what it answered was asked */
    int64_t tells_from_ms; /* the same of what is being told to the others, */
    int64_t told_from_ms;  /* and of what certainly was */
    int64_t asked_ms;
    int64_t trip_ms;     /* how long the last answer took */
    int64_t ask_at_ms;   /* not sooner: there will be no place */
    int64_t again_at_ms; /* nor before that: Redis did not answer */
    int64_t used_ms;     /* when something last waited for a place */
    int64_t hold_us;     /* to be told to the others: the vendor refused */
    int64_t held_until_ms;
    int64_t reserve_ms; /* when the reserve's next place is */
    int64_t share_us;   /* when this process may have its next place, below 100 percent */
    struct timer timer;
    void (*ready)(void *self); /* a place may have come near, or due */
    void *self;
    struct metric *spent;
    struct metric *lapsed;
    struct metric *reserved;
};

void budgets_init(struct budgets *budgets, const struct config *config, struct ledger *ledger,
                  const struct clock *clock, struct timers *timers);

/* Now, by the clock that all processes share; 0 before it is known. */
int64_t budgets_clock_us(const struct budgets *budgets);
/* Asks for it when what we know is old, or `now`. */
void budgets_ask_time(struct budgets *budgets, bool now);

/* An answer took so long. */
void budgets_note_trip(struct budgets *budgets, int64_t ms);
/* Places nearer than that would lapse on their way to us. */
int64_t budgets_lead_ms(const struct budgets *budgets);

/* `name` says whose calls are counted, see budget_name. */
void budget_open(struct budget *budget, struct budgets *home, struct budget_rule rule,
                 const struct budget_name *name);
void budget_close(struct budget *budget);

/* What waits for places, in cost; fetches when there are too few. */
void budget_want(struct budget *budget, int64_t cost);
/* Places that are due within BUDGET_LEAD_MS, counted in cost. */
int64_t budget_near(struct budget *budget);
/* True when the next call need not wait long, as far as we know. */
bool budget_is_idle(const struct budget *budget);
/* Spends places that are due; false when there are not enough. */
bool budget_take(struct budget *budget, int64_t cost);
/* The vendor refused a call: nobody sends for so long, in this process from now on, in the others
 * as soon as they fetch again. */
void budget_hold(struct budget *budget, int64_t wait_ms);
bool budget_is_held(const struct budget *budget);

#endif
