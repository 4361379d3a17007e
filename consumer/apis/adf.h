/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes Atlassian Document Format, the only form in which Jira's REST v3 takes
 * a description or a comment. Empty text makes no node, since Jira refuses it;
 * line ends become hard breaks, other control characters blanks.
 * Source: jira.md section 1, and @atlaskit/adf-schema.
 */
#ifndef HEARBACK_CONSUMER_APIS_ADF_H
#define HEARBACK_CONSUMER_APIS_ADF_H

#include "common/buf.h"

/* Lines of one text; a line costs Jira's limit of 32,767 characters far more than its text. */
#define ADF_LINES_MAX 40

struct adf {
    struct buf *out;
    bool any_block; /* a comma is due before the next block */
};

void adf_begin(struct adf *adf, struct buf *out);
void adf_end(struct adf *adf);

/* Blocks. Each leaves nothing behind when its text is empty. */
void adf_paragraph(struct adf *adf, span text);
/* "label: value", the label in bold. */
void adf_fact(struct adf *adf, const char *label, span value);
/* A quote, and its link in a line of its own when there is one. */
void adf_quote(struct adf *adf, span text, span link);
void adf_link(struct adf *adf, const char *words, span link);

/* http and https only; anything else is not made into a link. */
bool adf_is_link(span link);

#endif
