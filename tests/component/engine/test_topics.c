/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of the topics at start, against a real Kafka whose changelog somebody
 * has set otherwise: what the ledger rests on must be refused with its reason.
 */
#include "tests/component/engine/kit.h"

#include "common/kafka.h"
#include "tests/fakes/c11_threads.h"

#include <stdio.h>
#include <string.h>

struct setting {
    const char *name;
    const char *value;
};

/* All settings of the changelog: those named, and what the broker has for the others. */
static void set_changelog(rd_kafka_t *rk, const struct setting *settings, size_t count)
{
    rd_kafka_ConfigResource_t *topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, TOPIC_CHANGELOG);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(
            rd_kafka_ConfigResource_set_config(topic, settings[i].name, settings[i].value),
            RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AlterConfigs(rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KIT_PATIENCE_MS);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(topic);
}

static enum err_class check(rd_kafka_t *rk, const struct config_kafka *config, struct buf *why)
{
    static const char *const names[] = {TOPIC_CHANGELOG, NULL};
    buf_clear(why);
    struct err err = kafka_check_topics(rk, config, names, 10000, why);
    return err.class;
}

/* Settings take a moment to reach every broker thread. */
static void until(rd_kafka_t *rk, const struct config_kafka *config, struct buf *why,
                  const char *words)
{
    int64_t began = kit_begin();
    while (true) {
        enum err_class class = check(rk, config, why);
        bool said = words == NULL ? why->len == 0
                                  : class == ERR_CONFIG && strstr(buf_text(why), words) != NULL;
        if (said) {
            return;
        }
        if (!kit_waits(began)) {
            print_error("found \"%s\", expected %s\n", buf_text(why), words == NULL ? "" : words);
            fail();
        }
    }
}

static void test_changelog_set_otherwise(void **state)
{
    (void)state;
    KIT_NEEDS(kafka, "HEARBACK_KAFKA")
    static const struct {
        struct setting set;
        const char *words;
    } rows[] = {
        {{"cleanup.policy", "delete"}, "cleanup.policy is delete, compact is needed"},
        {{"cleanup.policy", "compact,delete"}, "cleanup.policy is compact,delete"},
        {{"delete.retention.ms", "86400000"},
         "delete.retention.ms is 86400000, at least 604800000"},
        {{"max.message.bytes", "1000"}, "max.message.bytes is 1000"},
    };
    struct config_kafka config = {.bootstrap = (char *)(uintptr_t)kafka,
                                  .replication = 1,
                                  .partitions = 4, /* as all tests make them */
                                  .session_timeout_ms = 6000,
                                  .message_bytes_max = 1 << 20};
    struct kafka_role role = {.client_id = "test-topics"};
    SCOPED(kafka_free) rd_kafka_t *rk = NULL;
    struct buf why;
    buf_init(&why, 65536);
    kit_quiet();
    assert_false(failed(kafka_producer_new(&config, &role, &rk)));
    assert_false(failed(kafka_create_topics(rk, &config, 20000, &why)));
    until(rk, &config, &why, NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct setting settings[] = {{"cleanup.policy", "compact"},
                                     {"delete.retention.ms", "604800000"},
                                     {"max.message.bytes", "1048576"}};
        for (size_t s = 0; s < COUNT_OF(settings); s++) {
            if (strcmp(settings[s].name, rows[i].set.name) == 0) {
                settings[s].value = rows[i].set.value;
            }
        }
        set_changelog(rk, settings, COUNT_OF(settings));
        until(rk, &config, &why, rows[i].words);
    }
    static const struct setting back[] = {
        {"cleanup.policy", "compact"},          {"retention.ms", "-1"},
        {"segment.bytes", "67108864"},          {"segment.ms", "86400000"},
        {"min.cleanable.dirty.ratio", "0.2"},   {"min.compaction.lag.ms", "3600000"},
        {"max.compaction.lag.ms", "518400000"}, {"delete.retention.ms", "604800000"},
        {"min.insync.replicas", "1"},           {"max.message.bytes", "1048576"}};
    set_changelog(rk, back, COUNT_OF(back));
    until(rk, &config, &why, NULL);
    buf_close(&why);
}

int main(void)
{
    c11_threads_seen();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changelog_set_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
