/* SPDX-License-Identifier: Apache-2.0
 *
 * What a dead letter and a retry record are called, for those who write them
 * (the workers; the console, which redrives) and those who read them. The topic
 * hearback.dead holds three kinds: an item's letter, the letter of a record that
 * yields no items at all, and the copy of a record whose items have letters.
 * Pure functions, any thread.
 */
#ifndef HEARBACK_COMMON_LETTER_H
#define HEARBACK_COMMON_LETTER_H

#include "common/buf.h"

/* The header `kind` of what stands in hearback.dead. */
#define LETTER_KIND_ITEM   "item"   /* an item: its fragment of the record */
#define LETTER_KIND_WHOLE  "whole"  /* a record that yields no items: itself */
#define LETTER_KIND_RECORD "record" /* no letter: the record of items that have letters */

/* Headers of a record of hearback.retry.WORKER, beside those of the record itself. */
#define RETRY_TOPIC     "hearback_source_topic" /* where the record stood first */
#define RETRY_PARTITION "hearback_source_partition"
#define RETRY_OFFSET    "hearback_source_offset"
#define RETRY_ONLY      "hearback_only" /* letter_digest of each effect to run, one behind the other */
#define RETRY_AGAIN     "hearback_again" /* what about it is to be done again */
#define RETRY_DEAD      "dead"           /* what it is for letters */
#define RETRY_PREFIX    "hearback_"

#define LETTER_DIGEST_LEN  16
#define LETTER_DIGEST_ROOM (LETTER_DIGEST_LEN + 1)

/* Where a record stands. */
struct letter_place {
    span topic;
    int32_t partition;
    int64_t offset;
};

/* span_hash in sixteen lower-case hexadecimal digits and a NUL. */
void letter_digest(span bytes, char out[LETTER_DIGEST_ROOM]);

/* The key of a record's copy: record:TOPIC/PARTITION/OFFSET. */
void letter_key_copy(struct buf *out, const struct letter_place *first);
/* The keys of letters: WORKER/ORDER KEY/EFFECT, and WORKER/record:TOPIC/PARTITION/OFFSET. `retried`
 * is the retry record's place when it came by one, else NULL: it stands behind the key, so that the
 * tombstone of a letter that is redriven cannot hit the letter that comes of it. */
void letter_key_item(struct buf *out, const char *worker, span order, span effect,
                     const struct letter_place *retried);
void letter_key_whole(struct buf *out, const char *worker, const struct letter_place *first,
                      const struct letter_place *retried);

#endif
