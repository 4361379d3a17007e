/* SPDX-License-Identifier: Apache-2.0
 *
 * Naming and keying. What cannot be named is kept all the same, as
 * "<kind>.unknown" under the source's own name: nothing is lost at the door.
 * Any thread.
 */
#include "producer/route.h"

#include "common/clock.h"
#include "common/kafka.h"

#include <stdio.h>

/* 16 bytes as a version 4 UUID. */
static void write_uuid(const uint8_t *random, char *out, size_t room)
{
    uint8_t b[16];
    memcpy(b, random, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    (void)snprintf(out, room,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
}

static void write_id(const struct config_source *config, const struct request *request,
                     const struct route_arrival *arrival, struct record *out)
{
    span given = SPAN_NONE;
    if (request_header(request, config->delivery_header, &given) == REQUEST_ONE &&
        request_printable(given, ROUTE_ID_MAX)) {
        memcpy(out->id, given.at, given.len);
        out->id[given.len] = 0;
        return;
    }
    write_uuid(arrival->random, out->id, sizeof(out->id));
}

/* "koji.interview.analysis_ready": letters, digits, dots, dashes and underscores only. */
static void write_type(const char *kind, span event, char *out, size_t room)
{
    int len = snprintf(out, room, "%s.", kind);
    size_t at = len > 0 ? (size_t)len : 0;
    CHECK(at > 0 && at + sizeof("unknown") <= room);
    if (event.len == 0) {
        event = span_text("unknown");
    }
    for (size_t i = 0; i < event.len && at + 1 < room; i++) {
        uint8_t c = event.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '_' || c == '-';
        out[at++] = plain ? (char)c : '_';
    }
    out[at] = 0;
}

static bool is_hex(span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return true;
}

static bool is_zero(span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '0') {
            return false;
        }
    }
    return true;
}

bool route_traceparent(span given, char out[ROUTE_TRACEPARENT_LEN + 1])
{
    if (given.len < ROUTE_TRACEPARENT_LEN || given.at[2] != '-' || given.at[35] != '-' ||
        given.at[52] != '-') {
        return false;
    }
    span version = span_of(given.at, 2);
    span trace = span_of(given.at + 3, 32);
    span parent = span_of(given.at + 36, 16);
    span flags = span_of(given.at + 53, 2);
    bool longer = given.len > ROUTE_TRACEPARENT_LEN;
    if (!is_hex(version) || !is_hex(trace) || !is_hex(parent) || !is_hex(flags) ||
        span_is(version, "ff") || is_zero(trace) || is_zero(parent) ||
        (longer && (span_is(version, "00") || given.at[ROUTE_TRACEPARENT_LEN] != '-'))) {
        return false;
    }
    memcpy(out, given.at, ROUTE_TRACEPARENT_LEN);
    out[ROUTE_TRACEPARENT_LEN] = 0;
    if (!span_is(version, "00")) {
        /* Of a later version only the sampled flag is known. */
        bool sampled = strchr("13579bdf", out[54]) != NULL;
        memcpy(out, "00", 2);
        memcpy(out + 53, sampled ? "01" : "00", 2);
    }
    return true;
}

static void write_traceparent(const struct request *request, const struct route_arrival *arrival,
                              char out[ROUTE_TRACEPARENT_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    span given = SPAN_NONE;
    if (request_header(request, "traceparent", &given) == REQUEST_ONE &&
        route_traceparent(given, out)) {
        return;
    }
    const uint8_t *random = arrival->random + 16; /* the first 16 are the id's */
    size_t at = 0;
    memcpy(out, "00-", 3);
    at += 3;
    for (size_t i = 0; i < 24; i++) {
        if (i == 16) {
            out[at++] = '-';
        }
        /* The lowest bit of either id is set: neither may be zero. */
        uint8_t byte = i == 15 || i == 23 ? (uint8_t)(random[i] | 1) : random[i];
        out[at++] = digits[byte >> 4];
        out[at++] = digits[byte & 15];
    }
    memcpy(out + at, "-00", 4);
}

struct err route_record(const struct config_source *config, const struct request *request,
                        struct json_object *body, const struct route_arrival *arrival,
                        struct arena *arena, struct record *out)
{
    const struct source *source = source_find(config->kind);
    span event = SPAN_NONE;
    span content_type = SPAN_NONE;
    CHECK(source != NULL); /* the configuration's choices are ours */
    *out = (struct record){
        .topic = TOPIC_INTERVIEWS, .value = request->body, .wall_ms = arrival->wall_ms};
    source->name(config, body, arena, &event, &out->key);
    if (out->key.len == 0 || out->key.len > ROUTE_KEY_MAX) {
        out->key = span_text(config->name);
    }
    out->source = arena_printf(arena, REQUEST_HOOK_PATH "%s", config->name);
    if (out->source == NULL) {
        FAIL(ERR_RETRY, 0, "the arena of the request is full");
    }
    bool named = request_header(request, "Content-Type", &content_type) == REQUEST_ONE &&
                 request_printable(content_type, ROUTE_TYPE_MAX);
    out->content_type = named ? content_type : span_text("application/json");
    write_id(config, request, arrival, out);
    write_type(source->kind, event, out->type, sizeof(out->type));
    write_traceparent(request, arrival, out->traceparent);
    clock_format(arrival->wall_ms, out->time, sizeof(out->time));
    return NO_ERROR;
}
