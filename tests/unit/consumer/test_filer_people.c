/* SPDX-License-Identifier: Apache-2.0
 *
 * No address of a person leaves: random interviews with an address in every
 * place and spelling, and a look at every byte that any stage gives away.
 */
#include "tests/unit/consumer/filer.h"

#include <ctype.h>
#include <stdio.h>

#define INTERVIEWS 400

/* %s is the part before the @, which no output may hold in any case of letters. */
static const char *const spellings[] = {
    "%s@corp.example.com",
    "%s@CORP.Example.Com",
    "mailto:%s@corp.example.com",
    "https://k.example/u?e=%s%%40corp.example.com&x=1",
    "https://k.example/%s@corp.example.com/t",
    "<%s@corp.example.com>",
    "(%s@corp.example.com).",
    "\\\"%s@corp.example.com\\\"",
    "%s\\u0040corp.example.com",
    "%s+tag@corp.example.com",
    "a.b-%s@corp.example.com",
    "'%s@corp.example.com'",
    "\\n%s@corp.example.com\\t",
    "x@y.example,%s@corp.example.com;z@y.example",
    "\\u00e9%s@corp.example.com",
    "%s@[192.0.2.1]",
    "%s@b\\u00fccher.example",
};

/* One text: spellings among other words, some long enough that a limit cuts near them. */
static void write_text(struct buf *body, struct kit_random *random, const char *name, size_t room)
{
    size_t before = kit_below(random, 3) == 0 ? kit_below(random, room) : kit_below(random, 4);
    buf_add_char(body, '"');
    for (size_t i = 0; i < before; i++) {
        buf_add_char(body, " abc."[kit_below(random, 5)]);
    }
    buf_add_text(body, before > 0 ? " " : "");
    for (const char *c = spellings[kit_below(random, COUNT_OF(spellings))]; *c != 0; c++) {
        if (c[0] != '%') {
            buf_add_char(body, *c);
            continue;
        }
        c++;
        for (const char *n = *c == 's' ? name : "%"; *n != 0; n++) {
            buf_add_char(body, kit_below(random, 2) == 0 ? (char)toupper((unsigned char)*n) : *n);
        }
    }
    buf_add_char(body, '"');
}

static void write_interview(struct buf *body, struct kit_random *random, const char *name)
{
    static const struct {
        const char *head;
        size_t room; /* of what stands before the address */
    } parts[] = {
        {"{\"event\":\"interview.analysis_ready\",\"quality\":4,\"interview_id\":", 20},
        {",\"study_id\":", 20},
        {",\"study_url\":", 50},
        {",\"transcript_url\":", 50},
        {",\"respondent_id\":", 20},
        {",\"respondent_name\":", 20},
        {",\"unknown\":", 20},
        {",\"themes\":[{\"severity\":\"bug\",\"theme_id\":", 20},
        {",\"name\":", 1100},
        {",\"summary\":", 4100},
        {",\"tags\":[\"bug\",", 1100},
        {",", 300},
        {"],\"quotes\":[{\"text\":", 1600},
        {",\"url\":", 50},
        {"},", 1600},
    };
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        buf_add_text(body, parts[i].head);
        write_text(body, random, name, parts[i].room);
    }
    buf_add_text(body, "]}]");
    if (kit_below(random, 2) == 0) {
        buf_addf(body, ",\"respondent_email\":\"%s@corp.example.com\"", name);
    }
    buf_add_char(body, '}');
}

/* ---- looking ------------------------------------------------------------------------------ */

static void look(span out, const char *where, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i + len <= out.len; i++) {
        if (span_is_nocase(span_of(out.at + i, len), name)) {
            size_t start = i < 60 ? 0 : i - 60;
            size_t show = out.len - start < 160 ? out.len - start : 160;
            fail_msg("%s has %s: %.*s", where, name, (int)show, (const char *)out.at + start);
        }
    }
}

static void look_at_call(const struct filer *f, const char *stage, const char *name)
{
    look(f->call.path, stage, name);
    look(f->call.body, stage, name);
    for (size_t i = 0; i < f->call.arg_count; i++) {
        look(f->call.args[i], stage, name);
    }
    for (size_t i = 0; i < f->call.key_count; i++) {
        look(f->call.keys[i], stage, name);
    }
}

static void look_at_item(const struct filer *f, const char *name)
{
    struct buf out;
    buf_init(&out, 10000);
    ticket_filer.fragment(&f->item, &out);
    look(buf_span(&out), "the fragment", name);
    buf_close(&out);
    look(f->item.effect_id, "the effect id", name);
    look(f->item.order_key, "the order key", name);
    look(span_text(json_object_to_json_string(f->item.memo)), "the memo", name);
}

