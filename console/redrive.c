/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding records and sending them again. One thread.
 */
#include "console/redrive.h"

#include "common/mem.h"

#include <stdio.h>

#define ASK_MS      10000
#define TOPIC_ROOM  (sizeof(TOPIC_RETRY_PREFIX) + LETTER_WORKER_MAX)
#define OWN_HEADERS 64

static span value_of(const rd_kafka_message_t *message)
{
    return message->payload == NULL ? SPAN_NONE : span_of(message->payload, message->len);
}

static bool is_same(const struct letter *letter, const rd_kafka_message_t *message)
{
    char digest[LETTER_DIGEST_ROOM];
    letter_digest(value_of(message), digest);
    return span_is(letter->digest, digest);
}

/* A letter names a topic; only one of ours is looked into. */
static bool is_ours(span topic)
{
    size_t count = 0;
    const struct topic *topics = kafka_topics(&count);
    for (size_t i = 0; i < count; i++) {
        if (span_is(topic, topics[i].name)) {
            return true;
        }
    }
    return false;
}

struct err redrive_source(struct finder *finder, const struct letter *letter,
                          enum redrive_from *from, const rd_kafka_message_t **record)
{
    *from = REDRIVE_GONE;
    *record = NULL;
    if (!is_ours(letter->first.topic)) {
        return NO_ERROR;
    }
    TRY(finder_get(finder, &letter->first, record));
    if (*record != NULL && !is_same(letter, *record)) {
        *record = NULL; /* the topic was made anew */
    }
    *from = *record == NULL ? REDRIVE_GONE : REDRIVE_FROM_SOURCE;
    return NO_ERROR;
}

/* ---- sending ----------------------------------------------------------------------------- */

static void on_retry(void *owner, bool durable)
{
    struct batch *batch = owner;
    batch->owed--;
    batch->refused = batch->refused || !durable;
    if (batch->owed == 0 && !batch->refused) {
        batch->state = REDRIVE_ASKED;
        batch->next = batch->home->acked;
        batch->home->acked = batch;
    }
}

static void retry_topic(const struct batch *batch, char out[TOPIC_ROOM])
{
    char worker[LETTER_WORKER_MAX + 1];
    span_to_text(batch->letters[0]->letter.worker, worker, sizeof(worker));
    (void)snprintf(out, TOPIC_ROOM, TOPIC_RETRY_PREFIX "%s", worker);
}

static size_t headers_of(const rd_kafka_message_t *message, struct post_header *out, size_t room)
{
    rd_kafka_headers_t *headers = NULL;
    size_t count = 0;
    const void *at = NULL;
    size_t len = 0;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    while (count < room && rd_kafka_header_get_all(headers, count, &out[count].name, &at, &len) ==
                               RD_KAFKA_RESP_ERR_NO_ERROR) {
        out[count++].value = at == NULL ? SPAN_NONE : span_of(at, len);
    }
    return count;
}

static struct err send_some(struct batch *batch, size_t from, const rd_kafka_message_t *message)
{
    struct redrive *redrive = batch->home;
    struct post_header own[OWN_HEADERS];
    char topic[TOPIC_ROOM];
    struct retry retry;
    size_t most = batch->count - from;
    most = most > REDRIVE_EFFECTS_MAX ? REDRIVE_EFFECTS_MAX : most;
    retry_topic(batch, topic);
    retry_init(&retry, batch->letters + from, most, own, headers_of(message, own, OWN_HEADERS));
    struct post_record record = {.topic = topic,
                                 .partition = RD_KAFKA_PARTITION_UA,
                                 .key = span_of(message->key, message->key_len),
                                 .value = value_of(message),
                                 .headers = retry.headers,
                                 .header_count = retry.count,
                                 .acked = on_retry,
                                 .owner = batch};
    batch->owed++;
    struct err err = post_send(&redrive->post, &record);
    if (failed(err)) {
        batch->owed--;
        batch->refused = true;
    }
    retry_close(&retry);
    return err;
}

static struct err send_batch(struct batch *batch, const rd_kafka_message_t *message)
{
    struct redrive *redrive = batch->home;
    /* One more is owed until all are sent, so that an early acknowledgement settles nothing. */
    batch->owed++;
    struct err err = NO_ERROR;
    for (size_t from = 0; from < batch->count && !failed(err); from += REDRIVE_EFFECTS_MAX) {
        redrive->retries++;
        if (!redrive->dry) {
            err = send_some(batch, from, message);
        }
    }
    if (redrive->dry) {
        batch->owed--;
        batch->state = REDRIVE_ASKED;
    } else {
        on_retry(batch, true);
    }
    return err;
}

static void on_tombstone(void *owner, bool durable)
{
    struct batch *batch = owner;
    batch->owed--;
    batch->refused = batch->refused || !durable;
    if (batch->owed == 0 && !batch->refused) {
        batch->state = REDRIVE_SETTLED;
    }
}

struct err redrive_bury(struct post *post, const struct letter *letter,
                        void (*acked)(void *owner, bool durable), void *owner)
{
    struct post_record record = {.topic = TOPIC_DEAD,
                                 .partition = letter->partition,
                                 .key = letter->key,
                                 .acked = acked,
                                 .owner = owner};
    return post_send(post, &record);
}

