/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback dead show: one letter, whole, and where its record is.
 */
#include "common/clock.h"
#include "console/text.h"
#include "console/verb_dead.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* What show found out. */
struct shown {
    const struct letter *letter;
    struct buf fragment; /* of an item; empty for a whole record */
    struct buf body;
    enum redrive_from from;
    struct letter_place copy; /* REDRIVE_FROM_COPY: where */
};

static span value_of(const rd_kafka_message_t *message)
{
    return message == NULL ? SPAN_NONE : span_of(message->payload, message->len);
}

static struct err look_at_letter(struct finder *finder, struct shown *shown)
{
    const rd_kafka_message_t *message = NULL;
    struct letter_place place = {.topic = span_text(TOPIC_DEAD),
                                 .partition = shown->letter->partition,
                                 .offset = shown->letter->offset};
    TRY(finder_get(finder, &place, &message));
    buf_add(shown->letter->whole ? &shown->body : &shown->fragment, value_of(message));
    shown->from = shown->letter->whole ? REDRIVE_FROM_LETTER : REDRIVE_GONE;
    return NO_ERROR;
}

static struct err look_at_copy(const struct config *config, struct finder *finder,
                               struct shown *shown)
{
    const rd_kafka_message_t *message = NULL;
    struct dead_copy copy = {.of = shown->letter};
    TRY(dead_topic_copies(&config->kafka, &copy, 1));
    if (!copy.found) {
        return NO_ERROR;
    }
    shown->copy = (struct letter_place){
        .topic = span_text(TOPIC_DEAD), .partition = copy.partition, .offset = copy.offset};
    TRY(finder_get(finder, &shown->copy, &message));
    shown->from = message == NULL ? REDRIVE_GONE : REDRIVE_FROM_COPY;
    buf_add(&shown->body, value_of(message));
    return NO_ERROR;
}

static struct err look(const struct config *config, struct finder *finder, struct shown *shown)
{
    const rd_kafka_message_t *record = NULL;
    enum redrive_from from = REDRIVE_GONE;
    TRY(look_at_letter(finder, shown));
    TRY(redrive_source(finder, shown->letter, &from, &record));
    if (record != NULL) {
        buf_clear(&shown->body);
        buf_add(&shown->body, value_of(record));
        shown->from = from;
        return NO_ERROR;
    }
    return shown->letter->whole ? NO_ERROR : look_at_copy(config, finder, shown);
}

/* ---- saying it --------------------------------------------------------------------------- */

static void add_line(struct buf *out, const char *name, span text)
{
    if (text.len > 0) {
        buf_addf(out, "%-12s", name);
        text_plain(out, text);
        buf_add_char(out, '\n');
    }
}

static void add_whereabouts(struct buf *out, const struct shown *shown)
{
    const struct letter_place *first = &shown->letter->first;
    buf_addf(out, "%-12s" SPAN_FMT "/%" PRId32 "/%" PRId64 ", ", "record", SPAN_ARG(first->topic),
             first->partition, first->offset);
    switch (shown->from) {
    case REDRIVE_FROM_SOURCE:
        buf_addf(out, "still there, %zu bytes\n", shown->body.len);
        return;
    case REDRIVE_FROM_COPY:
        buf_addf(out,
                 "gone there; a copy is at " TOPIC_DEAD "/%" PRId32 "/%" PRId64 ", %zu bytes\n",
                 shown->copy.partition, shown->copy.offset, shown->body.len);
        return;
    case REDRIVE_FROM_LETTER:
        buf_addf(out, "gone there; this letter holds it, %zu bytes\n", shown->body.len);
        return;
    case REDRIVE_UNKNOWN:
    case REDRIVE_GONE:
    case REDRIVE_NO_TOPIC:
        break;
    }
    buf_add_text(out, "gone there, and there is no copy: it cannot be redriven\n");
}

