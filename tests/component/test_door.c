/* SPDX-License-Identifier: Apache-2.0
 *
 * The door's table (design, section 4), row by row over HTTP: the status, and
 * whether anything was published. Before the mock cluster and, when there is
 * one, before a real Kafka.
 */
#include "tests/component/test_door_kit.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX 4096 /* of the kit's sources */

static char over_max[BODY_MAX + 2]; /* JSON text, one byte too long */
static char at_max[BODY_MAX + 1];

struct row {
    const char *name;
    struct knock knock;
    long status;
    bool published;
    const char *says; /* in the answer; NULL: anything */
};

static const struct row rows[] = {
    {"signed", {.body = INTERVIEW, .signs = SECRET}, 200, true, "{\"id\":\""},
    {"signed, chunked", {.body = INTERVIEW, .signs = SECRET, .chunked = true}, 200, true, NULL},
    {"signed, at the limit", {.body = at_max, .signs = SECRET}, 200, true, NULL},
    {"the vendor's own id",
     {.body = INTERVIEW, .signs = SECRET, .headers = {"X-Koji-Delivery: dlv_7"}},
     200,
     true,
     "{\"id\":\"dlv_7\"}"},
    {"identity",
     {.body = INTERVIEW, .signs = SECRET, .headers = {"Content-Encoding: identity"}},
     200,
     true,
     NULL},
    {"no path", {.path = "/", .body = INTERVIEW, .signs = SECRET}, 404, false, NULL},
    {"unknown hook",
     {.path = "/hooks/other", .body = INTERVIEW, .signs = SECRET},
     404,
     false,
     NULL},
    {"below a hook", {.path = HOOK "/x", .body = INTERVIEW, .signs = SECRET}, 404, false, NULL},
    {"PUT", {.method = "PUT", .body = INTERVIEW, .signs = SECRET}, 405, false, NULL},
    {"DELETE", {.method = "DELETE"}, 405, false, NULL},
    {"GET where there is no handshake",
     {.method = "GET", .path = "/hooks/quiet"},
     405,
     false,
     NULL},
    {"over the limit", {.body = over_max, .signs = SECRET}, 413, false, NULL},
    {"over the limit, chunked",
     {.body = over_max, .signs = SECRET, .chunked = true},
     413,
     false,
     NULL},
    {"gzip",
     {.body = INTERVIEW, .signs = SECRET, .headers = {"Content-Encoding: gzip"}},
     415,
     false,
     NULL},
    {"unsigned", {.body = INTERVIEW}, 401, false, NULL},
    {"wrong secret", {.body = INTERVIEW, .signs = "Jeff"}, 401, false, NULL},
    {"no hex", {.body = INTERVIEW, .headers = {"X-Koji-Signature: sha256=zz"}}, 401, false, NULL},
    {"empty signature", {.body = INTERVIEW, .headers = {"X-Koji-Signature;"}}, 401, false, NULL},
    {"two signatures",
     {.body = INTERVIEW, .signs = SECRET, .headers = {"X-Koji-Signature: sha256=00"}},
     401,
     false,
     NULL},
    {"badly signed check", {.body = "{\"challenge\":\"c\"}", .signs = "Jeff"}, 401, false, NULL},
    {"check", {.body = "{\"challenge\":\"c\"}"}, 200, false, "{\"challenge\":\"c\"}"},
    {"check as text",
     {.path = "/hooks/textual", .body = "{\"challenge\":\"<c>\"}"},
     200,
     false,
     "<c>"},
    {"check off", {.path = "/hooks/quiet", .body = "{\"challenge\":\"c\"}"}, 401, false, NULL},
    {"empty check", {.body = ""}, 200, false, "{\"ok\":true}"},
    {"GET check", {.method = "GET"}, 200, false, "{\"ok\":true}"},
    {"HEAD check", {.method = "HEAD"}, 200, false, ""},
    {"check with an interview",
     {.body = "{\"challenge\":\"c\",\"interview_id\":\"i\"}"},
     401,
     false,
     NULL},
    {"no JSON",
     {.body = "{\"event\":", .signs = SECRET},
     400,
     false,
     "{\"error\":\"the body is not JSON: "},
    {"no event", {.body = "{}", .signs = SECRET}, 200, true, NULL},
    {"too many parameters",
     {.path = HOOK "?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", .body = INTERVIEW, .signs = SECRET},
     400,
     false,
     NULL},
};

