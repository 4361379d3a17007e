/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-bench-effect: the real engine and the real main with a worker that does
 * as little as a worker can. Each record is one item with an order key of its own,
 * and one POST of the record's bytes to jira.url. Nobody can be asked whether a
 * POST happened; none is in doubt here.
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
    call->path = span_text("/effect");
    call->body = item->job->record.value;
    return NO_ERROR;
}

static struct step answered(struct item *item, const struct reply *reply)
{
    (void)item;
    return reply->status == 200 ? step_done("sent") : step_unclear("not_sent");
}

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    *made = job->made == 0;
    if (*made) {
        char *effect = arena_printf(&next->arena, "koji/interview-%d-%lld",
                                    (int)job->record.partition, (long long)job->record.offset);
        if (effect == NULL) {
            FAIL(ERR_RETRY, 0, "the item's arena is full");
        }
        next->effect_id = span_text(effect);
        next->order_key = span_text(effect);
    }
    return NO_ERROR;
}

static void write_fragment(const struct item *item, struct buf *out)
{
    (void)item;
    buf_add_text(out, "{}");
}

static uint64_t digest(const struct config *config)
{
    (void)config;
    return 1;
}

static const struct stage stages[] = {
    {.name = "send", .to = &server, .ask = ask, .answered = answered, .doubt = STAGE_NOBODY}};

static const struct worker effects = {.name = "ticket-filer", /* so that it has its topics */
                                      .topic = TOPIC_INTERVIEWS,
                                      .help = "for a benchmark",
                                      .stages = stages,
                                      .stage_count = COUNT_OF(stages),
                                      .itemise = itemise,
                                      .fragment = write_fragment,
                                      .digest = digest};

/* In place of the table of workers. */
static const struct worker *const workers[] = {&effects};

const struct worker *const *workers_all(size_t *count)
{
    *count = COUNT_OF(workers);
    return workers;
}

const struct worker *workers_find(const char *name)
{
    return strcmp(name, effects.name) == 0 ? &effects : NULL;
}

int main(int argc, char **argv)
{
    return worker_main(argc, argv);
}
