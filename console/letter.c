/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what stands in hearback.dead.
 */
#include "console/letter.h"

#include "common/own.h"

static span header(const struct letter_header *headers, size_t count, const char *name)
{
    for (size_t i = count; i > 0; i--) { /* the last of a name counts */
        if (strcmp(headers[i - 1].name, name) == 0) {
            return headers[i - 1].value;
        }
    }
    return SPAN_NONE;
}

static bool made_of(span text, const char *of, size_t max)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == 0 || strchr(of, text.at[i]) == NULL) {
            return false;
        }
    }
    return text.len > 0 && text.len <= max;
}

static bool is_id(span text)
{
    return text.len > 0 && text.len <= LETTER_TEXT_MAX;
}

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

static bool read_place(const struct letter_header *headers, size_t count, struct letter *letter)
{
    int64_t partition = 0;
    span topic = header(headers, count, "topic");
    bool is = made_of(topic, DIGITS LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-", LETTER_TOPIC_MAX) &&
              span_number(header(headers, count, "partition"), 0, INT32_MAX, &partition) &&
              span_number(header(headers, count, "offset"), 0, INT64_MAX, &letter->first.offset);
    letter->first.topic = topic;
    letter->first.partition = (int32_t)partition;
    letter->digest = header(headers, count, "digest");
    return is && letter->digest.len == LETTER_DIGEST_LEN &&
           made_of(letter->digest, DIGITS "abcdef", LETTER_DIGEST_LEN);
}

/* What is missing or too long is left empty where nothing depends on it. */
static span optional(const struct letter_header *headers, size_t count, const char *name)
{
    span value = header(headers, count, name);
    return value.len > LETTER_TEXT_MAX ? SPAN_NONE : value;
}

static bool read_letter(const struct letter_header *headers, size_t count, struct letter *letter)
{
    letter->worker = header(headers, count, "worker");
    letter->reason = header(headers, count, "reason");
    letter->detail = optional(headers, count, "detail");
    if (!made_of(letter->worker, DIGITS LETTERS "-", LETTER_WORKER_MAX) ||
        !made_of(letter->reason, DIGITS LETTERS "_", LETTER_TEXT_MAX)) {
        return false;
    }
    if (letter->whole) {
        return true;
    }
    letter->effect = header(headers, count, "effect");
    letter->order = header(headers, count, "order");
    letter->stage = optional(headers, count, "stage");
    letter->attempts = optional(headers, count, "attempts");
    letter->first_at = optional(headers, count, "first_at");
    letter->last_at = optional(headers, count, "last_at");
    return is_id(letter->effect) && is_id(letter->order);
}

enum letter_read letter_read(span key, span value, const struct letter_header *headers,
                             size_t count, struct letter *letter)
{
    *letter = (struct letter){.key = key,
                              .partition = letter->partition,
                              .offset = letter->offset,
                              .at_ms = letter->at_ms};
    if (key.len == 0 || key.len > LETTER_KEY_MAX) {
        return LETTER_READ_STRANGE;
    }
    if (value.at == NULL) {
        return LETTER_READ_TOMBSTONE;
    }
    span kind = header(headers, count, "kind");
    letter->traceparent = optional(headers, count, "traceparent");
    letter->whole = span_is(kind, LETTER_KIND_WHOLE);
    bool copy = span_is(kind, LETTER_KIND_RECORD);
    if ((!letter->whole && !copy && !span_is(kind, LETTER_KIND_ITEM)) ||
        !read_place(headers, count, letter)) {
        return LETTER_READ_STRANGE;
    }
    if (copy) {
        return LETTER_READ_COPY;
    }
    return read_letter(headers, count, letter) ? LETTER_READ_LETTER : LETTER_READ_STRANGE;
}

static bool is_or_open(const char *wanted, span found)
{
    return wanted == NULL || span_is(found, wanted);
}

bool letter_matches(const struct letter_filter *filter, const struct letter *letter)
{
    bool keyed = filter->key == NULL || span_is(letter->key, filter->key) ||
                 (letter->order.len > 0 && span_is(letter->order, filter->key));
    return keyed && is_or_open(filter->worker, letter->worker) &&
           is_or_open(filter->reason, letter->reason) &&
           is_or_open(filter->effect, letter->effect) &&
           (filter->since_ms == 0 || letter->at_ms >= filter->since_ms) &&
           (filter->until_ms == 0 || letter->at_ms < filter->until_ms);
}
