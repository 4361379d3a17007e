/* SPDX-License-Identifier: Apache-2.0
 *
 * The producer inside a worker. librdkafka copies what it is given; its delivery
 * callback only puts the owner into a list. One thread.
 */
#define _GNU_SOURCE /* eventfd */
#include "consumer/engine/outbox.h"

#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OUTBOX_LINGER_MS "0.3" /* what a turn appends leaves together */

struct parcel {
    struct parcel *next;
    void (*acked)(void *owner, bool durable);
    void *owner;
    bool durable;
    /* Only while librdkafka's queue is full: */
    const char *topic;
    rd_kafka_headers_t *headers;
    uint8_t *bytes; /* key, then value */
    size_t key_bytes;
    size_t value_bytes;
    bool tombstone;
};

struct parcel_list {
    struct parcel *first;
    struct parcel **last;
};

struct kafka_outbox {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *changelog; /* once something was sent there */
    int event_fd;
    struct parcel_list full;   /* to be sent when there is room */
    struct parcel_list landed; /* acknowledged, to be handed out */
    size_t in_flight;
    struct changelog_place acknowledged; /* of the changelog */
};

static void append(struct parcel_list *list, struct parcel *parcel)
{
    parcel->next = NULL;
    *list->last = parcel;
    list->last = &parcel->next;
}

static struct parcel *take_all(struct parcel_list *list)
{
    struct parcel *first = TAKE(list->first);
    list->last = &list->first;
    return first;
}

static void note_place(struct changelog_place *place, const rd_kafka_message_t *message)
{
    if (message->partition < 0 || message->partition >= CHANGELOG_PARTITIONS_MAX ||
        message->offset < 0 || strcmp(rd_kafka_topic_name(message->rkt), TOPIC_CHANGELOG) != 0) {
        return;
    }
    while (place->partitions <= message->partition) {
        place->next[place->partitions++] = -1;
    }
    int64_t *next = &place->next[message->partition];
    *next = message->offset >= *next ? message->offset + 1 : *next;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct kafka_outbox *outbox = opaque;
    struct parcel *parcel = message->_private;
    parcel->durable = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (parcel->durable) {
        note_place(&outbox->acknowledged, message);
    }
    if (!parcel->durable) {
        LOG(LOG_ERROR, "record_refused", L_TEXT("topic", rd_kafka_topic_name(message->rkt)),
            L_TEXT("found", rd_kafka_err2str(message->err)),
            L_TEXT("expected", "an acknowledgement; it is asked for again"));
    }
    append(&outbox->landed, parcel);
}

struct err kafka_outbox_new(const struct config_kafka *config, struct kafka_outbox **out, int *fd)
{
    /* One request at a time: while it is under way the next one gathers. A broker serves a
     * connection's requests one after the other anyway, so that more of them only make each smaller
     * and all of them later. */
    static const char *const options[] = {"message.timeout.ms",
                                          "0",
                                          "linger.ms",
                                          OUTBOX_LINGER_MS,
                                          "max.in.flight.requests.per.connection",
                                          "1",
                                          NULL};
    struct kafka_outbox *outbox = mem_must_alloc(sizeof(*outbox));
    struct kafka_role role = {.client_id = "hearback-worker-outbox",
                              .options = options,
                              .delivered = on_delivery,
                              .opaque = outbox};
    outbox->full.last = &outbox->full.first;
    outbox->landed.last = &outbox->landed.first;
    outbox->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (outbox->event_fd < 0) {
        mem_free(outbox);
        FAIL(ERR_FATAL, errno, "no descriptor for the outbox");
    }
    struct err err = kafka_producer_new(config, &role, &outbox->rk);
    if (failed(err)) {
        (void)close(outbox->event_fd);
        mem_free(outbox);
        return err;
    }
    outbox->queue = rd_kafka_queue_get_main(outbox->rk);
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(outbox->queue, outbox->event_fd, &one, sizeof(one));
    *out = outbox;
    *fd = outbox->event_fd;
    return NO_ERROR;
}

static void free_parcels(struct parcel *parcel)
{
    while (parcel != NULL) {
        struct parcel *next = parcel->next;
        if (parcel->headers != NULL) {
            rd_kafka_headers_destroy(parcel->headers);
        }
        mem_free(parcel->bytes);
        mem_free(parcel);
        parcel = next;
    }
}

