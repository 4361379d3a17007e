/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of calls.c: a call leaves when the process runs, has its effect at the
 * vendor when it is drawn to, within the call's time-out, and is answered or not.
 * As curl does, a process that comes back too late finds its call timed out,
 * sent or not. Here is also seen that no two calls of one theme are out at a time.
 */
#include "tests/sim/calls_link.h"

#include "common/mem.h"
#include "consumer/engine/engine_inside.h"
#include "tests/sim/edges.h"
#include "tests/sim/limits.h"
#include "tests/sim/truth.h"
#include "tests/sim/vendor.h"

#include <curl/curl.h>
#include <stdio.h>

struct calls {
    struct owner owner;
    struct transfer *finished;
    struct transfer **finished_last;
};

/* A call on its way; it outlives its process. */
struct post {
    struct post *next; /* of those that are out */
    struct calls *calls;
    struct owner owner;
    struct transfer *transfer;
    struct vendor_request request;
    enum weather weather; /* WEATHER_KINDS: fair */
    int64_t started_ms;
    int64_t timeout_ms;
    uint64_t view; /* which view of the ledger its lease is of */
    bool out;      /* it left and no answer is known */
    bool over;     /* the client has its outcome */
    bool counted;  /* as one that is out */
    int status;
    struct buf body;
    const char *header;
    char header_value[24];
};

static struct post *posts;
static int64_t down_until;
static int64_t no_login_until;
static bool fair;
static enum outage outage;
static struct calls_count counted;

void calls_link_break(enum outage how)
{
    outage = how;
}

struct calls_count *calls_link_count(void)
{
    return &counted;
}

void calls_link_down(int64_t for_ms)
{
    down_until = world_now() + for_ms;
}

void calls_link_no_login(int64_t for_ms)
{
    no_login_until = world_now() + for_ms;
}

void calls_link_heal(void)
{
    down_until = no_login_until = 0;
    fair = true;
}

static bool is_effect(const struct post *post)
{
    return post->request.kind == VENDOR_CREATE || post->request.kind == VENDOR_COMMENT;
}

/* ---- the outcome, as the client sees it -------------------------------------------------- */

static void finish(struct post *post, int transport, bool reached)
{
    if (post->over || !proc_lives(post->owner)) {
        return;
    }
    struct transfer *t = post->transfer;
    post->over = true;
    post->out = false;
    counted.out -= post->counted ? 1 : 0;
    t->transport = transport;
    t->reached = reached;
    t->status = transport == CURLE_OK ? post->status : 0;
    if (transport == CURLE_OK) {
        buf_add(&t->reply_body, buf_span(&post->body));
        transfer_add_header(t, span_text("X-AAccountId"), span_text("us"));
        if (post->header != NULL) {
            transfer_add_header(t, span_text(post->header), span_text(post->header_value));
        }
    }
    world_trace("w%d hears of its %s on %s: %s %d", post->owner.proc->slot,
                vendor_stage(post->request.kind), plan_get()->themes[post->request.theme].id,
                transport == CURLE_OK ? "status" : "curl",
                transport == CURLE_OK ? t->status : transport);
    t->next = NULL;
    *post->calls->finished_last = t;
    post->calls->finished_last = &t->next;
    proc_wake(post->owner);
}

static bool timed_out(const struct post *post)
{
    return world_now() >= post->started_ms + post->timeout_ms;
}

static void on_timeout(void *self)
{
    struct post *post = self;
    post->out = false;
    if (proc_lives(post->owner) && !proc_runs(post->owner)) {
        world_at(proc_awake_ms(post->owner), on_timeout, post);
        return;
    }
    finish(post, CURLE_OPERATION_TIMEDOUT, true);
}

static void on_answer(void *self)
{
    struct post *post = self;
    post->out = post->out && !proc_lives(post->owner);
    if (proc_lives(post->owner) && !proc_runs(post->owner)) {
        world_at(proc_awake_ms(post->owner), on_answer, post); /* it waits in the socket */
        return;
    }
    if (timed_out(post)) {
        finish(post, CURLE_OPERATION_TIMEDOUT, true);
        return;
    }
    if (is_effect(post) && post->status >= 200 && post->status < 300 &&
        post->weather != WEATHER_GARBAGE) {
        truth_answered(post->request.theme, post->request.told[0]);
    }
    bool broke = post->weather == WEATHER_LOST_BEFORE || post->weather == WEATHER_LOST_AFTER ||
                 post->weather == WEATHER_LATE_EFFECT;
    finish(post, broke ? CURLE_RECV_ERROR : CURLE_OK, true);
}

/* ---- what happens to it ------------------------------------------------------------------ */

