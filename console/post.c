/* SPDX-License-Identifier: Apache-2.0
 *
 * Producing for the console.
 */
#include "console/post.h"

#include "common/mem.h"

#define ROOM_MS 100

struct slip {
    void (*acked)(void *owner, bool durable);
    void *owner;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct post *post = opaque;
    struct slip *slip = message->_private;
    bool durable = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    post->refused = durable ? post->refused : message->err;
    post->in_flight--;
    slip->acked(slip->owner, durable);
    mem_free(slip);
}

struct err post_open(struct post *post, const struct config_kafka *config)
{
    *post = (struct post){0};
    struct kafka_role role = {
        .client_id = "hearback-console", .delivered = on_delivery, .opaque = post};
    return kafka_producer_new(config, &role, &post->rk);
}

void post_close(struct post *post)
{
    if (post->rk != NULL) {
        post_flush(post);
        rd_kafka_destroy(TAKE(post->rk));
    }
}

/* The API copies key and value, but takes pointers without const. */
static void *mutable_bytes(span bytes)
{
    return (void *)(uintptr_t)bytes.at;
}

static rd_kafka_resp_err_t try_send(struct post *post, const struct post_record *record,
                                    struct slip *slip)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct post_header *h = &record->headers[i];
        (void)rd_kafka_header_add(headers, h->name, -1,
                                  h->value.len == 0 ? "" : (const char *)h->value.at,
                                  (ssize_t)h->value.len);
    }
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = record->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {mutable_bytes(record->key), record->key.len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {mutable_bytes(record->value), record->value.len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = slip},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(post->rk, parts, COUNT_OF(parts));
    if (error == NULL) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    rd_kafka_headers_destroy(headers);
    return code;
}

struct err post_send(struct post *post, const struct post_record *record)
{
    struct slip *slip = mem_must_alloc(sizeof(*slip));
    *slip = (struct slip){.acked = record->acked, .owner = record->owner};
    rd_kafka_resp_err_t code = try_send(post, record, slip);
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        (void)rd_kafka_poll(post->rk, ROOM_MS);
        code = try_send(post, record, slip);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        mem_free(slip);
        post->refused = code;
        FAIL(ERR_RETRY, (int)code, "Kafka does not take a record");
    }
    post->in_flight++;
    return NO_ERROR;
}

void post_turn(struct post *post)
{
    (void)rd_kafka_poll(post->rk, 0);
}

void post_flush(struct post *post)
{
    while (post->in_flight > 0) { /* each has its time-out */
        (void)rd_kafka_poll(post->rk, ROOM_MS);
    }
}
