/* SPDX-License-Identifier: Apache-2.0
 *
 * An interview's own fields. What identifies it must be there and sound; what
 * only describes it may be missing. A number that makes no sense poisons the
 * event, so that it is seen among the dead letters rather than routed wrongly.
 * Runs in the worker's thread and in the console.
 */
#include "common/interview.h"

#include "common/interview_parts.h"

span interview_event(const struct config_fields *fields, struct json_object *body)
{
    return span_trim(json_text(interview_find(&fields->event, body)));
}

static struct err read_ids(const struct config_fields *fields, struct json_object *body,
                           struct arena *arena, struct interview *out)
{
    TRY(interview_id(arena, interview_find(&fields->interview_id, body), &out->id));
    if (out->id.len == 0) {
        FAIL(ERR_POISON, 0, "interview_id is missing, empty or no text");
    }
    if (!interview_id_fits(out->id)) {
        FAIL(ERR_POISON, 0, "interview_id is over 128 bytes or has control characters");
    }
    TRY(interview_id(arena, interview_find(&fields->study_id, body), &out->study_id));
    if (!interview_id_fits(out->study_id)) {
        FAIL(ERR_POISON, 0, "study_id is over 128 bytes or has control characters");
    }
    return NO_ERROR;
}

static struct err read_quality(const struct config_fields *fields, struct json_object *body,
                               struct interview *out)
{
    struct json_object *quality = interview_find(&fields->quality, body);
    if (quality == NULL) {
        return NO_ERROR;
    }
    if (!json_number(quality, &out->quality)) {
        FAIL(ERR_POISON, 0, "quality is not a number");
    }
    if (out->quality < 0 || out->quality > 5) {
        FAIL(ERR_POISON, 0, "quality is outside 0 to 5");
    }
    out->has_quality = true;
    return NO_ERROR;
}

static struct err read_texts(const struct config_fields *fields, struct json_object *body,
                             struct arena *arena, struct interview *out)
{
    const struct {
        const struct config_pointers *where;
        span *to;
    } texts[] = {{&fields->event, &out->event},
                 {&fields->study_url, &out->study_url},
                 {&fields->transcript_url, &out->transcript_url},
                 {&fields->respondent_email, &out->respondent_email},
                 {&fields->respondent_name, &out->respondent_name}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        TRY(interview_text(arena, interview_find(texts[i].where, body), texts[i].to));
    }
    return interview_id(arena, interview_find(&fields->respondent_id, body), &out->respondent_id);
}

struct err interview_read(const struct config_fields *fields, struct json_object *body,
                          struct arena *arena, struct interview *out)
{
    *out = (struct interview){.theme_count = 0};
    if (!json_object_is_type(body, json_type_object) &&
        !json_object_is_type(body, json_type_array)) {
        FAIL(ERR_POISON, 0, "the body is neither a JSON object nor a list");
    }
    TRY(read_ids(fields, body, arena, out));
    TRY(read_quality(fields, body, out));
    TRY(interview_sentiment(interview_find_any(&fields->sentiment, body),
                            "sentiment is outside -1 to 1 or neither number nor label",
                            &out->has_sentiment, &out->sentiment));
    TRY(read_texts(fields, body, arena, out));
    out->at_ms = interview_time(interview_find(&fields->time, body));
    return interview_themes(fields, body, arena, out);
}
