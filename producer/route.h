/* SPDX-License-Identifier: Apache-2.0
 *
 * From a proven request to a record: which topic, which key, and the CloudEvents
 * headers that say what we know. The value is the raw body, byte for byte. Pure:
 * time and randomness are given. Everything lives as long as request and arena.
 */
#ifndef HEARBACK_PRODUCER_ROUTE_H
#define HEARBACK_PRODUCER_ROUTE_H

#include "producer/source.h"

#define ROUTE_ID_MAX          128 /* bytes of a vendor's delivery id */
#define ROUTE_TYPE_MAX        128
#define ROUTE_KEY_MAX         128
#define ROUTE_RANDOM_BYTES    40
#define ROUTE_TRACEPARENT_LEN 55

/* What makes an arrival unique. */
struct route_arrival {
    int64_t wall_ms;
    uint8_t random[ROUTE_RANDOM_BYTES];
};

struct record {
    const char *topic;
    span key;
    span value;
    char id[ROUTE_ID_MAX + 1];
    char type[ROUTE_TYPE_MAX + 1];
    char time[32];
    char traceparent[ROUTE_TRACEPARENT_LEN + 1];
    const char *source; /* "/hooks/<name>" */
    span content_type;
    int64_t wall_ms;
};

/* `body` is the parsed body, NULL for a bare null. ERR_RETRY without memory. */
MUST_USE struct err route_record(const struct config_source *config, const struct request *request,
                                 struct json_object *body, const struct route_arrival *arrival,
                                 struct arena *arena, struct record *out);

/* A W3C trace context of any version, as version 00; false when it is not valid. */
bool route_traceparent(span given, char out[ROUTE_TRACEPARENT_LEN + 1]);

#endif
