/* SPDX-License-Identifier: Apache-2.0
 *
 * The letters that are open and wanted: what is left when hearback.dead is heard
 * from its beginning to its end. The newest letter of a key counts, a tombstone
 * takes it away, each in its partition. Only what matches is kept, and only so much: what did not
 * fit is counted, for the caller to say. One thread.
 */
#ifndef HEARBACK_CONSOLE_LETTERS_H
#define HEARBACK_CONSOLE_LETTERS_H

#include "console/letter.h"

#define LETTERS_COUNT_MAX 100000
#define LETTERS_BYTES_MAX (128u << 20) /* of their texts */

struct kept {
    struct kept *next;  /* in its bucket */
    struct kept *older; /* letters of the same effect that this one replaces under another key */
    uint64_t hash;
    size_t bytes;
    struct letter letter; /* its texts are this allocation's */
};

struct letters {
    struct letter_filter filter;
    size_t count_max; /* LETTERS_COUNT_MAX; less in tests */
    struct kept **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    size_t bytes;
    size_t missed;  /* matched, and did not fit */
    size_t strange; /* were nothing of ours */
    struct kept **list;
    size_t listed;
    size_t total; /* listed, without the limit: the rest stands behind */
};

void letters_init(struct letters *letters, const struct letter_filter *filter);
void letters_close(struct letters *letters);
/* The next record of the topic, in the order of its partition. Everything is copied. */
void letters_hear(struct letters *letters, enum letter_read what, const struct letter *letter);

enum letters_order {
    LETTERS_NEWEST, /* the newest first */
    LETTERS_OLDEST,
    LETTERS_PLACE, /* by worker and the record they came from: those of one record together */
};
/* All is heard: letters->list has the newest of each effect; of more than `limit` (0: no limit) the
 * newest ones, or the oldest ones unless the order is LETTERS_NEWEST. */
void letters_sort(struct letters *letters, enum letters_order order, size_t limit);
/* Are the two of one record? */
bool letters_same_record(const struct letter *a, const struct letter *b);

#endif
