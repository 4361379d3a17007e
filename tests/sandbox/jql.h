/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of JQL this service speaks: clauses on project, labels, key (issuekey,
 * id, issue) and status with =, !=, in and not in, joined by AND, and an ORDER BY
 * of created, updated, key or id. Whatever else is valid JQL is refused here as an
 * error, so a query that works here works in Jira, not the other way round. Pure.
 */
#ifndef HEARBACK_TESTS_SANDBOX_JQL_H
#define HEARBACK_TESTS_SANDBOX_JQL_H

#include "common/arena.h"
#include "common/err.h"
#include "common/span.h"

#define JQL_CLAUSES_MAX 32
#define JQL_VALUES_MAX  200
#define JQL_ORDERS_MAX  7

enum jql_field { JQL_PROJECT, JQL_LABELS, JQL_KEY, JQL_STATUS, JQL_CREATED, JQL_UPDATED };

struct jql_clause {
    enum jql_field field;
    bool negated;
    const char **values; /* in the arena */
    size_t value_count;
};

struct jql_order {
    enum jql_field field;
    bool descending;
};

struct jql {
    struct jql_clause clauses[JQL_CLAUSES_MAX];
    size_t clause_count; /* 0: unbounded */
    struct jql_order orders[JQL_ORDERS_MAX];
    size_t order_count;
    char error[256]; /* after ERR_REJECT: what Jira says */
};

/* What it finds lives in the arena. ERR_REJECT with jql->error filled in. */
MUST_USE struct err jql_parse(struct jql *jql, span text, struct arena *arena);

#endif
