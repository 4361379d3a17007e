/* SPDX-License-Identifier: Apache-2.0
 *
 * What the interview_*.c files share: finding a value by its pointers, and
 * reading the kinds of values that vendors write in several ways.
 */
#ifndef HEARBACK_COMMON_INTERVIEW_PARTS_H
#define HEARBACK_COMMON_INTERVIEW_PARTS_H

#include "common/interview.h"

/* The first pointer that names a text, a number or a boolean; when there is none, the first that
 * names a list or an object; NULL when all name null or nothing. */
struct json_object *interview_find(const struct config_pointers *where, struct json_object *root);
/* The first that names anything but null, lists and objects included. */
struct json_object *interview_find_any(const struct config_pointers *where,
                                       struct json_object *root);

/* A text without blanks around it, in the arena; SPAN_NONE when it is empty or no text. */
MUST_USE struct err interview_text(struct arena *arena, struct json_object *value, span *out);
/* As interview_text; a whole number is written out. */
MUST_USE struct err interview_id(struct arena *arena, struct json_object *value, span *out);
/* At most INTERVIEW_ID_MAX bytes without control characters. */
bool interview_id_fits(span id);

/* A number, a label, or an object with one of the two. *has is false for none and for a label that
 * is not known. ERR_POISON with `wrong` when it is a number outside -1 to 1 or of another kind. */
MUST_USE struct err interview_sentiment(struct json_object *value, const char *wrong, bool *has,
                                        double *out);
/* RFC 3339 (without an offset: UTC), or seconds or milliseconds since 1970; 0 when it is neither.
 */
int64_t interview_time(struct json_object *value);

/* The themes of `body` into out->themes; interview id, study id and sentiment are already there. */
MUST_USE struct err interview_themes(const struct config_fields *fields, struct json_object *body,
                                     struct arena *arena, struct interview *out);

#endif
