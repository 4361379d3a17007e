/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that are taken up again: what the headers of a record of the worker's
 * retry topic say. It is a copy of a record with its CloudEvents headers, and
 *   hearback_source_topic, _partition, _offset   where the original stood
 *   hearback_only     16 hex digits an effect (span_hash of its id): only these are made
 *   hearback_again    "dead": what is settled as a dead letter runs again
 * The last two may be absent. Pure; the spans are librdkafka's until the message goes.
 */
#include "common/letter.h"
#include "consumer/engine/intake_inside.h"

#include <stdio.h>

span intake_header(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value = NULL;
    size_t len = 0;
    if (headers == NULL ||
        rd_kafka_header_get_last(headers, name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        value == NULL) {
        return SPAN_NONE;
    }
    return span_of(value, len);
}

static bool is_digest_list(span list)
{
    bool is = list.len > 0 && list.len % INTAKE_DIGEST_LEN == 0;
    for (size_t i = 0; i < list.len && is; i++) {
        uint8_t c = list.at[i];
        is = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    return is;
}

struct err intake_retry_read(struct job *job, rd_kafka_headers_t *headers)
{
    int64_t partition = 0;
    int64_t offset = 0;
    span topic = intake_header(headers, RETRY_TOPIC);
    if (topic.len == 0 || topic.len >= INTAKE_TOPIC_NAME ||
        !span_number(intake_header(headers, RETRY_PARTITION), 0, INT32_MAX, &partition) ||
        !span_number(intake_header(headers, RETRY_OFFSET), 0, INT64_MAX, &offset)) {
        FAIL(ERR_POISON, 0, "a retry record whose headers name no source position");
    }
    job->origin =
        (struct origin){.topic = topic, .partition = (int32_t)partition, .offset = offset};
    span again = intake_header(headers, RETRY_AGAIN);
    span only = intake_header(headers, RETRY_ONLY);
    if (again.at != NULL && !span_is(again, RETRY_DEAD)) {
        FAIL(ERR_POISON, 0, "a retry record whose hearback_again is not \"dead\"");
    }
    if (only.at != NULL && !is_digest_list(only)) {
        FAIL(ERR_POISON, 0, "a retry record whose hearback_only is no list of digests");
    }
    job->again_dead = again.at != NULL;
    job->only = only;
    return NO_ERROR;
}

bool intake_retry_wants(const struct job *job, span effect_id)
{
    char digest[INTAKE_DIGEST_LEN + 1];
    if (job->only.at == NULL) {
        return true;
    }
    (void)snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)span_hash(effect_id));
    for (size_t at = 0; at + INTAKE_DIGEST_LEN <= job->only.len; at += INTAKE_DIGEST_LEN) {
        if (span_is(span_of(job->only.at + at, INTAKE_DIGEST_LEN), digest)) {
            return true;
        }
    }
    return false;
}
