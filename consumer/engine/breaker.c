/* SPDX-License-Identifier: Apache-2.0
 *
 * The breaker of one destination. Pure state; one thread.
 */
#include "consumer/engine/breaker.h"

void breaker_init(struct breaker *breaker, const struct config_breaker *config)
{
    *breaker = (struct breaker){.config = config, .open_ms = config->open_ms};
}

bool breaker_admits(struct breaker *breaker, int64_t now_ms, bool *probe)
{
    *probe = false;
    switch (breaker->state) {
    case BREAKER_CLOSED:
        return true;
    case BREAKER_PROBING:
        return false;
    case BREAKER_OPEN:
        break;
    }
    if (now_ms < breaker->probe_at_ms) {
        return false;
    }
    breaker->state = BREAKER_PROBING;
    *probe = true;
    return true;
}

int64_t breaker_wait_ms(const struct breaker *breaker, int64_t now_ms)
{
    if (breaker->state == BREAKER_PROBING) {
        return -1;
    }
    int64_t left = breaker->state == BREAKER_OPEN ? breaker->probe_at_ms - now_ms : 0;
    return left < 0 ? 0 : left;
}

bool breaker_success(struct breaker *breaker, bool probe)
{
    if (breaker->state == BREAKER_CLOSED) {
        breaker->failures = 0;
        return false;
    }
    if (!probe) {
        return false;
    }
    CHECK(breaker->state == BREAKER_PROBING);
    breaker_init(breaker, breaker->config);
    return true;
}

bool breaker_failure(struct breaker *breaker, bool probe, bool at_fault, int64_t now_ms)
{
    bool opens = false;
    if (breaker->state == BREAKER_CLOSED) {
        breaker->failures++;
        opens = at_fault || breaker->failures >= breaker->config->failures;
    }
    if (!probe && !opens) {
        return false;
    }
    int64_t doubled = breaker->open_ms * 2;
    breaker->state = BREAKER_OPEN;
    breaker->probe_at_ms = now_ms + breaker->open_ms;
    breaker->open_ms =
        doubled > breaker->config->open_max_ms ? breaker->config->open_max_ms : doubled;
    return opens;
}

void breaker_unused(struct breaker *breaker, bool probe)
{
    if (probe) {
        CHECK(breaker->state == BREAKER_PROBING);
        breaker->state = BREAKER_OPEN;
    }
}
