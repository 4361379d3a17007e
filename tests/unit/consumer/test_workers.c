/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of workers against the table of topics: each worker's retry topic is
 * created and checked with the others.
 */
#include "common/kafka.h"
#include "consumer/worker.h"
#include "tests/unit/consumer/kit.h"

#include <stdio.h>

static const struct topic *topic_named(const char *name)
{
    size_t count = 0;
    const struct topic *topics = kafka_topics(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(topics[i].name, name) == 0) {
            return &topics[i];
        }
    }
    return NULL;
}

static void each_worker_has_its_topics(void **state)
{
    (void)state;
    size_t count = 0;
    const struct worker *const *workers = workers_all(&count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        char name[256];
        (void)snprintf(name, sizeof(name), "%s%s", TOPIC_RETRY_PREFIX, workers[i]->name);
        const struct topic *source = topic_named(workers[i]->topic);
        const struct topic *retry = topic_named(name);
        if (source == NULL || retry == NULL) {
            fail_msg("%s has no row in kafka_topics.c", source == NULL ? workers[i]->topic : name);
            return;
        }
        assert_false(retry->compacted); /* records of one key are not one */
        assert_true(retry->retention_ms >= source->retention_ms);
        assert_int_equal(retry->message_bytes_max, source->message_bytes_max);
    }
}

/* And no topic is for a worker that there is not. */
static void each_retry_topic_has_its_worker(void **state)
{
    (void)state;
    size_t count = 0;
    const struct topic *topics = kafka_topics(&count);
    for (size_t i = 0; i < count; i++) {
        if (span_starts(span_text(topics[i].name), TOPIC_RETRY_PREFIX)) {
            assert_non_null(workers_find(topics[i].name + strlen(TOPIC_RETRY_PREFIX)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_has_its_topics),
        cmocka_unit_test(each_retry_topic_has_its_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
