/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the whole ticket filer (consumer/workers/): itemise on any body, then
 * every item's stages with any answers. Pieces: settings, the body, a memo as an
 * earlier holder left it, then an answer a call: of a script a list, of Jira a
 * body. Whatever they say, calls are well formed, and the respondent's address
 * is in none of them, nor in the memo, nor in a dead letter's fragment. Answers
 * are made unable to bring the address in themselves: they have no @, nor an
 * escape that could mean one.
 */
#include "common/own.h"
#include "consumer/workers/ticket_filer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sandbox/jira_adf.h"

#include <stdlib.h>

#define ARENA_BYTES   (4u << 20) /* as the engine's */
#define ITEMS_MAX     6
#define STEPS_MAX     8
#define PARTS_MAX     12
#define SCRIPT_EXTRAS 3 /* word, text, journal */
#define CREATE_STAGE  2

struct filer {
    const struct config *config;
    struct arena arena; /* of the whole input */
    span answers;
    span memo;
    uint8_t start; /* the stage the items begin in */
    bool doubt;
    bool proven; /* Jira says who is logged in */
    int64_t alone_ms;
    span address; /* .len 0: none that could be told from our own words */
};

static const struct config *default_config(void)
{
    static struct config config;
    static bool read;
    if (!read) {
        struct buf faults;
        CHECK(setenv("HEARBACK_JIRA_TOKEN", "token-for-tests", 1) == 0);
        buf_init(&faults, 65536);
        CHECK(!failed(config_parse(
            &config,
            span_text("kafka: {bootstrap: \"kafka:9092\"}\nredis: {address: \"redis:6379\"}\n"
                      "jira: {url: \"https://example.atlassian.net\", user: me-example, "
                      "project: RES}\n"),
            "fuzz.yaml", CONFIG_FOR_WORKER, &faults)));
        buf_close(&faults);
        read = true;
    }
    return &config;
}

/* ---- the address ------------------------------------------------------------------------- */

/* What has an @ cannot come from our own words, nor what has no bracket from the redactor's. */
static span findable(span address)
{
    bool fits = address.len >= 3 && address.len <= 256 && memchr(address.at, '@', address.len);
    for (size_t i = 0; fits && i < address.len; i++) {
        fits = address.at[i] > ' ' && address.at[i] != 0x7F && address.at[i] != '[' &&
               address.at[i] != ']';
    }
    return fits ? address : SPAN_NONE;
}

/* In a link not even written with percent signs. */
static void check_string(const struct filer *filer, span text)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    CHECK(!fuzz_contains(text, filer->address));
    if (span_starts(text, "http")) {
        CHECK(!fuzz_contains(fuzz_url_decoded(&arena, text), filer->address));
    }
    arena_close(&arena);
}

static void check_strings(const struct filer *filer, json_object *tree)
{
    if (json_object_is_type(tree, json_type_object)) {
        json_object_object_foreach(tree, name, value)
        {
            CHECK(!fuzz_contains(span_text(name), filer->address));
            check_strings(filer, value);
        }
    } else if (json_object_is_type(tree, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(tree); i++) {
            check_strings(filer, json_object_array_get_idx(tree, i));
        }
    } else {
        check_string(filer, jsonx_span(tree));
    }
}

/* Neither as it is nor in the strings that JSON writes with escapes. */
static void check_text(const struct filer *filer, span text)
{
    SCOPED_JSON tree = jsonx_parse(text);
    fuzz_touch(text);
    CHECK(!fuzz_contains(text, filer->address));
    check_strings(filer, tree);
}

static void check_item(const struct filer *filer, const struct item *item)
{
    struct buf fragment;
    buf_init(&fragment, 65536);
    ticket_filer.fragment(item, &fragment);
    CHECK(!failed(buf_ok(&fragment)));
    SCOPED_JSON tree = jsonx_parse(buf_span(&fragment));
    CHECK(jsonx_is_object(tree));
    check_text(filer, buf_span(&fragment));
    check_text(filer, item->effect_id);
    check_text(filer, item->order_key);
    check_text(filer, jsonx_print(item->memo));
    buf_close(&fragment);
}

/* ---- calls ------------------------------------------------------------------------------- */

