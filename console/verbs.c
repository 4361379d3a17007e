/* SPDX-License-Identifier: Apache-2.0
 *
 * Every verb there is. A new one is a file and a line here.
 */
#include "console/verb.h"

#include "common/own.h"

#include <stdio.h>
#include <string.h>

#define FAULTS_BYTES_MAX (1024 * 1024)

static const struct verb *const all[] = {
    &verb_check, &verb_configuration, &verb_dead, &verb_hold, &verb_replay, &verb_topics,
};

const struct verb *const *verbs(size_t *count)
{
    *count = COUNT_OF(all);
    return all;
}

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

enum verb_exit verb_misused(const struct verb *verb)
{
    (void)fprintf(stderr, "usage: hearback %s %s\n", verb->name, verb->usage);
    return VERB_USAGE;
}

bool verb_config(const char *path, unsigned needed_for, struct config *config)
{
    struct buf faults;
    buf_init(&faults, FAULTS_BYTES_MAX);
    bool loaded = !failed(config_load(config, path, needed_for, &faults));
    if (!loaded) {
        (void)fputs(buf_text(&faults), stderr);
    }
    buf_close(&faults);
    return loaded;
}
