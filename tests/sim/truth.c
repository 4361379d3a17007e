/* SPDX-License-Identifier: Apache-2.0
 *
 * What is checked the moment it happens:
 *   one ticket a theme, one telling an interview and theme
 *   intended is in the changelog before an effect leaves, done only after it happened, and
 *   before the owner sends the next one on the theme
 *   no offset is stored or committed above a record that is not settled
 *   a dead letter has a reason that this history gives
 */
#include "tests/sim/truth.h"

#include "common/json.h"
#include "common/letter.h"
#include "tests/sim/broker.h"
#include "tests/sim/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    struct truth_item items[PLAN_INTERVIEWS_MAX][PLAN_THEMES_MAX];
    bool ticket[PLAN_THEMES_MAX];
    bool filed[PLAN_THEMES_MAX];                            /* the changelog says so */
    int answered[PLAN_THEMES_MAX];                          /* whose effect was last, plus one */
    char status[PLAN_THEMES_MAX][16];                       /* the theme's, in the changelog */
    bool garbage[PLAN_PARTITIONS_MAX][PLAN_DELIVERIES_MAX]; /* it has its letter */
    bool rewound;
    bool second_rules;
    int tellings;
} truth;

struct truth_item *truth_item(int interview, int theme)
{
    return &truth.items[interview][theme];
}

int truth_theme(span id)
{
    for (size_t i = 0; i < plan_get()->theme_count; i++) {
        if (span_is(id, plan_get()->themes[i].id)) {
            return (int)i;
        }
    }
    return -1;
}

int truth_interview(span reference)
{
    static const char before[] = TRUTH_SOURCE "/";
    if (!span_starts(reference, before)) {
        return -1;
    }
    span id = span_of(reference.at + sizeof(before) - 1, reference.len - (sizeof(before) - 1));
    for (size_t i = 0; i < plan_get()->interview_count; i++) {
        if (span_is(id, plan_get()->interviews[i].id)) {
            return (int)i;
        }
    }
    return -1;
}

static bool mentions(int interview, int theme)
{
    const struct plan_interview *it = &plan_get()->interviews[interview];
    for (size_t m = 0; m < it->mention_count; m++) {
        if (it->mentions[m].theme == theme) {
            return true;
        }
    }
    return false;
}

static const char *name_of(int interview)
{
    return interview < 0 ? "nobody" : plan_get()->interviews[interview].id;
}

void truth_rewound(void)
{
    truth.rewound = true;
}

void truth_second_rules(void)
{
    truth.second_rules = true;
}

bool truth_any_second_rules(void)
{
    return truth.second_rules;
}

/* Under the first rules an interview of low quality leads to nothing. */
bool truth_may_be_left_out(int interview)
{
    return plan_get()->interviews[interview].low && !truth.rewound;
}

/* ---- the changelog ----------------------------------------------------------------------- */

/* "koji/int3~th2" behind the last "}:". */
static bool split_effect(span key, int *interview, int *theme)
{
    size_t at = key.len;
    while (at > 1 && !(key.at[at - 2] == '}' && key.at[at - 1] == ':')) {
        at--;
    }
    span effect = span_of(key.at + at, key.len - at);
    const uint8_t *border = effect.len == 0 ? NULL : memchr(effect.at, '~', effect.len);
    if (border == NULL) {
        return false;
    }
    size_t len = (size_t)(border - effect.at);
    *interview = truth_interview(span_of(effect.at, len));
    *theme = truth_theme(span_of(border + 1, effect.len - len - 1));
    return *interview >= 0 && *theme >= 0;
}

/* What is said to be done has happened. */
static void check_done(int interview, int theme, const struct truth_item *item)
{
    const char *who = name_of(interview);
    const char *what = plan_get()->themes[theme].id;
    bool told = item->described || item->commented;
    if (strcmp(item->reason, "watched") == 0) {
        if (!item->evidence) {
            world_violated("%s on %s is done as watched, and is no evidence", who, what);
        }
    } else if (strcmp(item->reason, "win") == 0) {
        if (!item->win) {
            world_violated("%s on %s is done as a win, and is not among the wins", who, what);
        }
    } else if (!told) {
        world_violated("%s on %s is done as %s, and no ticket tells it", who, what, item->reason);
    }
}

