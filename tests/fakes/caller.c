/* SPDX-License-Identifier: Apache-2.0
 *
 * The caller whose answers are the test's.
 */
#include "tests/fakes/caller.h"

#include <string.h>

static void start(void *self, struct transfer *transfer)
{
    struct fake_caller *caller = self;
    CHECK(caller->open_count < FAKE_CALLS_MAX);
    caller->open[caller->open_count++] = transfer;
    caller->started++;
    if (caller->open_count > caller->most_open) {
        caller->most_open = caller->open_count;
    }
}

static void forget(struct fake_caller *caller, const struct transfer *transfer)
{
    size_t i = 0;
    while (i < caller->open_count && caller->open[i] != transfer) {
        i++;
    }
    CHECK(i < caller->open_count);
    caller->open_count--;
    memmove(&caller->open[i], &caller->open[i + 1],
            (caller->open_count - i) * sizeof(caller->open[0]));
}

static void abort_call(void *self, struct transfer *transfer)
{
    forget(self, transfer);
}

struct caller fake_caller_interface(struct fake_caller *caller)
{
    *caller = (struct fake_caller){0};
    return (struct caller){.start = start, .abort = abort_call, .self = caller};
}

struct transfer *fake_caller_find(struct fake_caller *caller, const char *what)
{
    for (size_t i = 0; i < caller->open_count; i++) {
        struct transfer *t = caller->open[i];
        size_t len = strlen(t->method);
        if (strncmp(what, t->method, len) == 0 && what[len] == ' ' &&
            span_is(t->path, what + len + 1)) {
            return t;
        }
    }
    return NULL;
}

static void add_header(struct transfer *t, const char *line)
{
    const char *colon = strchr(line, ':');
    CHECK(colon != NULL);
    span name = span_of(line, (size_t)(colon - line));
    transfer_add_header(t, arena_copy(&t->arena, name),
                        arena_copy(&t->arena, span_trim(span_text(colon + 1))));
}

void fake_caller_answer(struct fake_caller *caller, struct transfer *transfer,
                        struct fake_answer answer)
{
    forget(caller, transfer);
    transfer->transport = answer.transport;
    transfer->reached = !answer.unreached && !answer.withheld;
    transfer->withheld = answer.withheld;
    transfer->status = answer.transport == 0 ? answer.status : 0;
    if (answer.transport == 0 && answer.header != NULL) {
        add_header(transfer, answer.header);
    }
    if (answer.transport == 0 && answer.body != NULL) {
        buf_add_text(&transfer->reply_body, answer.body);
    }
    transfer->done(transfer->self, transfer);
}
