/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold when a history is over:
 *   nothing is lost: each theme of each interview is told, watched or won, as the
 *   rules say, or in a dead letter
 *   what was watched is in the description of the ticket that came of it
 *   a theme with a ticket is filed
 *   one ticket's comments from one partition stand in the order of their records
 *   Redis, if its view is open, says of each effect what the changelog says
 */
#include "common/json.h"
#include "tests/sim/broker.h"
#include "tests/sim/proc.h"
#include "tests/sim/store.h"
#include "tests/sim/truth.h"

#include <inttypes.h>
#include <stdio.h>

static bool told(const struct truth_item *item)
{
    return item->described || item->commented;
}

static bool has_ticket(int theme)
{
    for (size_t i = 0; i < plan_get()->interview_count; i++) {
        if (told(truth_item((int)i, theme))) {
            return true;
        }
    }
    return false;
}

static void judge_item(int interview, int theme, enum plan_mention as)
{
    const struct truth_item *item = truth_item(interview, theme);
    const char *who = plan_get()->interviews[interview].id;
    const char *what = plan_get()->themes[theme].id;
    if (!truth_settled(interview, theme)) {
        if (!truth_may_be_left_out(interview)) {
            world_violated("%s on %s is lost: nothing came of it", who, what);
        }
        return;
    }
    bool files = as == MENTION_FILE || as == MENTION_NEGATIVE;
    if (item->done && files && !told(item)) {
        world_violated("%s on %s should be told, and is %s", who, what, item->reason);
    }
    bool watched = strcmp(item->reason, "watched") == 0;
    if (watched && as == MENTION_WIN) {
        world_violated("%s on %s is a win, and is watched", who, what);
    }
    if (watched && has_ticket(theme) && !told(item)) {
        world_violated("%s on %s was watched, and the ticket does not tell it", who, what);
    }
}

/* Where all evidence is of the kind that is counted, the third files. */
static void judge_volume(int theme)
{
    int counted = 0;
    for (size_t i = 0; i < plan_get()->interview_count; i++) {
        const struct plan_interview *it = &plan_get()->interviews[i];
        for (size_t m = 0; m < it->mention_count; m++) {
            const struct truth_item *item = truth_item((int)i, theme);
            if (it->mentions[m].theme != theme || !item->evidence) {
                continue;
            }
            if (it->low && truth_any_second_rules() && !item->done) {
                continue; /* weighed under the second rules, then ignored under the first */
            }
            if (it->mentions[m].as != MENTION_COUNT) {
                return;
            }
            counted++;
        }
    }
    if (counted >= PLAN_VOLUME && !has_ticket(theme) && !plan_get()->themes[theme].refused) {
        world_violated("%s was heard in %d interviews, and has no ticket",
                       plan_get()->themes[theme].id, counted);
    }
}

/* A theme that has a ticket is filed, as far as the changelog knows; a process that stood still, or
 * died, may have said behind it what it found before. */
static void judge_theme(int theme)
{
    char key[128];
    struct json_object *record = NULL;
    (void)snprintf(key, sizeof(key), "S:hearback:theme:{" TRUTH_SOURCE "/%s}",
                   plan_get()->themes[theme].id);
    const struct broker_record *last = broker_last(span_text(key));
    bool filed = last != NULL && !failed(json_parse(last->value, &record)) &&
                 span_is(json_text_at(record, "/status"), "filed");
    if (has_ticket(theme) && !filed && proc_stops() + proc_deaths() == 0) {
        world_violated("%s has a ticket, and the changelog does not call it filed",
                       plan_get()->themes[theme].id);
    }
    json_object_put(record);
}

/* ---- order ------------------------------------------------------------------------------- */

/* The record by which the interview came, when it came in one partition only; else NULL. */
static const struct broker_record *only_home(int interview)
{
    const struct broker_record *home = NULL;
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        for (int64_t offset = 0; offset < broker_end(p); offset++) {
            const struct broker_record *record = broker_interview(p, offset);
            if (record->interview != interview) {
                continue;
            }
            if (home != NULL && home->partition != p) {
                return NULL;
            }
            home = home == NULL ? record : home;
        }
    }
    return home;
}

static void judge_order(int theme)
{
    for (size_t a = 0; a < plan_get()->interview_count; a++) {
        if (!truth_item((int)a, theme)->commented) {
            continue;
        }
        for (size_t b = 0; b < plan_get()->interview_count; b++) {
            const struct truth_item *left = truth_item((int)a, theme);
            const struct truth_item *right = truth_item((int)b, theme);
            bool both = right->commented && left->told_serial < right->told_serial;
            const struct broker_record *first = both ? only_home((int)a) : NULL;
            const struct broker_record *second = both ? only_home((int)b) : NULL;
            bool low = plan_get()->interviews[a].low || plan_get()->interviews[b].low;
            if (first != NULL && second != NULL && !low && first->partition == second->partition &&
                first->offset > second->offset) {
                world_violated("on %s the older %s is told behind the newer %s",
                               plan_get()->themes[theme].id, plan_get()->interviews[b].id,
                               plan_get()->interviews[a].id);
            }
        }
    }
}

/* ---- the view ---------------------------------------------------------------------------- */

/* The state in a record of an effect: the scripts, too, look at its first bytes. */
static span state_of(span record)
{
    return span_of(record.at, record.len < 10 ? record.len : 10);
}

static bool settles(span record)
{
    return span_starts(record, "{\"s\":\"done") || span_starts(record, "{\"s\":\"dead");
}

static void judge_view(void)
{
    struct arena arena;
    arena_init(&arena, 64u << 20);
    for (const struct broker_record *line = broker_next_last(NULL); line != NULL;
         line = broker_next_last(line)) {
        char key[512];
        if (!span_starts(line->key, "S:hearback:effect:")) {
            continue;
        }
        span_to_text(span_of(line->key.at + 2, line->key.len - 2), key, sizeof(key));
        span held = store_get(key, &arena);
        /* What a process that was killed had told one of the two, and not the other yet. */
        bool excused = proc_deaths() > 0 && (settles(held) || settles(line->value));
        if (!span_equal(state_of(held), state_of(line->value)) && !excused) {
            world_violated("of %s the changelog says " SPAN_FMT " and Redis " SPAN_FMT, key,
                           SPAN_ARG(line->value), SPAN_ARG(held));
        }
    }
    arena_close(&arena);
}

void truth_judge(void)
{
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        for (int64_t offset = 0; offset < broker_end(p); offset++) {
            int interview = broker_interview(p, offset)->interview;
            if (interview < 0) {
                continue; /* its letter was asked for when its offset was stored */
            }
            const struct plan_interview *it = &plan_get()->interviews[interview];
            for (size_t m = 0; m < it->mention_count; m++) {
                judge_item(interview, it->mentions[m].theme, it->mentions[m].as);
            }
        }
    }
    for (size_t theme = 0; theme < plan_get()->theme_count; theme++) {
        judge_volume((int)theme);
        judge_theme((int)theme);
        judge_order((int)theme);
    }
    judge_view();
}
