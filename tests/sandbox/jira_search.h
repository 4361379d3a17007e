/* SPDX-License-Identifier: Apache-2.0
 *
 * What a search asks for, however it was sent: by query or by body.
 */
#ifndef HEARBACK_TESTS_SANDBOX_JIRA_SEARCH_H
#define HEARBACK_TESTS_SANDBOX_JIRA_SEARCH_H

#include "tests/sandbox/jira.h"

#define SEARCH_RECONCILE_MAX 50

struct search {
    const char *jql;
    const char *token;
    struct buf fields;     /* comma-separated */
    struct buf properties; /* comma-separated */
    size_t property_count;
    int64_t most;
    int64_t reconcile[SEARCH_RECONCILE_MAX];
    size_t reconcile_count;
};

/* False when a value is unknown, of the wrong type or out of its range. The texts are
 * borrowed from the request or body; the two buffers are the caller's to init and close. */
bool search_from_query(const struct request *req, struct search *search);
bool search_from_body(const json_object *body, struct search *search);

#endif
