/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this an Atlassian document? The rules are those of the published ADF JSON
 * schema (v1), as a table of nodes and marks; nodes that a ticket from this
 * service has no use for (media, tables, extensions, layouts) are unknown here,
 * which is stricter than Jira. Pure, any thread that owns the tree.
 */
#ifndef HEARBACK_TESTS_SANDBOX_JIRA_ADF_H
#define HEARBACK_TESTS_SANDBOX_JIRA_ADF_H

#include "common/buf.h"
#include "tests/sandbox/jsonx.h"

enum adf_verdict {
    ADF_VALID,
    ADF_NO_DOCUMENT, /* not an object with type doc: a plain string, most often */
    ADF_INVALID,     /* a document that breaks the schema */
};

/* Where and why, for people. */
struct adf_reason {
    char text[300];
};

enum adf_verdict adf_check(const json_object *doc, struct adf_reason *reason);

/* The text alone: a line a block, list items dashed, quotes and headings marked. */
void adf_plain(const json_object *node, struct buf *out);

enum adf_value { ADF_STRING, ADF_NUMBER, ADF_FLAG };

struct adf_attr {
    const char *name; /* NULL ends a list */
    enum adf_value value;
    bool required;
    int min;             /* ADF_NUMBER: the least; ADF_STRING: the fewest bytes */
    int max;             /* ADF_NUMBER; 0: no most */
    const char *choices; /* ADF_STRING: words allowed, or NULL for any */
};

enum adf_content { ADF_LEAF, ADF_MAY_HOLD, ADF_MUST_HOLD, ADF_MUST_HAVE_LIST };

struct adf_node {
    const char *type; /* NULL ends the table */
    enum adf_content content;
    bool attrs_required;
    const char *children;         /* words */
    const char *marks;            /* words allowed on this node; NULL: none */
    const struct adf_attr *attrs; /* NULL: the node takes no attrs */
};

extern const struct adf_node adf_nodes[];
extern const struct adf_node adf_marks[];

/* The row, or NULL for an unknown type. */
const struct adf_node *adf_find(const struct adf_node *table, const char *type);
/* Is `word` one of the blank-separated `words`? */
bool adf_word_in(const char *words, const char *word);

#endif
