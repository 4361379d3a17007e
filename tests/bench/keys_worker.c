/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-bench-keys: the real engine and the real main with a worker that does
 * as little as a worker can: a record {"key":K,"n":N} is one item of order key K
 * and one POST of the same bytes. It goes where jira.url says. Nobody can be asked
 * whether a POST happened; none is in doubt here.
 */
int worker_main(int argc, char **argv);

#define main worker_main
#include "consumer/main.c" /* NOLINT(bugprone-suspicious-include) */
#undef main

#include "common/kafka.h"

static struct err open_server(const struct config *config, struct destination_settings *out)
{
    out->base_url = config->jira.url;
    out->timeout_ms = config->jira.timeout_ms;
    secret_init(&out->authorization, span_text("none"));
    return NO_ERROR;
}

static const struct destination_kind server = {.name = "server", .open = open_server};

static struct err ask(struct item *item, struct call *call)
{
    call->kind = CALL_HTTP;
    call->method = "POST";
    call->path = span_text("/note");
    call->body = item->job->record.value;
    return NO_ERROR;
}

static struct step answered(struct item *item, const struct reply *reply)
{
    (void)item;
    return reply->status == 200 ? step_done("noted") : step_unclear("not_noted");
}

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    *made = job->made == 0;
    if (*made) {
        char *effect = arena_printf(&next->arena, "%d/%lld", (int)job->origin.partition,
                                    (long long)job->origin.offset);
        if (effect == NULL) {
            FAIL(ERR_RETRY, 0, "the item's arena is full");
        }
        next->effect_id = span_text(effect);
        next->order_key = job->record.key;
    }
    return NO_ERROR;
}

static void write_fragment(const struct item *item, struct buf *out)
{
    buf_add(out, item->job->record.value);
}

static uint64_t digest(const struct config *config)
{
    (void)config;
    return 1;
}

static const struct stage stages[] = {
    {.name = "note", .to = &server, .ask = ask, .answered = answered, .doubt = STAGE_NOBODY}};

static const struct worker keys = {.name = "ticket-filer", /* so that it has its topics */
                                   .topic = TOPIC_INTERVIEWS,
                                   .help = "for a benchmark",
                                   .stages = stages,
                                   .stage_count = COUNT_OF(stages),
                                   .itemise = itemise,
                                   .fragment = write_fragment,
                                   .digest = digest};

/* In place of the table of workers. */
static const struct worker *const workers[] = {&keys};

const struct worker *const *workers_all(size_t *count)
{
    *count = COUNT_OF(workers);
    return workers;
}

const struct worker *workers_find(const char *name)
{
    return strcmp(name, keys.name) == 0 ? &keys : NULL;
}

int main(int argc, char **argv)
{
    return worker_main(argc, argv);
}
