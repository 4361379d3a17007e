/* SPDX-License-Identifier: Apache-2.0
 *
 * The hand.
 */
#include "tests/unit/consumer/filer.h"

const char filer_body[] =
    "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i1\",\"study_id\":\"s1\","
    "\"quality_score\":4.25,\"transcript_url\":\"https://k.example/t/i1\","
    "\"study_url\":\"https://k.example/s/s1\",\"themes\":["
    "{\"theme_id\":\"t1\",\"name\":\"Exports time out\",\"summary\":\"Large exports never end.\","
    "\"severity\":\"bug\",\"sentiment\":-0.6,\"tags\":[\"export\",\"data loss\"],"
    "\"quotes\":[{\"text\":\"I waited an hour.\",\"url\":\"https://k.example/q/1\"},"
    "\"It never came.\"]},"
    "{\"theme_id\":\"t2\",\"name\":\"Dark mode\"}]}";

const char filer_body_personal[] =
    "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"ada@example.com\","
    "\"study_id\":\"ada@example.com\",\"quality_score\":4,"
    "\"transcript_url\":\"https://k.example/t?u=ada@example.com\","
    "\"study_url\":\"https://k.example/s?u=ada%40example.com\","
    "\"respondent_email\":\"ada@example.com\",\"respondent_id\":\"ada@example.com\","
    "\"respondent_name\":\"ada@example.com\",\"themes\":[{\"theme_id\":\"ada@example.com\","
    "\"name\":\"ada@example.com\",\"summary\":\"ada@example.com\",\"severity\":\"bug\","
    "\"tags\":[\"ada@example.com\"],\"quotes\":[{\"text\":\"ada@example.com\","
    "\"url\":\"https://k.example/q?u=ada@example.com\"}]}]}";

void filer_open(struct filer *filer, span body)
{
    *filer = (struct filer){.call = {.kind = CALL_STEP}};
    kit_config(&filer->config);
    filer->job.record = (struct record){
        .topic = "hearback.interviews", .offset = 7, .value = body, .source = span_text("koji")};
    arena_init(&filer->job.arena, FILER_ARENA);
    arena_init(&filer->item.arena, FILER_ARENA);
    arena_init(&filer->arena, FILER_ARENA);
}

static void close_item(struct filer *filer)
{
    json_object_put(TAKE(filer->item.memo));
    arena_close(&filer->item.arena);
}

void filer_close(struct filer *filer)
{
    close_item(filer);
    arena_close(&filer->arena);
    arena_close(&filer->job.arena);
    config_close(&filer->config);
}

struct err filer_next(struct filer *filer, bool *made)
{
    close_item(filer);
    filer->item = (struct item){.config = &filer->config,
                                .job = &filer->job,
                                .memo = json_object_new_object(),
                                .view_ms = INT32_MAX,
                                .alone_ms = INT32_MAX};
    arena_init(&filer->item.arena, FILER_ARENA);
    struct err err = ticket_filer.itemise(&filer->job, &filer->item, made);
    filer->job.made += !failed(err) && *made ? 1 : 0;
    return err;
}

void filer_begin(struct filer *filer, const char *body)
{
    bool made = false;
    filer_open(filer, span_text(body));
    struct err err = filer_next(filer, &made);
    if (failed(err) || !made) {
        fail_msg("no item: %s", failed(err) ? err.text : filer->job.nothing);
    }
}

static const struct stage *stage_named(const char *name)
{
    for (size_t i = 0; i < ticket_filer.stage_count; i++) {
        if (strcmp(ticket_filer.stages[i].name, name) == 0) {
            return &ticket_filer.stages[i];
        }
    }
    fail_msg("no stage %s", name);
    return NULL;
}

struct err filer_try(struct filer *filer, const char *stage)
{
    filer->call = (struct call){.arena = &filer->arena};
    return stage_named(stage)->ask(&filer->item, &filer->call);
}

void filer_ask(struct filer *filer, const char *stage)
{
    struct err err = filer_try(filer, stage);
    if (failed(err)) {
        fail_msg("%s: %s", stage, err.text);
    }
}

struct step filer_http(struct filer *filer, const char *stage, bool proven, const char *body)
{
    const struct reply_header header = {.name = span_text("X-AAccountId"),
                                        .value = span_text("5b10")};
    struct reply_tree tree = {0};
    struct reply reply = {.status = 200,
                          .body = span_text(body),
                          .tree = &tree,
                          .headers = &header,
                          .header_count = proven ? 1 : 0,
                          .arena = &filer->arena};
    return stage_named(stage)->answered(&filer->item, &reply);
}

struct step filer_script(struct filer *filer, const char *stage, const char *word, const char *text,
                         const span *extras, size_t count)
{
    struct redis_reply *list = arena_alloc(&filer->arena, sizeof(*list) * (count + 3));
    list[0] = (struct redis_reply){.kind = REDIS_TEXT, .text = span_text(word)};
    list[1] = (struct redis_reply){.kind = REDIS_TEXT, .text = span_text(text)};
    list[2] = (struct redis_reply){.kind = REDIS_LIST};
    for (size_t i = 0; i < count; i++) {
        list[3 + i] = (struct redis_reply){.kind = REDIS_TEXT, .text = extras[i]};
    }
    struct redis_reply all = {.kind = REDIS_LIST, .list = list, .count = count + 3};
    struct reply reply = {.script = &all, .arena = &filer->arena};
    return stage_named(stage)->answered(&filer->item, &reply);
}

void filer_assert_next(struct step step, const char *stage)
{
    if (step.kind != STEP_NEXT || strcmp(ticket_filer.stages[step.stage].name, stage) != 0) {
        fail_msg("kind %d, stage %d (%s), expected %s", (int)step.kind, step.stage,
                 step.reason == NULL ? "" : step.reason, stage);
    }
}

void filer_assert_step(struct step step, enum step_kind kind, const char *reason)
{
    if (step.kind != kind || step.reason == NULL || strcmp(step.reason, reason) != 0) {
        fail_msg("kind %d, %s; expected %d, %s", (int)step.kind,
                 step.reason == NULL ? "" : step.reason, (int)kind, reason);
    }
}
