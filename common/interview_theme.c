/* SPDX-License-Identifier: Apache-2.0
 *
 * The themes of an interview. One theme may be listed twice, as when two
 * passages speak of it: it is then one theme with the quotes of both. A theme
 * without an id is named after what it says, so that the next interview of the
 * study that says the same finds it.
 */
#include "common/interview_parts.h"

#include <errno.h>
#include <openssl/sha.h>

static struct err no_room(void)
{
    FAIL(ERR_RETRY, ENOMEM, "the event's arena is full");
}

/* --- severity ------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum severity is;
    int weight; /* the heaviest of several tags counts */
} severities[] = {
    {"blocker", SEVERITY_BLOCKER, 4},           {"bug", SEVERITY_BUG, 3},
    {"preference", SEVERITY_PREFERENCE, 2},     {"nice-to-have", SEVERITY_NICE_TO_HAVE, 1},
    {"nice_to_have", SEVERITY_NICE_TO_HAVE, 1}, {"nice to have", SEVERITY_NICE_TO_HAVE, 1}};

static int weight_of(span text, enum severity *is)
{
    for (size_t i = 0; i < COUNT_OF(severities); i++) {
        if (span_is_nocase(span_trim(text), severities[i].word)) {
            *is = severities[i].is;
            return severities[i].weight;
        }
    }
    return 0;
}

static enum severity severity_of(span field, const span *tags, size_t tag_count)
{
    enum severity heaviest = SEVERITY_NONE;
    if (weight_of(field, &heaviest) > 0) {
        return heaviest;
    }
    int most = 0;
    for (size_t i = 0; i < tag_count; i++) {
        enum severity is = SEVERITY_NONE;
        int weight = weight_of(tags[i], &is);
        heaviest = weight > most ? is : heaviest;
        most = weight > most ? weight : most;
    }
    return heaviest;
}

static size_t at_most(size_t count, size_t max)
{
    return count < max ? count : max;
}

/* --- tags ----------------------------------------------------------------------------------- */

static struct err add_tag(struct arena *arena, span text, struct theme *theme)
{
    text = span_trim(text);
    for (size_t i = 0; i < theme->tag_count; i++) {
        if (span_equal(theme->tags[i], text)) {
            return NO_ERROR;
        }
    }
    if (text.len == 0 || theme->tag_count == INTERVIEW_TAGS_MAX) {
        return NO_ERROR;
    }
    theme->tags[theme->tag_count] = arena_copy(arena, text);
    return theme->tags[theme->tag_count++].at == NULL ? no_room() : NO_ERROR;
}

static struct err make_tags(struct arena *arena, size_t count, struct theme *theme)
{
    theme->tags = arena_alloc(arena, at_most(count, INTERVIEW_TAGS_MAX) * sizeof(theme->tags[0]));
    return theme->tags == NULL ? no_room() : NO_ERROR;
}

/* A list of texts or of objects with a name or a label, or one text with commas. */
static struct err read_tags(struct json_object *tags, struct arena *arena, struct theme *theme)
{
    bool list = json_object_is_type(tags, json_type_array);
    TRY(make_tags(arena, list ? json_object_array_length(tags) : json_text(tags).len / 2 + 1,
                  theme));
    if (list) {
        for (size_t i = 0; i < json_object_array_length(tags); i++) {
            struct json_object *one = json_object_array_get_idx(tags, i);
            span text = json_text(one);
            text = text.at != NULL ? text : json_text_at(one, "/name");
            text = text.at != NULL ? text : json_text_at(one, "/label");
            TRY(add_tag(arena, text, theme));
        }
        return NO_ERROR;
    }
    span rest = json_text(tags);
    while (rest.len > 0) {
        const uint8_t *comma = memchr(rest.at, ',', rest.len);
        size_t len = comma == NULL ? rest.len : (size_t)(comma - rest.at);
        TRY(add_tag(arena, span_of(rest.at, len), theme));
        rest = comma == NULL ? SPAN_NONE : span_of(comma + 1, rest.len - len - 1);
    }
    return NO_ERROR;
}

/* --- quotes --------------------------------------------------------------------------------- */

