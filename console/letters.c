/* SPDX-License-Identifier: Apache-2.0
 *
 * Letters by their key, then sorted. One thread.
 */
#include "console/letters.h"

#include "common/mem.h"
#include "common/own.h"

#include <stdlib.h>

#define BUCKETS_FIRST 1024

void letters_init(struct letters *letters, const struct letter_filter *filter)
{
    *letters = (struct letters){
        .filter = *filter, .count_max = LETTERS_COUNT_MAX, .bucket_count = BUCKETS_FIRST};
    letters->buckets = mem_must_array(BUCKETS_FIRST, sizeof(struct kept *));
}

void letters_close(struct letters *letters)
{
    for (size_t i = 0; i < letters->bucket_count; i++) {
        while (letters->buckets[i] != NULL) {
            struct kept *kept = letters->buckets[i];
            letters->buckets[i] = kept->next;
            mem_free(kept);
        }
    }
    mem_free(TAKE(letters->buckets));
    mem_free(TAKE(letters->list));
    letters->bucket_count = 0;
}

/* A key belongs to its partition: when partitions were added it goes to another one, and what
 * stands in the old one is taken away there. */
static struct kept **find(struct letters *letters, const struct letter *letter, uint64_t hash)
{
    struct kept **at = &letters->buckets[hash & (letters->bucket_count - 1)];
    while (*at != NULL && ((*at)->hash != hash || (*at)->letter.partition != letter->partition ||
                           !span_equal((*at)->letter.key, letter->key))) {
        at = &(*at)->next;
    }
    return at;
}

static void grow(struct letters *letters)
{
    struct kept **old = letters->buckets;
    size_t old_count = letters->bucket_count;
    letters->bucket_count = old_count * 2;
    letters->buckets = mem_must_array(letters->bucket_count, sizeof(struct kept *));
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct kept *kept = old[i];
            old[i] = kept->next;
            struct kept **at = &letters->buckets[kept->hash & (letters->bucket_count - 1)];
            kept->next = *at;
            *at = kept;
        }
    }
    mem_free(old);
}

/* The letter's spans, for copying and for counting. */
#define LETTER_SPANS 13

static void spans_of(struct letter *letter, span *out[LETTER_SPANS])
{
    span *const all[LETTER_SPANS] = {&letter->key,        &letter->worker,   &letter->reason,
                                     &letter->detail,     &letter->effect,   &letter->order,
                                     &letter->stage,      &letter->attempts, &letter->first_at,
                                     &letter->last_at,    &letter->digest,   &letter->first.topic,
                                     &letter->traceparent};
    memcpy(out, all, sizeof(all));
}

static struct kept *copy_of(const struct letter *letter, uint64_t hash)
{
    span *texts[LETTER_SPANS];
    struct letter copy = *letter;
    size_t bytes = 0;
    spans_of(&copy, texts);
    for (size_t i = 0; i < LETTER_SPANS; i++) {
        bytes += texts[i]->len;
    }
    struct kept *kept = mem_must_alloc(sizeof(*kept) + bytes);
    uint8_t *to = (uint8_t *)(kept + 1);
    *kept = (struct kept){.hash = hash, .bytes = sizeof(*kept) + bytes, .letter = copy};
    spans_of(&kept->letter, texts);
    for (size_t i = 0; i < LETTER_SPANS; i++) {
        if (texts[i]->len > 0) {
            memcpy(to, texts[i]->at, texts[i]->len);
        }
        texts[i]->at = to;
        to += texts[i]->len;
    }
    return kept;
}

static void forget(struct letters *letters, struct kept **at)
{
    struct kept *kept = *at;
    *at = kept->next;
    letters->bytes -= kept->bytes;
    letters->count--;
    mem_free(kept);
}

void letters_hear(struct letters *letters, enum letter_read what, const struct letter *letter)
{
    if (what == LETTER_READ_STRANGE || what == LETTER_READ_COPY) {
        letters->strange += what == LETTER_READ_STRANGE ? 1 : 0;
        return;
    }
    uint64_t hash = span_hash(letter->key);
    struct kept **at = find(letters, letter, hash);
    if (*at != NULL) {
        forget(letters, at);
    }
    if (what == LETTER_READ_TOMBSTONE || !letter_matches(&letters->filter, letter)) {
        return;
    }
    if (letters->count == letters->count_max || letters->bytes >= LETTERS_BYTES_MAX) {
        letters->missed++;
        return;
    }
    if (letters->count == letters->bucket_count) {
        grow(letters);
        at = find(letters, letter, hash);
    }
    struct kept *kept = copy_of(letter, hash);
    kept->next = *at;
    *at = kept;
    letters->bytes += kept->bytes;
    letters->count++;
}