static void check_body(const struct filer *filer, const struct item *item, const struct call *call)
{
    struct adf_reason reason;
    SCOPED_JSON body = jsonx_parse(call->body);
    CHECK(jsonx_is_object(body));
    check_text(filer, call->body);
    const json_object *fields = jsonx_get(body, "fields");
    const json_object *doc =
        item->stage == CREATE_STAGE ? jsonx_get(fields, "description") : jsonx_get(body, "body");
    if (doc != NULL && adf_check(doc, &reason) != ADF_VALID) {
        err_check_failed(reason.text, ERR_HERE);
    }
    if (item->stage == CREATE_STAGE) {
        CHECK(doc != NULL && jsonx_units(jsonx_span(jsonx_get(fields, "summary"))) <= 255);
    }
}

/* All keys of a script are of one hash tag. */
static void check_keys(const struct filer *filer, const struct call *call)
{
    span tag = SPAN_NONE;
    for (size_t i = 0; i < call->key_count; i++) {
        span rest = call->keys[i];
        (void)fuzz_until(&rest, '{');
        span own = fuzz_until(&rest, '}');
        CHECK(own.len > 0 && (i == 0 || span_equal(own, tag)));
        tag = own;
        check_text(filer, call->keys[i]);
    }
    for (size_t i = 0; i < call->arg_count; i++) {
        check_text(filer, call->args[i]);
    }
}

static void check_call(const struct filer *filer, const struct item *item, struct call *call)
{
    if (call->kind == CALL_SCRIPT) {
        CHECK(call->script != NULL && call->key_count > 0);
        check_keys(filer, call);
    } else {
        CHECK(span_starts(call->path, "/rest/api/3/"));
        check_text(filer, call->path);
        check_text(filer, fuzz_url_decoded(call->arena, call->path));
        if (call->body.len > 0) {
            check_body(filer, item, call);
        }
    }
}

/* ---- answers ----------------------------------------------------------------------------- */

static span harmless(struct filer *filer, span text)
{
    uint8_t *out = arena_alloc(&filer->arena, text.len + 1);
    CHECK(out != NULL);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t next = i + 1 < text.len ? text.at[i + 1] : 0;
        bool escape = text.at[i] == '\\' && next == 'u';
        out[i] = text.at[i] == '@' || escape ? '.' : text.at[i];
    }
    out[text.len] = 0;
    return span_of(out, text.len);
}

static struct step answer_script(struct item *item, struct arena *arena, span answer)
{
    struct redis_reply parts[PARTS_MAX] = {{.kind = REDIS_NIL}};
    struct redis_reply list = {.kind = REDIS_LIST, .list = parts};
    struct reply reply = {.script = &list, .arena = arena};
    while (answer.len > 0 && list.count < PARTS_MAX) {
        bool journal = list.count == SCRIPT_EXTRAS - 1;
        parts[list.count++] =
            journal
                ? (struct redis_reply){.kind = REDIS_LIST}
                : (struct redis_reply){.kind = REDIS_TEXT, .text = fuzz_until(&answer, FUZZ_JOIN)};
    }
    return ticket_filer.stages[item->stage].answered(item, &reply);
}

static struct step answer_http(const struct filer *filer, struct item *item, struct arena *arena,
                               span answer)
{
    const struct reply_header who = {span_text("X-AACCOUNTID"), span_text("me")};
    struct reply_tree tree = {0};
    struct reply reply = {.status = 200,
                          .body = answer,
                          .tree = &tree,
                          .headers = &who,
                          .header_count = filer->proven ? 1 : 0,
                          .arena = arena};
    return ticket_filer.stages[item->stage].answered(item, &reply);
}

/* Quotes come back from the ledger as we cut them when they went in; the input may say otherwise.
 */
static bool quotes_too_much(const struct item *item)
{
    struct json_object *quotes = json_at(item->memo, "/quotes");
    span shown = SPAN_NONE;
    size_t count = 0;
    bool list = json_object_is_type(quotes, json_type_array);
    bool fold = ticket_fold(item).len > JIRA_PROPERTY_MAX - 1024;
    for (; list && count < json_object_array_length(quotes) && shown.len <= TICKET_QUOTE_BYTES;
         count++) {
        struct json_object *quote = json_object_array_get_idx(quotes, count);
        shown = json_text(json_object_array_get_idx(quote, 0));
    }
    return fold || count > TICKET_QUOTES || shown.len > TICKET_QUOTE_BYTES;
}

