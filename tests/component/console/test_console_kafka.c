/* SPDX-License-Identifier: Apache-2.0
 *
 * The console's readers and writers with a real Kafka: a topic from one end to the
 * other, records by their place, and thousands of letters of one record redriven.
 * Topics are the test's own, except those that are always there.
 */
#include "console/redrive.h"
#include "console/topic_reader.h"
#include "tests/component/engine/kit.h"
#include "tests/fakes/c11_threads.h"

#include "common/clock.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define LETTERS (REDRIVE_EFFECTS_MAX + 52)

struct bench {
    struct config config;
    rd_kafka_t *rk;
    int64_t offset;
    size_t owed;
    char suffix[16];
    char topic[64];
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct bench *bench = opaque;
    (void)rk;
    assert_int_equal(message->err, RD_KAFKA_RESP_ERR_NO_ERROR);
    bench->offset = message->offset;
    bench->owed--;
}

static int bench_open(void **state)
{
    const char *kafka = kit_service("HEARBACK_KAFKA");
    if (kafka == NULL) {
        *state = NULL;
        return 0;
    }
    struct bench *bench = mem_must_alloc(sizeof(*bench));
    char text[128];
    struct buf faults;
    buf_init(&faults, 65536);
    (void)snprintf(text, sizeof(text), "kafka: {bootstrap: \"%s\", replication: 1}\n", kafka);
    assert_false(failed(config_parse(&bench->config, span_text(text), "test", 0, &faults)));
    struct kafka_role role = {.client_id = "test", .delivered = on_delivery, .opaque = bench};
    assert_false(failed(kafka_producer_new(&bench->config.kafka, &role, &bench->rk)));
    bench->config.kafka.message_bytes_max = 1 << 20; /* as the other tests that make these topics */
    struct err err = kafka_create_topics(bench->rk, &bench->config.kafka, 20000, &faults);
    if (failed(err)) {
        print_error("%s: %s\n", err.text, buf_text(&faults));
        return -1;
    }
    buf_close(&faults);
    kit_suffix(bench->suffix, sizeof(bench->suffix));
    (void)snprintf(bench->topic, sizeof(bench->topic), "console.%s", bench->suffix);
    *state = bench;
    return 0;
}

static int bench_close(void **state)
{
    struct bench *bench = *state;
    if (bench != NULL) {
        rd_kafka_destroy(bench->rk);
        config_close(&bench->config);
        mem_free(bench);
    }
    return 0;
}

static void make_topic(struct bench *bench, const char *name, int partitions)
{
    char why[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, why, sizeof(why));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(bench->rk);
    rd_kafka_CreateTopics(bench->rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KIT_PATIENCE_MS);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
}

struct sheet {
    const char *topic;
    int32_t partition;
    const char *key;
    const char *value; /* NULL: a tombstone */
    int64_t at_ms;     /* 0: now */
    const char *const (*headers)[2];
    size_t header_count;
};

static void *mutable_text(const char *text)
{
    return (void *)(uintptr_t)text;
}

static void write_sheet(struct bench *bench, const struct sheet *sheet)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(sheet->header_count);
    size_t len = sheet->value == NULL ? 0 : strlen(sheet->value);
    for (size_t i = 0; i < sheet->header_count; i++) {
        (void)rd_kafka_header_add(headers, sheet->headers[i][0], -1, sheet->headers[i][1], -1);
    }
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = sheet->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = sheet->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {mutable_text(sheet->key), strlen(sheet->key)}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {mutable_text(sheet->value), len}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = sheet->at_ms},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    assert_null(rd_kafka_produceva(bench->rk, parts, COUNT_OF(parts)));
    bench->owed++;
}

/* The offset of what was written last. */
static int64_t flush(struct bench *bench)
{
    for (int64_t t = kit_begin(); bench->owed > 0;) {
        assert_true(kit_waits(t));
        (void)rd_kafka_poll(bench->rk, 10);
    }
    return bench->offset;
}

#define NEEDS_KAFKA(bench_)                                                                        \
    struct bench *bench_ = *state;                                                                 \
    if (bench_ == NULL) {                                                                          \
        skip();                                                                                    \
    }

/* ---- a topic from one end to the other --------------------------------------------------- */

