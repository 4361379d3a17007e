/* SPDX-License-Identifier: Apache-2.0
 *
 * The ADF writer, judged by the validator of the sandbox's Jira: whatever text
 * comes in, what goes out is a document, and says what the text said.
 */
#include "consumer/apis/adf.h"

#include "common/mem.h"
#include "tests/sandbox/jira_adf.h"
#include "tests/unit/consumer/kit.h"

#define OUT_MAX ((size_t)64 << 20)

/* Checks the document; its text alone goes to `plain` unless NULL. */
static void assert_document(span json, const char *name, struct buf *plain)
{
    struct adf_reason reason;
    KIT_JSON tree = kit_json(json);
    if (adf_check(tree, &reason) != ADF_VALID) {
        fail_msg("%s: %s: %.*s", name, reason.text, (int)(json.len < 400 ? json.len : 400),
                 (const char *)json.at);
    }
    if (plain != NULL) {
        buf_clear(plain);
        adf_plain(tree, plain);
    }
}

enum block { PARAGRAPH, FACT, QUOTE, QUOTE_LINKED, LINK, BLOCKS };

static void write_block(struct adf *adf, enum block block, span text)
{
    switch (block) {
    case PARAGRAPH:
        adf_paragraph(adf, text);
        break;
    case FACT:
        adf_fact(adf, "Label", text);
        break;
    case QUOTE:
        adf_quote(adf, text, SPAN_NONE);
        break;
    case QUOTE_LINKED:
        adf_quote(adf, text, span_text("https://k.example/t?a=1&b=\\2"));
        break;
    case LINK:
        adf_link(adf, "Transcript", text);
        break;
    case BLOCKS:
        break;
    }
}

static void hostile_texts_make_documents(void **state)
{
    (void)state;
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    for (size_t i = 0; i < count * BLOCKS; i++) {
        struct buf out;
        struct adf adf;
        const struct kit_text *text = &texts[i / BLOCKS];
        buf_init(&out, OUT_MAX);
        adf_begin(&adf, &out);
        adf_paragraph(&adf, span_text("before")); /* commas are right on both sides */
        write_block(&adf, (enum block)(i % BLOCKS), text->text);
        adf_paragraph(&adf, span_text("behind"));
        adf_end(&adf);
        assert_false(failed(buf_ok(&out)));
        assert_document(buf_span(&out), text->name, NULL);
        buf_close(&out);
    }
}

static void hostile_texts_follow_each_other(void **state)
{
    (void)state;
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    struct buf out;
    struct adf adf;
    buf_init(&out, OUT_MAX);
    adf_begin(&adf, &out);
    for (size_t i = 0; i < count * BLOCKS; i++) {
        write_block(&adf, (enum block)(i % BLOCKS), texts[i / BLOCKS].text);
    }
    adf_end(&adf);
    assert_document(buf_span(&out), "all", NULL);
    buf_close(&out);
}

static void what_it_says(void **state)
{
    (void)state;
    static const struct {
        enum block block;
        const char *text;
        const char *plain;
    } cases[] = {
        {PARAGRAPH, "one", "one\n"},
        {PARAGRAPH, "  one\n two \n", "one\ntwo\n"},
        {PARAGRAPH, "one\n\ntwo", "one\n\ntwo\n"},
        {PARAGRAPH, "one\r\ntwo", "one\ntwo\n"},
        {PARAGRAPH,
         "a\tb\x01"
         "c",
         "a b c\n"},
        {PARAGRAPH, "\"a\" \\ b", "\"a\" \\ b\n"},
        {PARAGRAPH, "", ""},
        {PARAGRAPH, " \n\t", ""},
        {FACT, "value", "Label: value\n"},
        {FACT, "one\ntwo", "Label: one\ntwo\n"},
        {FACT, " ", ""},
        {QUOTE, "said", "> said\n"},
        {QUOTE, "", ""},
        {QUOTE_LINKED, "", ""},
        {QUOTE_LINKED, "said", "> said\ntranscript <https://k.example/t?a=1&b=\\2>\n"},
        {LINK, "https://k/t", "Transcript <https://k/t>\n"},
        {LINK, "javascript:alert(1)", ""},
        {LINK, "", ""},
    };
    struct buf plain;
    buf_init(&plain, 10000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        struct adf adf;
        buf_init(&out, 10000);
        adf_begin(&adf, &out);
        write_block(&adf, cases[i].block, span_text(cases[i].text));
        adf_end(&adf);
        assert_document(buf_span(&out), cases[i].text, &plain);
        if (strcmp(buf_text(&plain), cases[i].plain) != 0) {
            fail_msg("case %zu: \"%s\", expected \"%s\"", i, buf_text(&plain), cases[i].plain);
        }
        buf_close(&out);
    }
    buf_close(&plain);
}

