/* SPDX-License-Identifier: Apache-2.0
 *
 * A record of hearback.dead as the console reads it: a letter, a copy of a record,
 * a tombstone, or something that others wrote. Our workers write them, but anybody
 * who may write to the topic may have; so each header is bounded and looked at.
 * Pure, any thread.
 */
#ifndef HEARBACK_CONSOLE_LETTER_H
#define HEARBACK_CONSOLE_LETTER_H

#include "common/letter.h"

#define LETTER_KEY_MAX    4096
#define LETTER_TEXT_MAX   2048 /* bytes of a header; detail is cut at 512 when it is written */
#define LETTER_WORKER_MAX 64
#define LETTER_TOPIC_MAX  249 /* Kafka's own bound */

struct letter_header {
    const char *name;
    span value;
};

struct letter {
    bool whole; /* the record itself, of which no items could be made */
    span key;
    span worker;
    span reason;
    span detail;
    span effect; /* of an item: this one to last_at; a whole record has none of them */
    span order;
    span stage;
    span attempts;
    span first_at;
    span last_at;
    span traceparent;
    span digest;
    struct letter_place first; /* where the record stood */
    /* Where the letter stands itself. */
    int32_t partition;
    int64_t offset;
    int64_t at_ms;
};

enum letter_read {
    LETTER_READ_LETTER,
    LETTER_READ_COPY,      /* only key, first, digest and traceparent are filled in */
    LETTER_READ_TOMBSTONE, /* only the key */
    LETTER_READ_STRANGE,
};

/* Everything but partition, offset and at_ms, which stay; spans are borrowed. `value` with .at NULL
 * is a tombstone. */
enum letter_read letter_read(span key, span value, const struct letter_header *headers,
                             size_t count, struct letter *letter);

/* Which letters are meant: members that are NULL, or 0, leave it open. */
struct letter_filter {
    const char *worker;
    const char *reason;
    const char *effect;
    const char *key;  /* the order key, or the letter's own key */
    int64_t since_ms; /* written then or later */
    int64_t until_ms; /* written before */
};

bool letter_matches(const struct letter_filter *filter, const struct letter *letter);

#endif
