/* SPDX-License-Identifier: Apache-2.0
 *
 * The tiny worker, its vendor, and its bench.
 */
#include "tests/component/engine/errand.h"

#include "common/mem.h"

#include <stdio.h>
#include <string.h>

enum { FIND, CREATE, KEEP, TELL };

/* ---- the worker -------------------------------------------------------------------------- */

struct err errand_open(const struct config *config, struct destination_settings *out)
{
    (void)config;
    out->base_url = "http://vendor";
    out->timeout_ms = RIG_TIMEOUT;
    secret_init(&out->authorization, span_text("Basic eDp5"));
    return NO_ERROR;
}

static const struct destination_kind vendor_kind = {.name = "vendor", .open = errand_open};

static struct err ask_http(const struct item *item, struct call *call, const char *method,
                           const char *path)
{
    char *text = arena_printf(call->arena, "%s" SPAN_FMT, path, SPAN_ARG(item->effect_id));
    call->kind = CALL_HTTP;
    call->method = method;
    call->path = span_text(text);
    call->body = strcmp(method, "POST") == 0 ? span_text("{}") : SPAN_NONE;
    return NO_ERROR;
}

static struct err ask_find(struct item *item, struct call *call)
{
    if (span_starts(item->effect_id, "poison")) {
        FAIL(ERR_POISON, 0, "never");
    }
    return ask_http(item, call, "GET", "/find/");
}

static struct step read_find(struct item *item, const struct reply *reply)
{
    (void)item;
    struct json_object *found = json_at(reply_json(reply), "/found");
    if (!json_object_is_type(found, json_type_boolean)) {
        return step_unclear("unreadable");
    }
    return step_next(json_object_get_boolean(found) ? KEEP : CREATE);
}

static struct err ask_create(struct item *item, struct call *call)
{
    return ask_http(item, call, "POST", "/create/");
}

static struct step read_create(struct item *item, const struct reply *reply)
{
    item_memo_set(item, "id", json_text_at(reply_json(reply), "/id"));
    return step_next(KEEP);
}

static struct err ask_keep(struct item *item, struct call *call)
{
    call->kind = CALL_SCRIPT;
    call->script = &script_theme_keep;
    call->keys[0] =
        span_text(arena_printf(call->arena, "kept:{" SPAN_FMT "}", SPAN_ARG(item->order_key)));
    call->keys[1] =
        span_text(arena_printf(call->arena, "told:{" SPAN_FMT "}", SPAN_ARG(item->order_key)));
    call->key_count = 2;
    call->args[0] = item->effect_id;
    call->args[1] = item->effect_id;
    call->args[2] = span_text("[]");
    call->args[3] = span_text("");
    call->args[4] = span_text("name");
    call->arg_count = 5;
    return NO_ERROR;
}

static struct step read_keep(struct item *item, const struct reply *reply)
{
    (void)item;
    CHECK(span_is(redis_element(reply->script, 0)->text, "ok"));
    return step_next(TELL);
}

static struct err ask_tell(struct item *item, struct call *call)
{
    return ask_http(item, call, "POST", "/tell/");
}

static struct step read_tell(struct item *item, const struct reply *reply)
{
    (void)item;
    (void)reply;
    return step_done("told");
}

struct err errand_itemise(struct job *job, struct item *next, bool *made)
{
    (void)job;
    (void)next;
    *made = false;
    return NO_ERROR;
}

void errand_fragment(const struct item *item, struct buf *out)
{
    buf_addf(out, "{\"effect\":\"" SPAN_FMT "\"}", SPAN_ARG(item->effect_id));
}

uint64_t errand_digest(const struct config *config)
{
    (void)config;
    return 1;
}

static const struct blast things = {.name = "things",
                                    .setting = offsetof(struct config, limits.tickets_per_hour)};

