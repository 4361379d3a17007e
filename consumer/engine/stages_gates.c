/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose turn it is. Each class of a destination's calls has a gate. An item queues
 * before it, in order, and holds nothing; it begins when the breaker is closed, a
 * slot among the destination's calls is free, and a place in the class's budget is
 * near enough that what comes before the call (its key's place, writing down the
 * intent) fits in. Then it waits, ready, for the place itself. Places are not tied
 * to items: whoever is ready first takes the next.
 */
#include "consumer/engine/stages_inside.h"

#include "consumer/engine/budget_ask.h"

#define GATE_HOLD_MIN_MS 1000
#define GATE_MEMORY      8 /* calls */
#define GATE_HOLD_MAX_MS 30000

struct destination *stages_destination(struct stages *stages, const struct work *work)
{
    const struct destination_kind *kind = stage_of(stages, work)->to;
    for (size_t i = 0; i < stages->parts.destination_count; i++) {
        if (stages->parts.destinations[i].kind == kind) {
            return &stages->parts.destinations[i];
        }
    }
    NEVER("a stage names a destination that was not opened");
}

bool stages_breaker_open(struct stages *stages, const struct work *work)
{
    return stage_of(stages, work)->to != NULL &&
           stages_destination(stages, work)->breaker.state != BREAKER_CLOSED;
}

int64_t stages_quiet_from(struct stages *stages, const struct work *work)
{
    /* An answer that says nothing is not the end of the call: a gateway that gave up, or a
     * connection that broke, leaves somebody behind it at work. The call's time-out is how long we
     * hold that for possible, as for a call whose caller vanished. */
    int64_t end = work->sent_ms + stages_destination(stages, work)->settings.timeout_ms;
    return end > stages_now(stages) ? end : stages_now(stages);
}

static int64_t cost_of(const struct work *work)
{
    return work->call.budget_cost > 1 ? work->call.budget_cost : 1;
}

/* ---- gates ------------------------------------------------------------------------------- */

static void serve(struct stages *stages, struct destination *to);
static void on_gate(void *self);
static void hold(struct gate *gate, int64_t wait_ms);

static struct gate *make_gate(struct stages *stages, struct destination *to, const char *class)
{
    CHECK(to->gate_count < DESTINATION_GATES_MAX);
    const struct config *config = stages->parts.config;
    struct gate *gate = &to->gates[to->gate_count++];
    struct budget_rule rule = budget_rule_of(config, to->kind, class, false);
    *gate = (struct gate){.class = class, .to = to, .home = stages};
    gate->waiting_last = &gate->waiting;
    gate->ready_last = &gate->ready;
    gate->key_rule = budget_rule_of(config, to->kind, class, true);
    gate->queue =
        metric_gauge("hearback_calls_waiting", "Calls that wait for their turn.", "class", class);
    struct budget_name name = stages_budget_name(gate);
    gate->cost_max = rule.cost_max;
    gate->limited = rule.interval_us > 0;
    if (gate->limited) {
        budget_open(&gate->budget, &stages->budgets, rule, &name);
        gate->budget.ready = on_gate;
        gate->budget.self = gate;
    }
    if (to->held_until_ms > stages_now(stages)) {
        hold(gate, to->held_until_ms - stages_now(stages));
    }
    return gate;
}

static struct gate *gate_of(struct stages *stages, struct destination *to, const char *class)
{
    for (size_t i = 0; i < to->gate_count; i++) {
        if (strcmp(to->gates[i].class, class) == 0) {
            return &to->gates[i];
        }
    }
    return make_gate(stages, to, class);
}

void stages_gates_close(struct stages *stages)
{
    for (size_t d = 0; d < stages->parts.destination_count; d++) {
        struct destination *to = &stages->parts.destinations[d];
        for (size_t i = 0; i < to->gate_count && to->gates[i].home == stages; i++) {
            timers_cancel(stages->parts.timers, &to->gates[i].wake);
            if (to->gates[i].limited) {
                budget_close(&to->gates[i].budget);
            }
        }
        timers_cancel(stages->parts.timers, &to->probe);
    }
}

void stages_gates_opened(struct stages *stages)
{
    for (size_t d = 0; d < stages->parts.destination_count; d++) {
        for (size_t i = 0; i < stages->parts.destinations[d].gate_count; i++) {
            on_gate(&stages->parts.destinations[d].gates[i]);
        }
    }
}

