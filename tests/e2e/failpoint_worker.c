/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-worker-failpoint: the worker as it is, and a main that has it killed at a named place.
 * HEARBACK_FAILPOINT="name:K" kills it, as kill -9 would, when the place `name` is reached for the
 * K-th time. HEARBACK_FAILPOINT_LOG=FILE writes the name of each place that is reached, one a line;
 * with HEARBACK_FAILPOINT=list that is all. The hook runs in the worker's one thread.
 */
int worker_main(int argc, char **argv);

#define main worker_main
#include "consumer/main.c" /* NOLINT(bugprone-suspicious-include) */
#undef main

#include "common/failpoint.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *target;
static size_t target_len;
static int64_t left;
static FILE *seen;

static void reached(const char *name)
{
    if (seen != NULL) {
        (void)fprintf(seen, "%s\n", name);
        (void)fflush(seen);
    }
    if (left > 0 && strlen(name) == target_len && memcmp(name, target, target_len) == 0 &&
        --left == 0) {
        (void)raise(SIGKILL);
    }
}

/* False when the variable is there and says nothing sensible. */
static bool aim(const char *text)
{
    if (text == NULL || strcmp(text, "list") == 0) {
        return true;
    }
    const char *colon = strrchr(text, ':');
    target = text;
    target_len = colon == NULL ? 0 : (size_t)(colon - text);
    return colon != NULL && span_number(span_text(colon + 1), 1, INT32_MAX, &left);
}

int main(int argc, char **argv)
{
    const char *log = getenv("HEARBACK_FAILPOINT_LOG"); /* NOLINT(concurrency-mt-unsafe) */
    seen = log == NULL ? NULL : fopen(log, "ae");
    if (!aim(getenv("HEARBACK_FAILPOINT")) || /* NOLINT(concurrency-mt-unsafe) */
        (log != NULL && seen == NULL)) {
        (void)fputs("HEARBACK_FAILPOINT is name:K or list; HEARBACK_FAILPOINT_LOG is a file\n",
                    stderr);
        return EXIT_USAGE;
    }
    failpoint_hook = reached;
    return worker_main(argc, argv);
}
