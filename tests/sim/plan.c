/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws a history. A few kinds of faults a seed, so that each kind is met alone
 * and with others; histories are short, so that many are had.
 */
#include "tests/sim/plan.h"

#include "common/own.h"

#include <stdio.h>
#include <stdlib.h>

static struct plan plan;

const struct plan *plan_get(void)
{
    return &plan;
}

static uint64_t draw(uint64_t below)
{
    return world_draw(WORLD_PLAN, below);
}

static int64_t between(int64_t min, int64_t max)
{
    return world_between(WORLD_PLAN, min, max);
}

static bool chance(int per_mille)
{
    return world_chance(WORLD_PLAN, per_mille);
}

/* ---- interviews -------------------------------------------------------------------------- */

static void draw_themes(void)
{
    plan.theme_count = (size_t)between(1, PLAN_THEMES_MAX);
    for (size_t i = 0; i < plan.theme_count; i++) {
        (void)snprintf(plan.themes[i].id, sizeof(plan.themes[i].id), "th%zu", i);
        plan.themes[i].refused = chance(15);
    }
}

static void draw_interviews(void)
{
    static const enum plan_mention often[] = {MENTION_FILE,  MENTION_FILE,  MENTION_NEGATIVE,
                                              MENTION_WATCH, MENTION_COUNT, MENTION_COUNT,
                                              MENTION_WIN};
    plan.interview_count = (size_t)between(3, 9);
    for (size_t i = 0; i < plan.interview_count; i++) {
        struct plan_interview *interview = &plan.interviews[i];
        size_t first = draw(plan.theme_count);
        (void)snprintf(interview->id, sizeof(interview->id), "int%zu", i);
        interview->low = chance(120);
        interview->mention_count =
            (size_t)between(1, plan.theme_count < 4 ? (int64_t)plan.theme_count : 4);
        for (size_t m = 0; m < interview->mention_count; m++) {
            interview->mentions[m].theme = (int)((first + m) % plan.theme_count);
            interview->mentions[m].as = often[draw(COUNT_OF(often))];
        }
    }
}

static int by_time(const void *a, const void *b)
{
    const struct plan_delivery *left = a;
    const struct plan_delivery *right = b;
    if (left->at_ms != right->at_ms) {
        return left->at_ms < right->at_ms ? -1 : 1;
    }
    return left->interview - right->interview;
}

static void add_delivery(int64_t at_ms, int interview, int32_t partition)
{
    if (plan.delivery_count < PLAN_DELIVERIES_MAX) {
        plan.deliveries[plan.delivery_count++] =
            (struct plan_delivery){.at_ms = at_ms, .interview = interview, .partition = partition};
    }
}

/* Each at least once, some again, soon or late, and now and then to another partition. */
static void draw_deliveries(void)
{
    int64_t last = between(2000, 90000);
    for (size_t i = 0; i < plan.interview_count; i++) {
        int32_t home = (int32_t)draw((uint64_t)plan.partitions);
        int64_t at = between(0, last);
        add_delivery(at, (int)i, home);
        for (int again = 0; again < 3 && chance(300); again++) {
            int32_t other = (int32_t)draw((uint64_t)plan.partitions);
            add_delivery(at + between(0, chance(500) ? 200 : 60000), (int)i,
                         chance(300) ? other : home);
        }
    }
    if (chance(60)) {
        add_delivery(between(0, last), -1, (int32_t)draw((uint64_t)plan.partitions));
    }
    qsort(plan.deliveries, plan.delivery_count, sizeof(plan.deliveries[0]), by_time);
}

/* ---- faults ------------------------------------------------------------------------------ */

