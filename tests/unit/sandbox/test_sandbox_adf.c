/* SPDX-License-Identifier: Apache-2.0
 *
 * The ADF validator against a table of documents, valid and not, and the plain
 * text made of one. Every invalid row names what the reason must say.
 */
#include "tests/sandbox/jira_adf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DOC(content)    "{\"type\":\"doc\",\"version\":1,\"content\":[" content "]}"
#define P(inline_)      "{\"type\":\"paragraph\",\"content\":[" inline_ "]}"
#define T(text)         "{\"type\":\"text\",\"text\":\"" text "\"}"
#define TM(text, marks) "{\"type\":\"text\",\"text\":\"" text "\",\"marks\":[" marks "]}"
#define M(type)         "{\"type\":\"" type "\"}"
#define LINK            "{\"type\":\"link\",\"attrs\":{\"href\":\"https://x.io\"}}"
#define LI(blocks)      "{\"type\":\"listItem\",\"content\":[" blocks "]}"
#define UL(items)       "{\"type\":\"bulletList\",\"content\":[" items "]}"
#define QUOTE(blocks)   "{\"type\":\"blockquote\",\"content\":[" blocks "]}"

static const struct {
    const char *name;
    const char *json;
    enum adf_verdict verdict;
    const char *reason; /* a part of it */
} cases[] = {
    {"empty doc", DOC(""), ADF_VALID, ""},
    {"paragraph", DOC(P(T("a"))), ADF_VALID, ""},
    {"empty paragraph", DOC(P("")), ADF_VALID, ""},
    {"paragraph without content", DOC("{\"type\":\"paragraph\"}"), ADF_VALID, ""},
    {"hard break", DOC(P(T("a") ",{\"type\":\"hardBreak\"}," T("b"))), ADF_VALID, ""},
    {"hard break text", DOC(P("{\"type\":\"hardBreak\",\"attrs\":{\"text\":\"\\n\"}}")), ADF_VALID,
     ""},
    {"strong and em", DOC(P(TM("a", M("strong") "," M("em")))), ADF_VALID, ""},
    {"code and link", DOC(P(TM("a", M("code") "," LINK))), ADF_VALID, ""},
    {"no marks", DOC(P(TM("a", ""))), ADF_VALID, ""},
    {"heading", DOC("{\"type\":\"heading\",\"attrs\":{\"level\":6},\"content\":[" T("h") "]}"),
     ADF_VALID, ""},
    {"nested lists", DOC(UL(LI(P(T("a")) "," UL(LI(P(T("b")) "," UL(LI(P(T("c"))))))))), ADF_VALID,
     ""},
    {"ordered from 3",
     DOC("{\"type\":\"orderedList\",\"attrs\":{\"order\":3},\"content\":[" LI(P(T("a"))) "]}"),
     ADF_VALID, ""},
    {"quote", DOC(QUOTE(P(T("a")) "," UL(LI(P(""))))), ADF_VALID, ""},
    {"rule", DOC("{\"type\":\"rule\"}"), ADF_VALID, ""},
    {"code block",
     DOC("{\"type\":\"codeBlock\",\"attrs\":{\"language\":\"c\"},\"content\":[" T("x") "]}"),
     ADF_VALID, ""},
    {"panel",
     DOC("{\"type\":\"panel\",\"attrs\":{\"panelType\":\"info\"},\"content\":[" P("") "]}"),
     ADF_VALID, ""},
    {"card", DOC(P("{\"type\":\"inlineCard\",\"attrs\":{\"url\":\"https://x.io\"}}")), ADF_VALID,
     ""},
    {"status", DOC(P("{\"type\":\"status\",\"attrs\":{\"text\":\"new\",\"color\":\"blue\"}}")),
     ADF_VALID, ""},
    {"localId", DOC("{\"type\":\"paragraph\",\"attrs\":{\"localId\":\"1\"}}"), ADF_VALID, ""},
    {"centred at the top",
     DOC("{\"type\":\"paragraph\",\"marks\":[{\"type\":\"alignment\",\"attrs\":"
         "{\"align\":\"center\"}}]}"),
     ADF_VALID, ""},
    {"a string", "\"plain\"", ADF_NO_DOCUMENT, "not an object of type doc"},
    {"null", "null", ADF_NO_DOCUMENT, "not an object of type doc"},
    {"a paragraph as root", P(T("a")), ADF_NO_DOCUMENT, "not an object of type doc"},
    {"no version", "{\"type\":\"doc\",\"content\":[]}", ADF_INVALID, "version is not 1"},
    {"version 2", "{\"type\":\"doc\",\"version\":2,\"content\":[]}", ADF_INVALID, "version"},
    {"version as text", "{\"type\":\"doc\",\"version\":\"1\",\"content\":[]}", ADF_INVALID,
     "version"},
    {"no content", "{\"type\":\"doc\",\"version\":1}", ADF_INVALID, "doc needs content"},
    {"content no list", "{\"type\":\"doc\",\"version\":1,\"content\":{}}", ADF_INVALID, "no list"},
    {"extra key in doc", "{\"type\":\"doc\",\"version\":1,\"content\":[],\"x\":1}", ADF_INVALID,
     "key x of doc"},
    {"extra key in text", DOC(P("{\"type\":\"text\",\"text\":\"a\",\"bold\":true}")), ADF_INVALID,
     "content[0].content[0]: key bold of text"},
    {"extra key in paragraph", DOC("{\"type\":\"paragraph\",\"text\":\"a\"}"), ADF_INVALID,
     "key text of paragraph"},
    {"empty text", DOC(P(T(""))), ADF_INVALID, "content[0].content[0]: text is missing or empty"},
    {"empty text, second node", DOC(P(T("a")) "," P(T("b") "," T(""))), ADF_INVALID,
     "content[1].content[1]: text"},
    {"text missing", DOC(P("{\"type\":\"text\"}")), ADF_INVALID, "missing or empty"},
    {"text a number", DOC(P("{\"type\":\"text\",\"text\":1}")), ADF_INVALID, "missing or empty"},
    {"text in doc", DOC(T("a")), ADF_INVALID, "node text is unknown or not allowed"},
    {"unknown node", DOC("{\"type\":\"bulletlist\",\"content\":[]}"), ADF_INVALID,
     "node bulletlist"},
    {"node without type", DOC("{\"content\":[]}"), ADF_INVALID, "node ?"},
    {"node a string", DOC("\"a\""), ADF_INVALID, "node ?"},
    {"null node", DOC("null"), ADF_INVALID, "node ?"},
    {"paragraph in paragraph", DOC(P(P(T("a")))), ADF_INVALID, "node paragraph"},
    {"empty list", DOC(UL("")), ADF_INVALID, "bulletList holds nothing"},
    {"list without content", DOC("{\"type\":\"bulletList\"}"), ADF_INVALID, "needs content"},
    {"list of paragraphs", DOC(UL(P(T("a")))), ADF_INVALID, "node paragraph"},
    {"empty item", DOC(UL(LI(""))), ADF_INVALID, "listItem holds nothing"},
    {"text in item", DOC(UL(LI(T("a")))), ADF_INVALID, "node text"},
    {"heading in item", DOC(UL(LI("{\"type\":\"heading\",\"attrs\":{\"level\":1}}"))), ADF_INVALID,
     "node heading"},
    {"deep fault", DOC(UL(LI(P(T("a")) "," UL(LI(P(T(""))))))), ADF_INVALID,
     "content[0].content[0].content[1].content[0].content[0].content[0]: text"},
    {"heading without level", DOC("{\"type\":\"heading\",\"content\":[" T("h") "]}"), ADF_INVALID,
     "heading needs attrs"},
    {"heading without level attr", DOC("{\"type\":\"heading\",\"attrs\":{}}"), ADF_INVALID,
     "needs attribute level"},
    {"heading 7", DOC("{\"type\":\"heading\",\"attrs\":{\"level\":7}}"), ADF_INVALID,
     "attribute level"},
    {"heading 0", DOC("{\"type\":\"heading\",\"attrs\":{\"level\":0}}"), ADF_INVALID,
     "attribute level"},
    {"heading level text", DOC("{\"type\":\"heading\",\"attrs\":{\"level\":\"1\"}}"), ADF_INVALID,
     "attribute level"},
    {"quote with heading", DOC(QUOTE("{\"type\":\"heading\",\"attrs\":{\"level\":1}}")),
     ADF_INVALID, "node heading"},
    {"quote in quote", DOC(QUOTE(QUOTE(P("")))), ADF_INVALID, "node blockquote"},
    {"empty quote", DOC(QUOTE("")), ADF_INVALID, "blockquote holds nothing"},
    {"link without href", DOC(P(TM("a", "{\"type\":\"link\",\"attrs\":{}}"))), ADF_INVALID,
     "content[0].content[0].marks[0]: link needs attribute href"},
    {"link without attrs", DOC(P(TM("a", M("link")))), ADF_INVALID, "link needs attrs"},
    {"link with more", DOC(P(TM("a", "{\"type\":\"link\",\"attrs\":{\"href\":\"x\",\"y\":1}}"))),
     ADF_INVALID, "attribute y"},
    {"code and strong", DOC(P(TM("a", M("code") "," M("strong")))), ADF_INVALID, "mark strong"},
    {"strong and code", DOC(P(TM("a", M("strong") "," M("code")))), ADF_INVALID, "mark strong"},
    {"strong with attrs", DOC(P(TM("a", "{\"type\":\"strong\",\"attrs\":{}}"))), ADF_INVALID,
     "strong takes no such attrs"},
    {"mark with extra key", DOC(P(TM("a", "{\"type\":\"em\",\"x\":1}"))), ADF_INVALID,
     "key x of mark em"},
    {"unknown mark", DOC(P(TM("a", M("bold")))), ADF_INVALID, "mark bold"},
    {"marks no list", DOC(P("{\"type\":\"text\",\"text\":\"a\",\"marks\":{}}")), ADF_INVALID,
     "takes no such marks"},
    {"alignment on text", DOC(P(TM("a", "{\"type\":\"alignment\",\"attrs\":{\"align\":\"end\"}}"))),
     ADF_INVALID, "mark alignment"},
    {"alignment in a list",
     DOC(UL(LI("{\"type\":\"paragraph\",\"marks\":[{\"type\":\"alignment\","
               "\"attrs\":{\"align\":\"center\"}}]}"))),
     ADF_INVALID, "mark alignment"},
    {"marked text in code block",
     DOC("{\"type\":\"codeBlock\",\"content\":[" TM("x", M("em")) "]}"), ADF_INVALID, "mark em"},
    {"break in code block", DOC("{\"type\":\"codeBlock\",\"content\":[{\"type\":\"hardBreak\"}]}"),
     ADF_INVALID, "node hardBreak"},
    {"panel of no type",
     DOC("{\"type\":\"panel\",\"attrs\":{\"panelType\":\"loud\"},\"content\":[" P("") "]}"),
     ADF_INVALID, "attribute panelType"},
    {"rule with content", DOC("{\"type\":\"rule\",\"content\":[]}"), ADF_INVALID,
     "key content of rule"},
    {"attrs on text", DOC(P("{\"type\":\"text\",\"text\":\"a\",\"attrs\":{}}")), ADF_INVALID,
     "text takes no such attrs"},
    {"empty status text",
     DOC(P("{\"type\":\"status\",\"attrs\":{\"text\":\"\",\"color\":\"blue\"}}")), ADF_INVALID,
     "attribute text"},
    {"a table", DOC("{\"type\":\"table\",\"content\":[]}"), ADF_INVALID, "node table"},
};

