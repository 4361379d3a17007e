/* SPDX-License-Identifier: Apache-2.0
 *
 * Koji's webhooks. Where event and study stand is not documented, so both are
 * read by the configured pointers. On saving a webhook Koji sends a check that
 * must be answered 200, perhaps unsigned and perhaps with a challenge to echo: a
 * request is that check when it is empty, or names a challenge or a word for a
 * check, and carries no interview. Pure; any thread.
 */
#include "common/config_table.h"
#include "producer/source.h"

#define CHALLENGE_BYTES_MAX 512
#define POINTER_BYTES_MAX   256

/* Event names that mean "are you there?". */
static const char *const check_words[] = {
    "ping",
    "test",
    "verification",
    "verify",
    "challenge",
    "handshake",
    "validation",
    "url_verification",
    "webhook.ping",
    "webhook.test",
    "webhook.verification",
    "webhook.verify",
    "endpoint.ping",
    "endpoint.test",
    "endpoint.verification",
    "endpoint.verify",
    "webhook_verification",
    "webhook_test",
};

/* What only an interview has; each is looked for at the top and one step down. */
static const char *const interview_marks[] = {
    "interview",      "interview_id",  "themes",           "analysis",      "transcript",
    "transcript_url", "quality_score", "respondent_email", "respondent_id", "respondent",
};
static const char *const interview_places[] = {"", "/data", "/payload"};

/* The next pointer of a comma-separated list, NUL-terminated. */
static bool next_pointer(span *rest, char *out, size_t room)
{
    span one = SPAN_NONE;
    while (config_next_pointer(rest, &one)) {
        if (one.len > 0 && one.len < room) {
            memcpy(out, one.at, one.len);
            out[one.len] = 0;
            return true;
        }
    }
    return false;
}

/* The first of the pointers that names a text or a whole number. */
static span first_named(const char *pointers, struct json_object *body, struct arena *arena)
{
    span rest = span_text(pointers);
    char pointer[POINTER_BYTES_MAX + 1];
    while (next_pointer(&rest, pointer, sizeof(pointer))) {
        span found = json_id_in(arena, json_at(body, pointer));
        if (found.len > 0) {
            return found;
        }
    }
    return SPAN_NONE;
}

static bool is_check_word(span event)
{
    for (size_t i = 0; i < COUNT_OF(check_words); i++) {
        if (span_is_nocase(event, check_words[i])) {
            return true;
        }
    }
    return false;
}

static bool has_interview(struct json_object *body)
{
    for (size_t place = 0; place < COUNT_OF(interview_places); place++) {
        struct json_object *at = json_at(body, interview_places[place]);
        for (size_t i = 0; i < COUNT_OF(interview_marks); i++) {
            if (json_object_is_type(at, json_type_object) &&
                json_object_object_get_ex(at, interview_marks[i], NULL)) {
                return true;
            }
        }
    }
    return false;
}

static span challenge_of(const struct config_source *config, const struct request *request,
                         struct json_object *body, struct arena *arena)
{
    const char *where = config->handshake_challenge;
    if (where[0] == 0) {
        return SPAN_NONE;
    }
    return where[0] == '/' ? first_named(where, body, arena)
                           : request_query(request, span_text(where));
}

/* False without memory. */
static bool answer_with(const char *form, span challenge, struct arena *arena,
                        struct source_answer *answer)
{
    struct buf text;
    buf_init(&text, CHALLENGE_BYTES_MAX * 8);
    if (strcmp(form, "text") == 0) {
        answer->content_type = "text/plain; charset=utf-8";
        buf_add(&text, challenge.len > 0 ? challenge : span_text("ok"));
    } else {
        answer->content_type = "application/json";
        if (challenge.len > 0) {
            buf_add_text(&text, "{\"challenge\":");
            buf_add_json(&text, challenge);
            buf_add_char(&text, '}');
        } else {
            buf_add_text(&text, "{\"ok\":true}");
        }
    }
    answer->body = arena_copy(arena, buf_span(&text));
    buf_close(&text);
    return answer->body.at != NULL;
}

static bool handshake(const struct config_source *config, const struct request *request,
                      struct json_object *body, struct arena *arena, struct source_answer *answer)
{
    if (strcmp(config->handshake, "off") == 0) {
        return false;
    }
    bool empty = request->body.len == 0;
    if (!empty && (request->method != REQUEST_POST || has_interview(body) ||
                   !json_object_is_type(body, json_type_object))) {
        return false;
    }
    span challenge = challenge_of(config, request, body, arena);
    if (challenge.len > CHALLENGE_BYTES_MAX) {
        return false;
    }
    if (!empty && challenge.len == 0 &&
        !is_check_word(first_named(config->event_pointer, body, arena))) {
        return false;
    }
    return answer_with(config->handshake, challenge, arena, answer);
}

static void name(const struct config_source *config, struct json_object *body, struct arena *arena,
                 span *event, span *key)
{
    *event = first_named(config->event_pointer, body, arena);
    *key = first_named(config->study_pointer, body, arena);
}

const struct source source_koji = {
    .kind = "koji",
    .handshake = handshake,
    .name = name,
};
