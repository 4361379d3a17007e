/* SPDX-License-Identifier: Apache-2.0
 *
 * The ticket filer: themes of interviews become Jira tickets. An item is one
 * theme of one interview; items of one theme keep out of each other's way.
 *
 *   weigh      count it as evidence; rules decide: file, watch, win. Has a ticket: comment
 *   find       by the theme's label. Nothing there (and the search has settled): create
 *   create     in doubt: find
 *   keep       note the ticket under the theme, and which interviews its description tells
 *   comments   was this interview told already? asked when in doubt, or for a found ticket
 *   comment    in doubt: comments
 *
 * The description tells every interview heard so far; they stand in the issue's
 * property, so that even a ledger that was lost altogether tells nobody twice.
 */
#include "consumer/workers/ticket_filer.h"

#include <stdio.h>

enum { WEIGH, FIND, CREATE, KEEP, COMMENTS, COMMENT, STAGES };

#define FILER_KEY_MAX       512
#define FILER_EVENT         "interview.analysis_ready"
#define FILER_VERSION       1 /* raise it when the same record would be judged differently */
#define FILER_SETTLE_MIN_MS 250

/* ---- items ------------------------------------------------------------------------------- */

static struct err read_record(struct job *job, const struct config *config)
{
    struct json_object *body = NULL;
    struct filing *filing = arena_alloc(&job->arena, sizeof(*filing));
    if (filing == NULL) {
        FAIL(ERR_RETRY, 0, "the record's arena is full");
    }
    *filing = (struct filing){0};
    struct err parsed = json_parse_in(&job->arena, job->record.value, &body);
    if (parsed.class == ERR_REJECT) {
        FAIL(ERR_POISON, parsed.code, "the body is not JSON");
    }
    TRY(parsed);
    span event = interview_event(&config->fields, body);
    if (event.len == 0) {
        FAIL(ERR_POISON, 0, "no event name at any of fields.event's pointers");
    }
    job->state = filing;
    if (!span_is(event, FILER_EVENT)) {
        job->nothing = "event_not_wanted";
        return NO_ERROR;
    }
    TRY(interview_read(&config->fields, body, &job->arena, &filing->interview));
    if (!filing->interview.has_quality) {
        FAIL(ERR_POISON, 0, "no quality at any of fields.quality's pointers");
    }
    filing->person = (struct redact_person){.email = filing->interview.respondent_email,
                                            .id = filing->interview.respondent_id,
                                            .name = filing->interview.respondent_name};
    job->nothing = "no_themes";
    return NO_ERROR;
}

/* An id that is or holds an address must not be written anywhere: its digest stands for it. */
static span safe_id(struct job *job, span id)
{
    const struct filing *filing = job->state;
    struct redact_person person = {.email = filing->person.email};
    span clean = redact(&job->arena, id, &person);
    if (clean.at == NULL || span_equal(clean, id)) {
        return clean;
    }
    return span_text(arena_printf(&job->arena, "h-%016llx", (unsigned long long)span_hash(id)));
}

static struct err make_reference(struct job *job)
{
    struct filing *filing = job->state;
    span id = safe_id(job, filing->interview.id);
    char *reference = arena_printf(&job->arena, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(job->record.source),
                                   SPAN_ARG(id));
    if (id.at == NULL || reference == NULL) {
        FAIL(ERR_RETRY, 0, "the record's arena is full");
    }
    filing->reference = span_text(reference);
    return NO_ERROR;
}

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    *made = false;
    if (job->state == NULL) {
        struct err err = read_record(job, next->config);
        err = failed(err) ? err : make_reference(job);
        if (failed(err)) {
            job->state = NULL; /* read anew when asked again */
            return err;
        }
    }
    struct filing *filing = job->state;
    if (job->made >= filing->interview.theme_count) {
        return NO_ERROR;
    }
    struct theme *theme = &filing->interview.themes[job->made];
    span id = safe_id(job, theme->id);
    char *order = arena_printf(&next->arena, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(job->record.source),
                               SPAN_ARG(id));
    char *effect = arena_printf(&next->arena, SPAN_FMT "~" SPAN_FMT, SPAN_ARG(filing->reference),
                                SPAN_ARG(id));
    if (id.at == NULL || order == NULL || effect == NULL) {
        FAIL(ERR_RETRY, 0, "the item's arena is full");
    }
    theme->id = id;
    next->order_key = span_text(order);
    next->effect_id = span_text(effect);
    next->part = theme;
    *made = true;
    return NO_ERROR;
}

