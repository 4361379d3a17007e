/* SPDX-License-Identifier: Apache-2.0
 *
 * The retry topic, with a real Kafka and Redis: a worker reads it beside its
 * source, keeps the two apart, makes only the items that a record asks for, and
 * carries where the record stood first.
 */
#include "tests/component/engine/shop.h"

#include <stdio.h>

#define PARTS 5 /* items of a record */

static char worker_name[64];
static struct {
    char text[4096]; /* "effect topic/partition/offset again;" for each item that was asked about */
    size_t len;
} asked;

/* ---- a worker that notes what it is given ------------------------------------------------ */

static struct err ask(struct item *item, struct call *call)
{
    const struct origin *from = &item->job->origin;
    asked.len += (size_t)snprintf(asked.text + asked.len, sizeof(asked.text) - asked.len,
                                  SPAN_FMT " %s %d/%lld%s;", SPAN_ARG(item->effect_id),
                                  span_is(from->topic, worker_name)   ? "source"
                                  : span_is(from->topic, "elsewhere") ? "elsewhere"
                                                                      : "other",
                                  (int)from->partition, (long long)from->offset,
                                  item->job->again_dead ? " again" : "");
    assert_true(asked.len < sizeof(asked.text));
    call->kind = CALL_STEP;
    call->step =
        span_is(item->job->record.value, "deadly") ? step_dead("deadly") : step_done("done");
    return NO_ERROR;
}

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    *made = job->made < PARTS;
    if (*made) {
        char *id =
            arena_printf(&next->arena, SPAN_FMT ".%zu", SPAN_ARG(job->record.key), job->made);
        assert_non_null(id);
        next->effect_id = span_text(id);
        next->order_key = next->effect_id;
    }
    return NO_ERROR;
}

static const struct stage stages[] = {
    {.name = "note", .to = &shop_nobody, .ask = ask, .doubt = STAGE_READ},
};
static const struct worker noter = {.name = worker_name,
                                    .topic = worker_name,
                                    .help = "for tests",
                                    .stages = stages,
                                    .stage_count = COUNT_OF(stages),
                                    .itemise = itemise,
                                    .fragment = shop_fragment,
                                    .digest = shop_digest};

/* ---- the bench --------------------------------------------------------------------------- */

static int open_bench(void **state)
{
    static struct shop_bench bench;
    *state = &bench;
    asked.len = 0;
    asked.text[0] = 0;
    if (shop_bench_open(&bench, 1)) {
        (void)snprintf(worker_name, sizeof(worker_name), "%s", bench.name);
    }
    return 0;
}

static int close_bench(void **state)
{
    shop_bench_close(*state);
    return 0;
}

static void open_shop(struct shop *shop, const struct shop_bench *bench)
{
    shop_open(shop, (struct shop_place){.kafka = bench->kafka,
                                        .redis = bench->server.address,
                                        .owner = "me",
                                        .worker = &noter});
}

static const char *digest_of(const char *effect)
{
    static char text[8][17];
    static size_t at;
    at = (at + 1) % COUNT_OF(text);
    (void)snprintf(text[at], sizeof(text[at]), "%016llx",
                   (unsigned long long)span_hash(span_text(effect)));
    return text[at];
}

/* A retry record with the three headers that each has, and `name`: `value`. */
static void append_retry(const struct shop_bench *bench, const char *key, const char *value,
                         struct shop_header a, struct shop_header b)
{
    struct shop_header headers[] = {{"ce_type", "koji.x"},
                                    {"ce_source", "/hooks/koji"},
                                    {"hearback_source_topic", "elsewhere"},
                                    {"hearback_source_partition", "7"},
                                    {"hearback_source_offset", "4711"},
                                    a,
                                    b,
                                    {NULL, NULL}};
    shop_append(bench, bench->retry, 0, key, value, headers);
    shop_flush(bench);
}

static const struct shop_header none = {NULL, NULL};

static int count_asked(const char *what)
{
    int count = 0;
    for (const char *at = asked.text; (at = strstr(at, what)) != NULL; at++) {
        count++;
    }
    return count;
}

static void expect_header(const struct fake_record *letter, const char *line)
{
    assert_non_null(letter);
    struct buf headers = letter->headers;
    if (strstr(buf_text(&headers), line) == NULL) {
        fail_msg("no \"%s\" in\n%s", line, buf_text(&headers));
    }
}

/* ---- tests ------------------------------------------------------------------------------- */

/* Partition 0 of both topics has a record at offset 0, and they are not the same. */
static void test_both_topics_are_read_and_kept_apart(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    shop_append(bench, bench->name, 0, "first", "{}", NULL);
    shop_append(bench, bench->name, 0, "second", "{}", NULL);
    append_retry(bench, "third", "{}", none, none);
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->name, 0, 2);
    shop_until_low(&shop, bench->retry, 0, 1);
    assert_int_equal(count_asked("first."), PARTS);
    assert_int_equal(count_asked("second."), PARTS);
    assert_int_equal(count_asked("third."), PARTS);
    assert_int_equal(count_asked(" source 0/0;"), PARTS);
    assert_int_equal(count_asked(" source 0/1;"), PARTS);
    assert_int_equal(count_asked(" elsewhere 7/4711;"), PARTS);
    shop_close(&shop);
    open_shop(&shop, bench); /* each topic has its own offset, and nothing is read again */
    for (int64_t t = kit_begin(); shop_committed(&shop, bench->name, 0) != 2 ||
                                  shop_committed(&shop, bench->retry, 0) != 1;) {
        assert_true(kit_waits(t));
    }
    shop_close(&shop);
    assert_int_equal(count_asked(";"), 3 * PARTS);
}

