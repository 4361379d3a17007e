/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage for the door's component tests.
 */
#include "tests/component/test_door_kit.h"

#include "common/mem.h"
#include "common/metrics.h"
#include "tests/unit/producer/kit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LEADER_TRIES 200
#define KAFKA_MS     15000
#define STEPS_MAX    200
#define PARTITIONS   4

static const char *real_kafka(void)
{
    const char *address = getenv("HEARBACK_KAFKA"); /* NOLINT(concurrency-mt-unsafe) */
    return address != NULL && address[0] != 0 ? address : NULL;
}

bool stage_has_kafka(void)
{
    if (real_kafka() == NULL) {
        print_message("skipped: HEARBACK_KAFKA names no Kafka (deploy/dev/up.sh starts one)\n");
    }
    return real_kafka() != NULL;
}

static void fill_config(struct config *config, const char *bootstrap)
{
    kit_set(&config->log.level, "info");
    kit_set(&config->kafka.bootstrap, bootstrap);
    config->kafka.replication = 1;
    config->kafka.partitions = PARTITIONS;
    config->kafka.session_timeout_ms = 10000;
    config->kafka.message_bytes_max = 1024 * 1024;
    kit_set(&config->ingest.listen, "127.0.0.1:0");
    kit_set(&config->ingest.ops, "127.0.0.1:0");
    config->ingest.threads = 2;
    config->ingest.connections_max = 512;
    config->ingest.suspended_max = 256;
    config->ingest.answer_deadline_ms = 10000;
    config->ingest.request_timeout_ms = 10000;
    config->ingest.drain_deadline_ms = 10000;
    config->source_count = 3;
    for (size_t i = 0; i < config->source_count; i++) {
        kit_source(&config->sources[i]);
        kit_secret(&config->sources[i].secret, SECRET);
    }
    kit_set(&config->sources[1].name, "quiet");
    kit_set(&config->sources[1].handshake, "off");
    kit_set(&config->sources[2].name, "textual");
    kit_set(&config->sources[2].handshake, "text");
}

static rd_kafka_t *own_client(const char *bootstrap)
{
    char why[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (bootstrap != NULL) {
        assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof(why)),
                         RD_KAFKA_CONF_OK);
    }
    assert_int_equal(rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why)), RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(rk);
    return rk;
}

