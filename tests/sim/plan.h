/* SPDX-License-Identifier: Apache-2.0
 *
 * What one seed is about: its interviews and themes, when and where they are
 * delivered, how many workers there are, how fast the network is, and which
 * faults happen when. Drawn before anything runs; nobody changes it after.
 */
#ifndef HEARBACK_TESTS_SIM_PLAN_H
#define HEARBACK_TESTS_SIM_PLAN_H

#include "common/config.h"
#include "tests/sim/world.h"

#define PLAN_WORKERS_MAX    3
#define PLAN_PARTITIONS_MAX 4
#ifdef SIM_DAY /* the long day of day.c: one history with many interviews */
#define PLAN_INTERVIEWS_MAX 3000
#define PLAN_THEMES_MAX     512
#define PLAN_DELIVERIES_MAX PLAN_INTERVIEWS_MAX
#else
#define PLAN_INTERVIEWS_MAX 12
#define PLAN_THEMES_MAX     6
#define PLAN_DELIVERIES_MAX 48
#endif
#define PLAN_MENTIONS_MAX 4
#define PLAN_FAULTS_MAX   24
#define PLAN_VOLUME       3 /* rules.volume_file */

/* What the rules make of a theme in an interview, its quality aside. */
enum plan_mention { MENTION_FILE, MENTION_NEGATIVE, MENTION_WATCH, MENTION_WIN, MENTION_COUNT };

struct plan_interview {
    char id[24];
    bool low; /* its quality is below the first rules' least, not below the second's */
    size_t mention_count;
    struct {
        int theme;
        enum plan_mention as;
    } mentions[PLAN_MENTIONS_MAX];
};

struct plan_theme {
    char id[24];
    bool refused; /* the vendor takes no ticket for it, ever: a dead letter is right */
};

struct plan_delivery {
    int64_t at_ms;
    int interview; /* -1: bytes that are no interview, which a dead letter is right for */
    int32_t partition;
};

enum fault {
    FAULT_KILL,       /* between two turns */
    FAULT_KILL_POINT, /* at a failpoint */
    FAULT_STOP,       /* the process stands still, for longer than lease and session or not */
    FAULT_STOP_POINT,
    FAULT_DRAIN,
    FAULT_REBALANCE,
    FAULT_REDIS_CUT,    /* one worker's connection */
    FAULT_REDIS_STALL,  /* answers nobody for a while; what was sent is done later */
    FAULT_REDIS_AWAY,   /* accepts no connection for a while */
    FAULT_REDIS_REFUSE, /* READONLY, OOM, LOADING */
    FAULT_REDIS_EMPTY,
    FAULT_REDIS_RESTART,  /* another run_id; with its data or without */
    FAULT_REDIS_ROLLBACK, /* another run_id, with the data of ten seconds ago */
    FAULT_BROKER_SLOW,    /* acknowledges nothing for a while */
    FAULT_VENDOR_DOWN,    /* for a while */
    FAULT_VENDOR_LOGIN,   /* 401 for a while */
    FAULT_RULES,          /* workers restart, one after the other, with other rules */
    FAULT_REWIND,         /* all stop, the group's offsets go back, all start with other rules */
    FAULT_KINDS,
};

struct plan_fault {
    int64_t at_ms;
    enum fault kind;
    int worker;
    int64_t for_ms;
    int count; /* of failpoints; or a choice */
    int point; /* which failpoint, -1: any */
};

/* What may come of a call to the vendor. */
enum weather {
    WEATHER_LOST_BEFORE, /* no answer, no effect */
    WEATHER_LOST_AFTER,  /* no answer, the effect happened */
    WEATHER_LATE_EFFECT, /* no answer, the effect happens later, within the time-out */
    WEATHER_5XX,         /* without an effect */
    WEATHER_5XX_AFTER,   /* with the effect, now or later */
    WEATHER_429,
    WEATHER_GARBAGE, /* 200 with a body that says nothing, after the effect */
    WEATHER_REFUSED, /* no connection */
    WEATHER_SLOW,    /* the answer takes nearly as long as the time-out */
    WEATHER_KINDS,
};

struct plan {
    int workers;
    int32_t partitions;
    int32_t changelog_partitions;
    bool compacted; /* what is superseded in the changelog is gone when it is read */
    size_t theme_count;
    struct plan_theme themes[PLAN_THEMES_MAX];
    size_t interview_count;
    struct plan_interview interviews[PLAN_INTERVIEWS_MAX];
    size_t delivery_count;
    struct plan_delivery deliveries[PLAN_DELIVERIES_MAX]; /* by time */
    size_t fault_count;
    struct plan_fault faults[PLAN_FAULTS_MAX];
    int weather[WEATHER_KINDS]; /* per mille of calls */
    int64_t settle_ms;          /* jira.settle, and how far the search lags at most */
    bool stale;                 /* whether it lags */
    int comments_a_page;
    int items_max;
    int items_per_key;        /* and per record */
    int64_t redis_latency_ms; /* usual at most; now and then more */
    int64_t outbox_latency_ms;
    bool steady;        /* neither is much slower now and then */
    int cut_per_mille;  /* Redis commands after which the connection is lost */
    int nack_per_mille; /* changelog lines that the broker refuses */
    int64_t faults_end_ms;
    int64_t lazy_ms; /* how much later than it asked a process may be woken; 0: a little */
    bool drained;    /* at the end all workers are asked to stop */
};

/* Draws the plan of the world's seed. */
void plan_draw(void);
const struct plan *plan_get(void);
void plan_say(void); /* into the trace */

const char *plan_fault_name(enum fault kind);
/* The names of the failpoints that a fault may aim at; NULL beyond. */
const char *plan_point(int index);

/* The record's value: the interview as its vendor sends it. */
void plan_body(int interview, struct buf *out);

/* The two configurations: the second believes interviews of lower quality. Parsed once, before
 * the seeds; the plan's own numbers are put into a copy. */
void plan_configure(void);
void plan_config(bool second, struct config *out);

#endif