/* Places are fetched for what may be sent: while the breaker is open that is a probe, when its time
 * has come. Others who use the login are not to lose theirs to calls that are not made. */
static void tell_budget(struct gate *gate)
{
    int64_t wanted = gate->waiting_cost;
    if (!gate->limited) {
        return;
    }
    if (gate->to->breaker.state != BREAKER_CLOSED && gate->waiting != NULL) {
        bool due = breaker_wait_ms(&gate->to->breaker, stages_now(gate->home)) == 0;
        wanted = due ? cost_of(gate->waiting) : 0;
    }
    budget_want(&gate->budget, wanted + gate->admitted);
}

static bool is_held(const struct gate *gate)
{
    bool held = gate->held_until_ms > stages_now(gate->home);
    return held || (gate->limited && budget_is_held(&gate->budget));
}

/* May the gate's next call begin? One may before its place is fetched, so that fetching and
 * writing down the intent take the same time. */
static bool has_room(struct gate *gate)
{
    if (gate->waiting == NULL || is_held(gate)) {
        return false;
    }
    if (!gate->limited || (gate->admitted == 0 && budget_is_idle(&gate->budget))) {
        return true;
    }
    int64_t slow_ms = gate->prepare_ms > BUDGET_LEAD_MS ? gate->prepare_ms - BUDGET_LEAD_MS : 0;
    return gate->admitted + cost_of(gate->waiting) <=
           budget_near(&gate->budget) + slow_ms * 1000 / gate->budget.rule.interval_us;
}

/* ---- the queue --------------------------------------------------------------------------- */

/* By ticket: who was here before and had to wait for its key's place goes in front again. */
static void join_queue(struct gate *gate, struct work *work)
{
    struct work **at = gate->waiting_last;
    if (gate->waiting != NULL && work->ticket < gate->home->tickets) {
        at = &gate->waiting;
        while (*at != NULL && (*at)->ticket < work->ticket) {
            at = &(*at)->next;
        }
    }
    work->waiting = true;
    work->next = *at;
    *at = work;
    if (work->next == NULL) {
        gate->waiting_last = &work->next;
    }
    gate->waiting_cost += cost_of(work);
    metric_add(gate->queue, 1);
}

