/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and digests of dead letters. Pure functions, any thread.
 */
#include "common/letter.h"

#include <inttypes.h>
#include <stdio.h>

void letter_digest(span bytes, char out[LETTER_DIGEST_ROOM])
{
    (void)snprintf(out, LETTER_DIGEST_ROOM, "%016" PRIx64, span_hash(bytes));
}

void letter_key_copy(struct buf *out, const struct letter_place *first)
{
    buf_addf(out, "record:" SPAN_FMT "/%" PRId32 "/%" PRId64, SPAN_ARG(first->topic),
             first->partition, first->offset);
}

static void add_retried(struct buf *out, const struct letter_place *retried)
{
    if (retried != NULL) {
        buf_addf(out, "@%" PRId32 "/%" PRId64, retried->partition, retried->offset);
    }
}

void letter_key_item(struct buf *out, const char *worker, span order, span effect,
                     const struct letter_place *retried)
{
    buf_addf(out, "%s/", worker);
    buf_add(out, order);
    buf_add_char(out, '/');
    buf_add(out, effect);
    add_retried(out, retried);
}

void letter_key_whole(struct buf *out, const char *worker, const struct letter_place *first,
                      const struct letter_place *retried)
{
    buf_addf(out, "%s/", worker);
    letter_key_copy(out, first);
    add_retried(out, retried);
}