void stage_init(struct stage *stage, bool real, bool empty)
{
    *stage = (struct stage){.mock = NULL};
    if (real) {
        stage->rk = own_client(real_kafka());
        fill_config(&stage->config, real_kafka());
        struct buf said;
        buf_init(&said, 64 * 1024);
        assert_false(failed(kafka_create_topics(stage->rk, &stage->config.kafka, KAFKA_MS, &said)));
        buf_close(&said);
        return;
    }
    rd_kafka_t *host = own_client(NULL);
    stage->mock = rd_kafka_mock_cluster_new(host, 1);
    assert_non_null(stage->mock);
    fill_config(&stage->config, rd_kafka_mock_cluster_bootstraps(stage->mock));
    stage->rk = host;
    if (rd_kafka_brokers_add(host, stage->config.kafka.bootstrap) != 1) {
        fail_msg("the mock cluster has no address");
    }
    if (!empty) {
        assert_int_equal(rd_kafka_mock_topic_create(stage->mock, TOPIC_INTERVIEWS, PARTITIONS, 1),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
}

void stage_open(struct stage *stage)
{
    assert_false(failed(door_start(&stage->config, &stage->door)));
    stage->port = door_port(stage->door);
}

void stage_ready(struct stage *stage)
{
    int next_ms = 0;
    stage_open(stage);
    for (int i = 0; i < STEPS_MAX; i++) {
        assert_false(failed(door_step(stage->door, &next_ms)));
        if (next_ms == 1000) { /* nothing is looked for any more */
            return;
        }
    }
    fail_msg("the door does not become ready");
}

void stage_close(struct stage *stage)
{
    door_stop(&stage->door);
    if (stage->mock != NULL) {
        rd_kafka_mock_cluster_destroy(stage->mock);
    }
    rd_kafka_destroy(stage->rk);
    for (size_t i = 0; i < stage->config.source_count; i++) {
        kit_close(&stage->config.sources[i]);
    }
    char **texts[] = {&stage->config.log.level, &stage->config.kafka.bootstrap,
                      &stage->config.ingest.listen, &stage->config.ingest.ops};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        mem_free_text(texts[i]);
    }
}

int64_t stage_end(const struct stage *stage, int32_t partition)
{
    int64_t low = 0;
    int64_t high = 0;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    /* A topic that was just made has a leader in the metadata before the leader knows of it. */
    for (int i = 0; i < LEADER_TRIES && err == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; i++) {
        err = rd_kafka_query_watermark_offsets(stage->rk, TOPIC_INTERVIEWS, partition, &low, &high,
                                               KAFKA_MS);
        (void)rd_kafka_poll(stage->rk, err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : 50);
    }
    assert_int_equal(err, RD_KAFKA_RESP_ERR_NO_ERROR);
    return high;
}

int64_t stage_records(const struct stage *stage)
{
    int64_t sum = 0;
    for (int32_t partition = 0; partition < PARTITIONS; partition++) {
        sum += stage_end(stage, partition);
    }
    return sum;
}

/* Read off the page that operators read. */
int64_t stage_metric(const char *name, const char *label, const char *value)
{
    struct buf page;
    char line[128];
    long long number = -1;
    buf_init(&page, 1024 * 1024);
    metrics_encode(&page);
    if (label == NULL) {
        (void)snprintf(line, sizeof(line), "\n%s ", name);
    } else {
        (void)snprintf(line, sizeof(line), "\n%s{%s=\"%s\"} ", name, label, value);
    }
    const char *at = strstr(buf_text(&page), line);
    if (at != NULL) {
        number = strtoll(at + strlen(line), NULL, 10);
    }
    buf_close(&page);
    assert_true(at != NULL);
    return number;
}

static size_t take_body(char *data, size_t one, size_t len, void *opaque)
{
    struct heard *heard = opaque;
    size_t room = sizeof(heard->body) - 1 - heard->body_len;
    size_t bytes = one * len < room ? one * len : room;
    memcpy(heard->body + heard->body_len, data, bytes);
    heard->body_len += bytes;
    heard->body[heard->body_len] = 0;
    return one * len;
}

static void take_value(span line, const char *name, char *out, size_t room)
{
    size_t skip = strlen(name);
    if (line.len > skip && line.at[skip] == ':' && span_is_nocase(span_of(line.at, skip), name)) {
        span value = span_trim(span_of(line.at + skip + 1, line.len - skip - 1));
        size_t bytes = value.len < room ? value.len : room - 1;
        memcpy(out, value.at, bytes);
        out[bytes] = 0;
    }
}

static size_t take_header(char *data, size_t one, size_t len, void *opaque)
{
    struct heard *heard = opaque;
    span line = span_of(data, one * len);
    take_value(line, "Retry-After", heard->retry_after, sizeof(heard->retry_after));
    take_value(line, "Allow", heard->allow, sizeof(heard->allow));
    take_value(line, "Content-Type", heard->content_type, sizeof(heard->content_type));
    take_value(line, "X-Content-Type-Options", heard->nosniff, sizeof(heard->nosniff));
    return one * len;
}

static size_t give_body(char *data, size_t one, size_t len, void *opaque)
{
    struct heard *heard = opaque;
    size_t left = strlen(heard->left);
    size_t bytes = one * len < left ? one * len : left;
    bytes = bytes < 100 ? bytes : 100; /* many chunks */
    memcpy(data, heard->left, bytes);
    heard->left += bytes;
    return bytes;
}

#define SET(option_, value_)                                                                       \
    assert_int_equal(curl_easy_setopt(heard->curl, (option_), (value_)), CURLE_OK)

static void add_header(struct heard *heard, const char *line)
{
    struct curl_slist *grown = curl_slist_append(heard->headers, line);
    assert_non_null(grown);
    heard->headers = grown;
}

static void set_body(const struct knock *knock, struct heard *heard)
{
    heard->sent = mem_must_copy_text(knock->body);
    heard->left = heard->sent;
    SET(CURLOPT_POST, 1L);
    if (knock->chunked) {
        SET(CURLOPT_READFUNCTION, give_body);
        SET(CURLOPT_READDATA, heard);
        add_header(heard, "Transfer-Encoding: chunked");
    } else {
        SET(CURLOPT_POSTFIELDS, heard->sent);
        SET(CURLOPT_POSTFIELDSIZE, (long)strlen(heard->sent));
    }
}

void knock_begin(const struct stage *stage, const struct knock *knock, struct heard *heard)
{
    char url[2048];
    char signature[80];
    char line[128];
    const char *method = knock->method == NULL ? "POST" : knock->method;
    *heard = (struct heard){.curl = curl_easy_init()};
    assert_non_null(heard->curl);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)stage->port,
                   knock->path == NULL ? HOOK : knock->path);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, 60000L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, heard);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, heard);
    add_header(heard, "Content-Type: application/json");
    add_header(heard, "Expect:");
    for (size_t i = 0; i < KNOCK_HEADERS_MAX && knock->headers[i] != NULL; i++) {
        add_header(heard, knock->headers[i]);
    }
    if (knock->signs != NULL) {
        kit_sign(knock->signs, knock->body == NULL ? "" : knock->body, signature);
        (void)snprintf(line, sizeof(line), "X-Koji-Signature: %s", signature);
        add_header(heard, line);
    }
    if (knock->body != NULL) {
        set_body(knock, heard);
    }
    if (strcmp(method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else {
        SET(CURLOPT_CUSTOMREQUEST, method);
    }
    SET(CURLOPT_HTTPHEADER, heard->headers);
}

void knock_take(struct heard *heard)
{
    assert_int_equal(curl_easy_getinfo(heard->curl, CURLINFO_RESPONSE_CODE, &heard->status),
                     CURLE_OK);
    assert_int_equal(curl_easy_getinfo(heard->curl, CURLINFO_TOTAL_TIME, &heard->seconds),
                     CURLE_OK);
    curl_easy_cleanup(heard->curl);
    curl_slist_free_all(heard->headers);
    mem_free_text(&heard->sent);
}

struct heard knock(const struct stage *stage, const struct knock *knock)
{
    struct heard heard;
    knock_begin(stage, knock, &heard);
    heard.code = curl_easy_perform(heard.curl);
    knock_take(&heard);
    return heard;
}

int stage_connect(const struct stage *stage)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(stage->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&to, sizeof(to)), 0);
    return fd;
}
