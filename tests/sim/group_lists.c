/* SPDX-License-Identifier: Apache-2.0
 *
 * librdkafka's lists of partitions and its errors, which are plain data; and what
 * a replay asks of it, which no history here does.
 */
#include "common/err.h"
#include "common/mem.h"

#include <librdkafka/rdkafka.h>

rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int size)
{
    rd_kafka_topic_partition_list_t *list = mem_must_alloc(sizeof(*list));
    list->size = size < 4 ? 4 : size;
    list->elems = mem_must_array((size_t)list->size, sizeof(list->elems[0]));
    return list;
}

rd_kafka_topic_partition_t *rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *list,
                                                              const char *topic, int32_t partition)
{
    if (list->cnt == list->size) {
        list->size *= 2;
        list->elems = mem_try_grow(list->elems, (size_t)list->size * sizeof(list->elems[0]));
    }
    rd_kafka_topic_partition_t *added = &list->elems[list->cnt++];
    *added = (rd_kafka_topic_partition_t){.topic = (char *)(uintptr_t)topic,
                                          .partition = partition,
                                          .offset = RD_KAFKA_OFFSET_INVALID};
    return added;
}

void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *list)
{
    if (list != NULL) {
        mem_free(list->elems);
        mem_free(list);
    }
}

/* No call of the model fails with an error of its own. */
const char *rd_kafka_error_string(const rd_kafka_error_t *error)
{
    return error == NULL ? "" : "an error";
}

void rd_kafka_error_destroy(rd_kafka_error_t *error)
{
    (void)error;
}

/* ---- only a replay asks these ------------------------------------------------------------ */

rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_copy(
    const rd_kafka_topic_partition_list_t *list)
{
    (void)list;
    NEVER("nothing is replayed");
}

rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *rk, const char *topic, rd_kafka_topic_conf_t *conf)
{
    (void)rk;
    (void)topic;
    (void)conf;
    NEVER("nothing is replayed");
}

void rd_kafka_topic_destroy(rd_kafka_topic_t *topic)
{
    (void)topic;
}

rd_kafka_resp_err_t rd_kafka_metadata(rd_kafka_t *rk, int all, rd_kafka_topic_t *topic,
                                      const struct rd_kafka_metadata **out, int timeout_ms)
{
    (void)rk;
    (void)all;
    (void)topic;
    (void)out;
    (void)timeout_ms;
    NEVER("nothing is replayed");
}

void rd_kafka_metadata_destroy(const struct rd_kafka_metadata *metadata)
{
    (void)metadata;
}

rd_kafka_resp_err_t rd_kafka_offsets_for_times(rd_kafka_t *rk,
                                               rd_kafka_topic_partition_list_t *list,
                                               int timeout_ms)
{
    (void)rk;
    (void)list;
    CHECK(timeout_ms == 0); /* only to wake the fetcher */
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_query_watermark_offsets(rd_kafka_t *rk, const char *topic,
                                                     int32_t partition, int64_t *low, int64_t *high,
                                                     int timeout_ms)
{
    (void)rk;
    (void)topic;
    (void)partition;
    (void)low;
    (void)high;
    (void)timeout_ms;
    NEVER("nothing is replayed");
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
    (void)rk;
    (void)list;
    NEVER("nothing is replayed");
}