static void on_effect(void *self)
{
    struct post *post = self;
    struct buf body;
    buf_init(&body, 1 << 20);
    int status = vendor_do(&post->request, &body);
    world_trace("vendor: %s on %s%s%s", vendor_stage(post->request.kind),
                plan_get()->themes[post->request.theme].id,
                post->request.kind == VENDOR_COMMENT ? " for " : "",
                post->request.kind == VENDOR_COMMENT
                    ? plan_get()->interviews[post->request.told[0]].id
                    : "");
    if (post->weather == WEATHER_KINDS || post->weather == WEATHER_SLOW) {
        post->status = status;
        buf_add(&post->body, buf_span(&body));
    }
    buf_close(&body);
}

static enum weather draw_weather(void)
{
    if (world_now() < no_login_until) {
        return WEATHER_REFUSED; /* turned into 401 below */
    }
    if (world_now() < down_until) {
        static const enum weather down[] = {WEATHER_LOST_BEFORE, WEATHER_5XX, WEATHER_REFUSED};
        return down[world_draw(WORLD_EDGE, 3)];
    }
    for (int i = 0; i < WEATHER_KINDS && !fair; i++) {
        if (world_chance(WORLD_EDGE, plan_get()->weather[i])) {
            return (enum weather)i;
        }
    }
    return WEATHER_KINDS;
}

static void set_status(struct post *post, int status, const char *body)
{
    post->status = status;
    buf_add_text(&post->body, body);
}

/* When the effect happens, and when the answer comes; -1: never. Both within the time-out. */
struct course {
    int64_t effect_ms;
    int64_t answer_ms;
};

static struct course draw_course(struct post *post)
{
    int64_t end = post->started_ms + post->timeout_ms - 1;
    int64_t soon = world_now() + world_between(WORLD_EDGE, 10, 250);
    int64_t late = world_between(WORLD_EDGE, soon + 1, end);
    struct course course = {.effect_ms = soon,
                            .answer_ms = soon + world_between(WORLD_EDGE, 1, 200)};
    bool silent = world_chance(WORLD_EDGE, 500);
    switch (post->weather) {
    case WEATHER_LOST_BEFORE:
        return (struct course){.effect_ms = -1, .answer_ms = silent ? -1 : soon};
    case WEATHER_LOST_AFTER:
        course.answer_ms = silent ? -1 : course.answer_ms;
        return course;
    case WEATHER_LATE_EFFECT:
        return (struct course){.effect_ms = late, .answer_ms = silent ? -1 : soon};
    case WEATHER_5XX:
        set_status(post, world_chance(WORLD_EDGE, 500) ? 503 : 500, "oops");
        return (struct course){.effect_ms = -1, .answer_ms = soon};
    case WEATHER_5XX_AFTER:
        set_status(post, world_chance(WORLD_EDGE, 500) ? 502 : 504, "<html>");
        return (struct course){.effect_ms = silent ? soon : late, .answer_ms = soon};
    case WEATHER_429:
        set_status(post, 429, "");
        post->header = "Retry-After";
        (void)snprintf(post->header_value, sizeof(post->header_value), "%d",
                       (int)world_between(WORLD_EDGE, 0, 8));
        return (struct course){.effect_ms = -1, .answer_ms = soon};
    case WEATHER_GARBAGE:
        set_status(post, 200, world_chance(WORLD_EDGE, 500) ? "{\"issu" : "{}");
        return course;
    case WEATHER_SLOW:
        return (struct course){.effect_ms = late, .answer_ms = end};
    case WEATHER_REFUSED:
    case WEATHER_KINDS:
        break;
    }
    return course;
}

/* An outage is the same for every call. True when there is one that the call meets. */
static bool meets_outage(struct post *post)
{
    static const int statuses[OUTAGE_KINDS] = {
        [OUTAGE_503] = 503, [OUTAGE_401] = 401, [OUTAGE_403] = 403, [OUTAGE_403_WRITES] = 403};
    if (outage == OUTAGE_NONE || (outage == OUTAGE_403_WRITES && !is_effect(post))) {
        return false;
    }
    world_trace("w%d sends a %s on %s into the outage", post->owner.proc->slot,
                vendor_stage(post->request.kind), plan_get()->themes[post->request.theme].id);
    if (outage == OUTAGE_REFUSES) {
        finish(post, CURLE_COULDNT_CONNECT, false);
    } else if (outage == OUTAGE_SILENT) {
        world_at(post->started_ms + post->timeout_ms, on_timeout, post);
    } else {
        post->weather = WEATHER_KINDS;
        set_status(post, statuses[outage], "{\"errorMessages\":[\"no\"]}");
        world_at(world_now() + 20, on_answer, post);
    }
    return true;
}

static void count_out(struct post *post)
{
    post->counted = true;
    counted.sent++;
    counted.out++;
    counted.out_most = counted.out > counted.out_most ? counted.out : counted.out_most;
}

