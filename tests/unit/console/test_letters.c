/* SPDX-License-Identifier: Apache-2.0
 *
 * Which letters are open once all was heard: the newest of a key, without those
 * that a tombstone took; against a naive model, too. And their order and bounds.
 */
#include "console/letters.h"

#include "tests/unit/consumer/kit.h"

#include <stdio.h>

static struct letter letter_of(const char *key, const char *effect, const char *reason,
                               int64_t at_ms)
{
    return (struct letter){.key = span_text(key),
                           .worker = span_text("w"),
                           .reason = span_text(reason),
                           .effect = span_text(effect),
                           .order = span_text("o"),
                           .digest = span_text("0123456789abcdef"),
                           .first = {span_text("t"), 0, 1},
                           .at_ms = at_ms};
}

static void hear(struct letters *letters, const char *key, const char *effect, const char *reason,
                 int64_t at_ms)
{
    struct letter letter = letter_of(key, effect, reason, at_ms);
    letters_hear(letters, LETTER_READ_LETTER, &letter);
}

static void bury(struct letters *letters, const char *key)
{
    struct letter letter = {.key = span_text(key)};
    letters_hear(letters, LETTER_READ_TOMBSTONE, &letter);
}

/* The effects listed, in order, with blanks between. */
static const char *listed(struct letters *letters, enum letters_order order, size_t limit)
{
    static char out[4096];
    size_t len = 0;
    out[0] = 0;
    letters_sort(letters, order, limit);
    for (size_t i = 0; i < letters->listed; i++) {
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s" SPAN_FMT, i == 0 ? "" : " ",
                                SPAN_ARG(letters->list[i]->letter.effect));
    }
    return out;
}

#define WITH(letters_, ...)                                                                        \
    struct letters letters_;                                                                       \
    letters_init(&letters_, &(struct letter_filter){__VA_ARGS__})

static void the_newest_counts(void **state)
{
    (void)state;
    WITH(letters, .worker = NULL);
    hear(&letters, "k1", "a", "old", 1);
    hear(&letters, "k2", "b", "old", 2);
    hear(&letters, "k1", "a", "new", 3);
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "a b");
    assert_true(span_is(letters.list[0]->letter.reason, "new"));
    bury(&letters, "k1");
    bury(&letters, "k1");
    bury(&letters, "nobody");
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "b");
    hear(&letters, "k1", "a", "again", 4);
    assert_string_equal(listed(&letters, LETTERS_OLDEST, 0), "b a");
    letters_close(&letters);
}

/* A newer letter that does not match takes the older away: it is no more true. */
static void a_newer_one_that_is_not_meant(void **state)
{
    (void)state;
    WITH(letters, .reason = "http_400");
    hear(&letters, "k1", "a", "http_400", 1);
    hear(&letters, "k2", "b", "http_400", 1);
    hear(&letters, "k1", "a", "gave_up", 2);
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "b");
    letters_close(&letters);
}

/* The letter of a retry stands under a key of its own; the older one of the effect is behind it. */
static void the_letter_of_a_retry(void **state)
{
    (void)state;
    WITH(letters, .worker = NULL);
    hear(&letters, "k1@0/7", "a", "second", 20); /* another partition: heard first */
    hear(&letters, "k1", "a", "first", 10);
    hear(&letters, "k1@0/9", "a", "third", 30);
    hear(&letters, "k2", "b", "first", 15);
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "a b");
    assert_int_equal(letters.total, 2);
    const struct kept *newest = letters.list[0];
    assert_true(span_is(newest->letter.reason, "third"));
    size_t older = 0;
    for (const struct kept *kept = newest->older; kept != NULL; kept = kept->older) {
        older++;
    }
    assert_int_equal(older, 2);
    assert_null(letters.list[1]->older);
    /* Once more: sorting does not add to it. */
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "a b");
    bury(&letters, "k1@0/9");
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "a b");
    assert_true(span_is(letters.list[0]->letter.reason, "second"));
    letters_close(&letters);
}

/* Partitions were added: the same key, elsewhere. The newest counts, and both are there to go. */
static void one_key_in_two_partitions(void **state)
{
    (void)state;
    WITH(letters, .worker = NULL);
    struct letter newer = letter_of("k1", "a", "new", 20);
    newer.partition = 5;
    letters_hear(&letters, LETTER_READ_LETTER, &newer);
    hear(&letters, "k1", "a", "old", 10);
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "a");
    assert_true(span_is(letters.list[0]->letter.reason, "new"));
    assert_non_null(letters.list[0]->older);
    assert_int_equal(letters.list[0]->older->letter.partition, 0);
    bury(&letters, "k1"); /* in partition 0 */
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "a");
    assert_null(letters.list[0]->older);
    letters_close(&letters);
}

static void order_and_limit(void **state)
{
    (void)state;
    WITH(letters, .worker = NULL);
    hear(&letters, "k1", "e1", "r", 30);
    hear(&letters, "k2", "e2", "r", 10);
    hear(&letters, "k3", "e3", "r", 20);
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "e1 e3 e2");
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 2), "e1 e3");
    assert_int_equal(letters.total, 3);
    assert_string_equal(listed(&letters, LETTERS_OLDEST, 2), "e2 e3");
    assert_string_equal(listed(&letters, LETTERS_PLACE, 2), "e2 e3"); /* the oldest two */
    assert_string_equal(listed(&letters, LETTERS_PLACE, 9), "e1 e2 e3");
    letters_close(&letters);
}

