/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to the cluster about one topic, of the table or not: how many
 * partitions it has, and how long it keeps records. Each blocks its thread for
 * about `timeout_ms` at most.
 */
#include "common/kafka.h"

SCOPED_FREE(free_event, rd_kafka_event_t *, rd_kafka_event_destroy)
SCOPED_FREE(free_queue, rd_kafka_queue_t *, rd_kafka_queue_destroy)
SCOPED_FREE(free_options, rd_kafka_AdminOptions_t *, rd_kafka_AdminOptions_destroy)
SCOPED_FREE(free_metadata, const struct rd_kafka_metadata *, rd_kafka_metadata_destroy)

struct err kafka_topic_partitions(rd_kafka_t *rk, const char *name, int timeout_ms, int32_t *out)
{
    SCOPED(free_metadata) const struct rd_kafka_metadata *metadata = NULL;
    *out = 0;
    /* All topics: naming one would create it on a careless broker. */
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 1, NULL, &metadata, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        metadata = NULL;
        FAIL(ERR_RETRY, (int)code, "Kafka does not answer");
    }
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, name) == 0) {
            *out = metadata->topics[i].partition_cnt;
        }
    }
    if (*out == 0) {
        FAIL(ERR_RETRY, (int)RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "a topic is missing");
    }
    return NO_ERROR;
}

static struct err describe(rd_kafka_t *rk, const char *name, int timeout_ms, rd_kafka_event_t **out)
{
    char why[256] = "";
    SCOPED(free_queue) rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    SCOPED(free_options)
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    CHECK(rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof(why)) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_ConfigResource_t *asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
    rd_kafka_DescribeConfigs(rk, &asked, 1, options, queue);
    rd_kafka_ConfigResource_destroy(asked);
    *out = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    if (*out == NULL || rd_kafka_event_error(*out) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, *out == NULL ? 0 : (int)rd_kafka_event_error(*out),
             "Kafka does not tell topic settings");
    }
    return NO_ERROR;
}

/* -1: it keeps them for ever. False when it is not told. */
static bool read_retention(const rd_kafka_event_t *event, int64_t *out)
{
    size_t count = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(
            (rd_kafka_event_t *)(uintptr_t)event), /* the API forgot a const */
        &count);
    if (count != 1 || rd_kafka_ConfigResource_error(resources[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "retention.ms") == 0) {
            return span_number(span_text(value), -1, INT64_MAX, out);
        }
    }
    return false;
}

struct err kafka_topic_retention(rd_kafka_t *rk, const char *name, int timeout_ms, int64_t *out)
{
    SCOPED(free_event) rd_kafka_event_t *event = NULL;
    TRY(describe(rk, name, timeout_ms, &event));
    if (!read_retention(event, out)) {
        FAIL(ERR_RETRY, 0, "Kafka does not tell how long the topic keeps records");
    }
    return NO_ERROR;
}
