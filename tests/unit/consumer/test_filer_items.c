/* SPDX-License-Identifier: Apache-2.0
 *
 * From a record to items: their ids, which records make none, and which are dead.
 */
#include "common/mem.h"
#include "tests/unit/consumer/filer.h"

#define HEAD "{\"event\":\"interview.analysis_ready\","

static void an_item_a_theme(void **state)
{
    (void)state;
    struct filer f;
    bool made = false;
    filer_begin(&f, filer_body);
    kit_assert_text(f.item.effect_id, "koji/i1~t1");
    kit_assert_text(f.item.order_key, "koji/t1");
    kit_assert_text(theme_of(&f.item)->name, "Exports time out");
    kit_assert_text(filing_of(&f.item)->reference, "koji/i1");
    struct buf out;
    buf_init(&out, 1000);
    ticket_filer.fragment(&f.item, &out);
    assert_string_equal(buf_text(&out), "{\"interview\":\"koji/i1\",\"theme\":\"t1\"}");
    buf_close(&out);
    assert_false(failed(filer_next(&f, &made)));
    assert_true(made);
    kit_assert_text(f.item.effect_id, "koji/i1~t2");
    kit_assert_text(f.item.order_key, "koji/t2");
    assert_false(failed(filer_next(&f, &made)));
    assert_false(made);
    assert_false(failed(filer_next(&f, &made))); /* the end stays the end */
    assert_false(made);
    filer_close(&f);
}

static void nothing_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *reason;
    } cases[] = {
        {"{\"event\":\"interview.started\",\"interview_id\":\"i\"}", "event_not_wanted"},
        {"{\"event\":\"interview.analysis_ready.v2\"}", "event_not_wanted"},
        {"{\"event\":\"INTERVIEW.ANALYSIS_READY\"}", "event_not_wanted"},
        {"{\"type\":\"ping\"}", "event_not_wanted"},
        {HEAD "\"interview_id\":\"i\",\"quality\":4,\"themes\":[]}", "no_themes"},
        {HEAD "\"interview_id\":\"i\",\"quality\":4}", "no_themes"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct filer f;
        bool made = true;
        filer_open(&f, span_text(cases[i].body));
        struct err err = filer_next(&f, &made);
        if (failed(err) || made || f.job.nothing == NULL ||
            strcmp(f.job.nothing, cases[i].reason) != 0) {
            fail_msg("%s: %s", cases[i].body, failed(err) ? err.text : f.job.nothing);
        }
        filer_close(&f);
    }
}

static void dead_records(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        " ",
        "{",
        "not json",
        "\"text\"",
        "12",
        "null",
        "[]",
        "{}",
        "{\"interview_id\":\"i\",\"quality\":4,\"themes\":[]}", /* no event */
        "{\"event\":\"\",\"interview_id\":\"i\",\"quality\":4}",
        "{\"event\":7,\"interview_id\":\"i\",\"quality\":4}",
        HEAD "\"quality\":4,\"themes\":[]}", /* no id */
        HEAD "\"interview_id\":\"\",\"quality\":4}",
        HEAD "\"interview_id\":\"i\",\"themes\":[]}", /* no quality */
        HEAD "\"interview_id\":\"i\",\"quality\":\"high\"}",
        HEAD "\"interview_id\":\"i\",\"quality\":6}",
        HEAD "\"interview_id\":\"i\",\"quality\":4,\"themes\":{}}",
        HEAD "\"interview_id\":\"i\",\"quality\":4,\"themes\":[7]}",
        HEAD "\"interview_id\":\"i\\u0000\",\"quality\":4}",
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct filer f;
        bool made = true;
        filer_open(&f, span_text(bodies[i]));
        for (size_t again = 0; again < 2; again++) { /* and dead it stays */
            struct err err = filer_next(&f, &made);
            if (err.class != ERR_POISON || made || err.text == NULL) {
                fail_msg("%s: %s, %d", bodies[i], err_class_name(err.class), made);
            }
        }
        filer_close(&f);
    }
    struct filer f;
    bool made = true;
    filer_open(&f, span_of("\xFF\xFE", 2));
    assert_int_equal(filer_next(&f, &made).class, ERR_POISON);
    filer_close(&f);
}