static void test_only_what_is_asked_for(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    char only[33];
    (void)snprintf(only, sizeof(only), "%s%s", digest_of("a.3"), digest_of("a.1"));
    append_retry(bench, "a", "{}", (struct shop_header){"hearback_only", only},
                 (struct shop_header){"hearback_again", "dead"});
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->retry, 0, 1);
    assert_int_equal(count_asked("a.1 elsewhere 7/4711 again;"), 1);
    assert_int_equal(count_asked("a.3 elsewhere 7/4711 again;"), 1);
    assert_int_equal(count_asked(";"), 2);
    assert_int_equal(kit_logged("retry_items_missing"), 0);
    shop_close(&shop);
}

/* The rules have changed meanwhile and make no such item: said, and the record settles. */
static void test_what_is_not_made_any_more_is_said(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    char only[33];
    (void)snprintf(only, sizeof(only), "%s%s", digest_of("a.99"), digest_of("a.2"));
    append_retry(bench, "a", "{}", (struct shop_header){"hearback_only", only}, none);
    append_retry(bench, "b", "{}", (struct shop_header){"hearback_only", digest_of("c")}, none);
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->retry, 0, 2);
    assert_int_equal(count_asked("a.2 "), 1);
    assert_int_equal(count_asked(";"), 1);
    assert_int_equal(kit_logged("retry_items_missing"), 2);
    shop_close(&shop);
}

/* An item that dies again: its letter names the place where the record stood first. */
static void test_a_letter_names_the_first_place(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    struct shop shop;
    append_retry(bench, "a", "deadly", (struct shop_header){"hearback_only", digest_of("a.0")},
                 none);
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->retry, 0, 1);
    const struct fake_record *letter = fake_outbox_last(&shop.lane.rig.outbox, TOPIC_DEAD);
    expect_header(letter, "topic=elsewhere\n");
    expect_header(letter, "partition=7\n");
    expect_header(letter, "offset=4711\n");
    shop_close(&shop);
}

/* Headers that nobody of ours wrote: never all items, never none without a word. */
static void test_headers_that_cannot_be_followed(void **state)
{
    struct shop_bench *bench = *state;
    SHOP_NEEDS_KAFKA(bench);
    static const struct shop_header faults[][5] = {
        {{NULL, NULL}},
        {{"hearback_source_topic", "t"}, {"hearback_source_partition", "1"}, {NULL, NULL}},
        {{"hearback_source_topic", "t"},
         {"hearback_source_partition", "-1"},
         {"hearback_source_offset", "5"},
         {NULL, NULL}},
        {{"hearback_source_topic", "t"},
         {"hearback_source_partition", "1"},
         {"hearback_source_offset", "5"},
         {"hearback_only", ""},
         {NULL, NULL}},
        {{"hearback_source_topic", "t"},
         {"hearback_source_partition", "1"},
         {"hearback_source_offset", "5"},
         {"hearback_only", "0123456789abcde"},
         {NULL, NULL}},
        {{"hearback_source_topic", "t"},
         {"hearback_source_partition", "1"},
         {"hearback_source_offset", "5"},
         {"hearback_only", "0123456789ABCDEF"},
         {NULL, NULL}},
        {{"hearback_source_topic", "t"},
         {"hearback_source_partition", "1"},
         {"hearback_source_offset", "5"},
         {"hearback_again", "skipped"},
         {NULL, NULL}},
    };
    struct shop shop;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        shop_append(bench, bench->retry, 0, "k", "{}", faults[i]);
    }
    shop_flush(bench);
    open_shop(&shop, bench);
    shop_until_low(&shop, bench->retry, 0, COUNT_OF(faults));
    assert_int_equal(count_asked(";"), 0);
    assert_int_equal(kit_logged("dead_letter"), (int)COUNT_OF(faults));
    const struct fake_record *letter = fake_outbox_last(&shop.lane.rig.outbox, TOPIC_DEAD);
    expect_header(letter, "reason=record_unreadable\n");
    expect_header(letter, "detail=a retry record whose hearback_again is not \"dead\"\n");
    expect_header(letter, "topic=t\n"); /* this much could be read */
    letter = fake_outbox_at(&shop.lane.rig.outbox, 0);
    expect_header(letter, "topic=hearback.retry.test.");
    shop_close(&shop);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_both_topics_are_read_and_kept_apart),
        ON_A_BENCH(test_only_what_is_asked_for),
        ON_A_BENCH(test_what_is_not_made_any_more_is_said),
        ON_A_BENCH(test_a_letter_names_the_first_place),
        ON_A_BENCH(test_headers_that_cannot_be_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