static const char *const fault_names[FAULT_KINDS] = {
    [FAULT_KILL] = "kill",
    [FAULT_KILL_POINT] = "kill at a point",
    [FAULT_STOP] = "stop",
    [FAULT_STOP_POINT] = "stop at a point",
    [FAULT_DRAIN] = "drain",
    [FAULT_REBALANCE] = "rebalance",
    [FAULT_REDIS_CUT] = "redis cut",
    [FAULT_REDIS_STALL] = "redis stalls",
    [FAULT_REDIS_AWAY] = "redis away",
    [FAULT_REDIS_REFUSE] = "redis refuses",
    [FAULT_REDIS_EMPTY] = "redis emptied",
    [FAULT_REDIS_RESTART] = "redis restarted",
    [FAULT_REDIS_ROLLBACK] = "redis rolled back",
    [FAULT_BROKER_SLOW] = "broker slow",
    [FAULT_VENDOR_DOWN] = "vendor down",
    [FAULT_VENDOR_LOGIN] = "vendor login",
    [FAULT_RULES] = "other rules",
    [FAULT_REWIND] = "rewind",
};

const char *plan_fault_name(enum fault kind)
{
    return fault_names[kind];
}

/* Where a process may be ended or stopped. Those behind the last check before a call goes out are
 * for ending only: a process that stands still exactly there is what no lease can guard. */
static const char *const points[] = {
    "claim",
    "ask",
    "slot",
    "intend",
    "send",
    "record",
    "letter",
    "weigh",
    "find",
    "create",
    "keep",
    "comment",
    "answered",
    "comments",
    "script_sending",
    "script_ran",
    "journaled_before",
    "journaled_after",
    "sending",
    "sent",
};

const char *plan_point(int index)
{
    return index >= 0 && (size_t)index < COUNT_OF(points) ? points[index] : NULL;
}

#define POINTS_TO_STOP ((int)COUNT_OF(points) - 2)

static void shape_fault(struct plan_fault *fault)
{
    fault->worker = (int)draw((uint64_t)plan.workers);
    switch (fault->kind) {
    case FAULT_KILL:
    case FAULT_KILL_POINT:
    case FAULT_DRAIN:
        fault->for_ms = between(100, chance(500) ? 3000 : 25000); /* until it is started again */
        fault->point = chance(700) ? (int)draw(COUNT_OF(points)) : -1;
        break;
    case FAULT_STOP:
    case FAULT_STOP_POINT:
        fault->for_ms = chance(500) ? between(100, 9000) : between(9000, 40000);
        fault->point = chance(700) ? (int)draw((uint64_t)POINTS_TO_STOP) : -1;
        break;
    default:
        fault->for_ms = between(100, chance(600) ? 4000 : 30000);
        break;
    }
    fault->count = fault->point >= 0 ? (int)between(1, 5) : (int)between(1, 60);
}

static void draw_faults(void)
{
    int64_t last = plan.delivery_count == 0 ? 0 : plan.deliveries[plan.delivery_count - 1].at_ms;
    /* With a settling minute before the first ticket, most happens later than what is heard. */
    int64_t end = last + plan.settle_ms + between(5000, 60000);
    int kinds = (int)draw(5);
    for (int i = 0; i < kinds; i++) {
        enum fault kind = (enum fault)draw(FAULT_KINDS);
        int times = kind == FAULT_REWIND || kind == FAULT_RULES ? 1 : (int)between(1, 4);
        for (int t = 0; t < times && plan.fault_count < PLAN_FAULTS_MAX; t++) {
            struct plan_fault *fault = &plan.faults[plan.fault_count++];
            *fault = (struct plan_fault){.kind = kind, .at_ms = between(0, end), .point = -1};
            shape_fault(fault);
        }
    }
    plan.faults_end_ms = end + 1000;
}

static void add_faults(const enum fault *kinds, size_t kind_count, int times)
{
    for (int t = 0; t < times && plan.fault_count < PLAN_FAULTS_MAX; t++) {
        struct plan_fault *fault = &plan.faults[plan.fault_count++];
        *fault = (struct plan_fault){.kind = kinds[draw(kind_count)],
                                     .at_ms = between(0, plan.faults_end_ms - 1000),
                                     .point = -1};
        shape_fault(fault);
    }
}

/* In some seeds what is rare together comes together: keys that change hands while their calls'
 * effects are late, owners that end then, with or without Redis, and a ledger that is lost again
 * while the broker still has its lines. A short settling time hides none of it. */
