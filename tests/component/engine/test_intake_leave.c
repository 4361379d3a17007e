/* SPDX-License-Identifier: Apache-2.0
 *
 * Leaving a group at an awkward moment: between the answer that one is a member
 * and the first part of the work. librdkafka before 2.3 aborts when it is then
 * destroyed, which would turn a clean drain into exit code 134. Its mock cluster
 * holds the moment: every SyncGroup is told that the group rebalances.
 */
#include "consumer/engine/intake_inside.h"
#include "tests/component/engine/kit.h"
#include "tests/fakes/c11_threads.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

#define SYNC_GROUP 14
#define REFUSALS   32

static uint64_t digest(const struct config *config)
{
    (void)config;
    return 1;
}

static const struct worker idler = {.name = "idler", .topic = "idle", .digest = digest};

struct stage_of_mock {
    rd_kafka_t *owner;
    rd_kafka_mock_cluster_t *cluster;
    struct config config;
};

static int open_mock(void **state)
{
    char why[256];
    struct stage_of_mock *mock = mem_must_alloc(sizeof(*mock));
    c11_threads_seen();
    kit_quiet();
    mock->owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
    mock->cluster = rd_kafka_mock_cluster_new(mock->owner, 1);
    assert_int_equal(rd_kafka_mock_topic_create(mock->cluster, idler.topic, 2, 1), 0);
    const char *at = rd_kafka_mock_cluster_bootstraps(mock->cluster);
    mock->config.kafka = (struct config_kafka){.bootstrap = (char *)(uintptr_t)at,
                                               .replication = 1,
                                               .partitions = 4, /* as all tests make them */
                                               .session_timeout_ms = 6000,
                                               .prefetch_bytes = 1 << 20,
                                               .message_bytes_max = 1 << 20};
    *state = mock;
    return 0;
}

static int close_mock(void **state)
{
    struct stage_of_mock *mock = *state;
    rd_kafka_mock_cluster_destroy(mock->cluster);
    rd_kafka_destroy(mock->owner);
    mem_free(mock);
    return 0;
}

static struct intake *join(struct stage_of_mock *mock)
{
    struct intake *intake = NULL;
    int fd = -1;
    struct intake_parts parts = {
        .config = &mock->config, .worker = &idler, .clock = clock_system()};
    assert_false(failed(intake_new(parts, &intake, &fd)));
    assert_false(failed(intake_join(intake)));
    return intake;
}

static bool is_member(const struct intake *intake)
{
    char *id = rd_kafka_memberid(intake->consumer);
    bool known = id != NULL && id[0] != 0;
    if (id != NULL) {
        rd_kafka_mem_free(intake->consumer, id);
    }
    return known;
}

static void test_before_the_first_part(void **state)
{
    struct stage_of_mock *mock = *state;
    rd_kafka_resp_err_t refusals[REFUSALS];
    for (size_t i = 0; i < REFUSALS; i++) {
        refusals[i] = RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    }
    rd_kafka_mock_push_request_errors_array(mock->cluster, SYNC_GROUP, REFUSALS, refusals);
    struct intake *intake = join(mock);
    for (int64_t t = kit_begin(); !is_member(intake);) {
        assert_true(kit_waits(t));
    }
    assert_false(intake->met);
    intake_free(&intake, false);
    assert_null(intake);
}

static void test_before_anything(void **state)
{
    struct stage_of_mock *mock = *state;
    struct intake *intake = join(mock);
    intake_free(&intake, false);
    assert_null(intake);
}

int main(void)
{
#define WITH_MOCK(test) cmocka_unit_test_setup_teardown(test, open_mock, close_mock)
    const struct CMUnitTest tests[] = {
        WITH_MOCK(test_before_the_first_part),
        WITH_MOCK(test_before_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