static const struct stage stages[] = {
    [FIND] = {.name = "find",
              .to = &vendor_kind,
              .ask = ask_find,
              .answered = read_find,
              .doubt = STAGE_READ},
    [CREATE] = {.name = "create",
                .to = &vendor_kind,
                .ask = ask_create,
                .answered = read_create,
                .doubt = FIND,
                .blast = &things},
    [KEEP] =
        {.name = "keep", .to = NULL, .ask = ask_keep, .answered = read_keep, .doubt = STAGE_READ},
    [TELL] = {.name = "tell",
              .to = &vendor_kind,
              .ask = ask_tell,
              .answered = read_tell,
              .doubt = STAGE_NOBODY},
};

const struct worker errand = {.name = "errand",
                              .topic = "hearback.interviews",
                              .help = "for tests",
                              .stages = stages,
                              .stage_count = COUNT_OF(stages),
                              .itemise = errand_itemise,
                              .fragment = errand_fragment,
                              .digest = errand_digest};

/* ---- the vendor -------------------------------------------------------------------------- */

static size_t effect_at(struct vendor *vendor, span effect)
{
    size_t i = 0;
    while (i < vendor->count && !span_is(effect, vendor->effects[i].effect)) {
        i++;
    }
    if (i == vendor->count) {
        CHECK(vendor->count < VENDOR_EFFECTS_MAX);
        span_to_text(effect, vendor->effects[i].effect, sizeof(vendor->effects[i].effect));
        vendor->count++;
    }
    return i;
}

/* The effect the call names; what it asks for is done. */
static size_t do_call(struct vendor *vendor, const struct transfer *t)
{
    span path = t->path;
    size_t slash = 1;
    while (path.at[slash] != '/') {
        slash++;
    }
    size_t i = effect_at(vendor, span_of(path.at + slash + 1, path.len - slash - 1));
    vendor->effects[i].created += span_starts(path, "/create/") ? 1 : 0;
    vendor->effects[i].told += span_starts(path, "/tell/") ? 1 : 0;
    size_t len = strlen(vendor->log);
    CHECK(len + path.len + 16 < sizeof(vendor->log));
    (void)snprintf(vendor->log + len, sizeof(vendor->log) - len, "%s %.200s;", t->method,
                   (const char *)path.at);
    return i;
}

void vendor_does(struct vendor *vendor, struct rig *rig, struct transfer *transfer,
                 struct fake_answer answer)
{
    (void)do_call(vendor, transfer);
    fake_caller_answer(&rig->caller, transfer, answer);
}

void vendor_answer(struct vendor *vendor, struct rig *rig, struct transfer *transfer)
{
    bool find = span_starts(transfer->path, "/find/");
    size_t i = do_call(vendor, transfer);
    const char *found = vendor->effects[i].created > 0 ? "{\"found\":true}" : "{\"found\":false}";
    fake_caller_answer(
        &rig->caller, transfer,
        (struct fake_answer){.status = find ? 200 : 201, .body = find ? found : "{\"id\":\"7\"}"});
}

void vendor_serve(struct vendor *vendor, struct rig *rig, int64_t ms)
{
    rig_settle(rig);
    while (rig->caller.open_count > 0 || (stages_count(rig->stages) > 0 && ms > 0)) {
        if (rig->caller.open_count > 0) {
            vendor_answer(vendor, rig, rig->caller.open[0]);
            rig_settle(rig);
        } else {
            int64_t step = timers_next_ms(&rig->timers, rig->time->mono);
            step = step < 1 ? 1 : step > ms ? ms : step;
            rig_move(rig, step);
            ms -= step;
        }
    }
}

static const void *find_effect(const struct vendor *vendor, const char *effect, int *created,
                               int *told)
{
    for (size_t i = 0; i < vendor->count; i++) {
        if (strcmp(vendor->effects[i].effect, effect) == 0) {
            *created = vendor->effects[i].created;
            *told = vendor->effects[i].told;
            return &vendor->effects[i];
        }
    }
    return NULL;
}

int vendor_created(const struct vendor *vendor, const char *effect)
{
    int created = 0;
    int told = 0;
    (void)find_effect(vendor, effect, &created, &told);
    return created;
}