static void fill_bodies(void)
{
    memset(over_max, ' ', sizeof(over_max) - 1);
    memset(at_max, ' ', sizeof(at_max) - 1);
    memcpy(over_max, "{}", 2);
    memcpy(at_max, "{}", 2);
}

static void check_row(const struct stage *stage, const struct row *row)
{
    int64_t before = stage_records(stage);
    char code[24];
    (void)snprintf(code, sizeof(code), "%ld", row->status);
    int64_t counted = stage_metric("hearback_door_requests_total", "code", code);
    struct heard heard = knock(stage, &row->knock);
    ROW_CHECK(row->name, heard.code == CURLE_OK);
    if (heard.status != row->status) {
        print_error("row \"%s\": %ld %s\n", row->name, heard.status, heard.body);
    }
    ROW_CHECK(row->name, heard.status == row->status);
    ROW_CHECK(row->name, stage_records(stage) - before == (row->published ? 1 : 0));
    ROW_CHECK(row->name, stage_metric("hearback_door_requests_total", "code", code) == counted + 1);
    ROW_CHECK(row->name,
              row->says == NULL || strncmp(heard.body, row->says, strlen(row->says)) == 0);
    ROW_CHECK(row->name, (row->status == 405) == (heard.allow[0] != 0));
    ROW_CHECK(row->name, strcmp(heard.nosniff, "nosniff") == 0);
    ROW_CHECK(row->name, row->status < 400 || strncmp(heard.body, "{\"error\":\"", 10) == 0);
}

static void walk(bool real)
{
    struct stage stage;
    fill_bodies();
    stage_init(&stage, real, false);
    stage_ready(&stage);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_row(&stage, &rows[i]);
    }
    struct heard heard =
        knock(&stage, &(struct knock){.path = "/hooks/textual", .body = "{\"challenge\":\"<c>\"}"});
    assert_string_equal(heard.content_type, "text/plain; charset=utf-8");
    heard = knock(&stage, &(struct knock){.method = "PUT", .path = "/hooks/quiet"});
    assert_string_equal(heard.allow, "POST");
    stage_close(&stage);
}

static void test_table_mock(void **state)
{
    (void)state;
    walk(false);
}

static void test_table_real(void **state)
{
    (void)state;
    if (!stage_has_kafka()) {
        skip();
    }
    walk(true);
}

/* Reads the answer's first bytes, "" when the connection was closed without one. */
static void read_answer(struct stage *stage, int fd, char *out, size_t room)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int next_ms = 0;
    out[0] = 0;
    for (int i = 0; i < 600 && poll(&wait, 1, 50) == 0; i++) {
        assert_false(failed(door_step(stage->door, &next_ms)));
    }
    assert_true((wait.revents & (POLLIN | POLLHUP)) != 0);
    ssize_t got = recv(fd, out, room - 1, 0);
    out[got > 0 ? got : 0] = 0;
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Told by the head alone: not a byte of the body is waited for. */
static void test_length_is_refused_at_once(void **state)
{
    struct stage stage;
    char answer[256];
    (void)state;
    stage_init(&stage, false, false);
    stage_ready(&stage);
    int fd = stage_connect(&stage);
    send_text(fd, "POST " HOOK " HTTP/1.1\r\nHost: a\r\nContent-Length: 4097\r\n\r\n");
    read_answer(&stage, fd, answer, sizeof(answer));
    assert_int_equal(strncmp(answer, "HTTP/1.1 413 ", 13), 0);
    (void)close(fd);
    stage_close(&stage);
}

