/* SPDX-License-Identifier: Apache-2.0
 *
 * Each operation through its five steps. An operation lives in an arena of its
 * own; it is in exactly one place at a time: with the outbox (lines that wait
 * for the broker), with Redis, or in the list that waits for the epoch to be
 * confirmed. A confirmation counts for what was in the list when it was asked for,
 * and for scripts whose answers came before its own. One thread.
 */
#include "consumer/engine/ledger.h"

#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "consumer/engine/restate.h"

#define LEDGER_OP_BYTES_MAX (64u << 20)
#define LEDGER_ARGS_MAX     64
#define LEDGER_WATCH_MS     1000 /* an idle worker, too, notices that the view is gone */

enum op_step { OP_BEFORE, OP_SCRIPT, OP_CONFIRM, OP_AFTER, OP_AGREE };

struct op {
    struct op *next; /* in the list that waits for the epoch */
    struct ledger *ledger;
    struct ledger_request request; /* its spans live in the arena */
    enum op_step step;
    uint64_t view;
    int64_t began_ms;
    uint64_t needs; /* the first confirmation that counts for it */
    size_t acks;    /* still owed by the broker */
    bool refused;
    bool sending; /* lines are being handed to the outbox: their answers wait */
    struct redis_reply reply;
    struct arena kept; /* with the reply in it */
    struct arena arena;
};

struct ledger {
    struct redis *redis;
    struct outbox outbox;
    const struct clock *clock;
    bool open;
    struct buf epoch;
    int64_t opened_ms;     /* by the monotonic clock */
    int64_t age_opened_ms; /* how old the view was then, at least */
    uint64_t view;
    struct op *unconfirmed;
    struct op **unconfirmed_last;
    bool confirm_owed;
    uint64_t confirms_sent;
    uint64_t confirms_answered;
    int64_t confirmed_ms; /* when the epoch was last asked for */
    size_t in_flight;
    struct restate *restate;
    void (*lost)(void *self);
    void *lost_self;
    struct metric *lines;
    struct metric *scripts;
    struct metric *redone;
};

struct ledger *ledger_new(struct redis *redis, struct outbox outbox, const struct clock *clock)
{
    struct ledger *ledger = mem_must_alloc(sizeof(*ledger));
    ledger->redis = redis;
    ledger->outbox = outbox;
    ledger->clock = clock;
    ledger->unconfirmed_last = &ledger->unconfirmed;
    buf_init(&ledger->epoch, 4096);
    ledger->restate = restate_new(ledger, clock);
    ledger->lines = metric_counter("hearback_changelog_lines_total",
                                   "Lines appended to the changelog and acknowledged.", NULL, NULL);
    ledger->scripts = metric_counter("hearback_ledger_scripts_total",
                                     "Scripts run on the view in Redis.", NULL, NULL);
    ledger->redone = metric_counter(
        "hearback_ledger_redone_total",
        "Ledger operations that must be done again: Redis away, refused, or its view lost.", NULL,
        NULL);
    return ledger;
}

void ledger_free(struct ledger **at)
{
    struct ledger *ledger = TAKE(*at);
    if (ledger != NULL) {
        CHECK(ledger->in_flight == 0);
        restate_free(&ledger->restate);
        buf_close(&ledger->epoch);
        mem_free(ledger);
    }
}

bool ledger_is_open(const struct ledger *ledger)
{
    return ledger->open;
}

uint64_t ledger_view(const struct ledger *ledger)
{
    return ledger->view;
}

span ledger_epoch(const struct ledger *ledger)
{
    return buf_span(&ledger->epoch);
}

int64_t ledger_view_age_ms(const struct ledger *ledger)
{
    return ledger->age_opened_ms + clock_mono_ms(ledger->clock) - ledger->opened_ms;
}

size_t ledger_in_flight(const struct ledger *ledger)
{
    size_t waiting = ledger->open ? restate_count(ledger->restate) : 0;
    return ledger->in_flight > waiting ? ledger->in_flight : waiting;
}

void ledger_on_lost(struct ledger *ledger, void (*lost)(void *self), void *self)
{
    ledger->lost = lost;
    ledger->lost_self = self;
}