static void draw_season(void)
{
    static const enum fault hands[] = {FAULT_REBALANCE, FAULT_REBALANCE, FAULT_DRAIN};
    static const enum fault ends[] = {FAULT_KILL, FAULT_KILL_POINT, FAULT_DRAIN, FAULT_REDIS_EMPTY,
                                      FAULT_REDIS_ROLLBACK};
    static const enum fault losses[] = {FAULT_REDIS_EMPTY, FAULT_REDIS_ROLLBACK, FAULT_BROKER_SLOW,
                                        FAULT_BROKER_SLOW};
    switch (world_seed() % 10) {
    case 2:
        plan.settle_ms = 2000;
        plan.weather[WEATHER_LATE_EFFECT] += 300;
        add_faults(ends, COUNT_OF(ends), (int)between(4, 10));
        break;
    case 4:
        plan.settle_ms = 2000;
        plan.weather[WEATHER_5XX_AFTER] += 200;
        plan.weather[WEATHER_LATE_EFFECT] += 100;
        add_faults(hands, COUNT_OF(hands), (int)between(4, 10));
        break;
    case 8:
        add_faults(losses, COUNT_OF(losses), (int)between(4, 10));
        break;
    default:
        break;
    }
}

static void draw_weather(void)
{
    int kinds = (int)draw(4);
    for (int i = 0; i < kinds; i++) {
        plan.weather[draw(WEATHER_KINDS)] = (int)between(50, 350);
    }
    plan.weather[WEATHER_SLOW] += chance(300) ? 200 : 0;
    plan.stale = chance(600);
    plan.cut_per_mille = chance(150) ? (int)between(1, 12) : 0;
    plan.nack_per_mille = chance(80) ? (int)between(5, 60) : 0;
    plan.redis_latency_ms = chance(800) ? 2 : between(20, 400);
    plan.outbox_latency_ms = chance(700) ? 5 : between(20, 1500);
}

void plan_draw(void)
{
    static const int64_t settles[] = {2000, 10000, 60000};
    plan = (struct plan){0};
    plan.workers = (int)between(2, PLAN_WORKERS_MAX);
    plan.partitions = (int32_t)between(1, PLAN_PARTITIONS_MAX);
    plan.changelog_partitions = (int32_t)between(1, 3);
    plan.compacted = chance(500);
    plan.settle_ms = settles[draw(COUNT_OF(settles))];
    plan.comments_a_page = chance(500) ? 100 : (int)between(1, 2);
    plan.items_max = chance(700) ? 32 : (int)between(2, 8);
    /* Not drawn, so that seeds from before there were shares keep their histories. */
    plan.items_per_key = world_seed() % 3 == 0 ? 1 + (int)(world_seed() / 3 % 3) : plan.items_max;
    plan.drained = chance(400);
    draw_themes();
    draw_interviews();
    draw_deliveries();
    draw_weather();
    draw_faults();
    draw_season();
}

/* ---- telling ----------------------------------------------------------------------------- */

void plan_say(void)
{
    world_trace("plan: %d workers, %d partitions, settle %lld ms%s, pool %d, a key %d, page %d",
                plan.workers, (int)plan.partitions, (long long)plan.settle_ms,
                plan.stale ? ", stale search" : "", plan.items_max, plan.items_per_key,
                plan.comments_a_page);
    for (size_t i = 0; i < plan.interview_count; i++) {
        static const char *const as[] = {"file", "negative", "watch", "win", "count"};
        const struct plan_interview *interview = &plan.interviews[i];
        for (size_t m = 0; m < interview->mention_count; m++) {
            world_trace("plan: %s%s says %s of %s", interview->id, interview->low ? " (low)" : "",
                        as[interview->mentions[m].as],
                        plan.themes[interview->mentions[m].theme].id);
        }
    }
    for (size_t i = 0; i < plan.fault_count; i++) {
        const struct plan_fault *f = &plan.faults[i];
        world_trace("plan: at %.3f %s, worker %d, for %lld ms, point %s, count %d",
                    (double)f->at_ms / 1000.0, fault_names[f->kind], f->worker,
                    (long long)f->for_ms, f->point < 0 ? "any" : points[f->point], f->count);
    }
}
