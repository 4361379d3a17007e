/* SPDX-License-Identifier: Apache-2.0
 *
 * The door when Kafka is slow, down, refusing or not there yet: nobody is told
 * 200 before the broker said so, and nobody waits past the deadline.
 */
#include "tests/component/test_door_kit.h"

#include "tests/unit/producer/kit.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BROKER  1
#define PRODUCE 0 /* the protocol's number of the request */
#define CROWD   200

static const struct knock interview = {.body = INTERVIEW, .signs = SECRET};

static void assert_come_again(const struct heard *heard, double within_s)
{
    assert_int_equal(heard->code, CURLE_OK);
    assert_int_equal(heard->status, 503);
    assert_string_equal(heard->retry_after, "5");
    assert_true(heard->seconds < within_s);
}

static int64_t refused(const char *reason)
{
    return stage_metric("hearback_door_refused_total", "reason", reason);
}

static void test_answered_after_the_ack(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, false, false);
    stage_ready(&stage);
    assert_int_equal(knock(&stage, &interview).status, 200); /* connections are warm */
    int64_t before = stage_metric("hearback_door_published_total", NULL, NULL);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(stage.mock, BROKER, 700),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    struct heard heard = knock(&stage, &interview);
    assert_int_equal(heard.status, 200);
    assert_true(heard.seconds >= 0.7);
    assert_int_equal(stage_metric("hearback_door_published_total", NULL, NULL), before + 1);
    assert_int_equal(stage_metric("hearback_door_suspended", NULL, NULL), 0);
    (void)rd_kafka_mock_broker_set_rtt(stage.mock, BROKER, 0);
    assert_int_equal(stage_records(&stage), 2);
    stage_close(&stage);
}

/* A broker that answers past the deadline: 503 in time; its late word finds nobody. */
static void test_late_broker(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, false, false);
    stage.config.ingest.answer_deadline_ms = 1000;
    stage_ready(&stage);
    assert_int_equal(knock(&stage, &interview).status, 200);
    int64_t late = refused("late");
    (void)rd_kafka_mock_broker_set_rtt(stage.mock, BROKER, 2500);
    struct heard heard = knock(&stage, &interview);
    assert_come_again(&heard, 1.0);
    assert_true(heard.seconds >= 0.85); /* the deadline less a tenth */
    assert_int_equal(refused("late"), late + 1);
    assert_int_equal(stage_metric("hearback_door_suspended", NULL, NULL), 0);
    (void)rd_kafka_mock_broker_set_rtt(stage.mock, BROKER, 0);
    /* It is not stuck behind the one that was given up. */
    for (int i = 0; i < 20 && knock(&stage, &interview).status != 200; i++) {
    }
    assert_int_equal(knock(&stage, &interview).status, 200);
    stage_close(&stage);
}

static void test_broker_down(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, false, false);
    stage.config.ingest.answer_deadline_ms = 1000;
    stage_ready(&stage);
    int64_t before = stage_metric("hearback_door_published_total", NULL, NULL);
    assert_int_equal(rd_kafka_mock_broker_set_down(stage.mock, BROKER), RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int i = 0; i < 3; i++) {
        struct heard heard = knock(&stage, &interview);
        assert_come_again(&heard, 1.0);
    }
    assert_int_equal(stage_metric("hearback_door_published_total", NULL, NULL), before);
    /* Handshakes and refusals need no Kafka. */
    assert_int_equal(knock(&stage, &(struct knock){.body = ""}).status, 200);
    assert_int_equal(knock(&stage, &(struct knock){.body = INTERVIEW}).status, 401);
    assert_int_equal(rd_kafka_mock_broker_set_up(stage.mock, BROKER), RD_KAFKA_RESP_ERR_NO_ERROR);
    struct heard heard = knock(&stage, &interview);
    for (int i = 0; i < 20 && heard.status == 503; i++) {
        heard = knock(&stage, &interview);
    }
    assert_int_equal(heard.status, 200);
    stage_close(&stage);
}

