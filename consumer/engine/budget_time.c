/* SPDX-License-Identifier: Apache-2.0
 *
 * The clock that the processes of a budget share. Redis is asked for its time now
 * and then; between question and answer lies the moment it means, so each answer
 * bounds how far its clock is ahead of our monotonic one. We believe what all
 * answers allow, and change it only when one does not: that keeps the distance
 * between two places what it was. An answer that contradicts the others by more
 * than drift explains is a clock that jumped. One thread.
 */
#include "consumer/engine/budgets.h"

#include "common/log.h"

#define BUDGET_TIME_EVERY_MS  1000
#define BUDGET_TIME_DRIFT_PPM 200
#define BUDGET_TRIP_FAST_MS   10   /* is not worth a place */
#define BUDGET_TRIP_MEMORY    4    /* answers */
#define BUDGET_TIME_ERROR_US  2000 /* our clock is read in ms */

void budgets_init(struct budgets *budgets, const struct config *config, struct ledger *ledger,
                  const struct clock *clock, struct timers *timers)
{
    *budgets = (struct budgets){
        .config = config, .ledger = ledger, .clock = clock, .timers = timers, .percent = 100};
}

int64_t budgets_clock_us(const struct budgets *budgets)
{
    if (budgets->time.ask == NULL) {
        return clock_wall_ms(budgets->clock) * 1000;
    }
    return budgets->time_known ? clock_mono_ms(budgets->clock) * 1000 + budgets->ahead_us : 0;
}

static void believe(struct budgets *budgets, int64_t min_us, int64_t max_us)
{
    budgets->ahead_min_us = min_us;
    budgets->ahead_max_us = max_us;
    if (budgets->ahead_us < min_us) {
        budgets->ahead_us = min_us;
    }
    if (budgets->ahead_us > max_us) {
        budgets->ahead_us = max_us;
    }
}

static void on_time(void *self, int64_t time_us)
{
    struct budgets *budgets = self;
    int64_t now = clock_mono_ms(budgets->clock);
    int64_t min_us = time_us - now * 1000 - BUDGET_TIME_ERROR_US;
    int64_t max_us = time_us - budgets->time_asked_ms * 1000 + BUDGET_TIME_ERROR_US;
    int64_t drift = (now - budgets->time_told_ms) * BUDGET_TIME_DRIFT_PPM / 1000;
    budgets->time_owed = false;
    budgets->time_told_ms = now;
    if (time_us <= 0) {
        return; /* it could not be had */
    }
    budgets->time_from_ms = budgets->time_asked_ms;
    if (!budgets->time_known) {
        budgets->time_known = true;
        budgets->ahead_us = min_us + (max_us - min_us) / 2;
        believe(budgets, min_us, max_us);
        return;
    }
    int64_t known_min = budgets->ahead_min_us - drift;
    int64_t known_max = budgets->ahead_max_us + drift;
    if (min_us > known_max || max_us < known_min) {
        LOG(LOG_WARN, "redis_clock_jumped", L_INT("by_ms", (min_us - known_max) / 1000),
            L_TEXT("expected", "a clock that runs evenly; budgets pause for a moment"));
        budgets->moves++;
        believe(budgets, min_us, max_us);
        return;
    }
    believe(budgets, min_us > known_min ? min_us : known_min,
            max_us < known_max ? max_us : known_max);
}

void budgets_ask_time(struct budgets *budgets, bool anyway)
{
    int64_t now = clock_mono_ms(budgets->clock);
    if (budgets->time.ask == NULL) {
        budgets->time_known = true;
        budgets->time_from_ms = now;
        return;
    }
    bool old =
        anyway || !budgets->time_known || now - budgets->time_told_ms >= BUDGET_TIME_EVERY_MS;
    if (old && !budgets->time_owed) {
        budgets->time_owed = true;
        budgets->time_asked_ms = now;
        budgets->time.ask(budgets->time.self, on_time, budgets);
    }
}

void budgets_note_trip(struct budgets *budgets, int64_t ms)
{
    ms = ms < BUDGET_TRIP_MAX_MS ? ms : BUDGET_TRIP_MAX_MS; /* one outage is not a habit */
    budgets->trip_ms += (ms - budgets->trip_ms) / BUDGET_TRIP_MEMORY;
}

int64_t budgets_lead_ms(const struct budgets *budgets)
{
    int64_t trip = budgets->trip_ms * 3 / 2; /* the next may take longer than most */
    if (trip < BUDGET_TRIP_FAST_MS) {
        return 0;
    }
    return trip < BUDGET_TRIP_MAX_MS ? trip : BUDGET_TRIP_MAX_MS;
}
