/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes interview_event and interview_read (common/interview*.c) with the
 * default field map: ids are there and short, numbers within their ranges, and
 * nothing points into the body, which is gone before the spans are read.
 */
#include "common/interview.h"
#include "common/own.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#define ARENA_BYTES (4u << 20)

static const struct config_fields *default_fields(void)
{
    static struct config config;
    static bool read;
    if (!read) {
        struct buf faults;
        buf_init(&faults, 65536);
        CHECK(!failed(config_parse(&config, span_text("{}"), "default", 0, &faults)));
        buf_close(&faults);
        read = true;
    }
    return &config.fields;
}

static void check_id(span id, bool may_miss)
{
    CHECK(id.len <= INTERVIEW_ID_MAX && (may_miss || id.len > 0));
    for (size_t i = 0; i < id.len; i++) {
        CHECK(id.at[i] >= 0x20 && id.at[i] != 0x7F);
    }
    CHECK(span_utf8(id));
}

static void check_theme(const struct theme *theme)
{
    check_id(theme->id, false);
    CHECK(theme->quote_count <= INTERVIEW_QUOTES_MAX && theme->tag_count <= INTERVIEW_TAGS_MAX);
    CHECK(!theme->has_sentiment || (theme->sentiment >= -1 && theme->sentiment <= 1));
    fuzz_touch(theme->name);
    fuzz_touch(theme->summary);
    for (size_t i = 0; i < theme->quote_count; i++) {
        CHECK(theme->quotes[i].text.len > 0);
        fuzz_touch(theme->quotes[i].text);
        fuzz_touch(theme->quotes[i].link);
    }
    for (size_t i = 0; i < theme->tag_count; i++) {
        CHECK(theme->tags[i].len > 0);
        fuzz_touch(theme->tags[i]);
    }
}

static void check_interview(const struct interview *read)
{
    const span texts[] = {read->event,         read->study_url,       read->transcript_url,
                          read->respondent_id, read->respondent_name, read->respondent_email};
    check_id(read->id, false);
    check_id(read->study_id, true);
    CHECK(!read->has_quality || (read->quality >= 0 && read->quality <= 5));
    CHECK(!read->has_sentiment || (read->sentiment >= -1 && read->sentiment <= 1));
    CHECK(read->at_ms >= 0);
    CHECK(read->theme_count <= INTERVIEW_THEMES_MAX);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        fuzz_touch(texts[i]);
    }
    for (size_t i = 0; i < read->theme_count; i++) {
        check_theme(&read->themes[i]);
        for (size_t j = 0; j < i; j++) {
            CHECK(!span_equal(read->themes[i].id, read->themes[j].id));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config_fields *fields = default_fields();
    struct json_object *body = NULL;
    struct arena arena;
    struct interview read;
    if (failed(json_parse(span_of(data, size), &body))) {
        return 0;
    }
    fuzz_touch(interview_event(fields, body));
    arena_init(&arena, ARENA_BYTES);
    struct err err = interview_read(fields, body, &arena, &read);
    json_object_put(body);
    if (failed(err)) {
        CHECK(err.class == ERR_POISON || err.class == ERR_RETRY);
        CHECK(err.text != NULL && err.text[0] != 0);
    } else {
        check_interview(&read);
    }
    arena_close(&arena);
    return 0;
}