static void fragment(const struct item *item, struct buf *out)
{
    const struct theme *theme = theme_of(item);
    buf_add_text(out, "{\"interview\":");
    buf_add_json(out, filing_of(item)->reference);
    buf_add_text(out, ",\"theme\":");
    buf_add_json(out, theme->id);
    buf_add_char(out, '}');
}

static uint64_t digest(const struct config *config)
{
    return config_digest(config) + FILER_VERSION;
}

/* ---- weigh ------------------------------------------------------------------------------- */

/* hearback:theme:{source/theme} and what hangs on it. */
static struct err theme_key(const struct item *item, struct call *call, const char *suffix)
{
    char *key = arena_printf(call->arena, "hearback:theme:{" SPAN_FMT "}%s",
                             SPAN_ARG(item->order_key), suffix);
    if (key == NULL) {
        FAIL(ERR_RETRY, 0, "the call's arena is full");
    }
    call->keys[call->key_count++] = span_text(key);
    return NO_ERROR;
}

static void add_arg(struct call *call, span arg)
{
    CHECK(call->arg_count < CALL_ARGS_MAX);
    call->args[call->arg_count++] = arg;
}

static struct err ask_weigh(struct item *item, struct call *call)
{
    const struct config_rules *rules = &item->config->rules;
    const struct rule *rule = rules_judge(rules, &filing_of(item)->interview, theme_of(item));
    if (rule->outcome == RULE_IGNORE) {
        call->kind = CALL_STEP;
        call->step = step_skip("ignored_low_quality");
        return NO_ERROR;
    }
    span evidence;
    span name;
    TRY(ticket_evidence(item, call->arena, &evidence));
    TRY(ticket_clean(item, call->arena, theme_of(item)->name, TICKET_NAME_BYTES, &name));
    TRY(theme_key(item, call, ""));
    TRY(theme_key(item, call, ":evidence"));
    TRY(theme_key(item, call, ":told"));
    TRY(theme_key(item, call, ":wins"));
    char *volume = arena_printf(call->arena, "%lld", (long long)rules->volume_file);
    if (volume == NULL) {
        FAIL(ERR_RETRY, 0, "the call's arena is full");
    }
    call->kind = CALL_SCRIPT;
    call->script = &script_theme_weigh;
    add_arg(call, filing_of(item)->reference);
    add_arg(call, item->effect_id);
    add_arg(call, span_text(rule_outcome_name(rule->outcome)));
    add_arg(call, span_text(volume));
    add_arg(call, evidence);
    add_arg(call, name);
    return NO_ERROR;
}

static struct step weighed_filed(struct item *item, const struct reply *reply,
                                 struct json_object *theme)
{
    bool adopted = json_object_get_boolean(json_at(theme, "/adopted"));
    item_memo_set(item, "issue", json_text_at(theme, "/issue"));
    item_memo_set(item, "issue_id", json_text_at(theme, "/issue_id"));
    if (span_is(redis_element(reply->script, 3)->text, "told")) {
        return step_done("told_in_description");
    }
    return step_next(adopted ? COMMENTS : COMMENT);
}

static struct step answered_weigh(struct item *item, const struct reply *reply)
{
    struct json_object *theme = NULL;
    span word = redis_element(reply->script, 0)->text;
    if (failed(json_parse_in(reply->arena, redis_element(reply->script, 1)->text, &theme))) {
        return step_dead("theme_unreadable");
    }
    if (span_is(word, "filed")) {
        return weighed_filed(item, reply, theme);
    }
    if (span_is(word, "win")) {
        return step_done("win");
    }
    if (span_is(word, "watch")) {
        return step_done("watched");
    }
    /* Whoever began to file it may have got as far as Jira. */
    item_memo_set_flag(item, "takeover", json_text_at(theme, "/before").len > 0);
    return ticket_freeze(item, reply->script, 3) ? step_next(FIND) : step_unclear("no_memory");
}