void ledger_open(struct ledger *ledger, span epoch, int64_t age_ms)
{
    if (!span_equal(buf_span(&ledger->epoch), epoch)) {
        ledger->view++;
    } else if (ledger_view_age_ms(ledger) > age_ms) {
        age_ms = ledger_view_age_ms(ledger);
    }
    buf_clear(&ledger->epoch);
    buf_add(&ledger->epoch, epoch);
    ledger->opened_ms = clock_mono_ms(ledger->clock);
    ledger->age_opened_ms = age_ms;
    ledger->open = true;
}

void ledger_close_view(struct ledger *ledger)
{
    ledger->open = false;
}

/* ---- the steps --------------------------------------------------------------------------- */

/* One line of the journal a script returned: quads of kind, key, field, value. */
static struct ledger_line line_of(const struct redis_reply *journal, size_t at)
{
    return (struct ledger_line){.kind = (char)redis_element(journal, at)->text.at[0],
                                .key = redis_element(journal, at + 1)->text,
                                .field = redis_element(journal, at + 2)->text,
                                .value = redis_element(journal, at + 3)->text};
}

/* Lines that may stand behind newer ones: those of a view that was lost before the broker had them,
 * and a record that went behind one of somebody else's, which may have been on its way. */
static void look_again(struct op *op, enum ledger_result result)
{
    const struct redis_reply *journal = redis_element(&op->reply, 2);
    bool sent = op->step == OP_AFTER || op->step == OP_AGREE;
    if (!sent || op->request.dry || (result == LEDGER_OK && op->request.before_count == 0)) {
        return;
    }
    for (size_t i = 0; i + 3 < journal->count; i += 4) {
        struct ledger_line line = line_of(journal, i);
        line.value = result == LEDGER_OK ? line.value : SPAN_NONE;
        restate_add(op->ledger->restate, &line);
    }
}

static void finish(struct op *op, enum ledger_result result)
{
    struct ledger *ledger = op->ledger;
    int64_t took_ms = clock_mono_ms(ledger->clock) - op->began_ms;
    if (result == LEDGER_OK && op->view != ledger->view) {
        result = LEDGER_VIEW; /* what was written is in no view that counts */
    }
    if (result == LEDGER_OK && op->request.before_count > 0 && took_ms > LEDGER_BEFORE_MAX_MS) {
        result = LEDGER_AGAIN;
    }
    if (result != LEDGER_OK) {
        metric_add(ledger->redone, 1);
    }
    ledger->in_flight--;
    look_again(op, result);
    op->request.done(op->request.self, result, result == LEDGER_OK ? &op->reply : NULL);
    arena_close(&op->kept);
    struct arena arena = op->arena; /* with the operation in it */
    arena_close(&arena);
}

static void run_script(struct op *op);

static void await_confirmation(struct op *op, uint64_t needs)
{
    struct ledger *ledger = op->ledger;
    op->needs = needs;
    op->next = NULL;
    *ledger->unconfirmed_last = op;
    ledger->unconfirmed_last = &op->next;
}

static void lines_durable(struct op *op)
{
    if (op->acks > 0 || op->sending) {
        return;
    }
    failpoint(op->step == OP_BEFORE ? "journaled_before" : "journaled_after");
    if (op->refused) {
        finish(op, LEDGER_AGAIN);
    } else if (op->step == OP_BEFORE) {
        run_script(op);
    } else if (op->request.dry || redis_element(&op->reply, 2)->count == 0) {
        finish(op, LEDGER_OK);
    } else {
        op->step = OP_AGREE;
        op->ledger->confirm_owed = true;
        await_confirmation(op, op->ledger->confirms_sent + 1);
    }
}

static void on_line(void *owner, bool durable)
{
    struct op *op = owner;
    op->acks--;
    op->refused = op->refused || !durable;
    metric_add(op->ledger->lines, durable ? 1 : 0);
    lines_durable(op);
}

static void send_line(struct op *op, const struct ledger_line *line)
{
    struct buf key;
    buf_init(&key, 65536);
    ledger_line_key(line, &key);
    struct outbox_record record = {
        .topic = TOPIC_CHANGELOG, .key = buf_span(&key), .value = line->value};
    op->acks++;
    op->ledger->outbox.send(op->ledger->outbox.self, &record, on_line, op);
    buf_close(&key);
}