/* Nobody else may have a call out for this theme under a lease of the same view. (With a view its
 * leases go: who had one may have a call out, and learns of it within a second.) */
static void check_alone(const struct post *post)
{
    for (struct post **at = &posts; *at != NULL;) {
        const struct post *other = *at;
        if (other->over && !other->out) {
            *at = other->next;
            continue;
        }
        at = &(*at)->next;
        if (other != post && other->out && other->request.theme == post->request.theme &&
            other->view == post->view && world_now() < other->started_ms + other->timeout_ms) {
            world_violated("two calls are out for %s: a %s of w%d, and now a %s of w%d",
                           plan_get()->themes[post->request.theme].id,
                           vendor_stage(other->request.kind), other->owner.proc->slot,
                           vendor_stage(post->request.kind), post->owner.proc->slot);
        }
    }
}

static void on_departure(void *self)
{
    struct post *post = self;
    if (!proc_lives(post->owner)) {
        return; /* it was killed before its loop came to the socket */
    }
    if (!proc_runs(post->owner)) {
        world_at(proc_awake_ms(post->owner), on_departure, post);
        return;
    }
    if (timed_out(post)) {
        finish(post, CURLE_OPERATION_TIMEDOUT, false);
        return;
    }
    count_out(post);
    if (meets_outage(post)) {
        return;
    }
    post->weather = draw_weather();
    if (post->weather == WEATHER_REFUSED && world_now() < no_login_until) {
        set_status(post, 401, "{\"message\":\"who are you\"}");
        world_at(world_now() + 20, on_answer, post);
        return;
    }
    if (post->weather == WEATHER_REFUSED) {
        finish(post, CURLE_COULDNT_CONNECT, false);
        return;
    }
    world_trace("w%d sends a %s on %s", post->owner.proc->slot, vendor_stage(post->request.kind),
                plan_get()->themes[post->request.theme].id);
    check_alone(post);
    counted.posts += strcmp(post->transfer->method, "POST") == 0 ? 1 : 0;
    limits_arrive(post->transfer->method,
                  post->request.kind == VENDOR_COMMENT ? post->request.issue : -1);
    post->out = true;
    struct course course = draw_course(post);
    if (is_effect(post)) {
        truth_sending(post->request.theme, post->request.told[0], vendor_stage(post->request.kind));
    }
    if (course.effect_ms >= 0) {
        world_at(course.effect_ms, on_effect, post);
    }
    if (course.answer_ms >= 0) {
        world_at(course.answer_ms, on_answer, post);
    }
    world_at(post->started_ms + post->timeout_ms, on_timeout, post);
}

/* ---- the interface ----------------------------------------------------------------------- */

static void start(void *self, struct transfer *t)
{
    struct calls *calls = self;
    struct post *post = mem_must_alloc(sizeof(*post));
    post->calls = calls;
    post->owner = calls->owner;
    post->transfer = t;
    post->started_ms = world_now();
    post->timeout_ms = t->to->settings.timeout_ms;
    post->view = span_hash(ledger_epoch(post->owner.proc->engine->ledger));
    buf_init(&post->body, 1 << 20);
    vendor_read(t, &post->request);
    post->next = posts;
    posts = post;
    world_at(world_now() + world_between(WORLD_EDGE, 0, 5), on_departure, post);
}

static void abort_call(void *self, struct transfer *t)
{
    (void)self;
    for (struct post *post = posts; post != NULL; post = post->next) {
        post->over = post->over || post->transfer == t;
    }
}

struct caller calls_interface(struct calls *calls)
{
    return (struct caller){.start = start, .abort = abort_call, .self = calls};
}

struct err calls_new(int epoll_fd, uint32_t tag, int64_t calls_max, struct calls **out)
{
    (void)epoll_fd;
    (void)tag;
    (void)calls_max;
    struct calls *calls = mem_must_alloc(sizeof(*calls));
    calls->owner = proc_owner();
    calls->finished_last = &calls->finished;
    *out = calls;
    return NO_ERROR;
}

void calls_free(struct calls **at)
{
    *at = NULL;
}

void calls_ready(struct calls *calls, int fd, uint32_t events)
{
    (void)calls;
    (void)fd;
    (void)events;
    NEVER("there is no descriptor");
}

int64_t calls_turn(struct calls *calls, int64_t now_ms)
{
    (void)now_ms;
    struct transfer *t = calls->finished;
    calls->finished = NULL;
    calls->finished_last = &calls->finished;
    while (t != NULL) {
        struct transfer *next = t->next;
        t->done(t->self, t);
        t = next;
    }
    return -1;
}

int64_t calls_begin(struct calls *calls, int64_t now_ms)
{
    (void)now_ms;
    return calls->finished != NULL ? 0 : -1;
}