static void test_delivery_refused(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, false, false);
    stage_ready(&stage);
    int64_t failed_before = refused("failed");
    rd_kafka_mock_push_request_errors(stage.mock, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    struct heard heard = knock(&stage, &interview);
    assert_come_again(&heard, 5.0);
    assert_int_equal(refused("failed"), failed_before + 1);
    assert_int_equal(stage_records(&stage), 0);
    stage_close(&stage);
}

static void test_record_too_large_for_the_broker(void **state)
{
    struct stage stage;
    (void)state;
    stage_init(&stage, false, false);
    stage_ready(&stage);
    rd_kafka_mock_push_request_errors(stage.mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(knock(&stage, &interview).status, 413);
    assert_int_equal(stage_records(&stage), 0);
    stage_close(&stage);
}

/* Page of the operations port; returns its status. */
static long ops_page(const struct stage *stage, const char *path, char *body, size_t room)
{
    char url[128];
    long status = 0;
    CURL *curl = curl_easy_init();
    FILE *into = fmemopen(body, room, "w");
    assert_true(curl != NULL && into != NULL);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)door_ops_port(stage->door),
                   path);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_URL, url), CURLE_OK);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L), CURLE_OK);
    assert_int_equal(curl_easy_setopt(curl, CURLOPT_WRITEDATA, into), CURLE_OK);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    assert_int_equal(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status), CURLE_OK);
    curl_easy_cleanup(curl);
    (void)fclose(into);
    return status;
}

/* Nothing is published, and so no topic made by accident, before ours was looked at. */
static void test_topic_comes_later(void **state)
{
    struct stage stage;
    char body[256] = "";
    int next_ms = 0;
    (void)state;
    stage_init(&stage, false, true);
    stage_open(&stage);
    assert_int_equal(ops_page(&stage, "/readyz", body, sizeof(body)), 503);
    assert_string_equal(body, "starting\n");
    assert_false(failed(door_step(stage.door, &next_ms)));
    assert_int_equal(ops_page(&stage, "/readyz", body, sizeof(body)), 503);
    assert_string_equal(body, "Kafka is away or a topic is missing\n");
    struct heard heard = knock(&stage, &interview);
    assert_come_again(&heard, 1.0);
    assert_int_equal(knock(&stage, &(struct knock){.body = INTERVIEW}).status, 401);
    assert_int_equal(rd_kafka_mock_topic_create(stage.mock, TOPIC_INTERVIEWS, 4, 1),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int i = 0; i < 100 && ops_page(&stage, "/readyz", body, sizeof(body)) != 200; i++) {
        assert_false(failed(door_step(stage.door, &next_ms)));
    }
    assert_int_equal(ops_page(&stage, "/readyz", body, sizeof(body)), 200);
    assert_int_equal(knock(&stage, &interview).status, 200);
    assert_int_equal(stage_records(&stage), 1);
    stage_close(&stage);
}

/* A topic that could not take the largest body: the door stays shut and says why. */
static void test_topic_too_small_real(void **state)
{
    struct stage stage;
    char body[256] = "";
    int next_ms = 0;
    (void)state;
    if (!stage_has_kafka()) {
        skip();
    }
    stage_init(&stage, true, false);
    stage.config.kafka.message_bytes_max = 900 * 1024 * 1024;
    stage_open(&stage);
    assert_false(failed(door_step(stage.door, &next_ms)));
    assert_int_equal(ops_page(&stage, "/readyz", body, sizeof(body)), 503);
    assert_string_equal(body, "a topic's settings cannot carry what is needed\n");
    assert_int_equal(knock(&stage, &interview).status, 503);
    stage_close(&stage);
}

/* Many at once, driven by one multi handle. */
struct crowd {
    struct heard heard[CROWD];
    CURLM *multi;
    int running;
};

