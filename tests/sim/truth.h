/* SPDX-License-Identifier: Apache-2.0
 *
 * What is true of the modelled world, and what must be: every invariant that the
 * simulation checks stands in truth.c or in truth_end.c, each with the words it
 * is violated with.
 */
#ifndef HEARBACK_TESTS_SIM_TRUTH_H
#define HEARBACK_TESTS_SIM_TRUTH_H

#include "consumer/engine/outbox.h"
#include "tests/sim/plan.h"

#define TRUTH_SOURCE "koji" /* where all interviews come from */

/* One theme of one interview. */
struct truth_item {
    bool done; /* a line of the changelog says so */
    char reason[32];
    bool dead; /* likewise */
    bool letter;
    bool described; /* the ticket's description tells it */
    bool commented;
    bool evidence; /* a line of the changelog counts it */
    bool win;
    int64_t told_ms;
    int told_serial; /* the order in which comments were made */
};

struct truth_item *truth_item(int interview, int theme);

/* Those who know tell what happened. */
void truth_line(span key, span value);                 /* the changelog has it */
void truth_letter(const struct outbox_record *record); /* the dead letters have it */
void truth_sending(int theme, int interview, const char *stage);
void truth_answered(int theme, int interview); /* an effect, clearly, to a process that lives */
void truth_created(int theme, const int *interviews, size_t count);
void truth_commented(int theme, int interview);
/* A worker stores an offset with its consumer, or the coordinator takes it. */
void truth_offset(int worker, int32_t partition, int64_t offset, const char *does);
/* From now on every record is looked at again, under the second rules. */
void truth_rewound(void);
void truth_second_rules(void);

/* "koji/int3" and "th2" to numbers; -1 for what nobody said. */
int truth_interview(span reference);
int truth_theme(span id);

/* Everything that was delivered is settled and committed. */
bool truth_at_rest(void);
/* All that must hold then. */
void truth_judge(void);

/* For truth_end.c. */
/* The changelog has its outcome. */
bool truth_settled(int interview, int theme);
bool truth_may_be_left_out(int interview);
bool truth_any_second_rules(void);
bool truth_garbage_has_letter(int32_t partition, int64_t offset);

#endif
