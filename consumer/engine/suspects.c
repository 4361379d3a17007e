/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the hash of crash reports into a sorted list. It is empty nearly always.
 */
#include "consumer/engine/suspects.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/own.h"
#include "consumer/engine/crash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void suspects_init(struct suspects *suspects, struct redis *redis, const char *key)
{
    *suspects = (struct suspects){.redis = redis};
    (void)snprintf(suspects->key, sizeof(suspects->key), "%s", key);
}

static void empty(struct suspects *suspects)
{
    mem_free(TAKE(suspects->list));
    suspects->count = 0;
}

void suspects_close(struct suspects *suspects)
{
    empty(suspects);
}

void suspects_stale(struct suspects *suspects)
{
    suspects->known = false;
    suspects->asked = false;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* Cuts the last segment off. */
static bool cut_last(span *path, span *last)
{
    size_t at = path->len;
    while (at > 0 && path->at[at - 1] != '/') {
        at--;
    }
    if (at == 0) {
        return false;
    }
    *last = span_of(path->at + at, path->len - at);
    path->len = at - 1;
    return true;
}

bool suspects_parse(span field, struct suspect *out, bool *alone)
{
    char topic[256];
    span last = SPAN_NONE;
    int64_t partition = 0;
    *out = (struct suspect){.topic = -1};
    *alone = cut_last(&field, &last) && span_is(last, CRASH_ALONE_WORD);
    if (*alone && !cut_last(&field, &last)) {
        return false;
    }
    if (!span_number(last, 0, INT64_MAX, &out->at_ms) || !cut_last(&field, &last) ||
        !span_number(last, 0, INT64_MAX, &out->offset) || !cut_last(&field, &last) ||
        !span_number(last, 0, INT32_MAX, &partition) || field.len == 0 ||
        field.len >= sizeof(topic)) {
        return false;
    }
    span_to_text(field, topic, sizeof(topic));
    out->topic = crash_topic_of(topic); /* others' records are nothing to us */
    out->partition = (int32_t)partition;
    return out->topic >= 0;
}

static int compare(const void *left, const void *right)
{
    const struct suspect *a = left;
    const struct suspect *b = right;
    if (a->topic != b->topic) {
        return a->topic < b->topic ? -1 : 1;
    }
    if (a->partition != b->partition) {
        return a->partition < b->partition ? -1 : 1;
    }
    if (a->offset != b->offset) {
        return a->offset < b->offset ? -1 : 1;
    }
    return a->at_ms == b->at_ms ? 0 : a->at_ms < b->at_ms ? -1 : 1;
}

/* The two fields of a record become one suspect. */
static void sort_and_join(struct suspects *suspects)
{
    size_t kept = 0;
    qsort(suspects->list, suspects->count, sizeof(*suspects->list), compare);
    for (size_t i = 0; i < suspects->count; i++) {
        const struct suspect *one = &suspects->list[i];
        if (kept > 0 && compare(&suspects->list[kept - 1], one) == 0) {
            suspects->list[kept - 1].crashes += one->crashes;
            suspects->list[kept - 1].alone += one->alone;
        } else {
            suspects->list[kept++] = *one;
        }
    }
    suspects->count = kept;
}

static void read_list(struct suspects *suspects, const struct redis_reply *reply)
{
    empty(suspects);
    if (reply->count < 2) {
        return;
    }
    suspects->list = mem_must_array(reply->count / 2, sizeof(*suspects->list));
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        struct suspect one;
        bool alone = false;
        int64_t times = 0;
        if (suspects_parse(reply->list[i].text, &one, &alone) &&
            span_number(reply->list[i + 1].text, 0, INT64_MAX / 2, &times)) {
            *(alone ? &one.alone : &one.crashes) = times;
            suspects->list[suspects->count++] = one;
        }
    }
    sort_and_join(suspects);
    LOG(LOG_WARN, "crashed_before", L_INT("found", suspects->count),
        L_TEXT("expected", "no record that was in flight when this worker crashed; those of two "
                           "crashes are run alone now"));
}

static void on_answer(void *self, const struct redis_reply *reply)
{
    struct suspects *suspects = self;
    if (--suspects->outstanding > 0 || suspects->known || !suspects->asked) {
        return; /* an answer to an earlier question */
    }
    if (reply->kind == REDIS_LOST) {
        suspects->asked = false;
        return;
    }
    if (reply->kind != REDIS_LIST) {
        LOG(LOG_WARN, "crashes_unknown", L_SPAN("found", reply->text),
            L_TEXT("expected", "a hash at hearback:crash:{worker}; no record is a suspect without, "
                               "so one that crashes the worker is never found; look at the key"));
    }
    suspects->known = true;
    read_list(suspects, reply);
}

bool suspects_known(struct suspects *suspects)
{
    if (!suspects->known && !suspects->asked && redis_connected(suspects->redis)) {
        span all[] = {span_text("HGETALL"), span_text(suspects->key)};
        suspects->asked = true;
        suspects->outstanding++;
        redis_send(suspects->redis, all, COUNT_OF(all), on_answer, suspects);
    }
    return suspects->known;
}

/* ---- judging ----------------------------------------------------------------------------- */

struct suspect *suspects_find(const struct suspects *suspects, const struct suspect *wanted)
{
    return suspects->count == 0
               ? NULL
               : bsearch(wanted, suspects->list, suspects->count, sizeof(*suspects->list), compare);
}

bool suspect_is_convicted(const struct suspect *suspect)
{
    return suspect->alone >= CONVICT_AFTER;
}

bool suspect_runs_alone(const struct suspect *suspect)
{
    return !suspect->released && !suspect_is_convicted(suspect) &&
           suspect->crashes + suspect->alone >= SUSPECT_AFTER;
}

void suspects_clear(struct suspects *suspects, struct suspect *suspect, const char *topic)
{
    char field[CRASH_FIELD_MAX];
    char alone[CRASH_FIELD_MAX + sizeof(CRASH_ALONE)];
    (void)snprintf(field, sizeof(field), "%s/%" PRId32 "/%" PRId64 "/%" PRId64, topic,
                   suspect->partition, suspect->offset, suspect->at_ms);
    (void)snprintf(alone, sizeof(alone), "%s" CRASH_ALONE, field);
    span del[] = {span_text("HDEL"), span_text(suspects->key), span_text(field), span_text(alone)};
    redis_send(suspects->redis, del, COUNT_OF(del), NULL, NULL);
    suspect->crashes = 0;
    suspect->alone = 0;
}