int vendor_told(const struct vendor *vendor, const char *effect)
{
    int created = 0;
    int told = 0;
    (void)find_effect(vendor, effect, &created, &told);
    return told;
}

/* ---- the bench --------------------------------------------------------------------------- */

int bench_open(void **state)
{
    struct bench *bench = mem_must_alloc(sizeof(*bench));
    kit_quiet();
    assert_true(redis_server_start(&bench->server, NULL));
    bench->plain = redis_ask_open(bench->server.address, NULL);
    assert_non_null(bench->plain);
    bench->time = (struct clock_fake){.mono = 1000000, .wall = 1790000000000};
    rig_open(&bench->rig, bench->server.address, "me", &bench->time);
    rig_stages(&bench->rig, &errand);
    rig_view(&bench->rig, bench->plain, "{\"id\":\"one\"}");
    *state = bench;
    return 0;
}

int bench_close(void **state)
{
    struct bench *bench = *state;
    rig_close(&bench->rig);
    redisFree(bench->plain);
    redis_server_close(&bench->server);
    mem_free(bench);
    return 0;
}

void bench_stages(struct bench *bench, const struct worker *worker, bool dry)
{
    struct rig *rig = &bench->rig;
    stages_free(&rig->stages);
    order_close(&rig->order);
    pool_close(&rig->pool);
    timers_cancel(&rig->timers, &rig->to.probe);
    destination_close(&rig->to);
    rig->dry = dry;
    rig_stages(rig, worker);
}

const char *bench_record(struct bench *bench, const char *effect, const char *key)
{
    static char text[256];
    char name[256];
    (void)snprintf(name, sizeof(name), "hearback:effect:{errand/%s}:%s", key, effect);
    SCOPED(json_free) struct json_object *tree = NULL;
    if (failed(json_parse(span_text(redis_say(bench->plain, "GET", name, NULL)), &tree))) {
        return "";
    }
    span at = json_text_at(tree, "/r");
    at = at.at == NULL ? json_text_at(tree, "/g") : at;
    (void)snprintf(text, sizeof(text), "%.32s:%.64s", (const char *)json_text_at(tree, "/s").at,
                   (const char *)at.at);
    return text;
}

const char *bench_lease(struct bench *bench, const char *key, const char *field)
{
    char name[256];
    (void)snprintf(name, sizeof(name), "hearback:order:{errand/%s}", key);
    const char *found = redis_say(bench->plain, "HGET", name, field, NULL);
    return strcmp(found, "(nil)") == 0 ? "" : found;
}

struct transfer *bench_call(struct rig *rig, const char *what)
{
    struct transfer *transfer = fake_caller_find(&rig->caller, what);
    if (transfer == NULL || rig->caller.open_count != 1) {
        print_error("expected the one call %s, found %zu:\n", what, rig->caller.open_count);
        for (size_t i = 0; i < rig->caller.open_count; i++) {
            print_error("  %s " SPAN_FMT "\n", rig->caller.open[i]->method,
                        SPAN_ARG(rig->caller.open[i]->path));
        }
        fail();
    }
    return transfer;
}

void bench_restore(struct bench *bench, struct rig *rig, const char *epoch)
{
    ledger_close_view(rig->ledger);
    assert_string_equal(redis_say(bench->plain, "FLUSHALL", NULL), "OK");
    for (const struct fake_record *r = rig->outbox.first; r != NULL; r = r->next) {
        struct ledger_line line;
        if (!r->answered || !span_is(span_text(r->topic), TOPIC_CHANGELOG)) {
            continue;
        }
        assert_true(ledger_line_parse(buf_span(&r->key), buf_span(&r->value), &line));
        assert_int_equal(line.kind, 'S'); /* this worker has no hashes */
        struct buf out;
        buf_init(&out, 1 << 20);
        span set[] = {span_text("SET"), line.key, line.value};
        redis_ask(bench->plain, &out, set, COUNT_OF(set));
        buf_close(&out);
    }
    rig_view(rig, bench->plain, epoch);
}
