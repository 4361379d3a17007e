/* SPDX-License-Identifier: Apache-2.0
 *
 * Single values of an interview, however they are written. Pure but for the
 * arena; runs in the worker's thread.
 */
#include "common/clock.h"
#include "common/interview_parts.h"

#include <errno.h>

#define MS_OF_YEAR_10000 INT64_C(253402300800000)
#define SECONDS_MAX      100000000000.0 /* more is milliseconds, not the year 5138 */

static bool is_container(struct json_object *value)
{
    return json_object_is_type(value, json_type_object) ||
           json_object_is_type(value, json_type_array);
}

struct json_object *interview_find(const struct config_pointers *where, struct json_object *root)
{
    struct json_object *container = NULL;
    for (size_t i = 0; i < where->count; i++) {
        struct json_object *found = json_at(root, where->pointers[i]);
        if (found != NULL && !is_container(found)) {
            return found;
        }
        container = container == NULL ? found : container;
    }
    return container;
}

struct json_object *interview_find_any(const struct config_pointers *where,
                                       struct json_object *root)
{
    for (size_t i = 0; i < where->count; i++) {
        struct json_object *found = json_at(root, where->pointers[i]);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static struct err keep(struct arena *arena, span text, span *out)
{
    *out = SPAN_NONE;
    if (text.len > 0) {
        *out = arena_copy(arena, text);
        if (out->at == NULL) {
            FAIL(ERR_RETRY, ENOMEM, "the event's arena is full");
        }
    }
    return NO_ERROR;
}

struct err interview_text(struct arena *arena, struct json_object *value, span *out)
{
    return keep(arena, span_trim(json_text(value)), out);
}

struct err interview_id(struct arena *arena, struct json_object *value, span *out)
{
    if (!json_object_is_type(value, json_type_int)) {
        return interview_text(arena, value, out);
    }
    *out = json_id_in(arena, value);
    if (out->at == NULL) {
        FAIL(ERR_RETRY, ENOMEM, "the event's arena is full");
    }
    return NO_ERROR;
}

bool interview_id_fits(span id)
{
    for (size_t i = 0; i < id.len; i++) {
        bool c1 = id.at[i] == 0xC2 && i + 1 < id.len && id.at[i + 1] < 0xA0;
        if (id.at[i] < 0x20 || id.at[i] == 0x7F || c1) {
            return false;
        }
    }
    return id.len <= INTERVIEW_ID_MAX;
}

static uint8_t small(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* ASCII case does not matter, and a blank may be written _ or -. */
static bool label_is(span text, const char *label)
{
    if (text.len != strlen(label)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool gap = label[i] == ' ' && (text.at[i] == '_' || text.at[i] == '-');
        if (!gap && small(text.at[i]) != (uint8_t)label[i]) {
            return false;
        }
    }
    return true;
}

static bool sentiment_label(span text, double *out)
{
    static const struct {
        const char *label;
        double is;
    } labels[] = {{"negative", -0.6},     {"very negative", -0.9}, {"positive", 0.6},
                  {"very positive", 0.9}, {"neutral", 0},          {"mixed", 0}};
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        if (label_is(text, labels[i].label)) {
            *out = labels[i].is;
            return true;
        }
    }
    return false;
}

static struct json_object *inside(struct json_object *value)
{
    static const char *const members[] = {"/score", "/value", "/label"};
    struct json_object *found = NULL;
    for (size_t i = 0; i < COUNT_OF(members) && found == NULL; i++) {
        found = json_at(value, members[i]);
    }
    return found;
}

struct err interview_sentiment(struct json_object *value, const char *wrong, bool *has, double *out)
{
    *has = false;
    if (json_object_is_type(value, json_type_object)) {
        value = inside(value);
    }
    if (value == NULL) {
        return NO_ERROR;
    }
    span text = span_trim(json_text(value));
    double number = 0;
    if (json_number(value, &number)) {
        if (number < -1 || number > 1) {
            FAIL(ERR_POISON, 0, wrong);
        }
        *has = true;
    } else if (text.at != NULL) {
        *has = sentiment_label(text, &number);
    } else {
        FAIL(ERR_POISON, 0, wrong);
    }
    *out = *has ? number : 0;
    return NO_ERROR;
}

int64_t interview_time(struct json_object *value)
{
    double number = 0;
    int64_t ms = 0;
    if (json_number(value, &number)) {
        bool fits = number > 0 && number < (double)MS_OF_YEAR_10000;
        ms = fits ? (int64_t)(number < SECONDS_MAX ? number * 1000 : number) : 0;
    } else {
        ms = clock_parse(span_trim(json_text(value)), &ms) ? ms : 0;
    }
    return ms > 0 && ms < MS_OF_YEAR_10000 ? ms : 0;
}