static void say_plainly(const struct shown *shown, bool body)
{
    const struct letter *letter = shown->letter;
    char at[32];
    struct buf out;
    buf_init(&out, DEAD_SHOW_BYTES_MAX);
    clock_format(letter->at_ms < 0 ? 0 : letter->at_ms, at, sizeof(at));
    add_line(&out, "worker", letter->worker);
    add_line(&out, "reason", letter->reason);
    add_line(&out, "detail", letter->detail);
    add_line(&out, "effect", letter->effect);
    add_line(&out, "order key", letter->order);
    add_line(&out, "stage", letter->stage);
    add_line(&out, "attempts", letter->attempts);
    add_line(&out, "first tried", letter->first_at);
    add_line(&out, "given up", letter->last_at);
    add_line(&out, "written", span_text(at));
    add_line(&out, "traceparent", letter->traceparent);
    add_line(&out, "fragment", buf_span(&shown->fragment));
    add_whereabouts(&out, shown);
    add_line(&out, "letter", letter->key);
    buf_addf(&out, "%-12s" TOPIC_DEAD "/%" PRId32 "/%" PRId64 "\n", "", letter->partition,
             letter->offset);
    dead_say(&out);
    if (body && isatty(STDOUT_FILENO) == 1) { /* nothing in it may move the cursor */
        text_plain(&out, buf_span(&shown->body));
        buf_add_char(&out, '\n');
    } else if (body) {
        buf_add(&out, buf_span(&shown->body));
        buf_add_char(&out, '\n');
    }
    dead_say(&out);
    buf_close(&out);
}

const char *dead_from(enum redrive_from from)
{
    switch (from) {
    case REDRIVE_FROM_SOURCE:
        return "source";
    case REDRIVE_FROM_COPY:
        return "copy";
    case REDRIVE_FROM_LETTER:
        return "letter";
    case REDRIVE_NO_TOPIC:
        return "no_retry_topic";
    case REDRIVE_GONE:
        return "gone";
    case REDRIVE_UNKNOWN:
        break;
    }
    return "unknown";
}

static void say_json(const struct shown *shown, bool body)
{
    struct buf out;
    buf_init(&out, DEAD_SHOW_BYTES_MAX);
    buf_add_char(&out, '{');
    dead_members(&out, shown->letter);
    buf_add_char(&out, ',');
    text_member(&out, "fragment", buf_span(&shown->fragment));
    if (body) {
        text_member(&out, "body", buf_span(&shown->body));
    }
    buf_addf(&out, "\"body_bytes\":%zu,\"record\":\"%s\"}\n", shown->body.len,
             dead_from(shown->from));
    dead_say(&out);
    buf_close(&out);
}

static enum verb_exit show_one(const struct config *config, const struct dead_asked *asked,
                               const struct letter *letter)
{
    struct shown shown = {.letter = letter};
    struct finder finder = {0};
    buf_init(&shown.fragment, DEAD_SHOW_BYTES_MAX);
    buf_init(&shown.body, DEAD_SHOW_BYTES_MAX);
    struct err err = finder_open(&finder, &config->kafka);
    err = failed(err) ? err : look(config, &finder, &shown);
    if (failed(err)) {
        (void)dead_kafka_failed(config, err);
    } else {
        if (asked->body) {
            (void)fputs("The record may hold a person: keep it to yourself.\n", stderr);
        }
        (asked->json ? say_json : say_plainly)(&shown, asked->body);
    }
    finder_close(&finder);
    buf_close(&shown.fragment);
    buf_close(&shown.body);
    return failed(err) ? VERB_FAILED : VERB_DONE;
}

enum verb_exit dead_show(const struct config *config, const struct dead_asked *asked,
                         struct letters *letters)
{
    letters_sort(letters, LETTERS_NEWEST, 0);
    if (letters->listed == 1) {
        return show_one(config, asked, &letters->list[0]->letter);
    }
    if (letters->listed == 0) {
        (void)fputs("hearback dead show: no letter matches\n", stderr);
    } else {
        (void)fprintf(stderr,
                      "hearback dead show: %zu letters match; name one, as with --effect:\n",
                      letters->listed);
        letters->listed = letters->listed > 20 ? 20 : letters->listed;
        dead_table(letters);
    }
    return VERB_FAILED;
}