/* ---- order ------------------------------------------------------------------------------- */

static int by_number(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_text(span a, span b)
{
    size_t i = 0;
    while (i < a.len && i < b.len && a.at[i] == b.at[i]) {
        i++;
    }
    return i < a.len && i < b.len ? by_number(a.at[i], b.at[i])
                                  : by_number((int64_t)a.len, (int64_t)b.len);
}

static int by_record(const struct letter *a, const struct letter *b)
{
    int order = by_text(a->worker, b->worker);
    order = order != 0 ? order : by_text(a->first.topic, b->first.topic);
    order = order != 0 ? order : by_number(a->first.partition, b->first.partition);
    order = order != 0 ? order : by_number(a->first.offset, b->first.offset);
    order = order != 0 ? order : by_number(a->whole, b->whole);
    return order != 0 ? order : by_text(a->digest, b->digest);
}

bool letters_same_record(const struct letter *a, const struct letter *b)
{
    return by_record(a, b) == 0;
}

static const struct letter *letter_at(const void *element)
{
    struct kept *const *kept = element;
    return &(*kept)->letter;
}

static int newer_first(const void *a, const void *b)
{
    const struct letter *one = letter_at(a);
    const struct letter *two = letter_at(b);
    int order = by_number(two->at_ms, one->at_ms);
    order = order != 0 ? order : by_number(one->partition, two->partition);
    return order != 0 ? order : by_number(two->offset, one->offset);
}

static int older_first(const void *a, const void *b)
{
    return newer_first(b, a);
}

static int same_effect(const struct letter *a, const struct letter *b)
{
    int order = by_text(a->worker, b->worker);
    order = order != 0 ? order : by_number(a->whole, b->whole);
    if (order != 0 || a->whole) {
        return order != 0 ? order : by_record(a, b);
    }
    order = by_text(a->effect, b->effect);
    return order != 0 ? order : by_text(a->order, b->order);
}

static int effect_then_newer(const void *a, const void *b)
{
    int order = same_effect(letter_at(a), letter_at(b));
    return order != 0 ? order : newer_first(a, b);
}

static int record_then_effect(const void *a, const void *b)
{
    int order = by_record(letter_at(a), letter_at(b));
    return order != 0 ? order : by_text(letter_at(a)->effect, letter_at(b)->effect);
}

/* Puts the older letters of an effect behind its newest, and out of the list. */
static void fold(struct letters *letters)
{
    size_t kept = 0;
    qsort(letters->list, letters->listed, sizeof(letters->list[0]), effect_then_newer);
    for (size_t i = 0; i < letters->listed; i++) {
        struct kept *one = letters->list[i];
        struct kept *newest = kept == 0 ? NULL : letters->list[kept - 1];
        one->older = NULL;
        if (newest != NULL && same_effect(&newest->letter, &one->letter) == 0) {
            one->older = newest->older;
            newest->older = one;
        } else {
            letters->list[kept++] = one;
        }
    }
    letters->listed = kept;
    letters->total = kept;
}

void letters_sort(struct letters *letters, enum letters_order order, size_t limit)
{
    mem_free(TAKE(letters->list));
    letters->list = mem_must_array(letters->count + 1, sizeof(letters->list[0]));
    letters->listed = 0;
    for (size_t i = 0; i < letters->bucket_count; i++) {
        for (struct kept *kept = letters->buckets[i]; kept != NULL; kept = kept->next) {
            letters->list[letters->listed++] = kept;
        }
    }
    fold(letters);
    qsort(letters->list, letters->listed, sizeof(letters->list[0]),
          order == LETTERS_NEWEST ? newer_first : older_first);
    if (limit > 0 && limit < letters->listed) {
        letters->listed = limit;
    }
    if (order == LETTERS_PLACE) {
        qsort(letters->list, letters->listed, sizeof(letters->list[0]), record_then_effect);
    }
}