static void labels_are_bold_and_links_are_links(void **state)
{
    (void)state;
    struct buf out;
    struct adf adf;
    buf_init(&out, 10000);
    adf_begin(&adf, &out);
    adf_fact(&adf, "Label", span_text("value"));
    adf_quote(&adf, span_text("said"), span_text("https://k/t"));
    adf_end(&adf);
    KIT_JSON tree = kit_json(buf_span(&out));
    kit_assert_text(kit_text_at(tree, "/content/0/content/0/marks/0/type"), "strong");
    kit_assert_text(kit_text_at(tree, "/content/0/content/2/text"), "value");
    assert_null(json_at(tree, "/content/0/content/2/marks"));
    kit_assert_text(kit_text_at(tree, "/content/1/type"), "blockquote");
    kit_assert_text(kit_text_at(tree, "/content/1/content/0/content/2/marks/0/attrs/href"),
                    "https://k/t");
    assert_null(json_at(tree, "/content/2"));
    buf_close(&out);
}

static void links(void **state)
{
    (void)state;
    static const struct {
        const char *link;
        bool fits;
    } cases[] = {
        {"https://k.example/t?a=1#x", true},
        {"http://localhost/", true},
        {"https://\xC3\xA9/", true},
        {"", false},
        {"https:/k", false},
        {"HTTPS://k", false},
        {"ftp://k", false},
        {"javascript:alert(1)", false},
        {" https://k", false},
        {"https://k/a b", false},
        {"https://k/\n", false},
        {"https://k/\"", false},
        {"https://k/<x", false},
        {"https://k/\x7F", false},
        {"mailto:a@b.co", false},
        {"//k/t", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (adf_is_link(span_text(cases[i].link)) != cases[i].fits) {
            fail_msg("\"%s\"", cases[i].link);
        }
    }
    char text[2002] = "https://";
    memset(text + 8, 'a', sizeof(text) - 8);
    assert_true(adf_is_link(span_of(text, 2000)));
    assert_false(adf_is_link(span_of(text, 2001)));
    assert_false(adf_is_link(span_of("https://k/\0", 11)));
    assert_false(adf_is_link(SPAN_NONE));
}

static void write_all_blocks(struct buf *out)
{
    struct adf adf;
    adf_begin(&adf, out);
    for (int block = 0; block < BLOCKS; block++) {
        write_block(&adf, (enum block)block, span_text("https://k/one"));
    }
    adf_end(&adf);
}

/* Memory that runs out at any place gives an error or the document, never half of one. */
static void memory_runs_out(void **state)
{
    (void)state;
    struct buf whole;
    buf_init(&whole, 100000);
    write_all_blocks(&whole);
    for (unsigned long n = 1; n < 60; n++) {
        struct buf out;
        buf_init(&out, 100000);
        mem_fail_after(n);
        write_all_blocks(&out);
        mem_fail_after(0);
        struct err err = buf_ok(&out);
        if (failed(err)) {
            assert_int_equal(err.class, ERR_RETRY);
        } else if (!span_equal(buf_span(&out), buf_span(&whole))) {
            fail_msg("allocation %lu: %s", n, buf_text(&out));
        }
        buf_close(&out);
    }
    buf_close(&whole);
}

static void a_text_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    struct buf out;
    struct adf adf;
    buf_init(&out, 128u << 10);
    adf_begin(&adf, &out);
    adf_paragraph(&adf, texts[count - 1].text);
    adf_end(&adf);
    assert_int_equal(buf_ok(&out).class, ERR_RETRY);
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_texts_make_documents),
        cmocka_unit_test(hostile_texts_follow_each_other),
        cmocka_unit_test(what_it_says),
        cmocka_unit_test(labels_are_bold_and_links_are_links),
        cmocka_unit_test(links),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(a_text_that_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
