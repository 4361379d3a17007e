/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults on request. Each is a rule: which requests of which vendor, what goes
 * wrong, how often. The server asks once a request; the first rule that is due
 * decides, except that "stale" (which only blinds the search) comes on top of
 * any other. Kept under the sandbox's lock.
 */
#ifndef HEARBACK_TESTS_SANDBOX_FAULTS_H
#define HEARBACK_TESTS_SANDBOX_FAULTS_H

#include "tests/sandbox/request.h"

enum fault_kind {
    FAULT_NONE,
    FAULT_DELAY,       /* wait `ms`, then answer as ever */
    FAULT_DROP_BEFORE, /* close the connection, nothing happened */
    FAULT_DROP_AFTER,  /* the effect, then close the connection without an answer */
    FAULT_STATUS,      /* another status, headers and body instead of the effect */
    FAULT_STALE,       /* the search does not see issues younger than `seconds` */
    FAULT_GARBAGE,     /* the effect, and an answer that is no JSON */
    FAULT_TRUNCATE,    /* the effect, and half of the announced body */
    FAULT_ENDLESS,     /* the effect, and a body that does not end; `ms` between its blocks */
    FAULT_CLOSE_IDLE,  /* the answer, and `ms` later the kept connection closes unannounced */
};

/* What one request suffers. Texts live in the request's arena. */
struct hit {
    enum fault_kind kind;
    unsigned status;
    bool after_effect; /* delay, status: the effect happens first */
    int64_t ms;
    int64_t stale_ms; /* 0: the search sees everything */
    const char *body; /* NULL: the kind's own */
    struct pair headers[ANSWER_HEADERS_MAX];
    size_t header_count;
};

struct fault;
struct faults {
    struct fault *first;
    int64_t next_id;
};

const char *fault_name(enum fault_kind kind);

/* Reads one rule and shares its tree. ERR_REJECT; its text says what is wrong. */
MUST_USE struct err faults_add(struct faults *faults, json_object *rule, int64_t *id);
void faults_clear(struct faults *faults);
/* The caller owns the list. */
json_object *faults_list(const struct faults *faults);

void faults_strike(struct faults *faults, const struct request *req, struct arena *arena,
                   struct hit *hit);

#endif