static void send_journal(struct op *op)
{
    const struct redis_reply *journal = redis_element(&op->reply, 2);
    size_t count = op->request.dry ? 0 : journal->count;
    op->step = OP_AFTER;
    op->sending = true;
    for (size_t i = 0; i + 3 < count; i += 4) {
        struct ledger_line line = line_of(journal, i);
        send_line(op, &line);
    }
    op->sending = false;
    lines_durable(op);
}

static void send_before(struct op *op)
{
    op->step = OP_BEFORE;
    op->sending = true;
    for (size_t i = 0; i < op->request.before_count && !op->request.dry; i++) {
        send_line(op, &op->request.before[i]);
    }
    op->sending = false;
    lines_durable(op);
}

/* Word, text and journal, as each script returns; anything else says nothing. */
static bool is_answer(const struct redis_reply *reply)
{
    const struct redis_reply *journal = redis_element(reply, 2);
    bool fits = reply->count >= 3 && redis_element(reply, 0)->kind == REDIS_TEXT &&
                journal->kind == REDIS_LIST && journal->count % 4 == 0;
    for (size_t i = 0; fits && i < journal->count; i += 4) {
        span kind = redis_element(journal, i)->text;
        fits = kind.len == 1 && ledger_kind_known((char)kind.at[0]);
    }
    return fits;
}

static void on_script(void *self, const struct redis_reply *reply)
{
    struct op *op = self;
    struct ledger *ledger = op->ledger;
    failpoint("script_ran");
    if (is_answer(reply)) {
        redis_keep(reply, &op->kept, &op->reply);
        op->step = OP_CONFIRM;
        await_confirmation(op, ledger->confirms_answered + 1);
        return;
    }
    if (reply->kind == REDIS_ERROR) {
        if (span_starts(reply->text, "NOSCRIPT")) {
            scripts_load(ledger->redis);
        } else {
            LOG(LOG_WARN, "redis_refused", L_TEXT("script", op->request.script->name),
                L_SPAN("found", reply->text),
                L_TEXT("expected", "a Redis that takes writes; trying again"));
        }
    } else if (reply->kind != REDIS_LOST) {
        LOG(LOG_ERROR, "redis_strange", L_TEXT("script", op->request.script->name),
            L_TEXT("found", "an answer that no script of ours gives"),
            L_TEXT("expected", "a list of word, text and journal; trying again"));
    }
    finish(op, LEDGER_AGAIN);
}

static void run_script(struct op *op)
{
    struct ledger *ledger = op->ledger;
    if (!ledger->open || op->view != ledger->view) {
        finish(op, op->view == ledger->view ? LEDGER_AGAIN : LEDGER_VIEW);
        return;
    }
    const struct ledger_request *r = &op->request;
    span args[LEDGER_ARGS_MAX];
    char key_count[SPAN_WHOLE_ROOM];
    size_t count = 0;
    args[count++] = span_text("EVALSHA");
    args[count++] = span_text(r->script->sha);
    args[count++] = span_of_whole((int64_t)r->key_count, key_count);
    CHECK(r->key_count + r->arg_count + count < LEDGER_ARGS_MAX);
    for (size_t i = 0; i < r->key_count; i++) {
        args[count++] = r->keys[i];
    }
    for (size_t i = 0; i < r->arg_count; i++) {
        args[count++] = r->args[i];
    }
    args[count++] = span_text(r->dry ? SCRIPT_DRY : SCRIPT_LIVE);
    op->step = OP_SCRIPT;
    failpoint("script_sending");
    ledger->confirm_owed = true;
    metric_add(ledger->scripts, 1);
    redis_send(ledger->redis, args, count, on_script, op);
}

/* ---- the epoch --------------------------------------------------------------------------- */

