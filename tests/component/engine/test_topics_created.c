/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings with which a topic is created, as a real Kafka has them then. Each
 * topic of the table is created under a name of the test's own, for the standing
 * ones are everybody's. What is set is set on the topic: a broker may have other
 * defaults.
 */
#include "tests/component/engine/kit.h"

#include "common/kafka_topics.c" /* NOLINT(bugprone-suspicious-include) */
#include "tests/fakes/c11_threads.h"

#define PROMISES_MAX 12

struct promise {
    const char *name;
    const char *value;
};

/* What holds for every topic of the tests, and for every one that is compacted. */
#define OF_EACH                                                                                    \
    {"max.message.bytes", "1048576"}, {"min.insync.replicas", "1"},                                \
    {                                                                                              \
        "compression.type", "producer"                                                             \
    }
#define OF_COMPACTED                                                                               \
    {"segment.bytes", "67108864"}, {"segment.ms", "86400000"},                                     \
        {"min.cleanable.dirty.ratio", "0.2"}, {"min.compaction.lag.ms", "3600000"},                \
        {"max.compaction.lag.ms", "518400000"},                                                    \
    {                                                                                              \
        "delete.retention.ms", "604800000"                                                         \
    }

static const struct {
    const char *topic;
    struct promise promises[PROMISES_MAX];
} rows[] = {
    {TOPIC_INTERVIEWS, {{"cleanup.policy", "delete"}, {"retention.ms", "2592000000"}, OF_EACH}},
    {TOPIC_CHANGELOG,
     {{"cleanup.policy", "compact"}, {"retention.ms", "-1"}, OF_EACH, OF_COMPACTED}},
    {TOPIC_DEAD,
     {{"cleanup.policy", "compact,delete"}, {"retention.ms", "7776000000"}, OF_EACH, OF_COMPACTED}},
    {TOPIC_RETRY_PREFIX "ticket-filer",
     {{"cleanup.policy", "delete"}, {"retention.ms", "2592000000"}, OF_EACH}},
};

static void create_topic(rd_kafka_t *rk, const struct config_kafka *config,
                         const struct topic *topic)
{
    struct buf said;
    buf_init(&said, 65536);
    rd_kafka_NewTopic_t *made = new_topic(topic, config);
    struct err err = create(rk, &made, 1, KIT_PATIENCE_MS, &said);
    if (failed(err)) {
        fail_msg("%s: %s", topic->name, buf_text(&said));
    }
    rd_kafka_NewTopic_destroy(made);
    buf_close(&said);
}

/* What the cluster says of the topic, as soon as it knows it. */
static rd_kafka_event_t *describe(rd_kafka_t *rk, const struct topic *topic)
{
    for (int64_t t = kit_begin();;) {
        struct buf said;
        rd_kafka_event_t *event = NULL;
        size_t count = 0;
        SCOPED(free_metadata) const struct rd_kafka_metadata *metadata = NULL;
        buf_init(&said, 65536);
        assert_false(failed(ask_metadata(rk, KIT_PATIENCE_MS, &said, &metadata)));
        buf_close(&said);
        struct found found = found_in(topic, NULL, metadata);
        assert_false(failed(ask_settings(rk, &found, 1, KIT_PATIENCE_MS, &event)));
        assert_non_null(event);
        const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count);
        assert_int_equal(count, 1);
        if (rd_kafka_ConfigResource_error(resources[0]) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return event;
        }
        rd_kafka_event_destroy(event);
        assert_true(kit_waits(t));
    }
}

static const rd_kafka_ConfigEntry_t *entry_of(const rd_kafka_ConfigResource_t *resource,
                                              const char *name)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) {
            return entries[i];
        }
    }
    fail_msg("the cluster knows no setting %s", name);
    return NULL;
}

static void expect(const struct topic *topic, const rd_kafka_ConfigResource_t *resource,
                   const struct promise *promises)
{
    for (const struct promise *p = promises; p < promises + PROMISES_MAX && p->name != NULL; p++) {
        const rd_kafka_ConfigEntry_t *entry = entry_of(resource, p->name);
        const char *value = rd_kafka_ConfigEntry_value(entry);
        if (value == NULL || strcmp(value, p->value) != 0) {
            fail_msg("%s: %s is %s, expected %s", topic->name, p->name, value, p->value);
        }
        if (rd_kafka_ConfigEntry_source(entry) != RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG) {
            fail_msg("%s: %s is the broker's, not the topic's", topic->name, p->name);
        }
    }
}

static void test_topics_have_what_is_promised(void **state)
{
    (void)state;
    KIT_NEEDS(kafka, "HEARBACK_KAFKA")
    struct config_kafka config = {.bootstrap = (char *)(uintptr_t)kafka,
                                  .replication = 1,
                                  .partitions = 1,
                                  .session_timeout_ms = 6000,
                                  .message_bytes_max = 1 << 20};
    struct kafka_role role = {.client_id = "test-topics"};
    SCOPED(kafka_free) rd_kafka_t *rk = NULL;
    kit_quiet();
    assert_false(failed(kafka_producer_new(&config, &role, &rk)));
    assert_int_equal(COUNT_OF(rows), COUNT_OF(topics));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char suffix[16];
        char name[128];
        size_t count = 0;
        struct topic topic = topics[i];
        assert_string_equal(topic.name, rows[i].topic);
        kit_suffix(suffix, sizeof(suffix));
        (void)snprintf(name, sizeof(name), "test.%s.%s", suffix, topic.name);
        topic.name = name;
        create_topic(rk, &config, &topic);
        SCOPED(free_event) rd_kafka_event_t *event = describe(rk, &topic);
        expect(&topic,
               rd_kafka_DescribeConfigs_result_resources(
                   rd_kafka_event_DescribeConfigs_result(event), &count)[0],
               rows[i].promises);
    }
}

int main(void)
{
    c11_threads_seen();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics_have_what_is_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
