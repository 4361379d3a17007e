/* SPDX-License-Identifier: Apache-2.0
 *
 * What a ticket and a comment say: which interviews are told, which quotes are
 * shown, and that Jira takes it whatever the interview says.
 */
#include "common/mem.h"
#include "tests/sandbox/jira_adf.h"
#include "tests/unit/consumer/filer.h"

#include <stdio.h>

#define WATCHERS 5000

/* ---- freezing ----------------------------------------------------------------------------- */

static struct step freeze(struct filer *f, const span *pairs, size_t count)
{
    return filer_script(f, "weigh", "file", "{\"status\":\"filing\"}", pairs, count);
}

static void the_own_interview_is_told_first(void **state)
{
    (void)state;
    struct filer f;
    const span pairs[] = {
        span_text("koji/i0"), span_text("{\"q\":[[\"zero\",\"https://k/0\"]],\"s\":0,\"u\":\"\"}"),
        span_text("koji/i1"), span_text("{\"q\":[[\"one\",\"\"]],\"s\":0.1,\"u\":\"https://k/1\"}"),
        span_text("koji/i2"), span_text("{\"q\":[[\"two\",\"\"],[\"more\",\"\"]],\"s\":-0.9}"),
        span_text("koji/i3"), span_text("no json"),
        span_text("koji/i4"), span_text("{\"q\":{},\"s\":\"x\"}"),
    };
    filer_begin(&f, filer_body);
    filer_assert_next(freeze(&f, pairs, COUNT_OF(pairs)), "find");
    KIT_JSON fold = kit_json(ticket_fold(&f.item));
    kit_assert_text(kit_text_at(fold, "/0"), "koji/i1");
    kit_assert_text(kit_text_at(fold, "/1"), "koji/i2"); /* then the most negative */
    assert_int_equal(json_object_array_length(fold), 5);
    assert_int_equal(item_memo_number(&f.item, "heard"), 5);
    /* One of each interview before a second of any. */
    kit_assert_text(kit_text_at(f.item.memo, "/quotes/0/0"), "two");
    kit_assert_text(kit_text_at(f.item.memo, "/quotes/0/1"), "");
    kit_assert_text(kit_text_at(f.item.memo, "/quotes/1/0"), "zero");
    kit_assert_text(kit_text_at(f.item.memo, "/quotes/1/1"), "https://k/0");
    kit_assert_text(kit_text_at(f.item.memo, "/quotes/2/0"), "one");
    kit_assert_text(kit_text_at(f.item.memo, "/quotes/2/1"), "https://k/1"); /* the transcript */
    assert_int_equal(json_object_array_length(json_at(f.item.memo, "/quotes")), TICKET_QUOTES);
    filer_close(&f);
}

static void without_evidence_the_own_is_told(void **state)
{
    (void)state;
    struct filer f;
    const span odd[] = {span_text("koji/i9")}; /* a name without its evidence */
    filer_begin(&f, filer_body);
    kit_assert_text(ticket_fold(&f.item), "[]");
    (void)freeze(&f, NULL, 0);
    kit_assert_text(ticket_fold(&f.item), "[\"koji/i1\"]");
    (void)freeze(&f, odd, 1);
    kit_assert_text(ticket_fold(&f.item), "[\"koji/i1\"]");
    filer_close(&f);
}

