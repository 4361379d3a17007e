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

static bool opens(struct breaker *breaker, enum breaker_outcome outcome)
{
    switch (outcome) {
    case BREAKER_UNHEARD:
        return false;
    case BREAKER_SUCCESS:
    case BREAKER_NEITHER:
    case BREAKER_REFUSED:
    case BREAKER_FORBIDDEN:
        breaker->failures = 0;
        return false;
    case BREAKER_FAILED:
        breaker->failures++;
        return breaker->failures >= breaker->config->failures;
    case BREAKER_AT_FAULT:
        return true;
    }
    return false;
}

static void open_for(struct breaker *breaker, int64_t now_ms, bool doubles)
{
    int64_t doubled = doubles ? breaker->open_ms * 2 : breaker->open_ms;
    breaker->state = BREAKER_OPEN;
    breaker->probe_at_ms = now_ms + breaker->open_ms;
    breaker->open_ms =
        doubled > breaker->config->open_max_ms ? breaker->config->open_max_ms : doubled;
}

bool breaker_tell(struct breaker *breaker, bool probe, enum breaker_outcome outcome, int64_t now_ms)
{
    if (!probe) {
        bool opened = breaker->state == BREAKER_CLOSED && opens(breaker, outcome);
        if (opened) {
            breaker->broken = outcome == BREAKER_FAILED;
            open_for(breaker, now_ms, true);
        }
        return opened;
    }
    CHECK(breaker->state == BREAKER_PROBING);
    if (outcome == BREAKER_UNHEARD) {
        breaker_unused(breaker, probe); /* made anew at once */
        return false;
    }
    /* What was broken and now refuses one request is broken no more. */
    bool refused = outcome == BREAKER_REFUSED || outcome == BREAKER_FORBIDDEN;
    if (outcome == BREAKER_SUCCESS || (refused && breaker->broken)) {
        breaker_init(breaker, breaker->config);
        return true;
    }
    /* A probe that was told nothing is made again, as late as before. */
    open_for(breaker, now_ms, outcome != BREAKER_NEITHER);
    return false;
}

void breaker_unused(struct breaker *breaker, bool probe)
{
    if (probe) {
        CHECK(breaker->state == BREAKER_PROBING);
        breaker->state = BREAKER_OPEN;
    }
}