static void leave(struct gate *gate, struct work *work)
{
    struct work **at = &gate->waiting;
    while (*at != work) {
        CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = work->next;
    if (gate->waiting_last == &work->next) {
        gate->waiting_last = at;
    }
    work->next = NULL;
    work->waiting = false;
    gate->waiting_cost -= cost_of(work);
    metric_add(gate->queue, -1);
}

void stages_leave_queue(struct stages *stages, struct work *work)
{
    (void)stages;
    leave(work->gate, work);
    tell_budget(work->gate);
}

/* Whose turn it is among the destination's gates: who has waited longest. */
static struct work *next_of(struct destination *to)
{
    struct work *next = NULL;
    for (size_t i = 0; i < to->gate_count; i++) {
        if (has_room(&to->gates[i]) &&
            (next == NULL || to->gates[i].waiting->ticket < next->ticket)) {
            next = to->gates[i].waiting;
        }
    }
    return next;
}

/* Who shall find out whether the destination is well: of those that wait who was refused least
 * often, so that one that is refused for its own sake does not speak for all; and where a stage
 * is what nothing comes of, who is there. */
static bool probes_better(const struct destination *to, const struct work *a, const struct work *b)
{
    if (a->refused_count != b->refused_count) {
        return a->refused_count < b->refused_count;
    }
    bool a_there = to->culprit != NULL && stage_of(a->home, a) == to->culprit;
    bool b_there = to->culprit != NULL && stage_of(b->home, b) == to->culprit;
    return a_there != b_there ? a_there : a->ticket < b->ticket;
}

/* `best`: any of them. */
static struct work *probe_of(struct destination *to, struct work *best)
{
    for (size_t i = 0; i < to->gate_count; i++) {
        struct work *work = has_room(&to->gates[i]) ? to->gates[i].waiting : NULL;
        for (; work != NULL; work = work->next) {
            best = probes_better(to, work, best) ? work : best;
        }
    }
    return best;
}

/* ---- slots ------------------------------------------------------------------------------- */

static void on_probe_time(void *self)
{
    struct destination *to = self;
    serve(to->home, to);
}

static void arm_probe(struct stages *stages, struct destination *to)
{
    int64_t now = stages_now(stages);
    int64_t wait = breaker_wait_ms(&to->breaker, now);
    if (wait >= 0) {
        to->home = stages;
        to->probe.fire = on_probe_time;
        to->probe.self = to;
        timers_set(stages->parts.timers, &to->probe, now + wait);
    }
}

static void serve(struct stages *stages, struct destination *to)
{
    bool waits = false;
    for (size_t i = 0; i < to->gate_count; i++) {
        tell_budget(&to->gates[i]);
        waits = waits || to->gates[i].waiting != NULL;
    }
    if (waits && breaker_wait_ms(&to->breaker, stages_now(stages)) > 0) {
        arm_probe(stages, to);
        return;
    }
    while (to->calls_out < to->calls_max) {
        struct work *work = next_of(to);
        if (work == NULL) {
            return;
        }
        bool probe = false;
        if (!breaker_admits(&to->breaker, stages_now(stages), &probe)) {
            arm_probe(stages, to);
            return;
        }
        work = probe ? probe_of(to, work) : work;
        leave(work->gate, work);
        work->holding = true;
        work->probe = probe;
        work->admitted = cost_of(work);
        work->gate->admitted += work->admitted;
        work->admitted_ms = stages_now(stages);
        to->calls_out++;
        work->phase = stages_next_phase(stages, work);
        stages_enqueue(stages, work);
    }
}

void stages_slot(struct stages *stages, struct work *work)
{
    struct destination *to = stages_destination(stages, work);
    const char *class = work->call.budget_class;
    work->gate = gate_of(stages, to, class != NULL ? class : work->call.method);
    if (work->gate->cost_max > 0 && cost_of(work) > work->gate->cost_max) {
        stages_apply(stages, work, step_dead("call_too_large"));
        return;
    }
    if (!work->key_had) {
        work->ticket = ++stages->tickets;
    }
    join_queue(work->gate, work);
    serve(stages, to);
}

static void withdraw(struct work *work)
{
    work->gate->admitted -= work->admitted;
    work->admitted = 0;
}

void stages_free_slot(struct stages *stages, struct work *work, struct destination *to)
{
    CHECK(work->holding && to->calls_out > 0);
    work->holding = false;
    work->probe = false;
    to->calls_out--;
    serve(stages, to);
}

void stages_unslot(struct stages *stages, struct work *work)
{
    struct destination *to = work->gate->to;
    withdraw(work);
    breaker_unused(&to->breaker, work->probe);
    stages_free_slot(stages, work, to);
}

bool stages_covers_call(struct stages *stages, const struct work *work, int64_t margin_ms)
{
    const struct destination *to = stages_destination(stages, work);
    return work->view == ledger_view(stages->parts.ledger) &&
           stages_lease_covers(stages, work, to->settings.timeout_ms + margin_ms);
}

void stages_turn_back(struct stages *stages, struct work *work)
{
    bool gone = work->view != ledger_view(stages->parts.ledger) || /* and its leases with it */
                !stages_lease_covers(stages, work, 0);
    bool short_lease = !stages_covers_call(stages, work, STAGES_SEND_MARGIN_MS);
    stages_unslot(stages, work);
    work->phase = PHASE_ASK;
    if (gone) {
        stages_restart(stages, work);
    } else if (short_lease) { /* its renewal is under way */
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
    } else {
        stages_enqueue(stages, work);
    }
}

/* ---- the gate ---------------------------------------------------------------------------- */

static bool may_be_sent(struct stages *stages, const struct work *work)
{
    const struct destination *to = work->gate->to;
    bool key = !work->key_had || stages_now(stages) <= work->key_until_ms;
    bool closed = to->breaker.state == BREAKER_CLOSED || work->probe;
    return ledger_is_open(stages->parts.ledger) && key && closed && !is_held(work->gate) &&
           stages_covers_call(stages, work, STAGES_SEND_MARGIN_MS);
}

bool stages_gate_passes(struct stages *stages, struct work *work)
{
    struct gate *gate = work->gate;
    gate->prepare_ms += (stages_now(stages) - work->admitted_ms - gate->prepare_ms) / GATE_MEMORY;
    if (!may_be_sent(stages, work)) {
        stages_turn_back(stages, work);
        return false;
    }
    bool first = gate->ready == NULL;
    if (!gate->limited || (first && budget_take(&gate->budget, cost_of(work)))) {
        withdraw(work);
        return true;
    }
    work->gated = true;
    work->next = NULL;
    *gate->ready_last = work;
    gate->ready_last = &work->next;
    tell_budget(gate);
    return false;
}

/* A place came near or due, or the gate is open again. */
static void on_gate(void *self)
{
    struct gate *gate = self;
    struct stages *stages = gate->home;
    while (gate->ready != NULL) {
        struct work *work = gate->ready;
        bool passes = may_be_sent(stages, work);
        if (passes && !budget_take(&gate->budget, cost_of(work))) {
            break;
        }
        gate->ready = work->next;
        if (gate->ready == NULL) {
            gate->ready_last = &gate->ready;
        }
        work->next = NULL;
        work->gated = false;
        if (passes) {
            withdraw(work);
            stages_launch(stages, work);
        } else {
            stages_turn_back(stages, work);
        }
    }
    serve(stages, gate->to);
}

/* ---- refusals for the rate's sake -------------------------------------------------------- */

static void hold(struct gate *gate, int64_t wait_ms)
{
    struct stages *stages = gate->home;
    if (gate->limited) {
        budget_hold(&gate->budget, wait_ms);
    } else {
        int64_t until = stages_now(stages) + wait_ms;
        gate->held_until_ms = until > gate->held_until_ms ? until : gate->held_until_ms;
        gate->wake.fire = on_gate;
        gate->wake.self = gate;
        timers_set(stages->parts.timers, &gate->wake, gate->held_until_ms);
    }
    on_gate(gate); /* who was ready goes back */
}

/* Also those without a limit, and those of which there was no call yet. */
static void hold_all(struct stages *stages, struct destination *to, int64_t wait_ms)
{
    int64_t until = stages_now(stages) + wait_ms;
    to->held_until_ms = until > to->held_until_ms ? until : to->held_until_ms;
    for (size_t i = 0; i < to->kind->limit_count; i++) { /* others share their budgets */
        const struct limit *limit = &to->kind->limits[i];
        if (limit->class != NULL && !limit->by_key) {
            (void)gate_of(stages, to, limit->class);
        }
    }
    for (size_t i = 0; i < to->gate_count; i++) {
        hold(&to->gates[i], wait_ms);
    }
}

static int64_t hold_ms_of(struct stages *stages, const struct work *work)
{
    if (work->floor_ms > 0) {
        return work->floor_ms;
    }
    unsigned doublings = work->gate->refused < 6 ? work->gate->refused : 6;
    int64_t wait = (int64_t)GATE_HOLD_MIN_MS << doublings;
    wait = wait > GATE_HOLD_MAX_MS ? GATE_HOLD_MAX_MS : wait;
    return wait + (int64_t)(backoff_draw(&stages->random) % (uint64_t)(wait / 4));
}

void stages_gate_refused(struct stages *stages, struct work *work, enum limit_scope scope)
{
    struct gate *gate = work->gate;
    struct destination *to = gate->to;
    int64_t wait_ms = hold_ms_of(stages, work);
    work->floor_ms = work->floor_ms < wait_ms ? wait_ms : work->floor_ms;
    gate->refused++;
    LOG(LOG_WARN, "rate_limited", L_TEXT("destination", to->kind->name),
        L_TEXT("class", gate->class), L_INT("wait_ms", wait_ms),
        L_TEXT("found", scope == LIMIT_SCOPE_KEY   ? "too many calls for one key"
                        : scope == LIMIT_SCOPE_ALL ? "too many calls in all"
                                                   : "too many calls of this class"),
        L_TEXT("expected", "a limit as it is set, and nobody else who uses this login"));
    if (scope == LIMIT_SCOPE_KEY && work->call.budget_key.len > 0) {
        struct budget_name name = stages_budget_name(gate);
        struct budget_key_call call = {
            .name = &name, .key = work->call.budget_key, .rule = gate->key_rule};
        budget_key_hold(&stages->budgets, &call, wait_ms);
        return;
    }
    if (scope == LIMIT_SCOPE_ALL) {
        hold_all(stages, to, wait_ms);
    } else {
        hold(gate, wait_ms);
    }
}

void stages_gate_answered(struct work *work)
{
    work->gate->refused = 0;
}
