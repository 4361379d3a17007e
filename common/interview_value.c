/* SPDX-License-Identifier: Apache-2.0
 *
 * Single values of an interview, however they are written. Pure but for the
 * arena; runs in the worker's thread.
 */
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

/* Exactly `digits` digits at the front of `rest`, which then stands behind them. */
static bool take_digits(span *rest, size_t digits, int64_t *out)
{
    if (rest->len < digits || rest->at[0] == '-' ||
        !span_number(span_of(rest->at, digits), 0, INT64_MAX, out)) {
        return false;
    }
    *rest = span_of(rest->at + digits, rest->len - digits);
    return true;
}

static bool take_char(span *rest, const char *any_of)
{
    if (rest->len == 0 || rest->at[0] == 0 || strchr(any_of, rest->at[0]) == NULL) {
        return false;
    }
    *rest = span_of(rest->at + 1, rest->len - 1);
    return true;
}

/* Days from 1970-01-01, by counting from March so that the leap day ends the year. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = year / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool date_exists(int64_t year, int64_t month, int64_t day)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1970 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (leap && month == 2 ? 1 : 0);
}

static bool take_date(span *rest, int64_t *days)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    bool read = take_digits(rest, 4, &year) && take_char(rest, "-") &&
                take_digits(rest, 2, &month) && take_char(rest, "-") && take_digits(rest, 2, &day);
    if (!read || !date_exists(year, month, day)) {
        return false;
    }
    *days = days_of(year, month, day);
    return true;
}

static bool take_time(span *rest, int64_t *ms)
{
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t digit = 0;
    bool read = take_digits(rest, 2, &hour) && take_char(rest, ":") &&
                take_digits(rest, 2, &minute) && take_char(rest, ":") &&
                take_digits(rest, 2, &second);
    if (!read || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    *ms = ((hour * 60 + minute) * 60 + second) * 1000;
    if (take_char(rest, ".,")) {
        bool any = false;
        for (int64_t worth = 100; take_digits(rest, 1, &digit); worth /= 10) {
            *ms += digit * worth;
            any = true;
        }
        return any;
    }
    return true;
}

static bool take_offset(span *rest, int64_t *ms)
{
    int64_t hour = 0;
    int64_t minute = 0;
    *ms = 0;
    if (rest->len == 0 || take_char(rest, "Zz")) {
        return true;
    }
    bool west = rest->at[0] == '-';
    if (!take_char(rest, "+-") || !take_digits(rest, 2, &hour)) {
        return false;
    }
    (void)take_char(rest, ":");
    if (!take_digits(rest, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *ms = (hour * 60 + minute) * 60000 * (west ? -1 : 1);
    return true;
}

static int64_t time_of_text(span text)
{
    int64_t days = 0;
    int64_t ms = 0;
    int64_t offset_ms = 0;
    bool read = take_date(&text, &days) && take_char(&text, "Tt ") && take_time(&text, &ms) &&
                take_offset(&text, &offset_ms) && text.len == 0;
    return read ? days * 86400000 + ms - offset_ms : 0;
}

int64_t interview_time(struct json_object *value)
{
    double number = 0;
    int64_t ms = 0;
    if (json_number(value, &number)) {
        bool fits = number > 0 && number < (double)MS_OF_YEAR_10000;
        ms = fits ? (int64_t)(number < SECONDS_MAX ? number * 1000 : number) : 0;
    } else {
        ms = time_of_text(span_trim(json_text(value)));
    }
    return ms > 0 && ms < MS_OF_YEAR_10000 ? ms : 0;
}