static void crowd_begin(struct crowd *crowd, const struct stage *stage, size_t count)
{
    crowd->multi = curl_multi_init();
    assert_non_null(crowd->multi);
    for (size_t i = 0; i < count; i++) {
        knock_begin(stage, &interview, &crowd->heard[i]);
        assert_int_equal(curl_multi_add_handle(crowd->multi, crowd->heard[i].curl), CURLM_OK);
    }
    assert_int_equal(curl_multi_perform(crowd->multi, &crowd->running), CURLM_OK);
}

static void crowd_step(struct crowd *crowd)
{
    assert_int_equal(curl_multi_poll(crowd->multi, NULL, 0, 50, NULL), CURLM_OK);
    assert_int_equal(curl_multi_perform(crowd->multi, &crowd->running), CURLM_OK);
}

/* Until that many wait for the broker. */
static void crowd_until_suspended(struct crowd *crowd, int64_t count)
{
    for (int i = 0; i < 2000; i++) {
        if (stage_metric("hearback_door_suspended", NULL, NULL) == count) {
            return;
        }
        crowd_step(crowd);
    }
    fail_msg("they do not all wait for the broker");
}

/* How many were answered with `status`; all must have been answered. */
static size_t crowd_end(struct crowd *crowd, size_t count, long status)
{
    size_t answered = 0;
    while (crowd->running > 0) {
        crowd_step(crowd);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(curl_multi_remove_handle(crowd->multi, crowd->heard[i].curl), CURLM_OK);
        knock_take(&crowd->heard[i]);
        assert_true(crowd->heard[i].status == 200 || crowd->heard[i].status == 503);
        answered += crowd->heard[i].status == status ? 1 : 0;
    }
    assert_int_equal(curl_multi_cleanup(crowd->multi), CURLM_OK);
    return answered;
}

static void test_crowd(bool real)
{
    static struct crowd crowd;
    struct stage stage;
    stage_init(&stage, real, false);
    stage_ready(&stage);
    int64_t before = stage_records(&stage);
    crowd_begin(&crowd, &stage, CROWD);
    assert_int_equal(crowd_end(&crowd, CROWD, 200), CROWD);
    assert_int_equal(stage_records(&stage) - before, CROWD);
    stage_close(&stage);
}

static void test_crowd_mock(void **state)
{
    (void)state;
    test_crowd(false);
}

static void test_crowd_real(void **state)
{
    (void)state;
    if (!stage_has_kafka()) {
        skip();
    }
    test_crowd(true);
}

static void test_suspended_max(void **state)
{
    static struct crowd crowd;
    struct stage stage;
    (void)state;
    stage_init(&stage, false, false);
    stage.config.ingest.suspended_max = 3;
    stage_ready(&stage);
    assert_int_equal(knock(&stage, &interview).status, 200);
    int64_t full = refused("waiting_full");
    (void)rd_kafka_mock_broker_set_rtt(stage.mock, BROKER, 1500);
    crowd_begin(&crowd, &stage, 10);
    assert_int_equal(crowd_end(&crowd, 10, 503), 7);
    assert_int_equal(refused("waiting_full") - full, 7);
    for (size_t i = 0; i < 10; i++) {
        bool waited = crowd.heard[i].status == 200;
        assert_true(waited == (crowd.heard[i].seconds > 1.4));
        assert_string_equal(crowd.heard[i].retry_after, waited ? "" : "5");
    }
    (void)rd_kafka_mock_broker_set_rtt(stage.mock, BROKER, 0);
    assert_int_equal(stage_records(&stage), 4);
    stage_close(&stage);
}

static void *stop_door(void *opaque)
{
    struct stage *stage = opaque;
    door_stop(&stage->door);
    return NULL;
}

/* Everybody who waits when the door is asked to stop is answered: with 200 when the broker can
 * be reached within the drain's deadline, else with 503. */
