/* SPDX-License-Identifier: Apache-2.0
 *
 * Dead letters as the stage driver writes them: the record's copy once and
 * before them, a letter an item, and nothing counted before the broker has it.
 */
#include "tests/component/engine/errand.h"

#include <stdio.h>
#include <string.h>

#define SECOND     INT64_C(1000)
#define ITEMS      20
#define BODY_BYTES (256 * 1024)
#define LETTER_MAX 1024 /* bytes that an item's letter may have, with its headers */

static uint8_t body[BODY_BYTES];

/* A record that all these items are of; those called poison… die at the first stage. */
static struct load *admit_page(struct rig *rig, size_t items)
{
    struct load *load = rig_admit(rig, "poison-0", "key-0")->load;
    memset(body, 'b', sizeof(body));
    load->job.record.value = span_of(body, sizeof(body));
    for (size_t i = 1; i < items; i++) {
        char text[32];
        struct work *work = pool_take(&rig->pool);
        assert_non_null(work);
        (void)snprintf(text, sizeof(text), "poison-%zu", i);
        work->item.job = &load->job;
        work->item.effect_id = arena_copy(&work->item.arena, span_text(text));
        (void)snprintf(text, sizeof(text), "key-%zu", i % 7);
        work->item.order_key = arena_copy(&work->item.arena, span_text(text));
        work->load = load;
        load->open++;
        stages_admit(rig->stages, work);
    }
    return load;
}

struct sum {
    size_t copies;
    size_t letters;
    size_t bytes; /* of everything in hearback.dead */
    size_t largest_letter;
    bool copy_first;
};

static struct sum sum_of(const struct fake_outbox *outbox)
{
    struct sum sum = {0};
    for (const struct fake_record *r = outbox->first; r != NULL; r = r->next) {
        if (strcmp(r->topic, TOPIC_DEAD) != 0) {
            continue;
        }
        size_t bytes = r->key.len + r->value.len + r->headers.len;
        sum.bytes += bytes;
        if (kit_matches(buf_span(&r->headers), "kind=record\n*")) {
            sum.copies++;
            sum.copy_first = sum.letters == 0;
        } else {
            sum.letters++;
            sum.largest_letter = bytes > sum.largest_letter ? bytes : sum.largest_letter;
        }
    }
    return sum;
}

static const struct fake_record *dead_of(const struct fake_outbox *outbox, const char *key)
{
    for (const struct fake_record *r = outbox->first; r != NULL; r = r->next) {
        if (strcmp(r->topic, TOPIC_DEAD) == 0 && span_is(buf_span(&r->key), key)) {
            return r;
        }
    }
    fail_msg("nothing in hearback.dead under %s", key);
    return NULL;
}

static void expect_headers(const struct fake_record *record, const char *pattern)
{
    print_message(SPAN_FMT, SPAN_ARG(buf_span(&record->headers)));
    assert_true(kit_matches(buf_span(&record->headers), pattern));
}

/* A page that fails is written once, however many of its members do. */
static void test_a_page_is_written_once(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)admit_page(rig, ITEMS);
    rig_settle(rig);
    struct sum sum = sum_of(&rig->outbox);
    assert_int_equal(sum.copies, 1);
    assert_true(sum.copy_first);
    assert_int_equal(sum.letters, ITEMS);
    assert_in_range(sum.largest_letter, 1, LETTER_MAX);
    assert_in_range(sum.bytes, BODY_BYTES, BODY_BYTES + LETTER_MAX * (ITEMS + 1));
    assert_int_equal(rig->settled, 1);
    const struct fake_record *copy = dead_of(&rig->outbox, "record:hearback.interviews/3/0");
    char digest[LETTER_DIGEST_ROOM];
    char headers[256];
    letter_digest(span_of(body, sizeof(body)), digest);
    (void)snprintf(headers, sizeof(headers),
                   "kind=record\ntopic=hearback.interviews\npartition=3\noffset=0\ndigest=%s\n",
                   digest);
    expect_headers(copy, headers);
    assert_true(span_equal(buf_span(&copy->value), span_of(body, sizeof(body))));
    (void)snprintf(headers, sizeof(headers), "kind=item\n*digest=%s\nworker=errand\n*", digest);
    expect_headers(dead_of(&rig->outbox, "errand/key-5/poison-19"), headers);
}

/* Two records are two copies; a record none of whose items dies is none. */
static void test_a_copy_a_record(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    (void)rig_admit(rig, "poison-a", "k1");
    (void)rig_admit(rig, "poison-b", "k2");
    (void)rig_admit(rig, "fine", "k3");
    rig_settle(rig);
    vendor_serve(&bench->vendor, rig, SECOND);
    struct sum sum = sum_of(&rig->outbox);
    assert_int_equal(sum.copies, 2);
    assert_int_equal(sum.letters, 2);
    assert_int_equal(rig->settled, 3);
}

/* The letter rests on the copy: it is not sent before the broker has it, nor when it has not. */
static void test_the_copy_comes_first(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->outbox.by_itself = false;
    (void)admit_page(rig, 3);
    rig_settle(rig);
    struct sum sum = sum_of(&rig->outbox);
    assert_int_equal(sum.copies, 1);
    assert_int_equal(sum.letters, 0);
    assert_true(fake_outbox_answer(&rig->outbox, false)); /* the broker has it not */
    rig_settle(rig);
    assert_int_equal(sum_of(&rig->outbox).letters, 0);
    rig_move(rig, SECOND);
    assert_int_equal(sum_of(&rig->outbox).copies, 2); /* once more, by one of the three */
    assert_int_equal(sum_of(&rig->outbox).letters, 0);
    assert_true(fake_outbox_answer(&rig->outbox, true));
    rig_settle(rig);
    assert_int_equal(sum_of(&rig->outbox).letters, 3);
    assert_string_equal(bench_record(bench, "poison-0", "key-0"), ""); /* owed */
    assert_true(fake_outbox_answer(&rig->outbox, false));
    rig->outbox.by_itself = true;
    rig_move(rig, SECOND);
    sum = sum_of(&rig->outbox);
    assert_int_equal(sum.copies, 2);
    assert_int_equal(sum.letters, 4); /* the one that was refused, again */
    assert_string_equal(bench_record(bench, "poison-0", "key-0"), "dead:poison");
    assert_int_equal(rig->settled, 1);
}

/* The partition goes while the copy is under way: the letters are written all the same. */
static void test_revoked_meanwhile(void **state)
{
    struct bench *bench = *state;
    struct rig *rig = &bench->rig;
    rig->outbox.by_itself = false;
    (void)admit_page(rig, 3);
    rig_settle(rig);
    rig->unwanted = true;
    stages_sweep(rig->stages);
    rig_settle(rig);
    assert_int_equal(stages_count(rig->stages), 3);
    rig->outbox.by_itself = true;
    rig_settle(rig);
    assert_int_equal(sum_of(&rig->outbox).letters, 3);
    assert_string_equal(bench_record(bench, "poison-2", "key-2"), "dead:poison");
    assert_int_equal(stages_count(rig->stages), 0);
}

#define ON_A_BENCH(fn_) cmocka_unit_test_setup_teardown(fn_, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_a_page_is_written_once),
        ON_A_BENCH(test_a_copy_a_record),
        ON_A_BENCH(test_the_copy_comes_first),
        ON_A_BENCH(test_revoked_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