/* Who sends a byte now and then is cut off all the same. */
static void test_slow_body_is_cut(void **state)
{
    struct stage stage;
    char answer[256];
    (void)state;
    stage_init(&stage, false, false);
    stage.config.ingest.request_timeout_ms = 300;
    stage_ready(&stage);
    int64_t slow = stage_metric("hearback_door_refused_total", "reason", "slow");
    int fd = stage_connect(&stage);
    send_text(fd, "POST " HOOK " HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
    read_answer(&stage, fd, answer, sizeof(answer));
    assert_string_equal(answer, "");
    assert_int_equal(stage_metric("hearback_door_refused_total", "reason", "slow"), slow + 1);
    assert_int_equal(stage_records(&stage), 0);
    (void)close(fd);
    stage_close(&stage);
}

static void test_slow_head_is_cut(void **state)
{
    struct stage stage;
    char answer[256];
    (void)state;
    stage_init(&stage, false, false);
    stage.config.ingest.request_timeout_ms = 200;
    stage_ready(&stage);
    int fd = stage_connect(&stage);
    send_text(fd, "POST " HOOK " HTTP/1.1\r\nHost:");
    read_answer(&stage, fd, answer, sizeof(answer));
    assert_string_equal(answer, "");
    (void)close(fd);
    stage_close(&stage);
}

static void test_too_many_headers(void **state)
{
    struct stage stage;
    char answer[256];
    (void)state;
    stage_init(&stage, false, false);
    stage_ready(&stage);
    int fd = stage_connect(&stage);
    send_text(fd, "POST " HOOK " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n");
    for (int i = 0; i < 70; i++) {
        send_text(fd, "X-More: 1\r\n");
    }
    send_text(fd, "\r\n");
    read_answer(&stage, fd, answer, sizeof(answer));
    assert_int_equal(strncmp(answer, "HTTP/1.1 431 ", 13), 0);
    (void)close(fd);
    stage_close(&stage);
}

/* What a record carries, read back from a real Kafka. */
static void test_record_real(void **state)
{
    struct stage stage;
    (void)state;
    if (!stage_has_kafka()) {
        skip();
    }
    stage_init(&stage, true, false);
    stage_ready(&stage);
    char group[64];
    (void)snprintf(group, sizeof(group), "test-door-%ld", (long)getpid());
    static const char *const options[] = {"auto.offset.reset", "latest", NULL};
    struct kafka_role role = {.client_id = "test", .options = options};
    rd_kafka_t *consumer = NULL;
    assert_false(failed(kafka_consumer_new(&stage.config.kafka, group, &role, &consumer)));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    for (int32_t partition = 0; partition < 4; partition++) {
        rd_kafka_topic_partition_list_add(list, TOPIC_INTERVIEWS, partition)->offset =
            stage_end(&stage, partition);
    }
    assert_int_equal(rd_kafka_assign(consumer, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    struct heard heard = knock(&stage, &(struct knock){.body = " " INTERVIEW "\n",
                                                       .signs = SECRET,
                                                       .headers = {"X-Koji-Delivery: dlv_9"}});
    assert_int_equal(heard.status, 200);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 15000);
    assert_non_null(message);
    assert_int_equal(message->err, RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_true(span_is(span_of(message->payload, message->len), " " INTERVIEW "\n"));
    assert_true(span_is(span_of(message->key, message->key_len), "s"));
    static const char *const wanted[][2] = {{"ce_specversion", "1.0"},
                                            {"ce_id", "dlv_9"},
                                            {"ce_type", "koji.interview.analysis_ready"},
                                            {"ce_source", HOOK},
                                            {"content-type", "application/json"}};
    rd_kafka_headers_t *headers = NULL;
    assert_int_equal(rd_kafka_message_headers(message, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_header_cnt(headers), 7);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        const void *value = NULL;
        size_t len = 0;
        ROW_CHECK(wanted[i][0], rd_kafka_header_get_last(headers, wanted[i][0], &value, &len) ==
                                    RD_KAFKA_RESP_ERR_NO_ERROR);
        ROW_CHECK(wanted[i][0], span_is(span_of(value, len), wanted[i][1]));
    }
    rd_kafka_message_destroy(message);
    assert_int_equal(rd_kafka_consumer_close(consumer), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(consumer);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_mock),       cmocka_unit_test(test_length_is_refused_at_once),
        cmocka_unit_test(test_slow_body_is_cut), cmocka_unit_test(test_slow_head_is_cut),
        cmocka_unit_test(test_too_many_headers), cmocka_unit_test(test_table_real),
        cmocka_unit_test(test_record_real),
    };
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return 1;
    }
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failures;
}
