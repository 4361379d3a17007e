/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker, its vendor, and its bench.
 */
#include "tests/component/engine/limited.h"

#include "consumer/apis/jira.h"

enum { READ, WRITE, DROP };

static int64_t next_cost;

/* ---- the vendor -------------------------------------------------------------------------- */

static enum limit_scope limited(const struct reply *reply)
{
    return span_is(reply->body, "key")   ? LIMIT_SCOPE_KEY
           : span_is(reply->body, "all") ? LIMIT_SCOPE_ALL
                                         : LIMIT_SCOPE_CLASS;
}

static struct destination_kind vendor_kind = {
    .name = "vendor", .open = errand_open, .limited = limited};

/* ---- the worker -------------------------------------------------------------------------- */

static span key_of(const struct item *item)
{
    size_t at = 0;
    while (item->effect_id.at[at] != '.') {
        at++;
    }
    return span_of(item->effect_id.at + at + 1, item->effect_id.len - at - 1);
}

static struct err ask_path(struct item *item, struct call *call, const char *path)
{
    call->kind = CALL_HTTP;
    call->budget_cost = next_cost;
    call->path =
        span_text(arena_printf(call->arena, "%s" SPAN_FMT, path, SPAN_ARG(item->effect_id)));
    return NO_ERROR;
}

static struct err ask_read(struct item *item, struct call *call)
{
    call->method = "GET";
    if (span_starts(item->effect_id, "r")) {
        return ask_path(item, call, "/read/");
    }
    call->kind = CALL_STEP;
    call->step = step_next(span_starts(item->effect_id, "w") ? WRITE : DROP);
    return NO_ERROR;
}

static struct err ask_write(struct item *item, struct call *call)
{
    call->budget_cost = next_cost;
    return jira_comment(call, key_of(item), span_text("{}"), span_text("{}"));
}

static struct err ask_drop(struct item *item, struct call *call)
{
    call->method = "DELETE";
    return ask_path(item, call, "/drop/");
}

static struct step read_any(struct item *item, const struct reply *reply)
{
    (void)item;
    (void)reply;
    return step_done("went");
}

static const struct stage stages[] = {
    [READ] = {.name = "read",
              .to = &vendor_kind,
              .ask = ask_read,
              .answered = read_any,
              .doubt = STAGE_READ},
    [WRITE] = {.name = "write",
               .to = &vendor_kind,
               .ask = ask_write,
               .answered = read_any,
               .doubt = STAGE_NOBODY},
    [DROP] = {.name = "drop",
              .to = &vendor_kind,
              .ask = ask_drop,
              .answered = read_any,
              .doubt = STAGE_NOBODY},
};

/* The bench looks for records under this name. */
static const struct worker caller = {.name = "errand",
                                     .topic = "hearback.interviews",
                                     .help = "for tests",
                                     .stages = stages,
                                     .stage_count = COUNT_OF(stages),
                                     .itemise = errand_itemise,
                                     .fragment = errand_fragment,
                                     .digest = errand_digest};

/* ---- the bench --------------------------------------------------------------------------- */

void limited_bench(struct bench *bench, const struct limit *limits, size_t count)
{
    struct config config;
    struct buf faults;
    buf_init(&faults, 65536);
    assert_false(failed(config_parse(&config, span_text("{}"), "t", 0, &faults)));
    bench->rig.config.budgets = config.budgets;
    struct config_jira *jira = &bench->rig.config.jira;
    jira->post_per_s = config.jira.post_per_s;
    jira->put_per_s = config.jira.put_per_s;
    jira->get_per_s = config.jira.get_per_s;
    jira->delete_per_s = config.jira.delete_per_s;
    jira->issue_writes_per_2s = config.jira.issue_writes_per_2s;
    jira->issue_writes_per_30s = config.jira.issue_writes_per_30s;
    buf_close(&faults);
    config_close(&config);
    vendor_kind.limits = limits;
    vendor_kind.limit_count = count;
    next_cost = 0;
    bench_stages(bench, &caller, false);
    rig_move(&bench->rig, 60 * SECOND); /* the view is not new any more */
}

void limited_cost(int64_t cost)
{
    next_cost = cost;
}

void limited_admit(struct rig *rig, const char *effect)
{
    (void)rig_admit(rig, effect, effect);
    rig_settle(rig);
}
