/* SPDX-License-Identifier: Apache-2.0
 *
 * The console's producer: records go out one after the other, and each tells when
 * the broker has it. What the broker has not taken after half a minute is told as
 * refused. One thread.
 */
#ifndef HEARBACK_CONSOLE_POST_H
#define HEARBACK_CONSOLE_POST_H

#include "common/kafka.h"

struct post_header {
    const char *name;
    span value;
};

struct post_record {
    const char *topic;
    int32_t partition; /* RD_KAFKA_PARTITION_UA: the key's */
    span key;          /* .at NULL: none */
    span value;        /* .at NULL: a tombstone */
    const struct post_header *headers;
    size_t header_count;
    /* Called in any call of post_* but post_open; it must not send. */
    void (*acked)(void *owner, bool durable);
    void *owner;
};

struct post {
    rd_kafka_t *rk;
    size_t in_flight;
    rd_kafka_resp_err_t refused; /* why the last one was that was */
};

MUST_USE struct err post_open(struct post *post, const struct config_kafka *config);
void post_close(struct post *post);
/* Everything is copied. ERR_RETRY: it was not taken, `acked` is not called; blocks while there is
 * no room. */
MUST_USE struct err post_send(struct post *post, const struct post_record *record);
/* Hands out what has come. */
void post_turn(struct post *post);
/* Until nothing is under way. */
void post_flush(struct post *post);

#endif
