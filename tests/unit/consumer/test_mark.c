/* SPDX-License-Identifier: Apache-2.0
 *
 * The mark in Redis's data: which ones a restore may begin at, and that what is
 * written is read again.
 */
#include "consumer/engine/mark.h"

#include "tests/unit/consumer/kit.h"

#define DAY_MS INT64_C(86400000)
#define NOW    INT64_C(1790000000000)

static struct mark fitting(void)
{
    return (struct mark){.epoch = "e1",
                         .cluster = "kafka-1",
                         .at_ms = NOW - 5000,
                         .age_ms = 77,
                         .place = {.partitions = 3, .next = {10, 0, 30}}};
}

static struct changelog_reader changelog(void)
{
    return (struct changelog_reader){.cluster = "kafka-1",
                                     .begins = {.partitions = 3},
                                     .ends = {.partitions = 3, .next = {10, 5, 31}}};
}

static void which_marks_fit(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool fits;
        const char *cluster;
        int64_t at_ms;
        int32_t partitions;
        int64_t first;
    } rows[] = {
        {"as it should be", true, "kafka-1", NOW, 3, 10},
        {"another cluster", false, "kafka-2", NOW, 3, 10},
        {"a cluster that says nothing", false, "", NOW, 3, 10},
        {"five days", true, "kafka-1", NOW - 5 * DAY_MS, 3, 10},
        {"six days", true, "kafka-1", NOW - 6 * DAY_MS, 3, 10},
        {"more than six days", false, "kafka-1", NOW - 6 * DAY_MS - 1, 3, 10},
        {"no time", false, "kafka-1", 0, 3, 10},
        {"a clock that is an hour ahead", true, "kafka-1", NOW + DAY_MS / 24, 3, 10},
        {"a clock that is days ahead", false, "kafka-1", NOW + DAY_MS + 1, 3, 10},
        {"fewer partitions than there are", false, "kafka-1", NOW, 2, 10},
        {"more", false, "kafka-1", NOW, 4, 10},
        {"none", false, "kafka-1", NOW, 0, 10},
        {"one that is not known", false, "kafka-1", NOW, 3, -1},
        {"behind the end", false, "kafka-1", NOW, 3, 11},
        {"the beginning", true, "kafka-1", NOW, 3, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct mark mark = fitting();
        struct changelog_reader reader = changelog();
        span_to_text(span_text(rows[i].cluster), mark.cluster, sizeof(mark.cluster));
        mark.at_ms = rows[i].at_ms;
        mark.place.partitions = rows[i].partitions;
        mark.place.next[0] = rows[i].first;
        const char *why = mark_unfit(&mark, &reader, NOW);
        if ((why == NULL) != rows[i].fits) {
            fail_msg("%s: %s", rows[i].name, why == NULL ? "fits" : why);
        }
    }
    struct mark none = {0};
    struct changelog_reader reader = changelog();
    assert_non_null(mark_unfit(&none, &reader, NOW));
}

static void is_read_as_written(void **state)
{
    (void)state;
    struct mark mark = fitting();
    struct mark read;
    struct buf room;
    span fields[64];
    struct redis_reply list[64];
    buf_init(&room, 65536);
    size_t count = mark_fields(&mark, &room, fields, COUNT_OF(fields));
    assert_int_equal(count, 2 * (4 + 3));
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct redis_reply){.kind = REDIS_TEXT, .text = fields[i]};
    }
    mark_read(&read, &(struct redis_reply){.kind = REDIS_LIST, .list = list, .count = count});
    buf_close(&room);
    assert_string_equal(read.epoch, mark.epoch);
    assert_string_equal(read.cluster, mark.cluster);
    assert_int_equal(read.at_ms, mark.at_ms);
    assert_int_equal(read.age_ms, mark.age_ms);
    assert_int_equal(read.place.partitions, 3);
    assert_int_equal(read.place.next[0], 10);
    assert_int_equal(read.place.next[1], 0);
    assert_int_equal(read.place.next[2], 30);
    assert_int_equal(read.place.next[3], -1);
}

static void what_is_no_mark(void **state)
{
    (void)state;
    static const char *const words[] = {"e",  "",  "at", "soon", "age", "-5",   "0",
                                        "-3", "x", "1",  "512",  "7",   "00x1", "1"};
    struct redis_reply list[COUNT_OF(words)];
    struct mark read;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        list[i] = (struct redis_reply){.kind = REDIS_TEXT, .text = span_text(words[i])};
    }
    mark_read(&read,
              &(struct redis_reply){.kind = REDIS_LIST, .list = list, .count = COUNT_OF(words)});
    assert_string_equal(read.epoch, "");
    assert_int_equal(read.at_ms, 0);
    assert_int_equal(read.age_ms, 0);
    assert_int_equal(read.place.partitions, 0);
    mark_read(&read, &(struct redis_reply){.kind = REDIS_NIL});
    assert_int_equal(read.place.partitions, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_marks_fit),
        cmocka_unit_test(is_read_as_written),
        cmocka_unit_test(what_is_no_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
