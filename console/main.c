/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback, the operator's command: `hearback VERB …`. Exit: 0 all is well, 1 it
 * is not, 2 the command line or the configuration is wrong.
 */
#include "common/log.h"
#include "console/verb.h"

#include <stdio.h>
#include <string.h>

static void usage(FILE *to)
{
    size_t count = 0;
    const struct verb *const *all = verbs(&count);
    (void)fputs("usage: hearback VERB …\n       hearback --help | --version\n\n", to);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(to, "  %s %s\n      %s\n", all[i]->name, all[i]->usage, all[i]->help);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return VERB_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return VERB_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("hearback " HEARBACK_VERSION);
        return VERB_DONE;
    }
    const struct verb *verb = verb_find(argv[1]);
    if (verb == NULL) {
        (void)fprintf(stderr, "hearback: there is no verb %s\n", argv[1]);
        usage(stderr);
        return VERB_USAGE;
    }
    log_init("hearback", LOG_WARN);
    return (int)verb->run(argc - 1, argv + 1);
}
