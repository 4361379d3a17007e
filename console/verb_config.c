/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback config: the settings there are, and what they are set to.
 */
#include "console/verb.h"

#include <getopt.h>
#include <stdio.h>

#define TEXT_BYTES_MAX (4 * 1024 * 1024)

static enum verb_exit print(const char *path, struct buf *out)
{
    struct config config = {0};
    bool right = verb_config(path, CONFIG_FOR_CONSOLE, &config);
    if (right) {
        config_print(&config, out);
    }
    config_close(&config);
    return right ? VERB_DONE : VERB_USAGE;
}

static enum verb_exit run(int argc, char **argv)
{
    static const struct option options[] = {{"schema", no_argument, NULL, 's'},
                                            {"table", no_argument, NULL, 't'},
                                            {"print", no_argument, NULL, 'p'},
                                            {"config", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    int what = 0;
    size_t asked = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts */
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') {
            return verb_misused(&verb_configuration);
        }
        if (c == 'c') {
            path = optarg;
        } else {
            what = c;
            asked++;
        }
    }
    if (asked != 1 || optind != argc || (what == 'p' && path == NULL)) {
        return verb_misused(&verb_configuration);
    }
    struct buf out;
    enum verb_exit status = VERB_DONE;
    buf_init(&out, TEXT_BYTES_MAX);
    if (what == 's') {
        config_schema(&out);
    } else if (what == 't') {
        config_table(&out);
    } else {
        status = print(path, &out);
    }
    (void)fputs(buf_text(&out), stdout);
    buf_close(&out);
    return status;
}

const struct verb verb_configuration = {
    .name = "config",
    .usage = "--schema | --table | --print --config FILE",
    .help = "the settings as JSON Schema, as a table, or as they are set",
    .run = run,
};
