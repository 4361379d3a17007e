/* SPDX-License-Identifier: Apache-2.0
 *
 * The ticket filer taken by the hand: a record, an item of it, a stage asked, an
 * answer given. No network, no ledger, no engine.
 */
#ifndef HEARBACK_TESTS_UNIT_CONSUMER_FILER_H
#define HEARBACK_TESTS_UNIT_CONSUMER_FILER_H

#include "consumer/workers/ticket_filer.h"
#include "tests/unit/consumer/kit.h"

#define FILER_ARENA ((size_t)64 << 20)

struct filer {
    struct config config;
    struct job job;
    struct item item;
    struct arena arena; /* of the call and the reply */
    struct call call;
};

/* "koji" sends this body. */
void filer_open(struct filer *filer, span body);
void filer_close(struct filer *filer);
/* Asks for the next item, with a new arena and an empty memo. */
struct err filer_next(struct filer *filer, bool *made);
/* As filer_open and filer_next, when both must go well. */
void filer_begin(struct filer *filer, const char *body);

/* Asks the stage; the call is in filer->call. */
struct err filer_try(struct filer *filer, const char *stage);
void filer_ask(struct filer *filer, const char *stage);
/* The stage reads an HTTP answer, from a login that is proven or not. */
struct step filer_http(struct filer *filer, const char *stage, bool proven, const char *body);
/* The stage reads what a script returned: word, text, and more behind the journal. */
struct step filer_script(struct filer *filer, const char *stage, const char *word, const char *text,
                         const span *extras, size_t count);

void filer_assert_next(struct step step, const char *stage);
void filer_assert_step(struct step step, enum step_kind kind, const char *reason);

/* An interview "i1" of study "s1" with the themes "t1" (a bug, with two quotes and two tags) and
 * "t2" (neither good nor bad). */
extern const char filer_body[];
/* The same with ada@example.com in every place there is. */
extern const char filer_body_personal[];

#endif
