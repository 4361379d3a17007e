/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading hearback.dead.
 */
#include "console/dead_topic.h"

#include "console/topic_reader.h"

#include <stdlib.h>

enum letter_read dead_topic_letter(const rd_kafka_message_t *message, struct letter *letter)
{
    struct letter_header found[DEAD_HEADERS_MAX];
    rd_kafka_headers_t *headers = NULL;
    size_t count = 0;
    span key = span_of(message->key, message->key_len);
    span value = message->payload == NULL ? SPAN_NONE : span_of(message->payload, message->len);
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *name = NULL;
        const void *at = NULL;
        size_t len = 0;
        while (count < COUNT_OF(found) &&
               rd_kafka_header_get_all(headers, count, &name, &at, &len) ==
                   RD_KAFKA_RESP_ERR_NO_ERROR) {
            found[count++] =
                (struct letter_header){name, at == NULL ? SPAN_NONE : span_of(at, len)};
        }
    }
    letter->partition = message->partition;
    letter->offset = message->offset;
    letter->at_ms = rd_kafka_message_timestamp(message, NULL);
    return letter_read(key, value, found, count, letter);
}

/* Each message of the topic from then on. */
static struct err each(const struct config_kafka *config, int64_t since_ms,
                       void (*hear)(void *self, enum letter_read what, const struct letter *letter),
                       void *self)
{
    struct topic_reader reader;
    const rd_kafka_message_t *message = NULL;
    struct err err = topic_reader_open(&reader, config, TOPIC_DEAD, since_ms);
    while (!failed(err)) {
        struct letter letter = {0};
        err = topic_reader_next(&reader, &message);
        if (failed(err) || message == NULL) {
            break;
        }
        enum letter_read what = dead_topic_letter(message, &letter);
        hear(self, what, &letter);
    }
    topic_reader_close(&reader);
    return err;
}

static void hear_letter(void *self, enum letter_read what, const struct letter *letter)
{
    letters_hear(self, what, letter);
}

struct err dead_topic_hear(const struct config_kafka *config, struct letters *letters)
{
    /* A tombstone is younger than its letter: none is missed. */
    return each(config, letters->filter.since_ms, hear_letter, letters);
}

/* ---- copies ------------------------------------------------------------------------------ */

struct search {
    struct dead_copy *copies;
    size_t count;
};

static int by_span(span a, span b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        if (a.at[i] != b.at[i]) {
            return a.at[i] < b.at[i] ? -1 : 1;
        }
    }
    return (a.len > b.len) - (a.len < b.len);
}

static int by_place(const void *a, const void *b)
{
    const struct letter *one = ((const struct dead_copy *)a)->of;
    const struct letter *two = ((const struct dead_copy *)b)->of;
    int order = by_span(one->first.topic, two->first.topic);
    if (order == 0) {
        order = (one->first.partition > two->first.partition) -
                (one->first.partition < two->first.partition);
    }
    if (order == 0) {
        order = (one->first.offset > two->first.offset) - (one->first.offset < two->first.offset);
    }
    return order != 0 ? order : by_span(one->digest, two->digest);
}

/* A copy may be taken away like a letter. These are few: each looks at all that is wanted. */
static void forget_copy(const struct search *search, const struct letter *tombstone)
{
    struct buf key;
    if (!span_starts(tombstone->key, "record:")) {
        return;
    }
    buf_init(&key, LETTER_KEY_MAX);
    for (size_t i = 0; i < search->count; i++) {
        struct dead_copy *copy = &search->copies[i];
        buf_clear(&key);
        letter_key_copy(&key, &copy->of->first);
        copy->found = copy->found && (copy->partition != tombstone->partition ||
                                      !span_equal(buf_span(&key), tombstone->key));
    }
    buf_close(&key);
}

static void hear_copy(void *self, enum letter_read what, const struct letter *letter)
{
    const struct search *search = self;
    struct dead_copy wanted = {.of = letter};
    if (what == LETTER_READ_TOMBSTONE) {
        forget_copy(search, letter);
    }
    if (what != LETTER_READ_COPY) {
        return;
    }
    struct dead_copy *found =
        bsearch(&wanted, search->copies, search->count, sizeof(wanted), by_place);
    /* The same record may be wanted by several workers. */
    while (found != NULL && found > search->copies && by_place(found - 1, &wanted) == 0) {
        found--;
    }
    for (; found != NULL && found < search->copies + search->count && by_place(found, &wanted) == 0;
         found++) {
        found->found = true;
        found->partition = letter->partition;
        found->offset = letter->offset;
    }
}

struct err dead_topic_copies(const struct config_kafka *config, struct dead_copy *copies,
                             size_t count)
{
    struct search search = {.copies = copies, .count = count};
    if (count == 0) {
        return NO_ERROR;
    }
    qsort(copies, count, sizeof(copies[0]), by_place);
    return each(config, 0, hear_copy, &search);
}
