/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two files of the ticket filer share: ticket_filer.c (the table and
 * its stages) and ticket_text.c (what a ticket and a comment say).
 */
#ifndef HEARBACK_CONSUMER_WORKERS_TICKET_FILER_H
#define HEARBACK_CONSUMER_WORKERS_TICKET_FILER_H

#include "common/interview.h"
#include "common/redact.h"
#include "consumer/apis/jira.h"
#include "consumer/scripts.h"
#include "consumer/workers/rules.h"

#define TICKET_QUOTES        3
#define TICKET_QUOTE_BYTES   1500
#define TICKET_SUMMARY_BYTES 3000
#define TICKET_NAME_BYTES    1000
#define TICKET_TAGS_MAX      20

/* Of a record, made once. */
struct filing {
    struct interview interview;
    struct redact_person person;
    span reference; /* source/interview: names the interview wherever it is written down */
};

static inline struct filing *filing_of(const struct item *item)
{
    return item->job->state;
}

static inline const struct theme *theme_of(const struct item *item)
{
    return item->part;
}

/* Text that may leave: without addresses, cut at a character border. ERR_RETRY without memory. */
MUST_USE struct err ticket_clean(struct item *item, struct arena *arena, span text,
                                 size_t bytes_max, span *out);
/* A link that may leave: SPAN_NONE when it holds an address. */
span ticket_clean_link(struct item *item, struct arena *arena, span link);

/* What this interview says of the theme, as the ledger keeps it:
 * {"q":[[text,link]…],"s":sentiment or null,"k":quality,"u":transcript} */
MUST_USE struct err ticket_evidence(struct item *item, struct arena *arena, span *out);

/* From theme_weigh's "interview, evidence, …": notes in the memo which interviews the ticket's
 * description will tell (fold), the quotes it shows, and how many interviews there are. False
 * without memory. */
bool ticket_freeze(struct item *item, const struct redis_reply *weighed, size_t first);
/* The told interviews as a JSON array, from the memo. Borrowed from it. */
span ticket_fold(const struct item *item);

MUST_USE struct err ticket_create(struct item *item, struct call *call, span label);
MUST_USE struct err ticket_comment(struct item *item, struct call *call, span issue);

extern const struct worker ticket_filer;

#endif
