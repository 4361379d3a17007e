/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes in during the day: interviews at any time, each of one theme out of
 * many, so that what limits the catching up is the budget of all calls and not a
 * theme's own order. The network is good; only the vendor breaks. The settings
 * are the standard ones, but for the lease, which is long so that a day of
 * renewals is soon over.
 */
#include "tests/sim/day.h"

#include "common/own.h"

#include <stdio.h>
#include <stdlib.h>

static struct plan plan;
static struct config config;

const struct plan *plan_get(void)
{
    return &plan;
}

void day_be_lazy(bool lazy)
{
    plan.lazy_ms = lazy ? DAY_LAZY_MS : 0;
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

void day_plan(void)
{
    plan = (struct plan){.workers = 1,
                         .partitions = 1,
                         .changelog_partitions = 2,
                         .settle_ms = 60000,
                         .comments_a_page = 100,
                         .items_max = DAY_POOL,
                         .redis_latency_ms = 2,
                         .outbox_latency_ms = 5,
                         .steady = true,
                         .faults_end_ms = DAY_ARRIVALS,
                         .theme_count = PLAN_THEMES_MAX,
                         .interview_count = PLAN_INTERVIEWS_MAX,
                         .delivery_count = PLAN_INTERVIEWS_MAX};
    for (size_t i = 0; i < plan.theme_count; i++) {
        (void)snprintf(plan.themes[i].id, sizeof(plan.themes[i].id), "th%zu", i);
    }
    for (size_t i = 0; i < plan.interview_count; i++) {
        struct plan_interview *interview = &plan.interviews[i];
        (void)snprintf(interview->id, sizeof(interview->id), "int%zu", i);
        interview->mention_count = 1;
        interview->mentions[0].theme = (int)world_draw(WORLD_PLAN, plan.theme_count);
        interview->mentions[0].as = MENTION_FILE;
        plan.deliveries[i] =
            (struct plan_delivery){.at_ms = world_between(WORLD_PLAN, 0, DAY_ARRIVALS),
                                   .interview = (int)i,
                                   .partition = (int32_t)(i % (size_t)plan.partitions)};
    }
    qsort(plan.deliveries, plan.delivery_count, sizeof(plan.deliveries[0]), by_time);
}

void day_configure(void)
{
    static const char yaml[] =
        "kafka: {bootstrap: 'kafka:9092', session_timeout: 6s}\n"
        "redis: {address: 'redis:6379'}\n"
        "worker: {lease: 30m}\n"
        "jira: {url: 'http://127.0.0.1:1', user: us@example.com, project: RES}\n"
        "limits: {tickets_per_hour: 0}\n"
        "retry: {base: 20s, give_up_after: 5m}\n"; /* some tries, if those in the outage counted */
    struct buf faults;
    buf_init(&faults, 65536);
    CHECK(setenv("HEARBACK_JIRA_TOKEN", "token", 1) == 0); /* NOLINT(concurrency-mt-unsafe) */
    if (failed(config_parse(&config, span_text(yaml), "day.yaml", CONFIG_FOR_WORKER, &faults))) {
        (void)fputs(buf_text(&faults), stderr);
        NEVER("the day's own configuration is wrong");
    }
    buf_close(&faults);
    CHECK(config.worker.items_max == DAY_POOL && config.worker.calls_max == DAY_CALLS_MAX);
    CHECK(config.breaker.open_max_ms == DAY_OPEN_MAX_MS);
    CHECK(config.breaker.failures == DAY_FAILURES && config.breaker.refusals == DAY_FAILURES);
    CHECK(config.jira.settle_ms == 60000);
}

void plan_config(bool second, struct config *out)
{
    (void)second;
    *out = config;
}