static void five_thousand_watchers_fit(void **state)
{
    (void)state;
    static char names[WATCHERS][256];
    static span pairs[WATCHERS * 2];
    for (size_t length = 0; length < 3; length++) {
        struct filer f;
        filer_begin(&f, filer_body);
        for (size_t i = 0; i < WATCHERS; i++) {
            size_t own = 4321; /* somewhere in between */
            if (i == own) {
                (void)snprintf(names[i], sizeof(names[i]), "koji/i1");
            } else if (length == 0) {
                (void)snprintf(names[i], sizeof(names[i]), "koji/x%zu", i);
            } else if (length == 1) {
                (void)snprintf(names[i], sizeof(names[i]), "koji/%0128zu", i);
            } else {
                (void)snprintf(names[i], sizeof(names[i]), "koji/\"\\\n%060zu", i);
            }
            pairs[i * 2] = span_text(names[i]);
            pairs[i * 2 + 1] = span_text("{\"q\":[[\"text\",\"\"]],\"s\":-0.5,\"k\":4,\"u\":\"\"}");
        }
        filer_assert_next(freeze(&f, pairs, COUNT_OF(pairs)), "find");
        KIT_JSON fold = kit_json(ticket_fold(&f.item));
        kit_assert_text(kit_text_at(fold, "/0"), "koji/i1");
        size_t told = json_object_array_length(fold);
        assert_true(told > 100 && told < WATCHERS); /* as many as there is room for */
        for (size_t i = 1; i < told; i++) {
            assert_false(span_is(json_text(json_object_array_get_idx(fold, i)), "koji/i1"));
        }
        filer_ask(&f, "create");
        KIT_JSON body = kit_json(f.call.body);
        struct json_object *property = json_at(body, "/properties/0/value");
        const char *value = json_object_to_json_string_ext(
            property, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        assert_true(strlen(value) <= JIRA_PROPERTY_MAX);
        assert_true(strlen(value) > JIRA_PROPERTY_MAX - 4096);
        assert_int_equal(json_object_array_length(json_at(property, "/told")), told);
        assert_int_equal(item_memo_number(&f.item, "heard"), WATCHERS);
        filer_close(&f);
    }
}

/* ---- the ticket --------------------------------------------------------------------------- */

static void assert_document(struct json_object *doc, const char *name, struct buf *plain)
{
    struct adf_reason reason;
    if (adf_check(doc, &reason) != ADF_VALID) {
        fail_msg("%s: %s", name, reason.text);
    }
    if (plain != NULL) {
        adf_plain(doc, plain);
    }
}

static void a_ticket(void **state)
{
    (void)state;
    struct filer f;
    struct buf plain;
    filer_begin(&f, filer_body);
    filer_ask(&f, "weigh");
    const span pairs[] = {f.call.args[0], f.call.args[4]};
    (void)freeze(&f, pairs, 2);
    filer_ask(&f, "create");
    KIT_JSON body = kit_json(f.call.body);
    kit_assert_text(kit_text_at(body, "/fields/project/key"), "RES");
    kit_assert_text(kit_text_at(body, "/fields/issuetype/name"), "Task");
    kit_assert_text(kit_text_at(body, "/fields/summary"), "[Research] Exports time out");
    kit_assert_text(kit_text_at(body, "/fields/labels/0"), "koji-research");
    kit_assert_text(kit_text_at(body, "/fields/labels/1"), "koji-theme-t1"); /* as find asks */
    kit_assert_text(kit_text_at(body, "/fields/labels/2"), "export");
    assert_true(span_starts(kit_text_at(body, "/fields/labels/3"), "data-loss~"));
    kit_assert_text(kit_text_at(body, "/properties/0/value/told/0"), "koji/i1");
    buf_init(&plain, 100000);
    assert_document(json_at(body, "/fields/description"), "ticket", &plain);
    assert_string_equal(buf_text(&plain),
                        "Large exports never end.\n"
                        "> I waited an hour.\ntranscript <https://k.example/q/1>\n"
                        "> It never came.\ntranscript <https://k.example/t/i1>\n"
                        "Sentiment: -0.6 on a scale from -1 to +1\n"
                        "Interview quality: 4.2 of 5\nHeard in: 1 interview\n"
                        "Transcript <https://k.example/t/i1>\nStudy <https://k.example/s/s1>\n");
    buf_close(&plain);
    filer_close(&f);
}

static void a_comment(void **state)
{
    (void)state;
    struct filer f;
    struct buf plain;
    filer_begin(&f, filer_body);
    item_memo_set(&f.item, "issue_id", span_text("7"));
    filer_ask(&f, "comment");
    kit_assert_text(f.call.path, "/rest/api/3/issue/7/comment");
    KIT_JSON body = kit_json(f.call.body);
    kit_assert_text(kit_text_at(body, "/properties/0/value/interview"), "koji/i1");
    buf_init(&plain, 100000);
    assert_document(json_at(body, "/body"), "comment", &plain);
    assert_string_equal(buf_text(&plain),
                        "Heard again in another interview.\n"
                        "> I waited an hour.\ntranscript <https://k.example/q/1>\n"
                        "> It never came.\n"
                        "Sentiment: -0.6 on a scale from -1 to +1\n"
                        "Interview quality: 4.2 of 5\nTranscript <https://k.example/t/i1>\n");
    buf_close(&plain);
    filer_close(&f);
}

/* An interview whose every text is this one. */
static void write_hostile(struct buf *body, span text)
{
    static const char *const parts[] = {
        ("{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i1\",\"quality\":4,"
         "\"transcript_url\":"),
        ",\"study_url\":",
        ",\"respondent_name\":",
        ",\"themes\":[{\"theme_id\":\"t1\",\"severity\":\"bug\",\"name\":",
        ",\"summary\":",
        ",\"tags\":[",
        ",",
        "],\"quotes\":[{\"text\":",
        ",\"url\":",
        "},",
        "]}]}"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        buf_add_text(body, parts[i]);
        if (i + 1 < COUNT_OF(parts)) {
            buf_add_json(body, text);
        }
    }
}

static void hostile_interviews_make_documents(void **state)
{
    (void)state;
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    for (size_t i = 0; i < count; i++) {
        struct filer f;
        struct buf body;
        buf_init(&body, FILER_ARENA);
        write_hostile(&body, texts[i].text);
        filer_begin(&f, buf_text(&body));
        filer_ask(&f, "weigh");
        KIT_JSON evidence = kit_json(f.call.args[4]);
        assert_non_null(evidence);
        const span pairs[] = {f.call.args[0], f.call.args[4]};
        (void)freeze(&f, pairs, 2);
        filer_ask(&f, "create");
        KIT_JSON ticket = kit_json(f.call.body);
        assert_document(json_at(ticket, "/fields/description"), texts[i].name, NULL);
        assert_true(jsonx_units(kit_text_at(ticket, "/fields/summary")) <= JIRA_SUMMARY_MAX);
        filer_ask(&f, "comment");
        KIT_JSON comment = kit_json(f.call.body);
        assert_document(json_at(comment, "/body"), texts[i].name, NULL);
        filer_close(&f);
        buf_close(&body);
    }
}

static void a_theme_without_a_name_goes_by_its_id(void **state)
{
    (void)state;
    struct filer f;
    filer_begin(&f, "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i1\","
                    "\"quality\":4,\"themes\":[{\"theme_id\":\"t1\"}]}");
    filer_ask(&f, "create");
    KIT_JSON body = kit_json(f.call.body);
    kit_assert_text(kit_text_at(body, "/fields/summary"), "[Research] t1");
    filer_close(&f);
}

/* ---- memory ------------------------------------------------------------------------------- */

static bool same_call(const struct call *a, const struct call *b)
{
    bool same = span_equal(a->path, b->path) && span_equal(a->body, b->body) &&
                a->arg_count == b->arg_count && a->key_count == b->key_count;
    for (size_t i = 0; same && i < a->arg_count; i++) {
        same = span_equal(a->args[i], b->args[i]);
    }
    for (size_t i = 0; same && i < a->key_count; i++) {
        same = span_equal(a->keys[i], b->keys[i]);
    }
    return same;
}

/* Each question is asked whole or not at all. */
static void memory_runs_out(void **state)
{
    (void)state;
    for (size_t s = 0; s < ticket_filer.stage_count; s++) {
        const char *stage = ticket_filer.stages[s].name;
        bool ended = false;
        for (unsigned long n = 1; !ended && n < 300; n++) {
            struct filer f;
            filer_begin(&f, filer_body);
            filer_ask(&f, "weigh");
            const span pairs[] = {f.call.args[0], f.call.args[4]};
            (void)freeze(&f, pairs, 2);
            item_memo_set(&f.item, "issue_id", span_text("7"));
            filer_ask(&f, stage);
            struct call whole = f.call;
            struct arena fresh;
            arena_init(&fresh, FILER_ARENA);
            f.call = (struct call){.arena = &fresh};
            mem_fail_after(n);
            struct err err = ticket_filer.stages[s].ask(&f.item, &f.call);
            void *spare = mem_try_alloc(1); /* NULL: there were fewer than n allocations */
            ended = !failed(err) && spare != NULL && n > 20;
            mem_free(spare);
            mem_fail_after(0);
            if (failed(err)) {
                assert_int_equal(err.class, ERR_RETRY);
            } else if (!same_call(&whole, &f.call)) {
                fail_msg("%s, allocation %lu: " SPAN_FMT, stage, n, SPAN_ARG(f.call.body));
            }
            arena_close(&fresh);
            filer_close(&f);
        }
        assert_true(ended);
    }
}

/* Jira takes 32,767 characters, and JSON of many short lines or quotes is long. */
static void the_longest_ticket_fits(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a\\n", "\\\"", "\\\\", "word ", "\\u0007\\n", "\xC3\xA9"};
    for (size_t p = 0; p < COUNT_OF(pieces); p++) {
        struct filer f;
        struct buf body;
        buf_init(&body, 1 << 20);
        buf_add_text(&body, "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i1\","
                            "\"study_id\":\"s1\",\"quality_score\":4,\"themes\":[{\"id\":\"t1\","
                            "\"name\":\"n\",\"severity\":\"bug\",\"summary\":\"");
        for (size_t i = 0; i < 6000; i++) {
            buf_add_text(&body, pieces[p]);
        }
        for (size_t quote = 0; quote < 3; quote++) {
            buf_add_text(&body, quote == 0 ? "\",\"quotes\":[\"" : "\",\"");
            for (size_t i = 0; i < 6000; i++) {
                buf_add_text(&body, pieces[p]);
            }
        }
        buf_add_text(&body, "\"]}]}");
        filer_begin(&f, buf_text(&body));
        filer_ask(&f, "weigh");
        const span pairs[] = {f.call.args[0], f.call.args[4]};
        filer_assert_next(freeze(&f, pairs, 2), "find");
        filer_ask(&f, "create");
        KIT_JSON sent = kit_json(f.call.body);
        struct json_object *description = json_at(sent, "/fields/description");
        assert_document(description, pieces[p], NULL);
        const char *text = json_object_to_json_string_ext(
            description, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        assert_true(strlen(text) < 32767 && strlen(text) > 4000);
        filer_close(&f);
        buf_close(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_own_interview_is_told_first),
        cmocka_unit_test(without_evidence_the_own_is_told),
        cmocka_unit_test(five_thousand_watchers_fit),
        cmocka_unit_test(a_ticket),
        cmocka_unit_test(the_longest_ticket_fits),
        cmocka_unit_test(a_comment),
        cmocka_unit_test(hostile_interviews_make_documents),
        cmocka_unit_test(a_theme_without_a_name_goes_by_its_id),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
