/* SPDX-License-Identifier: Apache-2.0
 *
 * The headers of a retry record: the record's own, where it stood first, and the
 * digests of the effects that are wanted of it.
 */
#include "console/redrive.h"

#include "tests/unit/consumer/kit.h"

#include <stdio.h>

static span header(const struct retry *retry, const char *name)
{
    span found = SPAN_NONE;
    for (size_t i = 0; i < retry->count; i++) {
        if (strcmp(retry->headers[i].name, name) == 0) {
            assert_null(found.at); /* once */
            found = retry->headers[i].value;
        }
    }
    return found;
}

static struct kept kept_of(const char *effect)
{
    return (struct kept){.letter = {.worker = span_text("w"),
                                    .effect = span_text(effect),
                                    .first = {span_text("hearback.interviews"), 3, 41}}};
}

static const struct post_header source[] = {
    {"ce_id", {(const uint8_t *)"first", 5}},
    {"ce_id", {(const uint8_t *)"7f1c", 4}}, /* the last of a name counts */
    {"ce_type", {(const uint8_t *)"koji.x", 6}},
    {"content-type", {(const uint8_t *)"application/json", 16}},
    {"traceparent", {(const uint8_t *)"00-a-b-01", 9}},
    {"hearback_again", {(const uint8_t *)"forged", 6}}, /* of an earlier way */
    {"hearback_only", {(const uint8_t *)"forged", 6}},
    {"kind", {(const uint8_t *)"record", 6}}, /* of a copy */
    {"digest", {(const uint8_t *)"0", 1}},
    {"x-private", {(const uint8_t *)"somebody", 8}},
};

static void of_two_effects(void **state)
{
    (void)state;
    struct kept one = kept_of("a");
    struct kept two = kept_of("koji/i1~t1");
    struct kept *const letters[] = {&one, &two};
    struct retry retry;
    char expected[64];
    retry_init(&retry, letters, 2, source, COUNT_OF(source));
    assert_true(span_is(header(&retry, "ce_id"), "7f1c"));
    assert_true(span_is(header(&retry, "ce_type"), "koji.x"));
    assert_true(span_is(header(&retry, "content-type"), "application/json"));
    assert_true(span_is(header(&retry, "traceparent"), "00-a-b-01"));
    assert_true(span_is(header(&retry, "hearback_source_topic"), "hearback.interviews"));
    assert_true(span_is(header(&retry, "hearback_source_partition"), "3"));
    assert_true(span_is(header(&retry, "hearback_source_offset"), "41"));
    assert_true(span_is(header(&retry, "hearback_again"), "dead"));
    (void)snprintf(expected, sizeof(expected), "af63dc4c8601ec8c%016llx",
                   (unsigned long long)span_hash(span_text("koji/i1~t1")));
    assert_true(span_is(header(&retry, "hearback_only"), expected));
    assert_null(header(&retry, "kind").at);
    assert_null(header(&retry, "digest").at);
    assert_null(header(&retry, "x-private").at);
    assert_null(header(&retry, "ce_time").at);
    assert_int_equal(retry.count, 9);
    retry_close(&retry);
}

/* All of a whole record is wanted. */
static void of_a_whole_record(void **state)
{
    (void)state;
    struct kept one = kept_of("");
    struct kept *const letters[] = {&one};
    struct retry retry;
    one.letter.whole = true;
    retry_init(&retry, letters, 1, NULL, 0);
    assert_null(header(&retry, "hearback_only").at);
    assert_true(span_is(header(&retry, "hearback_again"), "dead"));
    assert_int_equal(retry.count, 4);
    retry_close(&retry);
}

static void of_as_many_as_fit(void **state)
{
    (void)state;
    static struct kept *letters[REDRIVE_EFFECTS_MAX];
    struct kept one = kept_of("a");
    struct retry retry;
    for (size_t i = 0; i < REDRIVE_EFFECTS_MAX; i++) {
        letters[i] = &one;
    }
    retry_init(&retry, letters, REDRIVE_EFFECTS_MAX, source, COUNT_OF(source));
    assert_int_equal(header(&retry, "hearback_only").len, REDRIVE_EFFECTS_MAX * 16);
    /* Beside the largest body there are 64 KiB for headers. */
    size_t bytes = 0;
    for (size_t i = 0; i < retry.count; i++) {
        bytes += strlen(retry.headers[i].name) + retry.headers[i].value.len + 8;
    }
    assert_in_range(bytes, 1, 48 * 1024);
    retry_close(&retry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_effects),
        cmocka_unit_test(of_a_whole_record),
        cmocka_unit_test(of_as_many_as_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
