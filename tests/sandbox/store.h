/* SPDX-License-Identifier: Apache-2.0
 *
 * What the played Jira remembers: projects with their issue counters, issues,
 * comments, properties. Ids are numeric and count up (issues from 10001, comments
 * from 20001) and nothing but a reset removes an issue, so an id is an index. A
 * project's counter moves on without an issue when a create is refused, as Jira's
 * does. Under the sandbox's lock; the store owns every tree handed to it.
 */
#ifndef HEARBACK_TESTS_SANDBOX_STORE_H
#define HEARBACK_TESTS_SANDBOX_STORE_H

#include "tests/sandbox/jsonx.h"

#define STORE_ISSUE_FIRST       10001
#define STORE_COMMENT_FIRST     20001
#define STORE_PROJECTS_MAX      8
#define STORE_PROJECT_KEY_BYTES 32
#define STORE_WRITES_MAX        100 /* write times remembered an issue */

struct issue;

struct project {
    char key[STORE_PROJECT_KEY_BYTES];
    int64_t id;
    int64_t counter;       /* the number last given out, to an issue or to nobody */
    struct issue **issues; /* by number; NULL where a create was refused */
    size_t room;
};

struct comment {
    int64_t id;
    struct issue *issue;
    json_object *body;       /* ADF */
    json_object *visibility; /* or NULL */
    json_object *properties; /* an object: key to value */
    int64_t wall_ms;
};

struct issue {
    int64_t id;
    char key[STORE_PROJECT_KEY_BYTES + 24];
    const struct project *project;
    int64_t number;
    json_object *fields;
    json_object *properties;
    struct comment **comments;
    size_t comment_count;
    size_t comment_room;
    int64_t born_mono_ms;
    int64_t writes[STORE_WRITES_MAX]; /* a ring of monotonic times */
    size_t write_count;
};

struct store {
    struct project projects[STORE_PROJECTS_MAX];
    size_t project_count;
    struct issue **issues; /* id - STORE_ISSUE_FIRST */
    size_t issue_count;
    size_t issue_room;
    struct comment **comments; /* id - STORE_COMMENT_FIRST */
    size_t comment_count;
    size_t comment_room;
};

/* `projects` is "PROD" or "PROD,OTHER". False when it names none, too many or too long. */
bool store_init(struct store *store, const char *projects);
void store_clear(struct store *store); /* issues, comments and counters; the projects stay */
void store_close(struct store *store);

/* By key (any case) or id. */
struct project *store_project(struct store *store, const char *key_or_id);
struct issue *store_issue(struct store *store, const char *key_or_id);
struct comment *store_comment(struct store *store, const char *id);

/* Takes the fields; `number` is one the project's counter gave out. */
struct issue *store_add_issue(struct store *store, struct project *project, int64_t number,
                              json_object *fields);
/* Takes the body. */
struct comment *store_add_comment(struct store *store, struct issue *issue, json_object *body);

#endif
