/* SPDX-License-Identifier: Apache-2.0
 *
 * Jira Cloud's REST v3: builders of requests and readers of replies, pure. A
 * builder fills call->method, path and body in the call's arena and answers
 * ERR_RETRY when that is full. Source: jira.md, section numbers in the text.
 */
#ifndef HEARBACK_CONSUMER_APIS_JIRA_H
#define HEARBACK_CONSUMER_APIS_JIRA_H

#include "consumer/apis/adf.h"
#include "consumer/worker.h"

#define JIRA_PROPERTY        "hearback" /* of issues and comments */
#define JIRA_PROPERTY_MAX    32768      /* bytes of its value (section 1) */
#define JIRA_SUMMARY_MAX     254        /* UTF-16 units; 255 is over the limit on some sites */
#define JIRA_LABEL_MAX       255
#define JIRA_COMMENTS_A_PAGE 100
#define JIRA_BODY_MAX        (512u << 10)

extern const struct destination_kind jira_destination;

/* The oldest two issues of the project with the label, and our property (section 3). */
MUST_USE struct err jira_search(struct call *call, const char *project, span label);

struct jira_found {
    size_t count; /* 0, 1 or more: the search asks for two */
    span id;
    span key;
    struct json_object *property; /* our property's value on the oldest, NULL when it has none */
};
/* False when the body is not a search result. */
bool jira_search_read(const struct reply *reply, struct jira_found *found);

/* An empty result means something only when the login was accepted (section 7). */
bool jira_login_proven(const struct reply *reply);

struct jira_issue {
    const char *project;
    const char *issue_type;
    span summary;     /* any length; cut here */
    span description; /* ADF */
    const span *labels;
    size_t label_count;
    span property; /* JSON value of JIRA_PROPERTY */
};
MUST_USE struct err jira_create(struct call *call, const struct jira_issue *issue);
bool jira_created_read(const struct reply *reply, span *id, span *key);

/* `issue` is an id or a key; `body` ADF; `property` the JSON value of JIRA_PROPERTY. */
MUST_USE struct err jira_comment(struct call *call, span issue, span body, span property);
MUST_USE struct err jira_comments(struct call *call, span issue, int64_t start);
bool jira_commented_read(const struct reply *reply, span *id);

/* Is there a comment on this page whose property has `member` equal to `value`? *more: further
 * pages, the next starts at *next. False in *readable when the body is no page of comments. */
struct jira_page {
    bool readable;
    bool found;
    bool more;
    int64_t next;
};
struct jira_page jira_comments_read(const struct reply *reply, const char *member, span value);

/* A label out of `prefix` and `text`: bytes that labels or JQL do not bear become "-", and "~" and
 * a digest are appended where that, or the length, changed the text, so that no two become one. */
span jira_label(struct arena *arena, const char *prefix, span text);

#endif
