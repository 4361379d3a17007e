/* SPDX-License-Identifier: Apache-2.0
 *
 * What an interview says, read from a vendor's body through the field map. The
 * payload is not documented by its vendor, so every field may stand in one of
 * several places (config.h). Spans live in the arena given.
 */
#ifndef HEARBACK_COMMON_INTERVIEW_H
#define HEARBACK_COMMON_INTERVIEW_H

#include "common/config.h"
#include "common/json.h"

#define INTERVIEW_THEMES_MAX 1000
#define INTERVIEW_QUOTES_MAX 50  /* of one theme; more are left out */
#define INTERVIEW_TAGS_MAX   50  /* of one theme; more are left out */
#define INTERVIEW_ID_MAX     128 /* bytes of an interview, study or theme id */

enum severity {
    SEVERITY_NONE,
    SEVERITY_BUG,
    SEVERITY_BLOCKER,
    SEVERITY_PREFERENCE,
    SEVERITY_NICE_TO_HAVE,
};

struct quote {
    span text;
    span link; /* .len 0: the interview's transcript */
};

struct theme {
    span id; /* the vendor's, or "n-" and a digest of study and normalised name */
    span name;
    span summary;
    enum severity severity; /* of its field, else of its tags */
    bool has_sentiment;     /* its own, else the interview's */
    double sentiment;       /* -1 to +1; labels become -0.9, -0.6, 0, 0.6, 0.9 */
    struct quote *quotes;
    size_t quote_count;
    span *tags;
    size_t tag_count;
};

struct interview {
    span event; /* "interview.analysis_ready" */
    span id;
    span study_id;
    span study_url;
    span transcript_url;
    bool has_quality;
    double quality; /* 0 to 5 */
    bool has_sentiment;
    double sentiment;
    int64_t at_ms;         /* the interview's own time, 0 when it says none */
    span respondent_email; /* a person's address: see redact.h before anything leaves with text */
    span respondent_id;
    span respondent_name;
    struct theme *themes;
    size_t theme_count;
};

/* Just the event name; SPAN_NONE when the map finds none. */
span interview_event(const struct config_fields *fields, struct json_object *body);

/* ERR_POISON with a text that says which field is missing or wrong; ERR_RETRY without memory. */
MUST_USE struct err interview_read(const struct config_fields *fields, struct json_object *body,
                                   struct arena *arena, struct interview *out);

#endif