/* One call; false when the item is at its end. */
static bool take_step(struct filer *filer, struct item *item)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct call call = {.arena = &arena};
    /* The same item is asked again and again: without memory it would never be done. */
    struct err err = ticket_filer.stages[item->stage].ask(item, &call);
    if (failed(err)) {
        if (!quotes_too_much(item)) {
            err_check_failed(err.text, err.where);
        }
        arena_close(&arena);
        return false;
    }
    struct step step = call.step;
    if (call.kind != CALL_STEP) {
        check_call(filer, item, &call);
        span answer = harmless(filer, fuzz_piece(&filer->answers));
        step = call.kind == CALL_SCRIPT ? answer_script(item, &arena, answer)
                                        : answer_http(filer, item, &arena, answer);
    }
    CHECK(step.kind == STEP_NEXT || step.reason != NULL);
    CHECK(step.kind != STEP_AGAIN || step.wait_ms > 0);
    arena_close(&arena); /* what the item keeps must not be in there */
    check_item(filer, item);
    if (step.kind == STEP_NEXT) {
        CHECK(step.stage >= 0 && (size_t)step.stage < ticket_filer.stage_count);
        item->stage = step.stage;
    } else if (step.kind == STEP_AGAIN || step.kind == STEP_UNCLEAR) {
        int doubt = ticket_filer.stages[item->stage].doubt;
        item->stage = doubt >= 0 ? doubt : item->stage;
        item->in_doubt = item->in_doubt || doubt >= 0;
        item->alone_ms += 60000;
    }
    return step.kind == STEP_NEXT || step.kind == STEP_AGAIN || step.kind == STEP_UNCLEAR;
}

static void run_item(struct filer *filer, struct item *item)
{
    json_object *memo = jsonx_parse(filer->memo);
    bool kept = jsonx_is_object(memo);
    item->memo = kept ? memo : json_object_new_object();
    if (!kept) {
        json_object_put(memo);
    }
    item->stage = filer->start % (int)ticket_filer.stage_count;
    item->in_doubt = filer->doubt;
    item->alone_ms = filer->alone_ms;
    item->view_ms = filer->alone_ms;
    check_item(filer, item);
    for (size_t i = 0; i < STEPS_MAX && take_step(filer, item); i++) {
    }
    json_object_put(item->memo);
}

static void run_items(struct filer *filer, struct job *job)
{
    bool made = true;
    for (size_t i = 0; made && i < ITEMS_MAX; i++) {
        struct item item = {.config = filer->config, .job = job};
        arena_init(&item.arena, ARENA_BYTES);
        struct err err = ticket_filer.itemise(job, &item, &made);
        if (failed(err)) {
            CHECK(err.class == ERR_POISON && !made);
            fuzz_touch(span_text(err.text));
        } else if (made) {
            CHECK(item.effect_id.len > 0 && item.effect_id.len < 400);
            CHECK(item.order_key.len > 0 && item.order_key.len < 400);
            job->made++;
            filer->address = findable(filing_of(&item)->person.email);
            run_item(filer, &item);
        } else {
            CHECK(job->made > 0 || job->nothing != NULL);
        }
        arena_close(&item.arena);
        made = made && !failed(err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = span_of(data, size);
    span settings = fuzz_piece(&rest);
    struct filer filer = {.config = default_config()};
    struct job job = {.record = {.topic = "hearback.interviews", .source = span_text("koji")}};
    arena_init(&filer.arena, 16u << 20);
    arena_init(&job.arena, ARENA_BYTES);
    uint8_t bits = fuzz_byte(&settings);
    filer.start = bits & 7;
    filer.doubt = (bits & 8) != 0;
    filer.proven = (bits & 16) != 0;
    filer.alone_ms = (bits & 32) != 0 ? 0 : 90000;
    job.record.value = fuzz_piece(&rest);
    filer.memo = harmless(&filer, fuzz_piece(&rest));
    filer.answers = rest;
    run_items(&filer, &job);
    arena_close(&job.arena);
    arena_close(&filer.arena);
    return 0;
}