static void effect_line(span key, span value)
{
    struct json_object *record = NULL;
    int interview = -1;
    int theme = -1;
    if (!split_effect(key, &interview, &theme) || failed(json_parse(value, &record))) {
        world_violated("the changelog holds an effect nobody asked for: " SPAN_FMT, SPAN_ARG(key));
    }
    struct truth_item *item = truth_item(interview, theme);
    span state = json_text_at(record, "/s");
    bool settles = span_is(state, "done") || span_is(state, "dead");
    if (span_is(state, "done")) {
        item->done = true;
        span_to_text(json_text_at(record, "/r"), item->reason, sizeof(item->reason));
        check_done(interview, theme, item);
    } else if (span_is(state, "dead")) {
        item->dead = true;
        if (!item->letter) {
            world_violated("%s on %s is recorded as dead without a letter", name_of(interview),
                           plan_get()->themes[theme].id);
        }
    }
    if (settles && !mentions(interview, theme)) {
        world_violated("%s never said anything of %s", name_of(interview),
                       plan_get()->themes[theme].id);
    }
    json_object_put(record);
}

/* "H:hearback:theme:{koji/th2}:evidence\x1fkoji/int3" */
static void evidence_line(span key, const char *kind, bool win)
{
    const uint8_t *border = memchr(key.at, '\x1f', key.len);
    const uint8_t *open = memchr(key.at, '/', key.len);
    const uint8_t *close = memchr(key.at, '}', key.len);
    CHECK(border != NULL && open != NULL && close != NULL && open < close && close < border);
    span middle = span_of(close + 1, (size_t)(border - close) - 1);
    if (!span_is(middle, kind)) {
        return;
    }
    int theme = truth_theme(span_of(open + 1, (size_t)(close - open) - 1));
    int interview = truth_interview(span_of(border + 1, key.len - (size_t)(border + 1 - key.at)));
    if (theme < 0 || interview < 0 || !mentions(interview, theme)) {
        world_violated("the changelog counts evidence nobody gave: " SPAN_FMT, SPAN_ARG(key));
    }
    if (win) {
        truth_item(interview, theme)->win = true;
    } else {
        truth_item(interview, theme)->evidence = true;
    }
}

void truth_line(span key, span value)
{
    if (span_starts(key, "S:hearback:effect:")) {
        effect_line(key, value);
    } else if (span_starts(key, "H:hearback:theme:")) {
        evidence_line(key, ":evidence", false);
        evidence_line(key, ":wins", true);
    }
}

/* ---- effects ----------------------------------------------------------------------------- */

static void effect_key(int interview, int theme, char *out, size_t room)
{
    const char *what = plan_get()->themes[theme].id;
    (void)snprintf(out, room, "hearback:effect:{ticket-filer/%s/%s}:%s/%s~%s", TRUTH_SOURCE, what,
                   TRUTH_SOURCE, name_of(interview), what);
}

void truth_answered(int theme, int interview)
{
    truth.answered[theme] = interview + 1;
}

/* What was answered before, to the same owner, is written down. */
static void check_end_before(int theme, int interview, struct json_object *record)
{
    char key[256];
    struct json_object *before = NULL;
    int answered = truth.answered[theme] - 1;
    if (answered < 0 || answered == interview) {
        return;
    }
    memcpy(key, "S:", 2);
    effect_key(answered, theme, key + 2, sizeof(key) - 2);
    const struct broker_record *last = broker_last(span_text(key));
    if (last != NULL && !failed(json_parse(last->value, &before)) &&
        span_is(json_text_at(before, "/s"), "intended") &&
        span_equal(json_text_at(before, "/o"), json_text_at(record, "/o"))) {
        world_violated("an effect of %s on %s leaves, and the end of %s is not in the changelog",
                       name_of(interview), plan_get()->themes[theme].id, name_of(answered));
    }
    json_object_put(before);
}

void truth_sending(int theme, int interview, const char *stage)
{
    char key[256];
    struct json_object *record = NULL;
    const char *what = plan_get()->themes[theme].id;
    memcpy(key, "S:", 2);
    effect_key(interview, theme, key + 2, sizeof(key) - 2);
    const struct broker_record *last = broker_last(span_text(key));
    if (last == NULL || failed(json_parse(last->value, &record)) ||
        !span_is(json_text_at(record, "/s"), "intended") ||
        !span_is(json_text_at(record, "/g"), stage)) {
        world_violated(
            "%s on %s: the %s leaves, and the changelog does not say that it is intended",
            name_of(interview), what, stage);
    }
    check_end_before(theme, interview, record);
    json_object_put(record);
}

