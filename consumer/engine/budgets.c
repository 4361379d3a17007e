/* SPDX-License-Identifier: Apache-2.0
 *
 * Fetching places and spending them. Times in µs are by the clock that all
 * processes share (budget_take.lua); those in ms are our own monotonic ones.
 */
#include "consumer/engine/budget_ask.h"

#include "common/metrics.h"
#include "common/own.h"

#include <stdio.h>

#define BUDGET_TTL_MS     (2 * 60 * 60 * 1000) /* longer than any vendor asks to wait */
#define BUDGET_EMPTY_MS   1000                 /* a budget that was not there begins so late */
#define BUDGET_AGAIN_MS   100
#define BUDGET_CROWDED_MS 50
#define BUDGET_BEAT_MS    300   /* a process in touch speaks at least so often */
#define BUDGET_IDLE_MS    2000  /* without a call, then it takes its leave */
#define BUDGET_SILENCE_MS 1500  /* then the others give up its reserve */
#define BUDGET_FORGET_MS  10000 /* and take it back */
/* Who was in touch no later than so long ago may spend its reserve: the others have given it up,
 * and what they had fetched before that is spent. */
#define BUDGET_QUIET_MS (BUDGET_SILENCE_MS + BUDGET_FAR_MS)

static int64_t mono(const struct budget *budget)
{
    return clock_mono_ms(budget->home->clock);
}

static int64_t cost_max_of(const struct budget *budget)
{
    return budget->rule.cost_max > 1 ? budget->rule.cost_max : 1;
}

/* ---- places ------------------------------------------------------------------------------ */

static int64_t place(const struct budget *budget, size_t index)
{
    return budget->places[(budget->first + index) % BUDGET_PLACES_MAX];
}

static void add_place(struct budget *budget, int64_t at_us)
{
    if (budget->count < BUDGET_PLACES_MAX) {
        budget->places[(budget->first + budget->count) % BUDGET_PLACES_MAX] = at_us;
        budget->count++;
    }
}

static void drop_places(struct budget *budget, size_t count)
{
    budget->first = (budget->first + count) % BUDGET_PLACES_MAX;
    budget->count -= count;
}

/* Places whose time has passed unused, and all of them when the view they were had in is gone: the
 * budget in the new one began without knowing of them. */
static void drop_stale(struct budget *budget)
{
    if (budget->moves != budget->home->moves) {
        drop_places(budget, budget->count); /* they lie in another time */
    }
    if (budget->view != ledger_view(budget->home->ledger)) {
        budget->view = ledger_view(budget->home->ledger);
        budget->heard = false;
        budget->ask_at_ms = 0;
        drop_places(budget, budget->count);
    }
    int64_t cost = cost_max_of(budget);
    int64_t late = budget->rule.late_us + (cost - 1) * budget->rule.interval_us;
    int64_t now = budgets_clock_us(budget->home);
    size_t lapsed = 0;
    while (lapsed < budget->count && place(budget, lapsed) + late < now) {
        lapsed++;
    }
    drop_places(budget, lapsed);
    metric_add(budget->lapsed, (int64_t)lapsed);
}

/* ---- fetching ---------------------------------------------------------------------------- */

static int64_t batch_of(const struct budget *budget)
{
    int64_t cost = cost_max_of(budget);
    int64_t batch = (int64_t)BUDGET_HORIZON_MS * 1000 / 2 / budget->rule.interval_us;
    batch = batch < 1 ? 1 : batch;
    batch = batch < cost ? cost : batch;
    return batch > BUDGET_PLACES_MAX / 2 ? BUDGET_PLACES_MAX / 2 : batch;
}

/* How many places this process's share of the rate allows now. When its calls lie further apart
 * than places are fetched ahead, it is the next one, once its time has come. */
static int64_t share_room(struct budget *budget)
{
    int64_t step = budget->rule.interval_us * 100 / budget->home->percent;
    int64_t cost = cost_max_of(budget);
    int64_t now = budgets_clock_us(budget->home);
    bool due = budget->share_us <= now;
    budget->share_us = due ? now : budget->share_us;
    int64_t room = (now + (int64_t)BUDGET_HORIZON_MS * 1000 - budget->share_us) / step;
    return due && room < cost ? cost : room;
}

/* The last answer came too late for the places in it. */
static bool is_late(const struct budget *budget)
{
    return budget->trip_ms > BUDGET_TRIP_MAX_MS;
}