/* The values read, sorted within their partitions only, joined. */
static const char *read_all(struct bench *bench, int64_t since_ms)
{
    static char out[4096];
    size_t len = 0;
    struct topic_reader reader;
    const rd_kafka_message_t *message = NULL;
    out[0] = 0;
    int64_t began = kit_begin();
    while (failed(topic_reader_open(&reader, &bench->config.kafka, bench->topic, since_ms))) {
        topic_reader_close(&reader); /* a new topic has no leader yet */
        assert_true(kit_waits(began));
    }
    do {
        assert_false(failed(topic_reader_next(&reader, &message)));
        if (message != NULL) {
            len += (size_t)snprintf(out + len, sizeof(out) - len, "%.*s ", (int)message->len,
                                    (const char *)message->payload);
        }
    } while (message != NULL);
    topic_reader_close(&reader);
    return out;
}

static void test_topic_reader(void **state)
{
    NEEDS_KAFKA(bench)
    struct topic_reader reader;
    struct err err = topic_reader_open(&reader, &bench->config.kafka, bench->topic, 0);
    assert_int_equal(err.class, ERR_RETRY);
    assert_int_equal(err.code, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    topic_reader_close(&reader);
    make_topic(bench, bench->topic, 3);
    assert_string_equal(read_all(bench, 0), "");
    assert_string_equal(read_all(bench, 1000), "");
    int64_t first = clock_wall_ms(clock_system()) - 100000;
    write_sheet(bench, &(struct sheet){bench->topic, 2, "k", "w", first - 1000, NULL, 0});
    (void)flush(bench);
    for (int i = 0; i < 6; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "v%d", i);
        write_sheet(bench, &(struct sheet){bench->topic, 1, "k", value, first + i * 1000, NULL, 0});
    }
    (void)flush(bench);
    assert_int_equal(strlen(read_all(bench, 0)), strlen("v0 v1 v2 v3 v4 v5 w "));
    assert_string_equal(read_all(bench, first), "v0 v1 v2 v3 v4 v5 ");
    assert_string_equal(read_all(bench, first + 3000), "v3 v4 v5 ");
    assert_string_equal(read_all(bench, first + 5001), "");
}

/* What comes while it is read is not read: one partition is at its end long before the other. */
static void test_topic_reader_ends(void **state)
{
    NEEDS_KAFKA(bench)
    static char bulk[100 * 1024]; /* which cannot be compressed */
    struct topic_reader reader;
    const rd_kafka_message_t *message = NULL;
    uint64_t draw = 88172645463325252u;
    size_t count = 0;
    make_topic(bench, bench->topic, 2);
    write_sheet(bench, &(struct sheet){bench->topic, 0, "k", "v", 0, NULL, 0});
    for (int i = 0; i < 60; i++) {
        for (size_t j = 0; j + 1 < sizeof(bulk); j++) {
            draw ^= draw << 13;
            draw ^= draw >> 7;
            draw ^= draw << 17;
            bulk[j] = (char)(' ' + draw % 90);
        }
        write_sheet(bench, &(struct sheet){bench->topic, 1, "k", bulk, 0, NULL, 0});
    }
    (void)flush(bench);
    assert_false(failed(topic_reader_open(&reader, &bench->config.kafka, bench->topic, 0)));
    write_sheet(bench, &(struct sheet){bench->topic, 0, "k", "late", 0, NULL, 0});
    (void)flush(bench);
    do {
        assert_false(failed(topic_reader_next(&reader, &message)));
        count += message != NULL ? 1 : 0;
        assert_true(message == NULL || !span_is(span_of(message->payload, message->len), "late"));
    } while (message != NULL);
    assert_int_equal(count, 61);
    topic_reader_close(&reader);
}

/* ---- records by their place -------------------------------------------------------------- */

static void expect_at(struct bench *bench, struct finder *finder, const char *topic,
                      int32_t partition, int64_t offset, const char *value)
{
    const rd_kafka_message_t *message = NULL;
    struct letter_place place = {span_text(topic), partition, offset};
    (void)bench;
    assert_false(failed(finder_get(finder, &place, &message)));
    if (value == NULL) {
        assert_null(message);
        return;
    }
    assert_non_null(message);
    assert_int_equal(message->offset, offset);
    assert_true(span_is(span_of(message->payload, message->len), value));
}