static void an_address_is_no_id(void **state)
{
    (void)state;
    struct filer f;
    struct filer other;
    filer_begin(&f, filer_body_personal);
    assert_null(strstr((const char *)f.item.effect_id.at, "ada"));
    assert_true(span_starts(f.item.order_key, "koji/h-"));
    assert_int_equal(f.item.order_key.len, strlen("koji/h-0123456789abcdef"));
    assert_true(span_starts(f.item.effect_id, "koji/h-"));
    assert_true(span_starts(theme_of(&f.item)->id, "h-"));
    filer_begin(&other, filer_body_personal); /* and always the same */
    assert_true(span_equal(f.item.effect_id, other.item.effect_id));
    filer_close(&other);
    filer_begin(&other, HEAD "\"interview_id\":\"bob@example.com\",\"quality\":4,"
                             "\"themes\":[{\"theme_id\":\"x bob@example.com y\",\"name\":\"n\"}]}");
    assert_false(span_equal(f.item.effect_id, other.item.effect_id));
    assert_null(strstr((const char *)other.item.effect_id.at, "bob"));
    filer_close(&other);
    filer_close(&f);
}

/* Memory that runs out on the way is asked for again later, and then nothing is missing. */
static void memory_runs_out(void **state)
{
    (void)state;
    bool ended = false;
    for (unsigned long n = 1; !ended && n < 200; n++) {
        struct filer f;
        bool made = false;
        filer_open(&f, span_text(filer_body));
        mem_fail_after(n);
        struct err err = filer_next(&f, &made);
        mem_fail_after(0);
        ended = !failed(err);
        if (failed(err)) {
            assert_int_equal(err.class, ERR_RETRY);
            assert_false(made);
            err = filer_next(&f, &made);
        }
        if (failed(err) || !made || !span_is(f.item.effect_id, "koji/i1~t1") ||
            !span_is(f.item.order_key, "koji/t1")) {
            fail_msg("allocation %lu: made %d, " SPAN_FMT, n, made, SPAN_ARG(f.item.effect_id));
        }
        filer_close(&f);
    }
    assert_true(ended);
}

static void a_record_that_never_fits_is_tried_again(void **state)
{
    (void)state;
    struct filer f;
    bool made = false;
    filer_open(&f, span_text(filer_body));
    f.job.arena.max = sizeof(struct filing) + 200;
    for (size_t i = 0; i < 3; i++) { /* never settled as if there were nothing to do */
        assert_int_equal(filer_next(&f, &made).class, ERR_RETRY);
        assert_false(made);
    }
    filer_close(&f);
}

static void the_digest_follows_the_rules(void **state)
{
    (void)state;
    struct config config;
    kit_config(&config);
    uint64_t before = ticket_filer.digest(&config);
    assert_true(before == ticket_filer.digest(&config));
    config.rules.volume_file = 4;
    assert_true(before != ticket_filer.digest(&config));
    config.rules.volume_file = 3;
    config.rules.quality_min = 2.5;
    assert_true(before != ticket_filer.digest(&config));
    config.rules.quality_min = 3;
    assert_true(before == ticket_filer.digest(&config));
    config.jira.timeout_ms++; /* no matter how it is filed */
    assert_true(before == ticket_filer.digest(&config));
    config_close(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_a_theme),
        cmocka_unit_test(nothing_to_do),
        cmocka_unit_test(dead_records),
        cmocka_unit_test(an_address_is_no_id),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(a_record_that_never_fits_is_tried_again),
        cmocka_unit_test(the_digest_follows_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