/* How many places this process may ask for now. */
static int64_t appetite(struct budget *budget)
{
    int64_t missing = budget->wanted - (int64_t)budget->count;
    int64_t batch = batch_of(budget);
    if (budget->heard && is_late(budget)) {
        return 0; /* they would lapse on their way, and the others go without them */
    }
    missing = missing > batch ? batch : missing;
    if (missing <= 0 || (int64_t)budget->count > batch / 2) {
        return 0;
    }
    if (budget->home->percent < 100) {
        int64_t room = share_room(budget);
        missing = missing > room ? room : missing;
    }
    return missing < 0 ? 0 : missing;
}

static void plan(struct budget *budget);

/* The budget's clock jumped: what we know of the time may be from before that. */
static void follow_jumps(struct budget *budget, int64_t jumps)
{
    if (budget->jumps >= 0 && jumps != budget->jumps) {
        budget->time_from_ms = mono(budget);
        budget->heard = false; /* what was heard was another clock */
    }
    budget->jumps = jumps;
}

static int64_t later(int64_t a, int64_t b)
{
    return b > a ? b : a;
}

/* An answer that comes too late for its places does not bring us in touch: the others are told of
 * it when it is so old that they hold us for silent all the same, and do not forget us. */
static void hear(struct budget *budget, int64_t clock_us)
{
    int64_t now = mono(budget);
    if (!budget->heard || !is_late(budget)) {
        budget->heard_us = clock_us;
        budget->heard_ms = now;
        budget->heard_from_ms = budget->asked_ms;
    } else {
        int64_t back_ms = BUDGET_QUIET_MS + 1;
        budget->heard_us = later(budget->heard_us, clock_us - back_ms * 1000);
        budget->heard_ms = later(budget->heard_ms, now - back_ms);
        budget->heard_from_ms = later(budget->heard_from_ms, budget->asked_ms - back_ms);
    }
    budget->heard = !budget->leaves;
    budget->told_from_ms = budget->tells_from_ms;
}

static void keep_places(struct budget *budget, const struct redis_reply *reply)
{
    int64_t first = budget_answer_number(reply, 4);
    int64_t given = budget_answer_number(reply, 5);
    int64_t interval = budget_answer_number(reply, 6);
    int64_t wait_us = budget_answer_number(reply, 7);
    int64_t now = mono(budget);
    for (int64_t i = 0; i < given; i++) {
        add_place(budget, first + i * interval);
    }
    if (budget->home->percent < 100) {
        budget->share_us += given * budget->rule.interval_us * 100 / budget->home->percent;
    }
    hear(budget, budget_answer_number(reply, 3));
    follow_jumps(budget, budget_answer_number(reply, 8));
    budget->ask_at_ms = now;
    if (wait_us > 0) { /* all are given out, as far as the horizon: do not ask for each */
        int64_t wait_ms = wait_us / 1000 + 1;
        budget->ask_at_ms += wait_ms < BUDGET_CROWDED_MS ? BUDGET_CROWDED_MS : wait_ms;
    }
}

static void on_places(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct budget *budget = self;
    budget->asking = false;
    budget->trip_ms = mono(budget) - budget->asked_ms;
    budgets_note_trip(budget->home, budget->trip_ms);
    if (result == LEDGER_OK) {
        keep_places(budget, reply);
    } else {
        int64_t held = budget->held_until_ms - mono(budget);
        budget->hold_us = held > 0 ? held * 1000 : 0; /* it may not have been told */
        budget->again_at_ms = mono(budget) + BUDGET_AGAIN_MS;
    }
    drop_stale(budget); /* also what was asked for in another time, or view */
    plan(budget);
    budget->ready(budget->self);
}

static bool in_use(const struct budget *budget)
{
    return budget->wanted > 0 || mono(budget) - budget->used_ms < BUDGET_IDLE_MS;
}