static void test_finder(void **state)
{
    NEEDS_KAFKA(bench)
    char value[16];
    struct finder finder;
    make_topic(bench, bench->topic, 2);
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(value, sizeof(value), "v%d", i);
        write_sheet(bench, &(struct sheet){bench->topic, 0, "k", value, 0, NULL, 0});
    }
    assert_int_equal(flush(bench), 2999);
    static const int64_t asked[] = {5, 6, 6, 700, 2900, 2999, 0, 1, 1500, 1499, 2999, 2998, 0};
    assert_false(failed(finder_open(&finder, &bench->config.kafka)));
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        (void)snprintf(value, sizeof(value), "v%d", (int)asked[i]);
        expect_at(bench, &finder, bench->topic, 0, asked[i], value);
    }
    expect_at(bench, &finder, bench->topic, 0, 3000, NULL);
    expect_at(bench, &finder, bench->topic, 1, 0, NULL);
    expect_at(bench, &finder, bench->topic, 7, 0, NULL);
    expect_at(bench, &finder, "nothing.of.this.name", 0, 0, NULL);
    expect_at(bench, &finder, bench->topic, 0, 17, "v17");
    finder_close(&finder);
}

/* What ends a transaction takes an offset, and is no record. */
static void write_transaction(struct bench *bench, const char *topic, const char *value)
{
    rd_kafka_t *rk = NULL;
    char id[32];
    (void)snprintf(id, sizeof(id), "t%s", bench->suffix);
    const char *const options[] = {"transactional.id", id, NULL};
    struct kafka_role role = {.client_id = "test", .options = options};
    assert_false(failed(kafka_producer_new(&bench->config.kafka, &role, &rk)));
    assert_null(rd_kafka_init_transactions(rk, KIT_PATIENCE_MS));
    assert_null(rd_kafka_begin_transaction(rk));
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {mutable_text(value), strlen(value)}},
    };
    assert_null(rd_kafka_produceva(rk, parts, COUNT_OF(parts)));
    assert_null(rd_kafka_commit_transaction(rk, KIT_PATIENCE_MS));
    rd_kafka_destroy(rk);
}

static void test_finder_at_a_gap(void **state)
{
    NEEDS_KAFKA(bench)
    struct finder finder;
    make_topic(bench, bench->topic, 1);
    write_transaction(bench, bench->topic, "v0");
    write_sheet(bench, &(struct sheet){bench->topic, 0, "k", "v2", 0, NULL, 0});
    assert_int_equal(flush(bench), 2);
    assert_false(failed(finder_open(&finder, &bench->config.kafka)));
    expect_at(bench, &finder, bench->topic, 0, 1, NULL);
    expect_at(bench, &finder, bench->topic, 0, 2, "v2");
    expect_at(bench, &finder, bench->topic, 0, 0, "v0");
    expect_at(bench, &finder, bench->topic, 0, 1, NULL);
    finder_close(&finder);
}

/* A letter is others' word: only our own topics are looked into for its record. */
static void test_not_our_topic(void **state)
{
    NEEDS_KAFKA(bench)
    struct finder finder;
    char digest[LETTER_DIGEST_ROOM];
    enum redrive_from from = REDRIVE_UNKNOWN;
    const rd_kafka_message_t *record = NULL;
    make_topic(bench, bench->topic, 1);
    write_sheet(bench, &(struct sheet){bench->topic, 0, "k", "secret", 0, NULL, 0});
    (void)flush(bench);
    write_sheet(bench, &(struct sheet){TOPIC_INTERVIEWS, 0, "k", "ours", 0, NULL, 0});
    int64_t offset = flush(bench);
    assert_false(failed(finder_open(&finder, &bench->config.kafka)));
    letter_digest(span_text("secret"), digest);
    struct letter letter = {.digest = span_text(digest), .first = {span_text(bench->topic), 0, 0}};
    assert_false(failed(redrive_source(&finder, &letter, &from, &record)));
    assert_int_equal(from, REDRIVE_GONE);
    assert_null(record);
    letter_digest(span_text("ours"), digest);
    letter.first = (struct letter_place){span_text(TOPIC_INTERVIEWS), 0, offset};
    assert_false(failed(redrive_source(&finder, &letter, &from, &record)));
    assert_int_equal(from, REDRIVE_FROM_SOURCE);
    assert_non_null(record);
    finder_close(&finder);
}

/* ---- a page of letters ------------------------------------------------------------------- */

static void write_letter(struct bench *bench, const char *worker, const char *effect,
                         const char *digest, int64_t offset, const char *value)
{
    char key[128];
    char at[32];
    (void)snprintf(key, sizeof(key), "%s/o/%s", worker, effect);
    (void)snprintf(at, sizeof(at), "%lld", (long long)offset);
    const char *const headers[][2] = {{"kind", "item"},   {"topic", TOPIC_INTERVIEWS},
                                      {"partition", "0"}, {"offset", at},
                                      {"digest", digest}, {"worker", worker},
                                      {"effect", effect}, {"order", "o"},
                                      {"stage", "s"},     {"reason", "r"}};
    write_sheet(bench, &(struct sheet){TOPIC_DEAD, 0, key, value, 0, headers, COUNT_OF(headers)});
}