void kafka_outbox_free(struct kafka_outbox **at)
{
    struct kafka_outbox *outbox = TAKE(*at);
    if (outbox == NULL) {
        return;
    }
    (void)rd_kafka_purge(outbox->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(outbox->rk, 1000);
    rd_kafka_queue_io_event_enable(outbox->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(outbox->queue);
    if (outbox->changelog != NULL) {
        rd_kafka_topic_destroy(outbox->changelog);
    }
    rd_kafka_destroy(outbox->rk);
    free_parcels(take_all(&outbox->full));
    free_parcels(take_all(&outbox->landed));
    (void)close(outbox->event_fd);
    mem_free(outbox);
}

/* The API copies key and value, but takes pointers without const. */
static void *mutable_bytes(span bytes)
{
    return (void *)(uintptr_t)bytes.at;
}

/* A topic's first handle says how it is written. Lines are short and leave a few at a time: to
 * compress them costs more than the bytes. Not before the first line: to name a topic that is not
 * there would create it on a careless broker. */
static void open_changelog(struct kafka_outbox *outbox)
{
    char why[256] = "";
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(outbox->rk);
    CHECK(rd_kafka_topic_conf_set(conf, "compression.codec", "none", why, sizeof(why)) ==
          RD_KAFKA_CONF_OK);
    outbox->changelog = rd_kafka_topic_new(outbox->rk, TOPIC_CHANGELOG, conf);
    CHECK(outbox->changelog != NULL); /* the name is ours and fits */
}

/* Gives the parcel to librdkafka; false when its queue is full. */
static bool post(struct kafka_outbox *outbox, struct parcel *parcel, const struct outbox_record *r)
{
    rd_kafka_headers_t *headers = TAKE(parcel->headers);
    if (outbox->changelog == NULL && strcmp(r->topic, TOPIC_CHANGELOG) == 0) {
        open_changelog(outbox);
    }
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = r->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {mutable_bytes(r->key), r->key.len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {mutable_bytes(r->value), r->value.len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = parcel},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(outbox->rk, parts, COUNT_OF(parts));
    if (error == NULL) {
        return true;
    }
    rd_kafka_resp_err_t err = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    parcel->headers = headers; /* still ours */
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        return false;
    }
    LOG(LOG_ERROR, "record_refused", L_TEXT("topic", r->topic),
        L_TEXT("found", rd_kafka_err2str(err)),
        L_TEXT("expected", "a record that Kafka takes; it is asked for again"));
    parcel->durable = false;
    append(&outbox->landed, parcel);
    return true;
}

static rd_kafka_headers_t *make_headers(const struct outbox_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct outbox_header *h = &record->headers[i];
        (void)rd_kafka_header_add(headers, h->name, -1,
                                  h->value.len == 0 ? "" : (const char *)h->value.at,
                                  (ssize_t)h->value.len);
    }
    return headers;
}

static void keep_copy(struct kafka_outbox *outbox, struct parcel *parcel,
                      const struct outbox_record *record)
{
    parcel->topic = record->topic;
    parcel->key_bytes = record->key.len;
    parcel->value_bytes = record->value.len;
    parcel->tombstone = record->value.at == NULL;
    parcel->bytes = mem_must_alloc(record->key.len + record->value.len);
    memcpy(parcel->bytes, record->key.at, record->key.len);
    if (record->value.len > 0) {
        memcpy(parcel->bytes + record->key.len, record->value.at, record->value.len);
    }
    append(&outbox->full, parcel);
}

static void send_record(void *self, const struct outbox_record *record,
                        void (*acked)(void *owner, bool durable), void *owner)
{
    struct kafka_outbox *outbox = self;
    struct parcel *parcel = mem_must_alloc(sizeof(*parcel));
    parcel->acked = acked;
    parcel->owner = owner;
    parcel->headers = make_headers(record);
    outbox->in_flight++;
    if (outbox->full.first != NULL || !post(outbox, parcel, record)) {
        keep_copy(outbox, parcel, record);
    }
}

struct outbox kafka_outbox_interface(struct kafka_outbox *outbox)
{
    return (struct outbox){.send = send_record, .self = outbox};
}

static void send_waiting(struct kafka_outbox *outbox)
{
    struct parcel *parcel = take_all(&outbox->full);
    while (parcel != NULL) {
        struct parcel *next = parcel->next;
        span value = span_of(parcel->bytes + parcel->key_bytes, parcel->value_bytes);
        struct outbox_record record = {.topic = parcel->topic,
                                       .key = span_of(parcel->bytes, parcel->key_bytes),
                                       .value = parcel->tombstone ? SPAN_NONE : value};
        if (outbox->full.first != NULL || !post(outbox, parcel, &record)) {
            append(&outbox->full, parcel);
        } else {
            mem_free(TAKE(parcel->bytes));
        }
        parcel = next;
    }
}

struct err kafka_outbox_turn(struct kafka_outbox *outbox)
{
    (void)rd_kafka_poll(outbox->rk, 0);
    struct parcel *parcel = take_all(&outbox->landed);
    while (parcel != NULL) {
        struct parcel *next = parcel->next;
        parcel->next = NULL;
        outbox->in_flight--;
        parcel->acked(parcel->owner, parcel->durable);
        free_parcels(parcel);
        parcel = next;
    }
    send_waiting(outbox);
    char why[256];
    if (rd_kafka_fatal_error(outbox->rk, why, sizeof(why)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        LOG(LOG_ERROR, "outbox_dead", L_TEXT("found", why),
            L_TEXT("expected", "a producer that can go on; the process ends and starts again"));
        FAIL(ERR_FATAL, 0, "the changelog's producer has failed for good");
    }
    return NO_ERROR;
}

void kafka_outbox_acknowledged(const struct kafka_outbox *outbox, struct changelog_place *out)
{
    *out = outbox->acknowledged;
}

size_t kafka_outbox_in_flight(const struct kafka_outbox *outbox)
{
    return outbox->in_flight;
}

rd_kafka_t *kafka_outbox_handle(struct kafka_outbox *outbox)
{
    return outbox->rk;
}