static void those_of_a_record_stand_together(void **state)
{
    (void)state;
    static const struct {
        const char *worker;
        const char *topic;
        int32_t partition;
        int64_t offset;
        bool whole;
        const char *digest;
    } rows[] = {{"w2", "t", 0, 1, false, "d"}, {"w1", "t", 1, 1, false, "d"},
                {"w1", "t", 0, 1, false, "d"}, {"w1", "s", 5, 5, false, "d"},
                {"w1", "t", 0, 2, false, "d"}, {"w1", "t", 0, 1, false, "d"},
                {"w1", "t", 0, 1, false, "c"}, {"w1", "t", 0, 1, true, "d"}};
    WITH(letters, .worker = NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "k%zu", i);
        struct letter letter = letter_of(key, key, "r", (int64_t)i);
        letter.worker = span_text(rows[i].worker);
        letter.first =
            (struct letter_place){span_text(rows[i].topic), rows[i].partition, rows[i].offset};
        letter.whole = rows[i].whole;
        letter.effect = rows[i].whole ? SPAN_NONE : letter.effect;
        letter.digest = span_text(rows[i].digest);
        letters_hear(&letters, LETTER_READ_LETTER, &letter);
    }
    assert_string_equal(listed(&letters, LETTERS_PLACE, 0), "k3 k6 k2 k5  k4 k1 k0");
    for (size_t i = 0; i + 1 < letters.listed; i++) {
        assert_int_equal(
            letters_same_record(&letters.list[i]->letter, &letters.list[i + 1]->letter), i == 2);
    }
    letters_close(&letters);
}

static void its_bounds(void **state)
{
    (void)state;
    char key[32];
    WITH(letters, .worker = NULL);
    letters.count_max = 5000;
    for (int i = 0; i < 6000; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        hear(&letters, key, key, "r", i);
    }
    assert_int_equal(letters.count, 5000);
    assert_int_equal(letters.missed, 1000);
    assert_true(letters.bucket_count >= letters.count);
    for (int i = 0; i < 4999; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        bury(&letters, key);
    }
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "k4999");
    hear(&letters, "k4999", "k4999", "r", 9); /* there is room again */
    struct letter copy = {.key = span_text("record:t/0/1")};
    letters_hear(&letters, LETTER_READ_COPY, &copy);
    letters_hear(&letters, LETTER_READ_STRANGE, &copy);
    assert_int_equal(letters.count, 1);
    assert_int_equal(letters.strange, 1);
    letters_close(&letters);
}

/* Texts are copied: what was heard may go. */
static void texts_are_copied(void **state)
{
    (void)state;
    char key[] = "key", effect[] = "effect";
    WITH(letters, .worker = NULL);
    hear(&letters, key, effect, "r", 1);
    memset(key, 'x', 3);
    memset(effect, 'x', 6);
    bury(&letters, "xxx");
    assert_string_equal(listed(&letters, LETTERS_NEWEST, 0), "effect");
    assert_true(span_is(letters.list[0]->letter.key, "key"));
    letters_close(&letters);
}

#define MODEL_KEYS 200

static void against_a_model(void **state)
{
    (void)state;
    struct kit_random random = kit_random();
    int64_t model[MODEL_KEYS] = {0}; /* the time of the open letter, 0: none */
    WITH(letters, .since_ms = 500);
    for (int64_t now = 1; now < 20000; now++) {
        char key[32];
        size_t which = kit_below(&random, MODEL_KEYS);
        (void)snprintf(key, sizeof(key), "k%zu", which);
        if (kit_below(&random, 3) == 0) {
            bury(&letters, key);
            model[which] = 0;
        } else {
            hear(&letters, key, key, "r", now);
            model[which] = now >= 500 ? now : 0;
        }
    }
    size_t open = 0;
    letters_sort(&letters, LETTERS_NEWEST, 0);
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        open += model[i] != 0 ? 1 : 0;
    }
    assert_int_equal(letters.listed, open);
    for (size_t i = 0; i < letters.listed; i++) {
        const struct letter *letter = &letters.list[i]->letter;
        int64_t which = 0;
        assert_true(span_number(span_of(letter->key.at + 1, letter->key.len - 1), 0, MODEL_KEYS - 1,
                                &which));
        assert_int_equal(letter->at_ms, model[which]);
        assert_true(i == 0 || letter->at_ms <= letters.list[i - 1]->letter.at_ms);
    }
    letters_close(&letters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_counts),
        cmocka_unit_test(a_newer_one_that_is_not_meant),
        cmocka_unit_test(the_letter_of_a_retry),
        cmocka_unit_test(one_key_in_two_partitions),
        cmocka_unit_test(order_and_limit),
        cmocka_unit_test(those_of_a_record_stand_together),
        cmocka_unit_test(its_bounds),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(against_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