static struct err add_quote(const struct config_fields *fields, struct json_object *value,
                            struct arena *arena, struct theme *theme)
{
    struct quote quote = {.text = SPAN_NONE};
    if (theme->quote_count == INTERVIEW_QUOTES_MAX) {
        return NO_ERROR;
    }
    if (json_object_is_type(value, json_type_object)) {
        TRY(interview_text(arena, interview_find(&fields->quote_text, value), &quote.text));
        TRY(interview_text(arena, interview_find(&fields->quote_link, value), &quote.link));
    } else {
        TRY(interview_text(arena, value, &quote.text));
    }
    if (quote.text.len > 0) {
        theme->quotes[theme->quote_count++] = quote;
    }
    return NO_ERROR;
}

static struct err make_quotes(struct arena *arena, size_t count, struct theme *theme)
{
    theme->quotes =
        arena_alloc(arena, at_most(count, INTERVIEW_QUOTES_MAX) * sizeof(theme->quotes[0]));
    return theme->quotes == NULL ? no_room() : NO_ERROR;
}

static struct err read_quotes(const struct config_fields *fields, struct json_object *quotes,
                              struct arena *arena, struct theme *theme)
{
    bool list = json_object_is_type(quotes, json_type_array);
    TRY(make_quotes(arena, list ? json_object_array_length(quotes) : 1, theme));
    if (!list) {
        return add_quote(fields, quotes, arena, theme);
    }
    for (size_t i = 0; i < json_object_array_length(quotes); i++) {
        TRY(add_quote(fields, json_object_array_get_idx(quotes, i), arena, theme));
    }
    return NO_ERROR;
}

/* --- ids ------------------------------------------------------------------------------------ */

/* Lower case in ASCII, one blank for any run of them: two spellings are one theme. */
static span normalised(struct arena *arena, span name)
{
    uint8_t *at = arena_alloc(arena, name.len + 1);
    size_t len = 0;
    if (at == NULL) {
        return SPAN_NONE;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool blank = c == ' ' || (c >= '\t' && c <= '\r');
        c = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
        if (!blank) {
            at[len++] = c;
        } else if (len > 0 && at[len - 1] != ' ') {
            at[len++] = ' ';
        }
    }
    return span_of(at, len > 0 && at[len - 1] == ' ' ? len - 1 : len);
}

/* "n-" and 16 hexadecimal digits of SHA-256 over the study's id, a zero byte and the name. */
static struct err id_from_name(struct arena *arena, span study_id, struct theme *theme)
{
    span name = normalised(arena, theme->name);
    if (name.at == NULL) {
        return no_room();
    }
    struct buf text;
    buf_init(&text, study_id.len + name.len + 64);
    buf_add(&text, study_id);
    buf_add_char(&text, 0);
    buf_add(&text, name);
    struct err err = buf_ok(&text);
    if (!failed(err)) {
        uint8_t digest[SHA256_DIGEST_LENGTH];
        (void)SHA256(text.at, text.len, digest);
        buf_clear(&text);
        buf_add_text(&text, "n-");
        buf_add_hex(&text, span_of(digest, 8));
        theme->id = arena_copy(arena, buf_span(&text));
        err = theme->id.at == NULL ? no_room() : NO_ERROR;
    }
    buf_close(&text);
    return err;
}

static struct err read_id(const struct config_fields *fields, struct json_object *value,
                          struct arena *arena, span study_id, struct theme *theme)
{
    TRY(interview_id(arena, interview_find(&fields->theme_id, value), &theme->id));
    if (!interview_id_fits(theme->id)) {
        FAIL(ERR_POISON, 0, "theme_id is over 128 bytes or has control characters");
    }
    if (theme->id.len > 0) {
        return NO_ERROR;
    }
    if (theme->name.len == 0) {
        FAIL(ERR_POISON, 0, "a theme has neither theme_id nor theme_name");
    }
    return id_from_name(arena, study_id, theme);
}

/* --- themes --------------------------------------------------------------------------------- */

static struct err read_members(const struct config_fields *fields, struct json_object *value,
                               struct arena *arena, struct theme *theme)
{
    span severity = SPAN_NONE;
    TRY(interview_text(arena, interview_find(&fields->theme_name, value), &theme->name));
    TRY(interview_text(arena, interview_find(&fields->theme_summary, value), &theme->summary));
    TRY(interview_text(arena, interview_find(&fields->theme_severity, value), &severity));
    TRY(interview_sentiment(interview_find_any(&fields->theme_sentiment, value),
                            "theme_sentiment is outside -1 to 1 or neither number nor label",
                            &theme->has_sentiment, &theme->sentiment));
    TRY(read_tags(interview_find_any(&fields->theme_tags, value), arena, theme));
    TRY(read_quotes(fields, interview_find_any(&fields->theme_quotes, value), arena, theme));
    theme->severity = severity_of(severity, theme->tags, theme->tag_count);
    return NO_ERROR;
}