static void tell(int theme, int interview, bool comment)
{
    const char *what = plan_get()->themes[theme].id;
    if (interview < 0 || !mentions(interview, theme)) {
        world_violated("the ticket of %s tells an interview that said nothing of it", what);
    }
    struct truth_item *item = truth_item(interview, theme);
    if (item->described || item->commented) {
        world_violated("%s is told twice on %s: %s, and now in %s", name_of(interview), what,
                       item->described ? "in the description" : "in a comment",
                       comment ? "a comment" : "the description");
    }
    if (plan_get()->interviews[interview].low && !truth.second_rules) {
        world_violated("%s is of low quality and is told on %s", name_of(interview), what);
    }
    item->commented = comment;
    item->described = !comment;
    item->told_ms = world_now();
    item->told_serial = ++truth.tellings;
}

void truth_created(int theme, const int *interviews, size_t count)
{
    if (truth.ticket[theme]) {
        world_violated("a second ticket is made for %s", plan_get()->themes[theme].id);
    }
    truth.ticket[theme] = true;
    for (size_t i = 0; i < count; i++) {
        tell(theme, interviews[i], false);
    }
}

void truth_commented(int theme, int interview)
{
    tell(theme, interview, true);
}

/* ---- dead letters ------------------------------------------------------------------------ */

static span header_of(const struct outbox_record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++) {
        if (strcmp(record->headers[i].name, name) == 0) {
            return record->headers[i].value;
        }
    }
    return SPAN_NONE;
}

bool truth_garbage_has_letter(int32_t partition, int64_t offset)
{
    return truth.garbage[partition][offset];
}

static void garbage_letter(const struct outbox_record *record, span reason)
{
    int64_t partition = -1;
    int64_t offset = -1;
    CHECK(span_number(header_of(record, "partition"), 0, PLAN_PARTITIONS_MAX - 1, &partition));
    CHECK(span_number(header_of(record, "offset"), 0, PLAN_DELIVERIES_MAX - 1, &offset));
    if (broker_interview((int32_t)partition, offset)->interview >= 0) {
        world_violated("a dead letter that nothing explains: a good record, for " SPAN_FMT,
                       SPAN_ARG(reason));
    }
    truth.garbage[partition][offset] = true;
}

void truth_letter(const struct outbox_record *record)
{
    span effect = header_of(record, "effect");
    span reason = header_of(record, "reason");
    if (span_is(header_of(record, "kind"), LETTER_KIND_RECORD)) {
        return; /* the copy that letters refer to */
    }
    world_trace("dead letter: " SPAN_FMT " for " SPAN_FMT, SPAN_ARG(effect), SPAN_ARG(reason));
    if (effect.len == 0) {
        garbage_letter(record, reason);
        return;
    }
    const uint8_t *border = memchr(effect.at, '~', effect.len);
    CHECK(border != NULL);
    size_t len = (size_t)(border - effect.at);
    int interview = truth_interview(span_of(effect.at, len));
    int theme = truth_theme(span_of(border + 1, effect.len - len - 1));
    CHECK(interview >= 0 && theme >= 0);
    if (!plan_get()->themes[theme].refused || !span_is(reason, "http_400")) {
        world_violated("a dead letter that nothing explains: %s on %s, for " SPAN_FMT,
                       name_of(interview), plan_get()->themes[theme].id, SPAN_ARG(reason));
    }
    truth_item(interview, theme)->letter = true;
}

/* ---- offsets ----------------------------------------------------------------------------- */

bool truth_settled(int interview, int theme)
{
    const struct truth_item *item = truth_item(interview, theme);
    return item->done || item->dead;
}

static bool settled(int interview)
{
    const struct plan_interview *it = &plan_get()->interviews[interview];
    for (size_t m = 0; m < it->mention_count; m++) {
        if (!truth_settled(interview, it->mentions[m].theme)) {
            return truth_may_be_left_out(interview);
        }
    }
    return true;
}

void truth_offset(int worker, int32_t partition, int64_t offset, const char *does)
{
    world_trace("group: w%d %s %d/%" PRId64, worker, does, (int)partition, offset);
    if (offset > broker_end(partition)) {
        world_violated("w%d %s %d/%" PRId64 ", behind the end", worker, does, (int)partition,
                       offset);
    }
    for (int64_t below = 0; below < offset; below++) {
        int interview = broker_interview(partition, below)->interview;
        if (interview < 0 ? !truth.garbage[partition][below] : !settled(interview)) {
            world_violated("w%d %s %d/%" PRId64 ", and %s at %" PRId64 " is not settled", worker,
                           does, (int)partition, offset, name_of(interview), below);
        }
    }
}

bool truth_at_rest(void)
{
    for (int32_t p = 0; p < plan_get()->partitions; p++) {
        if (group_committed(p) < broker_end(p)) {
            return false;
        }
    }
    return true;
}