/* The retries of these are there: their letters go. */
static struct err settle_acked(struct redrive *redrive)
{
    struct err err = NO_ERROR;
    post_turn(&redrive->post);
    while (redrive->acked != NULL && !failed(err)) {
        struct batch *batch = redrive->acked;
        redrive->acked = batch->next;
        batch->owed++;
        for (size_t i = 0; i < batch->count && !failed(err); i++) {
            for (const struct kept *kept = batch->letters[i]; kept != NULL && !failed(err);
                 kept = kept->older) {
                batch->owed++;
                err = redrive_bury(&redrive->post, &kept->letter, on_tombstone, batch);
            }
        }
        if (failed(err)) {
            on_tombstone(batch, false);
        }
        on_tombstone(batch, true);
    }
    return err;
}

/* ---- finding ----------------------------------------------------------------------------- */

static struct err from_source(struct batch *batch)
{
    const rd_kafka_message_t *message = NULL;
    struct redrive *redrive = batch->home;
    enum redrive_from from = REDRIVE_GONE;
    TRY(redrive_source(&redrive->finder, &batch->letters[0]->letter, &from, &message));
    batch->from = from;
    return from == REDRIVE_FROM_SOURCE ? send_batch(batch, message) : NO_ERROR;
}

/* A record of hearback.dead that holds the batch's record: a copy, or the letter itself. */
static struct err from_dead(struct batch *batch, int32_t partition, int64_t offset,
                            enum redrive_from from)
{
    const rd_kafka_message_t *message = NULL;
    struct letter_place place = {
        .topic = span_text(TOPIC_DEAD), .partition = partition, .offset = offset};
    TRY(finder_get(&batch->home->finder, &place, &message));
    if (message == NULL || !is_same(&batch->letters[0]->letter, message)) {
        batch->from = REDRIVE_GONE;
        return NO_ERROR;
    }
    batch->from = from;
    return send_batch(batch, message);
}

static struct err from_copies(struct redrive *redrive, struct dead_copy *copies)
{
    size_t count = 0;
    for (size_t i = 0; i < redrive->count; i++) {
        struct batch *batch = &redrive->batches[i];
        const struct letter *letter = &batch->letters[0]->letter;
        if (batch->from != REDRIVE_GONE) {
            continue;
        }
        if (letter->whole) {
            TRY(from_dead(batch, letter->partition, letter->offset, REDRIVE_FROM_LETTER));
        } else {
            copies[count++] = (struct dead_copy){.of = letter, .owner = batch};
        }
    }
    TRY(dead_topic_copies(&redrive->config->kafka, copies, count));
    for (size_t i = 0; i < count; i++) {
        if (copies[i].found) {
            TRY(from_dead(copies[i].owner, copies[i].partition, copies[i].offset,
                          REDRIVE_FROM_COPY));
            TRY(settle_acked(redrive));
        }
    }
    return NO_ERROR;
}

/* ---- all of it --------------------------------------------------------------------------- */

static void make_batches(struct redrive *redrive, const struct letters *letters)
{
    redrive->batches = mem_must_array(letters->listed + 1, sizeof(struct batch));
    for (size_t i = 0; i < letters->listed; i++) {
        struct kept **at = &letters->list[i];
        struct batch *last = redrive->count == 0 ? NULL : &redrive->batches[redrive->count - 1];
        if (last != NULL && letters_same_record(&last->letters[0]->letter, &(*at)->letter)) {
            last->count++;
        } else {
            redrive->batches[redrive->count++] =
                (struct batch){.home = redrive, .letters = at, .count = 1};
        }
    }
}

static bool has_topic(const struct rd_kafka_metadata *metadata, const char *name)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (topic->err == RD_KAFKA_RESP_ERR_NO_ERROR && strcmp(topic->topic, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A worker that somebody made up has no retry topic, and none is made by asking for it. */
static struct err check_topics(struct redrive *redrive)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(redrive->post.rk, 1, NULL, &metadata, ASK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "Kafka does not answer");
    }
    for (size_t i = 0; i < redrive->count; i++) {
        char topic[TOPIC_ROOM];
        retry_topic(&redrive->batches[i], topic);
        if (!has_topic(metadata, topic)) {
            redrive->batches[i].from = REDRIVE_NO_TOPIC;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return NO_ERROR;
}

static struct err run(struct redrive *redrive)
{
    TRY(post_open(&redrive->post, &redrive->config->kafka));
    TRY(finder_open(&redrive->finder, &redrive->config->kafka));
    TRY(check_topics(redrive));
    for (size_t i = 0; i < redrive->count; i++) {
        if (redrive->batches[i].from == REDRIVE_UNKNOWN) {
            TRY(from_source(&redrive->batches[i]));
            TRY(settle_acked(redrive));
        }
    }
    struct dead_copy *copies = mem_must_array(redrive->count + 1, sizeof(*copies));
    struct err err = from_copies(redrive, copies);
    mem_free(copies);
    return err;
}

struct err redrive_run(struct redrive *redrive, const struct config *config,
                       const struct letters *letters, bool dry)
{
    *redrive = (struct redrive){.config = config, .dry = dry};
    make_batches(redrive, letters);
    if (redrive->count == 0) {
        return NO_ERROR;
    }
    struct err err = run(redrive);
    if (redrive->post.rk != NULL) { /* what is under way counts, whatever went wrong */
        post_flush(&redrive->post);
        struct err settled = settle_acked(redrive);
        post_flush(&redrive->post);
        err = failed(err) ? err : settled;
    }
    return err;
}

void redrive_close(struct redrive *redrive)
{
    finder_close(&redrive->finder);
    post_close(&redrive->post);
    mem_free(TAKE(redrive->batches));
}
