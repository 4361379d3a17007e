/* SPDX-License-Identifier: Apache-2.0
 *
 * The configurations that the plan gives to the workers.
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
