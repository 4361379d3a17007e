/* SPDX-License-Identifier: Apache-2.0
 *
 * A played vendor: the first path segment it answers to and what the sandbox
 * asks of it. All are listed in vendors.c. Each is made once, and every call
 * comes under the sandbox's lock, so a vendor needs none of its own.
 */
#ifndef HEARBACK_TESTS_SANDBOX_VENDOR_H
#define HEARBACK_TESTS_SANDBOX_VENDOR_H

#include "common/clock.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/request.h"

/* What the command line says; texts are borrowed for the program's life. */
struct options {
    const char *address;
    int port;
    const char *port_file;
    const char *jira_user;
    const char *jira_token;
    const char *projects;
    bool limits;
    int64_t comments_max; /* per issue */
};

struct vendor {
    const char *name;
    MUST_USE struct err (*open)(const struct options *options, const struct clock *clock,
                                void **self);
    void (*close)(void *self);
    void (*reset)(void *self);
    /* Test-time settings from POST /sandbox/settings {"<name>":{…}}. ERR_REJECT for unknown ones.
     */
    MUST_USE struct err (*set)(void *self, const json_object *settings);
    void (*serve)(void *self, struct request *req, const struct hit *hit, struct answer *answer);
    json_object *(*state)(void *self);
    void (*board)(void *self, struct buf *out); /* the same for people */
};

#define VENDOR_COUNT 1
extern const struct vendor *const vendors[VENDOR_COUNT];

extern const struct vendor vendor_jira;

#endif