/* ---- find -------------------------------------------------------------------------------- */

static struct err make_label(const struct item *item, struct call *call, span *out)
{
    *out = jira_label(call->arena, "koji-theme-", theme_of(item)->id);
    if (out->at == NULL) {
        FAIL(ERR_RETRY, 0, "the call's arena is full");
    }
    return NO_ERROR;
}

static struct err ask_find(struct item *item, struct call *call)
{
    span label;
    TRY(make_label(item, call, &label));
    return jira_search(call, item->config->jira.project, label);
}

/* Nothing found: is that the truth, or is the search behind? */
static struct step found_nothing(const struct item *item)
{
    bool doubtful = item->in_doubt || item_memo_flag(item, "takeover");
    int64_t quiet = doubtful ? item->alone_ms : item->view_ms;
    int64_t left = item->config->jira.settle_ms - quiet;
    if (left > 0) {
        return step_again(left < FILER_SETTLE_MIN_MS ? FILER_SETTLE_MIN_MS : left,
                          "search_may_lag");
    }
    return step_next(CREATE);
}

static struct step answered_find(struct item *item, const struct reply *reply)
{
    struct jira_found found;
    if (!jira_search_read(reply, &found)) {
        return step_unclear("search_unreadable");
    }
    if (found.count == 0 && !jira_login_proven(reply)) {
        /* A login that failed is served as nobody, who sees nothing. */
        return step_fault("login_not_proven");
    }
    if (found.count == 0) {
        return found_nothing(item);
    }
    bool ours = item->in_doubt || item_memo_flag(item, "takeover");
    struct json_object *told = json_at(found.property, "/told");
    const char *fold = json_object_is_type(told, json_type_array)
                           ? json_object_to_json_string_ext(
                                 told, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                           : "[]";
    item_memo_set(item, "issue", found.key);
    item_memo_set(item, "issue_id", found.id);
    item_memo_set(item, "fold", span_text(fold));
    item_memo_set_flag(item, "adopted", !ours);
    struct step step = step_next(KEEP);
    if (found.count > 1) {
        step.alarm = "two tickets carry one theme's label; the older one is used";
    }
    return step;
}

/* ---- create ------------------------------------------------------------------------------ */

static struct err ask_create(struct item *item, struct call *call)
{
    span label;
    TRY(make_label(item, call, &label));
    return ticket_create(item, call, label);
}

static struct step answered_create(struct item *item, const struct reply *reply)
{
    span id;
    span key;
    if (!jira_created_read(reply, &id, &key)) {
        return step_unclear("created_unreadable");
    }
    item_memo_set(item, "issue", key);
    item_memo_set(item, "issue_id", id);
    item_memo_set_flag(item, "created", true);
    return step_next(KEEP);
}

/* ---- keep -------------------------------------------------------------------------------- */

static struct err ask_keep(struct item *item, struct call *call)
{
    span name;
    TRY(ticket_clean(item, call->arena, theme_of(item)->name, TICKET_NAME_BYTES, &name));
    TRY(theme_key(item, call, ""));
    TRY(theme_key(item, call, ":told"));
    call->kind = CALL_SCRIPT;
    call->script = &script_theme_keep;
    add_arg(call, item_memo_text(item, "issue"));
    add_arg(call, item_memo_text(item, "issue_id"));
    add_arg(call, ticket_fold(item));
    add_arg(call, span_text(item_memo_flag(item, "adopted") ? "adopted" : ""));
    add_arg(call, name);
    return NO_ERROR;
}

static bool in_fold(const struct item *item)
{
    SCOPED(json_free) struct json_object *fold = NULL;
    if (failed(json_parse(ticket_fold(item), &fold))) {
        return false;
    }
    for (size_t i = 0;
         json_object_is_type(fold, json_type_array) && i < json_object_array_length(fold); i++) {
        if (span_equal(json_text(json_object_array_get_idx(fold, i)), filing_of(item)->reference)) {
            return true;
        }
    }
    return false;
}

static struct step answered_keep(struct item *item, const struct reply *reply)
{
    (void)reply;
    bool told = in_fold(item);
    bool created = item_memo_flag(item, "created");
    /* The quotes have served; what stays in the ledger for good should be small. */
    json_object_object_del(item_memo(item), "quotes");
    json_object_object_del(item_memo(item), "fold");
    if (told) {
        return step_done(created ? "filed" : "told_in_description");
    }
    return step_next(item_memo_flag(item, "adopted") ? COMMENTS : COMMENT);
}

/* ---- comment ----------------------------------------------------------------------------- */

static struct err ask_comments(struct item *item, struct call *call)
{
    int64_t left = item->config->jira.settle_ms - item->alone_ms;
    if (item->in_doubt && left > 0) {
        call->kind = CALL_STEP; /* a comment that is under way may not be there yet */
        call->step = step_again(left, "comment_may_land");
        return NO_ERROR;
    }
    return jira_comments(call, item_memo_text(item, "issue_id"), item_memo_number(item, "page"));
}

static struct step answered_comments(struct item *item, const struct reply *reply)
{
    struct jira_page page = jira_comments_read(reply, "interview", filing_of(item)->reference);
    if (!page.readable) {
        return step_unclear("comments_unreadable");
    }
    if (page.found) {
        return step_done("commented");
    }
    item_memo_set_number(item, "page", page.more ? page.next : 0);
    return step_next(page.more ? COMMENTS : COMMENT);
}

static struct err ask_comment(struct item *item, struct call *call)
{
    return ticket_comment(item, call, item_memo_text(item, "issue_id"));
}

static struct step answered_comment(struct item *item, const struct reply *reply)
{
    (void)item;
    span id;
    return jira_commented_read(reply, &id) ? step_done("commented")
                                           : step_unclear("commented_unreadable");
}

/* ---- the end of what will never be filed ------------------------------------------------- */

static struct err bury(struct item *item, struct call *call)
{
    TRY(theme_key(item, call, ""));
    call->kind = CALL_SCRIPT;
    call->script = &script_theme_return;
    add_arg(call, item->effect_id);
    return NO_ERROR;
}

/* ---- the table --------------------------------------------------------------------------- */

static const struct blast tickets = {.name = "tickets",
                                     .setting = offsetof(struct config, limits.tickets_per_hour)};

static const struct stage stages[STAGES] = {
    [WEIGH] = {.name = "weigh", .ask = ask_weigh, .answered = answered_weigh, .doubt = STAGE_READ},
    [FIND] = {.name = "find",
              .to = &jira_destination,
              .ask = ask_find,
              .answered = answered_find,
              .doubt = STAGE_READ},
    [CREATE] = {.name = "create",
                .to = &jira_destination,
                .ask = ask_create,
                .answered = answered_create,
                .doubt = FIND,
                .blast = &tickets},
    [KEEP] = {.name = "keep", .ask = ask_keep, .answered = answered_keep, .doubt = STAGE_READ},
    [COMMENTS] = {.name = "comments",
                  .to = &jira_destination,
                  .ask = ask_comments,
                  .answered = answered_comments,
                  .doubt = STAGE_READ},
    [COMMENT] = {.name = "comment",
                 .to = &jira_destination,
                 .ask = ask_comment,
                 .answered = answered_comment,
                 .doubt = COMMENTS},
};

const struct worker ticket_filer = {
    .name = "ticket-filer",
    .topic = "hearback.interviews",
    .help = "files and enriches Jira tickets from interview themes",
    .stages = stages,
    .stage_count = STAGES,
    .itemise = itemise,
    .fragment = fragment,
    .bury = bury,
    .digest = digest,
};
