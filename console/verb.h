/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb of the operator's command: one file each, all listed in verbs.c.
 */
#ifndef HEARBACK_CONSOLE_VERB_H
#define HEARBACK_CONSOLE_VERB_H

#include "common/config.h"

#include <stddef.h>

enum verb_exit {
    VERB_DONE,   /* all is as it should be */
    VERB_FAILED, /* it is not, or the other side is away */
    VERB_USAGE,  /* the command line or the configuration is wrong */
};

struct verb {
    const char *name;
    const char *usage; /* its arguments */
    const char *help;
    enum verb_exit (*run)(int argc, char **argv); /* argv[0] is the verb */
};

/* All of them, `count` of them. Static. */
const struct verb *const *verbs(size_t *count);
/* NULL when there is none of that name. */
const struct verb *verb_find(const char *name);

/* Says how the verb is used; VERB_USAGE. */
enum verb_exit verb_misused(const struct verb *verb);
/* Loads the configuration for the console or says all its faults. The caller closes it in any case.
 */
bool verb_config(const char *path, unsigned needed_for, struct config *config);

extern const struct verb verb_check;
extern const struct verb verb_configuration;
extern const struct verb verb_dead;
extern const struct verb verb_replay;
extern const struct verb verb_hold;
extern const struct verb verb_topics;

#endif