static void each_document(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        SCOPED_JSON tree = jsonx_parse(span_text(cases[i].json));
        if (tree == NULL && strcmp(cases[i].json, "null") != 0) {
            fail_msg("%s: the row is no JSON", cases[i].name);
        }
        struct adf_reason reason;
        enum adf_verdict verdict = adf_check(tree, &reason);
        bool said = cases[i].verdict == ADF_VALID ? reason.text[0] == 0
                                                  : strstr(reason.text, cases[i].reason) != NULL;
        if (verdict != cases[i].verdict || !said) {
            fail_msg("%s: verdict %d, reason \"%s\"", cases[i].name, (int)verdict, reason.text);
        }
    }
}

static void words_are_whole(void **state)
{
    (void)state;
    assert_true(adf_word_in("textColor text", "text"));
    assert_false(adf_word_in("textColor text", "Color"));
    assert_false(adf_word_in("textColor", "text"));
    assert_false(adf_word_in("text", ""));
}

static void plain_text(void **state)
{
    (void)state;
    SCOPED_JSON
    tree = jsonx_parse(span_text(DOC(
        "{\"type\":\"heading\",\"attrs\":{\"level\":1},"
        "\"content\":[" T("Head") "]}," P(T(
            "a") ",{\"type\":"
                 "\"hardBreak\"}"
                 "," TM(
                     "b",
                     LINK)) "," UL(LI(P(T("one")) "," UL(LI(P(T("deep"))))) "," LI(P(T("two")))) "," QUOTE(P(T("said"))) ",{\"type\":"
                                                                                                                         "\"rule\"}")));
    assert_non_null(tree);
    struct buf out;
    buf_init(&out, 4096);
    adf_plain(tree, &out);
    assert_string_equal(buf_text(&out), "## Head\na\nb <https://x.io>\n- one\n  - deep\n- two\n"
                                        "> said\n----\n");
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_document),
        cmocka_unit_test(words_are_whole),
        cmocka_unit_test(plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