static void on_epoch(void *self, const struct redis_reply *reply)
{
    struct ledger *ledger = self;
    struct op *op = TAKE(ledger->unconfirmed);
    ledger->unconfirmed_last = &ledger->unconfirmed;
    ledger->confirms_answered++;
    bool same = reply->kind == REDIS_TEXT && span_equal(reply->text, buf_span(&ledger->epoch));
    bool unknown = reply->kind != REDIS_TEXT && reply->kind != REDIS_NIL;
    if (!same && !unknown && ledger->open) {
        ledger->open = false;
        ledger->lost(ledger->lost_self);
    }
    while (op != NULL) {
        struct op *next = op->next;
        if (op->needs > ledger->confirms_answered) {
            await_confirmation(op, op->needs);
        } else if (!same || !ledger->open) {
            finish(op, unknown ? LEDGER_AGAIN : LEDGER_VIEW);
        } else if (op->step == OP_CONFIRM) {
            send_journal(op);
        } else {
            finish(op, LEDGER_OK);
        }
        op = next;
    }
}

void ledger_confirm(struct ledger *ledger)
{
    restate_turn(ledger->restate);
    int64_t now = clock_mono_ms(ledger->clock);
    bool watch = ledger->open && now - ledger->confirmed_ms >= LEDGER_WATCH_MS;
    if (!ledger->confirm_owed && !watch) {
        return;
    }
    span get[] = {span_text("GET"), span_text(LEDGER_EPOCH_KEY)};
    ledger->confirm_owed = false;
    ledger->confirmed_ms = now;
    ledger->confirms_sent++;
    redis_send(ledger->redis, get, COUNT_OF(get), on_epoch, ledger);
}

/* ---- the time ---------------------------------------------------------------------------- */

struct time_question {
    void (*told)(void *owner, int64_t time_us);
    void *owner;
};

static void on_time(void *self, const struct redis_reply *reply)
{
    struct time_question *question = self;
    int64_t seconds = 0;
    int64_t micros = 0;
    bool told = span_number(redis_element(reply, 0)->text, 0, INT32_MAX * INT64_C(64), &seconds) &&
                span_number(redis_element(reply, 1)->text, 0, 999999, &micros);
    question->told(question->owner, told ? seconds * 1000000 + micros : 0);
    mem_free(question);
}

void ledger_ask_time(void *self, void (*told)(void *owner, int64_t time_us), void *owner)
{
    struct ledger *ledger = self;
    struct time_question *question = mem_must_alloc(sizeof(*question));
    span time = span_text("TIME");
    *question = (struct time_question){.told = told, .owner = owner};
    redis_send(ledger->redis, &time, 1, on_time, question);
}

/* ---- requests ---------------------------------------------------------------------------- */

static span copy(struct op *op, span bytes)
{
    if (bytes.at == NULL) {
        return SPAN_NONE;
    }
    span made = arena_copy(&op->arena, bytes);
    CHECK(made.at != NULL); /* 64 MiB of our own making */
    return made;
}

static span *copy_all(struct op *op, const span *from, size_t count)
{
    span *made = arena_alloc(&op->arena, sizeof(*made) * (count + 1));
    CHECK(made != NULL);
    for (size_t i = 0; i < count; i++) {
        made[i] = copy(op, from[i]);
    }
    return made;
}

void ledger_run(struct ledger *ledger, const struct ledger_request *request)
{
    CHECK(ledger->open && request->before_count <= LEDGER_LINES_MAX);
    struct arena arena;
    arena_init(&arena, LEDGER_OP_BYTES_MAX);
    struct op *op = arena_alloc(&arena, sizeof(*op));
    CHECK(op != NULL);
    *op = (struct op){.ledger = ledger,
                      .request = *request,
                      .view = ledger->view,
                      .began_ms = clock_mono_ms(ledger->clock),
                      .arena = arena};
    if (request->before_count > 0) { /* else the script leaves now */
        op->request.keys = copy_all(op, request->keys, request->key_count);
        op->request.args = copy_all(op, request->args, request->arg_count);
    }
    for (size_t i = 0; i < request->before_count; i++) {
        struct ledger_line *line = &op->request.before[i];
        line->key = copy(op, line->key);
        line->field = copy(op, line->field);
        line->value = copy(op, line->value);
    }
    ledger->in_flight++;
    send_before(op);
}