static void fetch(struct budget *budget, int64_t places)
{
    char jumps[32] = "";
    bool moved = budget->moves != budget->home->moves;
    if (budget->jumps >= 0) {
        (void)snprintf(jumps, sizeof(jumps), "%lld%s", (long long)budget->jumps, moved ? "+" : "");
    }
    struct budget_asking asking = {.key = budget->key,
                                   .jumps = jumps,
                                   .owner = budget->home->owner,
                                   .done = on_places,
                                   .self = budget};
    budget->moves = budget->home->moves;
    budget->leaves = !in_use(budget);
    asking.heard = budget->leaves ? "bye" : budget->heard ? NULL : "";
    asking.numbers[BUDGET_ARG_NOW] = budgets_clock_us(budget->home);
    asking.numbers[BUDGET_ARG_INTERVAL] = budget->rule.interval_us;
    asking.numbers[BUDGET_ARG_WANTED] = places;
    asking.numbers[BUDGET_ARG_HORIZON] = (int64_t)BUDGET_HORIZON_MS * 1000;
    int64_t spent_us = (int64_t)BUDGET_FAR_MS * 1000 + budget->rule.interval_us;
    asking.numbers[BUDGET_ARG_EMPTY] =
        spent_us > BUDGET_EMPTY_MS * 1000 ? spent_us : BUDGET_EMPTY_MS * 1000;
    asking.numbers[BUDGET_ARG_STEP] = cost_max_of(budget);
    asking.numbers[BUDGET_ARG_HOLD] = budget->hold_us;
    asking.numbers[BUDGET_ARG_TTL] = BUDGET_TTL_MS;
    asking.numbers[BUDGET_ARG_HEARD] = budget->heard_us;
    asking.numbers[BUDGET_ARG_SILENCE] = (int64_t)BUDGET_SILENCE_MS * 1000;
    asking.numbers[BUDGET_ARG_FORGET] = (int64_t)BUDGET_FORGET_MS * 1000;
    asking.numbers[BUDGET_ARG_RESERVE] = budget->home->config->budgets.reserve_percent * 10;
    budget->hold_us = 0;
    budget->asking = true;
    budget->asked_ms = mono(budget);
    budget->tells_from_ms = budget->heard ? budget->heard_from_ms : budget->asked_ms;
    budget_ask(budget->home, &asking);
}

/* ---- the reserve ------------------------------------------------------------------------- */

/* For as long as the others hold us for silent, and have not forgotten us. */
static bool may_spend_reserve(const struct budget *budget)
{
    int64_t now = mono(budget);
    return budget->heard && budget->wanted > 0 && !budget_is_held(budget) &&
           budget->home->config->budgets.reserve_percent > 0 &&
           now - budget->heard_ms > BUDGET_QUIET_MS &&
           now - budget->told_from_ms < BUDGET_FORGET_MS;
}

static int64_t reserve_interval_ms(const struct budget *budget)
{
    int64_t percent = budget->home->config->budgets.reserve_percent;
    return (budget->rule.interval_us * 100 / percent + 999) / 1000;
}

static void spend_reserve(struct budget *budget)
{
    int64_t now = mono(budget);
    if (!may_spend_reserve(budget) || budget->count > 0 || now < budget->reserve_ms) {
        return;
    }
    int64_t cost = cost_max_of(budget);
    for (int64_t i = 0; i < cost; i++) {
        add_place(budget, budgets_clock_us(budget->home));
    }
    budget->reserve_ms = now + reserve_interval_ms(budget) * cost;
    metric_add(budget->reserved, cost);
}

/* ---- what happens next ------------------------------------------------------------------- */

static int64_t sooner(int64_t a, int64_t b)
{
    return b < a ? b : a;
}

/* When the first place comes near, or due: ms on our clock, rounded up. */
static int64_t next_place_ms(const struct budget *budget)
{
    int64_t now = budgets_clock_us(budget->home);
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < budget->count && next == INT64_MAX; i++) {
        int64_t near = place(budget, i) - (int64_t)BUDGET_LEAD_MS * 1000;
        next = near > now ? near : next;
    }
    for (size_t i = 0; i < budget->count; i++) {
        if (place(budget, i) > now) {
            next = sooner(next, place(budget, i));
            break;
        }
    }
    return next == INT64_MAX ? next : (next - budget->home->ahead_us + 999) / 1000;
}

static void on_time(void *self)
{
    struct budget *budget = self;
    plan(budget);
    budget->ready(budget->self);
}

/* When asking again may be of use. */
static int64_t next_question_ms(const struct budget *budget)
{
    int64_t now = mono(budget);
    if (budget->asking || !ledger_is_open(budget->home->ledger)) {
        return INT64_MAX;
    }
    int64_t at = budget->heard ? budget->asked_ms + BUDGET_BEAT_MS : INT64_MAX;
    if (budget->wanted > (int64_t)budget->count && !budget_is_held(budget)) {
        at = sooner(at, budget->ask_at_ms > now ? budget->ask_at_ms : now + BUDGET_AGAIN_MS);
    }
    if (budget->hold_us > 0) {
        at = sooner(at, now);
    }
    return at < budget->again_at_ms ? budget->again_at_ms : at;
}