static size_t count_letters(struct bench *bench, const char *worker)
{
    struct letters letters;
    letters_init(&letters, &(struct letter_filter){.worker = worker});
    assert_false(failed(dead_topic_hear(&bench->config.kafka, &letters)));
    size_t count = letters.count;
    letters_close(&letters);
    return count;
}

/* Each effect's digest stands once in the headers of what was sent. */
static void expect_retries(struct bench *bench, const char *worker)
{
    struct topic_reader reader;
    const rd_kafka_message_t *message = NULL;
    size_t sizes[4] = {0};
    size_t count = 0;
    struct buf all;
    buf_init(&all, 1u << 20);
    assert_false(failed(topic_reader_open(&reader, &bench->config.kafka, bench->topic, 0)));
    do {
        assert_false(failed(topic_reader_next(&reader, &message)));
        rd_kafka_headers_t *headers = NULL;
        const void *only = NULL;
        if (message != NULL && count < COUNT_OF(sizes)) {
            assert_true(span_is(span_of(message->payload, message->len), worker));
            (void)rd_kafka_message_headers(message, &headers);
            (void)rd_kafka_header_get_last(headers, "hearback_only", &only, &sizes[count]);
            buf_add(&all, span_of(only, sizes[count++]));
        }
    } while (message != NULL);
    topic_reader_close(&reader);
    assert_int_equal(count, 2);
    assert_int_equal(sizes[0], REDRIVE_EFFECTS_MAX * 16);
    assert_int_equal(sizes[1], (LETTERS - REDRIVE_EFFECTS_MAX) * 16);
    for (int i = 0; i < LETTERS; i++) {
        char effect[16];
        char digest[LETTER_DIGEST_ROOM];
        (void)snprintf(effect, sizeof(effect), "e%d", i);
        letter_digest(span_text(effect), digest);
        assert_non_null(strstr(buf_text(&all), digest));
    }
    buf_close(&all);
}

static void test_page(void **state)
{
    NEEDS_KAFKA(bench)
    char worker[32];
    char digest[LETTER_DIGEST_ROOM];
    struct letters letters;
    struct redrive redrive;
    (void)snprintf(worker, sizeof(worker), "w%s", bench->suffix);
    (void)snprintf(bench->topic, sizeof(bench->topic), TOPIC_RETRY_PREFIX "%s", worker);
    make_topic(bench, bench->topic, 1);
    write_sheet(bench, &(struct sheet){TOPIC_INTERVIEWS, 0, "study", worker, 0, NULL, 0});
    int64_t offset = flush(bench);
    letter_digest(span_text(worker), digest);
    for (int i = 0; i < LETTERS; i++) {
        char effect[16];
        (void)snprintf(effect, sizeof(effect), "e%d", i);
        write_letter(bench, worker, effect, digest, offset, "{}");
    }
    (void)flush(bench);
    letters_init(&letters, &(struct letter_filter){.worker = worker});
    assert_false(failed(dead_topic_hear(&bench->config.kafka, &letters)));
    letters_sort(&letters, LETTERS_PLACE, 0);
    assert_int_equal(letters.listed, LETTERS);
    assert_false(failed(redrive_run(&redrive, &bench->config, &letters, true)));
    assert_int_equal(redrive.retries, 2);
    redrive_close(&redrive);
    assert_int_equal(count_letters(bench, worker), LETTERS); /* a dry run */
    assert_false(failed(redrive_run(&redrive, &bench->config, &letters, false)));
    assert_int_equal(redrive.count, 1);
    assert_int_equal(redrive.retries, 2);
    assert_int_equal(redrive.batches[0].state, REDRIVE_SETTLED);
    redrive_close(&redrive);
    letters_close(&letters);
    assert_int_equal(count_letters(bench, worker), 0);
    expect_retries(bench, worker);
}

#define ON_A_BENCH(fn_) cmocka_unit_test_setup_teardown(fn_, bench_open, bench_close)

int main(void)
{
    c11_threads_seen();
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_topic_reader),  ON_A_BENCH(test_topic_reader_ends),
        ON_A_BENCH(test_finder),        ON_A_BENCH(test_finder_at_a_gap),
        ON_A_BENCH(test_not_our_topic), ON_A_BENCH(test_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
