/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback dead redrive and drop: what ends a letter. Both say per record, or
 * letter, what was done, and what was not.
 */
#include "console/text.h"
#include "console/verb_dead.h"

#include <stdio.h>

/* ---- redrive ----------------------------------------------------------------------------- */

static const char *outcome(const struct batch *batch, bool dry)
{
    switch (batch->state) {
    case REDRIVE_SETTLED:
        return "redriven";
    case REDRIVE_ASKED:
        return dry ? "would_redrive" : "redriven_letter_stays";
    case REDRIVE_KEPT:
        break;
    }
    return "kept";
}

static const char *why_kept(const struct batch *batch)
{
    switch (batch->from) {
    case REDRIVE_GONE:
        return "its record is neither at its place any more nor among the copies";
    case REDRIVE_NO_TOPIC:
        return "its worker's retry topic is missing; `hearback topics --create` makes it";
    case REDRIVE_UNKNOWN:
        return "Kafka went away before its record was looked for";
    case REDRIVE_FROM_SOURCE:
    case REDRIVE_FROM_COPY:
    case REDRIVE_FROM_LETTER:
        break;
    }
    return "Kafka did not take its retry";
}

static void say_letter_json(struct buf *out, const struct batch *batch, const struct letter *letter,
                            bool dry)
{
    buf_addf(out, "{\"did\":\"%s\",\"record\":\"%s\",", outcome(batch, dry),
             dead_from(batch->from));
    dead_members(out, letter);
    buf_add_text(out, "}\n");
    dead_say(out);
}

static void say_letter(struct buf *out, const struct batch *batch, const struct letter *letter,
                       bool dry)
{
    if (batch->state == REDRIVE_KEPT) {
        buf_add_text(out, "kept: ");
        dead_name(out, letter);
        buf_addf(out, ": %s\n", why_kept(batch));
    } else {
        buf_addf(out, "%s: ", dry ? "would redrive" : "redriven");
        dead_name(out, letter);
        buf_addf(out, ", its record %s%s\n",
                 batch->from == REDRIVE_FROM_SOURCE ? "from its place" : "from hearback.dead",
                 !dry && batch->state == REDRIVE_ASKED
                     ? "; but Kafka did not take the letter's end: it will be listed still"
                     : "");
    }
    dead_say(out);
}

struct tally {
    size_t done;
    size_t kept;
    size_t stay; /* redriven, but their letters are still there */
};

static struct tally say_batches(const struct redrive *redrive, bool json)
{
    struct tally tally = {0};
    struct buf out;
    buf_init(&out, DEAD_LINE_BYTES_MAX);
    for (size_t i = 0; i < redrive->count; i++) {
        const struct batch *batch = &redrive->batches[i];
        for (size_t j = 0; j < batch->count; j++) {
            (json ? say_letter_json : say_letter)(&out, batch, &batch->letters[j]->letter,
                                                  redrive->dry);
        }
        bool stays = batch->state == REDRIVE_ASKED && !redrive->dry;
        tally.kept += batch->state == REDRIVE_KEPT ? batch->count : 0;
        tally.done += batch->state != REDRIVE_KEPT ? batch->count : 0;
        tally.stay += stays ? batch->count : 0;
    }
    buf_close(&out);
    return tally;
}

enum verb_exit dead_redrive(const struct config *config, const struct dead_asked *asked,
                            struct letters *letters)
{
    struct redrive redrive;
    letters_sort(letters, LETTERS_PLACE, asked->limit);
    struct err err = redrive_run(&redrive, config, letters, asked->dry);
    struct tally tally = say_batches(&redrive, asked->json);
    if (failed(err)) {
        (void)dead_kafka_failed(config, err);
    } else if (tally.stay > 0 || redrive.post.refused != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)fprintf(stderr, "hearback dead redrive: Kafka refused: %s\n",
                      rd_kafka_err2str(redrive.post.refused));
    }
    if (!asked->json) {
        (void)printf("%zu letter%s %s in %zu record%s, %zu kept\n", tally.done,
                     tally.done == 1 ? "" : "s", asked->dry ? "would be redriven" : "redriven",
                     redrive.retries, redrive.retries == 1 ? "" : "s", tally.kept);
    }
    redrive_close(&redrive);
    return failed(err) || tally.kept > 0 || tally.stay > 0 ? VERB_FAILED : VERB_DONE;
}

/* ---- drop -------------------------------------------------------------------------------- */

struct drop {
    struct post post;
    size_t gone;
    size_t refused;
};

static void on_gone(void *owner, bool durable)
{
    struct drop *drop = owner;
    *(durable ? &drop->gone : &drop->refused) += 1;
}

static struct err drop_all(struct drop *drop, const struct config *config,
                           const struct letters *letters)
{
    TRY(post_open(&drop->post, &config->kafka));
    for (size_t i = 0; i < letters->listed; i++) {
        for (const struct kept *kept = letters->list[i]; kept != NULL; kept = kept->older) {
            TRY(redrive_bury(&drop->post, &kept->letter, on_gone, drop));
        }
    }
    return NO_ERROR;
}

static void say_json(const struct letters *letters, const char *did)
{
    struct buf out;
    buf_init(&out, DEAD_LINE_BYTES_MAX);
    for (size_t i = 0; i < letters->listed; i++) {
        buf_addf(&out, "{\"did\":\"%s\",", did);
        dead_members(&out, &letters->list[i]->letter);
        buf_add_text(&out, "}\n");
        dead_say(&out);
    }
    buf_close(&out);
}

enum verb_exit dead_drop(const struct config *config, const struct dead_asked *asked,
                         struct letters *letters)
{
    struct drop drop = {0};
    struct err err = NO_ERROR;
    bool does = asked->yes && !asked->dry;
    letters_sort(letters, LETTERS_OLDEST, asked->limit);
    if (does) {
        err = drop_all(&drop, config, letters);
        post_close(&drop.post); /* waits for what is under way */
    }
    bool all = !failed(err) && drop.refused == 0;
    if (asked->json) {
        say_json(letters, !does ? "would_drop" : all ? "dropped" : "dropped_perhaps");
    } else if (!does && letters->listed > 0) {
        dead_table(letters);
        (void)printf("\n%zu letter%s would be dropped; --yes does it\n", letters->listed,
                     letters->listed == 1 ? "" : "s");
    } else {
        (void)printf("%zu letter%s dropped\n", all ? letters->listed : drop.gone,
                     letters->listed == 1 ? "" : "s");
    }
    if (!all) {
        (void)fprintf(stderr,
                      "hearback dead drop: Kafka did not take all of it (%s); do it again\n",
                      rd_kafka_err2str(drop.post.refused));
        return VERB_FAILED;
    }
    return VERB_DONE;
}