static void set_timer(struct budget *budget)
{
    int64_t now = mono(budget);
    int64_t at = next_question_ms(budget);
    if (budget->wanted > 0) {
        at = sooner(at, next_place_ms(budget));
        at = budget_is_held(budget) ? sooner(at, budget->held_until_ms) : at;
    }
    if (budget->asking && budget->wanted > 0 && budget->heard) {
        int64_t from = budget->heard_ms + BUDGET_QUIET_MS + 1;
        from = from < budget->reserve_ms ? budget->reserve_ms : from;
        at = sooner(at, from <= now ? now + BUDGET_AGAIN_MS : from);
    }
    if (at == INT64_MAX) {
        timers_cancel(budget->home->timers, &budget->timer);
        return;
    }
    budget->timer.fire = on_time;
    budget->timer.self = budget;
    timers_set(budget->home->timers, &budget->timer, at > now ? at : now + 1);
}

static void plan(struct budget *budget)
{
    int64_t now = mono(budget);
    drop_stale(budget);
    if (budget->wanted > 0) {
        budget->used_ms = now;
    }
    if (!budget->asking && now >= budget->again_at_ms && ledger_is_open(budget->home->ledger)) {
        bool held = budget_is_held(budget);
        int64_t places = now >= budget->ask_at_ms && !held ? appetite(budget) : 0;
        bool beat = budget->heard && now - budget->asked_ms >= BUDGET_BEAT_MS;
        if (places > 0 || beat || budget->hold_us > 0) {
            bool wrong = budget->home->time_from_ms < budget->time_from_ms;
            budgets_ask_time(budget->home, wrong);
            if (budget->home->time_known && budget->home->time_from_ms >= budget->time_from_ms) {
                fetch(budget, places);
            }
        }
    }
    spend_reserve(budget);
    set_timer(budget);
}

/* ---- for the gates ----------------------------------------------------------------------- */

void budget_open(struct budget *budget, struct budgets *home, struct budget_rule rule,
                 const struct budget_name *name)
{
    CHECK(rule.interval_us > 0);
    *budget = (struct budget){.home = home,
                              .rule = rule,
                              .jumps = -1,
                              .moves = home->moves,
                              .used_ms = clock_mono_ms(home->clock)};
    budget_key(name, SPAN_NONE, budget->key);
    char label[96];
    (void)snprintf(label, sizeof(label), "%s_%s", name->destination, name->class);
    budget->spent = metric_counter("hearback_budget_spent_total",
                                   "Calls that had a place in their budget.", "budget", label);
    budget->lapsed =
        metric_counter("hearback_budget_lapsed_total",
                       "Places in a budget that nobody used in time.", "budget", label);
    budget->reserved =
        metric_counter("hearback_budget_reserve_total",
                       "Places spent from the reserve because Redis was slow.", "budget", label);
}

void budget_close(struct budget *budget)
{
    timers_cancel(budget->home->timers, &budget->timer);
}

void budget_want(struct budget *budget, int64_t cost)
{
    budget->wanted = cost;
    plan(budget);
}

int64_t budget_near(struct budget *budget)
{
    drop_stale(budget);
    int64_t until = budgets_clock_us(budget->home) + (int64_t)BUDGET_LEAD_MS * 1000;
    size_t near = 0;
    while (near < budget->count && place(budget, near) <= until) {
        near++;
    }
    return (int64_t)near;
}

bool budget_is_idle(const struct budget *budget)
{
    return budget->ask_at_ms <= mono(budget) && !budget_is_held(budget);
}

bool budget_take(struct budget *budget, int64_t cost)
{
    drop_stale(budget);
    CHECK(cost > 0);
    if ((int64_t)budget->count < cost ||
        place(budget, (size_t)cost - 1) > budgets_clock_us(budget->home) ||
        budget_is_held(budget)) {
        return false;
    }
    drop_places(budget, (size_t)cost);
    metric_add(budget->spent, cost);
    return true;
}

void budget_hold(struct budget *budget, int64_t wait_ms)
{
    int64_t until = mono(budget) + wait_ms;
    drop_places(budget, budget->count);
    budget->held_until_ms = until > budget->held_until_ms ? until : budget->held_until_ms;
    budget->hold_us = wait_ms * 1000 > budget->hold_us ? wait_ms * 1000 : budget->hold_us;
    plan(budget);
}

bool budget_is_held(const struct budget *budget)
{
    return budget->held_until_ms > mono(budget);
}
