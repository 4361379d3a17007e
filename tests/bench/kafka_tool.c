/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-bench-kafka: what the benchmarks want of Kafka and of nothing else.
 *   fill ADDRESS TOPIC PARTITIONS RECORDS   bodies of 1 KB that no compression shortens
 *   read ADDRESS TOPIC RECORDS              the bare read: librdkafka as the workers have it, in
 *                                           batches, each record looked at and destroyed
 * Each says what it did, and the processor time of the whole process, as one line of JSON.
 */
#include "common/clock.h"
#include "common/kafka.h"
#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BODY_BYTES   1024
#define BATCH        4096
#define SILENCE_MS   20000
#define STUDIES      97
#define MESSAGE_MAX  (8 << 20)
#define SESSION_MS   45000
#define PREFETCH_MAX "262144" /* KiB */

static struct config_kafka config_of(char *address)
{
    return (struct config_kafka){.bootstrap = address,
                                 .replication = 1,
                                 .partitions = 1,
                                 .session_timeout_ms = SESSION_MS,
                                 .message_bytes_max = MESSAGE_MAX};
}

static double processor_seconds(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void say(const char *what, int64_t records, int64_t began_ms)
{
    (void)printf("{\"did\": \"%s\", \"records\": %lld, \"wall_s\": %.3f, \"processor_s\": %.3f}\n",
                 what, (long long)records,
                 (double)(clock_mono_ms(clock_system()) - began_ms) / 1000, processor_seconds());
}

/* ---- fill -------------------------------------------------------------------------------- */

/* Valid JSON that no worker has anything to do for; its letters are random, so it stays 1 KB. */
static void write_body(uint64_t *random, int64_t number, char *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int head = snprintf(out, BODY_BYTES,
                        "{\"event\":\"interview.started\",\"interview_id\":\"b%lld\","
                        "\"pad\":\"",
                        (long long)number);
    size_t at = (size_t)head;
    while (at < BODY_BYTES - 2) {
        *random = *random * 6364136223846793005u + 1442695040888963407u;
        uint64_t bits = *random >> 16;
        for (int i = 0; i < 8 && at < BODY_BYTES - 2; i++, bits >>= 6) {
            out[at++] = letters[bits & 63];
        }
    }
    out[at++] = '"';
    out[at++] = '}';
}

static int64_t refused;

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    (void)opaque;
    refused += message->err != RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
}

static int fill(char *address, const char *topic, int partitions, int64_t records)
{
    struct config_kafka config = config_of(address);
    struct kafka_role role = {.client_id = "bench", .delivered = on_delivered};
    rd_kafka_t *rk = NULL;
    if (failed(kafka_producer_new(&config, &role, &rk))) {
        return 1;
    }
    uint64_t random = 1;
    char body[BODY_BYTES];
    char study[32];
    int64_t began = clock_mono_ms(clock_system());
    for (int64_t i = 0; i < records;) {
        write_body(&random, i, body);
        (void)snprintf(study, sizeof(study), "std_%d", (int)(i % STUDIES));
        const rd_kafka_vu_t parts[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)(i % partitions)},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {study, strlen(study)}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {body, BODY_BYTES}},
            {.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {"ce_type", "koji.started", -1}},
            {.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {"ce_source", "/hooks/koji", -1}},
        };
        rd_kafka_error_t *error = rd_kafka_produceva(rk, parts, COUNT_OF(parts));
        i += error == NULL ? 1 : 0;
        (void)rd_kafka_poll(rk, error == NULL ? 0 : 10);
        if (error != NULL) {
            rd_kafka_error_destroy(error);
        }
    }
    bool done = rd_kafka_flush(rk, 60000) == RD_KAFKA_RESP_ERR_NO_ERROR && refused == 0;
    rd_kafka_destroy(rk);
    say("fill", records - refused, began);
    return done ? 0 : 1;
}

/* ---- read -------------------------------------------------------------------------------- */

static int64_t read_all(rd_kafka_queue_t *queue, int64_t records)
{
    static rd_kafka_message_t *batch[BATCH];
    int64_t read = 0;
    int64_t heard = clock_mono_ms(clock_system());
    while (read < records && clock_mono_ms(clock_system()) - heard < SILENCE_MS) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 100, batch, BATCH);
        for (ssize_t i = 0; i < count; i++) {
            read += batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
            rd_kafka_message_destroy(batch[i]);
        }
        heard = count > 0 ? clock_mono_ms(clock_system()) : heard;
    }
    return read;
}

static int read_bare(char *address, char *topic, int64_t records)
{
    struct config_kafka config = config_of(address);
    static const char *const options[] = {"queued.min.messages", "1000000",
                                          "queued.max.messages.kbytes", PREFETCH_MAX, NULL};
    struct kafka_role role = {.client_id = "bench", .options = options};
    char group[64];
    rd_kafka_t *rk = NULL;
    (void)snprintf(group, sizeof(group), "bench.%lld", (long long)clock_wall_ms(clock_system()));
    if (failed(kafka_consumer_new(&config, group, &role, &rk))) {
        return 1;
    }
    int64_t began = clock_mono_ms(clock_system());
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    bool subscribed = rd_kafka_subscribe(rk, topics) == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    int64_t read = subscribed ? read_all(queue, records) : 0;
    say("read", read, began);
    rd_kafka_queue_destroy(queue);
    (void)rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return read == records ? 0 : 1;
}

int main(int argc, char **argv)
{
    int64_t records = 0;
    int64_t partitions = 0;
    log_init("bench", LOG_WARN);
    if (argc == 6 && strcmp(argv[1], "fill") == 0 &&
        span_number(span_text(argv[4]), 1, 1024, &partitions) &&
        span_number(span_text(argv[5]), 1, INT32_MAX, &records)) {
        return fill(argv[2], argv[3], (int)partitions, records);
    }
    if (argc == 5 && strcmp(argv[1], "read") == 0 &&
        span_number(span_text(argv[4]), 1, INT32_MAX, &records)) {
        return read_bare(argv[2], argv[3], records);
    }
    (void)fputs("hearback-bench-kafka fill ADDRESS TOPIC PARTITIONS RECORDS | "
                "read ADDRESS TOPIC RECORDS\n",
                stderr);
    return 2;
}