/* A theme is an object, or just its name. */
static struct err read_theme(const struct config_fields *fields, struct json_object *value,
                             struct arena *arena, span study_id, struct theme *theme)
{
    *theme = (struct theme){.quote_count = 0};
    if (json_object_is_type(value, json_type_object)) {
        TRY(read_members(fields, value, arena, theme));
    } else if (json_object_is_type(value, json_type_string)) {
        TRY(interview_text(arena, value, &theme->name));
    } else {
        FAIL(ERR_POISON, 0, "one of the themes is neither an object nor a name");
    }
    return read_id(fields, value, arena, study_id, theme);
}

/* The lists of `theme`, then those of `more`. */
static struct err merge_lists(struct arena *arena, struct theme *theme, const struct theme *more)
{
    struct theme both = {.tag_count = 0};
    TRY(make_tags(arena, theme->tag_count + more->tag_count, &both));
    TRY(make_quotes(arena, theme->quote_count + more->quote_count, &both));
    const struct theme *of[] = {theme, more};
    for (size_t i = 0; i < COUNT_OF(of); i++) {
        for (size_t j = 0; j < of[i]->tag_count; j++) {
            TRY(add_tag(arena, of[i]->tags[j], &both));
        }
        for (size_t j = 0; j < of[i]->quote_count && both.quote_count < INTERVIEW_QUOTES_MAX; j++) {
            both.quotes[both.quote_count++] = of[i]->quotes[j];
        }
    }
    theme->tags = both.tags;
    theme->tag_count = both.tag_count;
    theme->quotes = both.quotes;
    theme->quote_count = both.quote_count;
    return NO_ERROR;
}

/* `more` is the same theme again: what is missing is filled, lists grow. */
static struct err merge(struct arena *arena, struct theme *theme, const struct theme *more)
{
    theme->name = theme->name.len > 0 ? theme->name : more->name;
    theme->summary = theme->summary.len > 0 ? theme->summary : more->summary;
    theme->severity = theme->severity != SEVERITY_NONE ? theme->severity : more->severity;
    if (!theme->has_sentiment) {
        theme->has_sentiment = more->has_sentiment;
        theme->sentiment = more->sentiment;
    }
    return merge_lists(arena, theme, more);
}

static struct theme *same_theme(struct interview *interview, span id)
{
    for (size_t i = 0; i < interview->theme_count; i++) {
        if (span_equal(interview->themes[i].id, id)) {
            return &interview->themes[i];
        }
    }
    return NULL;
}

struct err interview_themes(const struct config_fields *fields, struct json_object *body,
                            struct arena *arena, struct interview *out)
{
    struct json_object *list = interview_find_any(&fields->themes, body);
    if (list == NULL) {
        return NO_ERROR;
    }
    if (!json_object_is_type(list, json_type_array)) {
        FAIL(ERR_POISON, 0, "themes is not a list");
    }
    size_t count = json_object_array_length(list);
    if (count > INTERVIEW_THEMES_MAX) {
        FAIL(ERR_POISON, 0, "themes has more than 1000 entries");
    }
    out->themes = arena_alloc(arena, (count + 1) * sizeof(out->themes[0]));
    if (out->themes == NULL) {
        return no_room();
    }
    for (size_t i = 0; i < count; i++) {
        struct theme theme;
        TRY(read_theme(fields, json_object_array_get_idx(list, i), arena, out->study_id, &theme));
        struct theme *same = same_theme(out, theme.id);
        if (same != NULL) {
            TRY(merge(arena, same, &theme));
        } else {
            out->themes[out->theme_count++] = theme;
        }
    }
    for (size_t i = 0; i < out->theme_count; i++) {
        struct theme *theme = &out->themes[i];
        theme->sentiment = theme->has_sentiment ? theme->sentiment : out->sentiment;
        theme->has_sentiment = theme->has_sentiment || out->has_sentiment;
    }
    return NO_ERROR;
}