static void walk(struct filer *f, const char *name)
{
    static const char *const rest[] = {"find", "create", "keep", "comments", "comment"};
    look_at_item(f, name);
    filer_ask(f, "weigh");
    assert_int_equal(f->call.kind, CALL_SCRIPT);
    look_at_call(f, "weigh", name);
    const span pairs[] = {f->call.args[0], f->call.args[4]};
    filer_assert_next(filer_script(f, "weigh", "file", "{}", pairs, 2), "find");
    item_memo_set(&f->item, "issue", span_text("RES-7"));
    item_memo_set(&f->item, "issue_id", span_text("7"));
    for (size_t i = 0; i < COUNT_OF(rest); i++) {
        filer_ask(f, rest[i]);
        assert_int_not_equal(f->call.kind, CALL_STEP);
        look_at_call(f, rest[i], name);
        look_at_item(f, name);
    }
}

static void no_address_leaves(void **state)
{
    (void)state;
    struct kit_random random = kit_random();
    size_t walked = 0;
    for (size_t i = 0; i < INTERVIEWS; i++) {
        struct filer f;
        struct buf body;
        bool made = false;
        char name[32];
        (void)snprintf(name, sizeof(name), "zq%zux", 100000 + kit_below(&random, 900000));
        buf_init(&body, 1u << 20);
        write_interview(&body, &random, name);
        filer_open(&f, span_text(buf_text(&body)));
        struct err err = filer_next(&f, &made);
        if (failed(err)) { /* ids that are too long, or hold a line end */
            assert_int_equal(err.class, ERR_POISON);
            look(span_text(err.text), "the error", name);
        } else {
            assert_true(made);
            walk(&f, name);
            walked++;
        }
        filer_close(&f);
        buf_close(&body);
    }
    assert_true(walked > INTERVIEWS / 4);
}

/* A limit that falls into an address must not leave the half that no longer looks like one. */
static void no_cut_hides_an_address(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t limit;
        const char *tail;
    } places[] = {
        {"\"name\":\"", TICKET_NAME_BYTES, "\"}]}"},
        {"\"summary\":\"", TICKET_SUMMARY_BYTES, "\"}]}"},
        {"\"tags\":[\"", TICKET_NAME_BYTES, "\"]}]}"},
        {"\"quotes\":[\"", TICKET_QUOTE_BYTES, "\"]}]}"},
    };
    for (size_t i = 0; i < COUNT_OF(places) * 32; i++) {
        struct filer f;
        struct buf body;
        buf_init(&body, 100000);
        buf_add_text(&body, "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i1\","
                            "\"quality\":4,\"themes\":[{\"theme_id\":\"t1\",\"severity\":\"bug\",");
        buf_add_text(&body, places[i / 32].head);
        for (size_t n = i % 32; n < places[i / 32].limit; n++) {
            buf_add_char(&body, n % 8 == 0 ? ' ' : 'a');
        }
        buf_add_text(&body, " zqcut@corp.example.com and more");
        buf_add_text(&body, places[i / 32].tail);
        filer_begin(&f, buf_text(&body));
        walk(&f, "zqcut");
        filer_close(&f);
        buf_close(&body);
    }
}

static void nor_the_respondents_name_or_id(void **state)
{
    (void)state;
    struct filer f;
    filer_begin(&f, "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i1\",\"quality\":4,"
                    "\"respondent_name\":\"Zqada Byron\",\"respondent_id\":\"zq-77-x\",\"themes\":["
                    "{\"theme_id\":\"t1\",\"severity\":\"bug\",\"name\":\"zqada byron waits\","
                    "\"summary\":\"ZQADA BYRON (zq-77-x) waits\",\"tags\":[\"zq-77-x\"],"
                    "\"quotes\":[\"I am Zqada Byron.\"]}]}");
    walk(&f, "zqada");
    filer_close(&f);
    filer_begin(&f, filer_body_personal);
    walk(&f, "ada@example");
    filer_close(&f);
    filer_begin(&f, filer_body_personal);
    walk(&f, "ada%40example");
    filer_close(&f);
}

/* What is no address is left alone: the tests above would pass on empty texts, too. */
static void all_else_stays(void **state)
{
    (void)state;
    struct filer f;
    filer_begin(&f, "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"i1\",\"quality\":4,"
                    "\"respondent_email\":\"ada@example.com\",\"themes\":[{\"theme_id\":\"t1\","
                    "\"severity\":\"bug\",\"name\":\"Ask ada@example.com for more\"}]}");
    filer_ask(&f, "create");
    KIT_JSON body = kit_json(f.call.body);
    kit_assert_text(kit_text_at(body, "/fields/summary"), "[Research] Ask [e-mail] for more");
    filer_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_address_leaves),
        cmocka_unit_test(no_cut_hides_an_address),
        cmocka_unit_test(nor_the_respondents_name_or_id),
        cmocka_unit_test(all_else_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