static void drain(bool broker_up, long status)
{
    static struct crowd crowd;
    struct stage stage;
    pthread_t stopper;
    stage_init(&stage, false, false);
    stage.config.ingest.drain_deadline_ms = broker_up ? 20000 : 500;
    stage.config.ingest.answer_deadline_ms = 20000;
    stage_ready(&stage);
    assert_int_equal(knock(&stage, &interview).status, 200);
    if (broker_up) {
        (void)rd_kafka_mock_broker_set_rtt(stage.mock, BROKER, 1500);
    } else {
        (void)rd_kafka_mock_broker_set_down(stage.mock, BROKER);
    }
    crowd_begin(&crowd, &stage, CROWD);
    crowd_until_suspended(&crowd, CROWD);
    assert_int_equal(pthread_create(&stopper, NULL, stop_door, &stage), 0);
    assert_int_equal(crowd_end(&crowd, CROWD, status), CROWD);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    for (size_t i = 0; i < CROWD; i++) {
        assert_string_equal(crowd.heard[i].retry_after, broker_up ? "" : "5");
    }
    if (broker_up) {
        (void)rd_kafka_mock_broker_set_rtt(stage.mock, BROKER, 0);
        assert_int_equal(stage_records(&stage), CROWD + 1);
    }
    stage_close(&stage);
}

static void test_drain_with_broker(void **state)
{
    (void)state;
    drain(true, 200);
}

static void test_drain_without_broker(void **state)
{
    (void)state;
    drain(false, 503);
}

/* While it drains: no new connection, and an open one is told to come again and closed. */
static void test_draining_refuses(void **state)
{
    static struct crowd crowd;
    struct stage stage;
    pthread_t stopper;
    char answer[1024] = "";
    char request[512];
    (void)state;
    stage_init(&stage, false, false);
    kit_set(&stage.config.sources[0].proof, "none");
    stage_ready(&stage);
    assert_int_equal(knock(&stage, &interview).status, 200);
    int fd = stage_connect(&stage);
    (void)snprintf(request, sizeof(request),
                   "POST " HOOK " HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                   strlen(INTERVIEW));
    assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
    (void)rd_kafka_mock_broker_set_rtt(stage.mock, BROKER, 1500);
    crowd_begin(&crowd, &stage, 1);
    crowd_until_suspended(&crowd, 1);
    int64_t draining = refused("draining");
    assert_int_equal(pthread_create(&stopper, NULL, stop_door, &stage), 0);
    struct knock ready = {.method = "GET"};
    struct heard heard;
    do { /* until the listener is gone; who is not accepted yet as it goes is reset */
        knock_begin(&stage, &ready, &heard);
        heard.code = curl_easy_perform(heard.curl);
        knock_take(&heard);
    } while (heard.code != CURLE_COULDNT_CONNECT);
    assert_true(send(fd, INTERVIEW, strlen(INTERVIEW), MSG_NOSIGNAL) > 0);
    assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
    assert_int_equal(strncmp(answer, "HTTP/1.1 503 ", 13), 0);
    assert_non_null(strstr(answer, "Retry-After: 5\r\n"));
    assert_non_null(strstr(answer, "Connection: close\r\n"));
    assert_int_equal(crowd_end(&crowd, 1, 200), 1);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    assert_int_equal(refused("draining"), draining + 1);
    (void)close(fd);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answered_after_the_ack),
        cmocka_unit_test(test_late_broker),
        cmocka_unit_test(test_broker_down),
        cmocka_unit_test(test_delivery_refused),
        cmocka_unit_test(test_record_too_large_for_the_broker),
        cmocka_unit_test(test_topic_comes_later),
        cmocka_unit_test(test_crowd_mock),
        cmocka_unit_test(test_suspended_max),
        cmocka_unit_test(test_drain_with_broker),
        cmocka_unit_test(test_drain_without_broker),
        cmocka_unit_test(test_draining_refuses),
        cmocka_unit_test(test_crowd_real),
        cmocka_unit_test(test_topic_too_small_real),
    };
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return 1;
    }
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failures;
}
