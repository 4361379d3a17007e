/* SPDX-License-Identifier: Apache-2.0
 *
 * What the plan gives to the workers: configurations and the bodies of records.
 */
#include "common/own.h"
#include "tests/sim/plan.h"

#include <stdio.h>
#include <stdlib.h>

static struct config configs[2];

static void parse(const char *quality, struct config *out)
{
    struct buf yaml;
    struct buf faults;
    buf_init(&yaml, 8192);
    buf_init(&faults, 65536);
    buf_addf(&yaml,
             "kafka: {bootstrap: 'kafka:9092', session_timeout: 6s}\n"
             "redis: {address: 'redis:6379', timeout: 2s}\n"
             "worker: {lease: 10s, drain_deadline: 20s, calls_max: 4, restore_wait: 5s}\n"
             "jira: {url: 'http://127.0.0.1:1', user: us@example.com, project: RES, "
             "timeout: 5s}\n"
             "retry: {base: 500ms, cap: 20s}\n"
             "breaker: {failures: 5, open: 3s, open_max: 20s}\n"
             "rules: {quality_min: %s, volume_file: %d}\n",
             quality, PLAN_VOLUME);
    if (failed(config_parse(out, buf_span(&yaml), "sim.yaml", CONFIG_FOR_WORKER, &faults))) {
        (void)fputs(buf_text(&faults), stderr);
        NEVER("the simulation's own configuration is wrong");
    }
    buf_close(&yaml);
    buf_close(&faults);
}

void plan_configure(void)
{
    CHECK(setenv("HEARBACK_JIRA_TOKEN", "token", 1) == 0); /* NOLINT(concurrency-mt-unsafe) */
    parse("3", &configs[0]);
    parse("1", &configs[1]);
}

void plan_config(bool second, struct config *out)
{
    const struct plan *plan = plan_get();
    *out = configs[second ? 1 : 0];
    out->jira.settle_ms = plan->settle_ms;
    out->worker.items_max = plan->items_max;
    out->worker.items_per_record_max = plan->items_per_key;
    out->worker.items_per_key_max = plan->items_per_key;
}

static void add_theme(const char *theme, enum plan_mention as, const char *interview,
                      struct buf *out)
{
    static const char *const says[] = {
        [MENTION_FILE] = "\"severity\":\"bug\",\"sentiment\":-0.2",
        [MENTION_NEGATIVE] = "\"sentiment\":-0.8",
        [MENTION_WATCH] = "\"severity\":\"nice-to-have\"",
        [MENTION_WIN] = "\"sentiment\":0.9",
        [MENTION_COUNT] = "\"sentiment\":0.1",
    };
    buf_addf(out, "{\"theme_id\":\"%s\",\"name\":\"Theme %s\",%s,\"quotes\":[\"%s on %s\"]}", theme,
             theme, says[as], interview, theme);
}

void plan_body(int interview, struct buf *out)
{
    const struct plan *plan = plan_get();
    if (interview < 0) {
        buf_add_text(out, "{\"event\":\"interview.analysis_ready\",\"interview_id\":");
        return;
    }
    const struct plan_interview *it = &plan->interviews[interview];
    buf_addf(out,
             "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"%s\",\"study_id\":\"s\","
             "\"quality_score\":%d,\"themes\":[",
             it->id, it->low ? 2 : 4);
    for (size_t i = 0; i < it->mention_count; i++) {
        buf_add_text(out, i == 0 ? "" : ",");
        add_theme(plan->themes[it->mentions[i].theme].id, it->mentions[i].as, it->id, out);
    }
    buf_add_text(out, "]}");
}
