/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback check: is every row of the configuration right? Secrets are a matter of
 * each program's own environment, which its --check looks at.
 */
#include "console/verb.h"

#include <getopt.h>
#include <stdio.h>

static enum verb_exit run(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts */
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c != 'c') {
            return verb_misused(&verb_check);
        }
        path = optarg;
    }
    if (path == NULL || optind != argc) {
        return verb_misused(&verb_check);
    }
    struct config config = {0};
    bool right = verb_config(path, CONFIG_FOR_CONSOLE, &config);
    config_close(&config);
    if (right) {
        (void)puts("ok");
    }
    return right ? VERB_DONE : VERB_USAGE;
}

const struct verb verb_check = {
    .name = "check",
    .usage = "--config FILE",
    .help = "report every fault of the configuration",
    .run = run,
};
