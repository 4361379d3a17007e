/* SPDX-License-Identifier: Apache-2.0
 *
 * The headers of a retry record. Pure.
 */
#include "console/redrive.h"

#include <inttypes.h>
#include <stdio.h>

static void add(struct retry *retry, const char *name, span value)
{
    CHECK(retry->count < RETRY_HEADERS_MAX);
    retry->headers[retry->count++] = (struct post_header){.name = name, .value = value};
}

/* What a record says of itself, and nothing that is said about its way. The last of a name counts.
 */
static void add_envelope(struct retry *retry, const struct post_header *source, size_t count)
{
    static const char *const names[] = {"ce_id",          "ce_type",      "ce_source",  "ce_time",
                                        "ce_specversion", "content-type", "traceparent"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        for (size_t j = count; j > 0; j--) {
            if (strcmp(source[j - 1].name, names[i]) == 0) {
                add(retry, names[i], source[j - 1].value);
                break;
            }
        }
    }
}

void retry_init(struct retry *retry, struct kept *const *letters, size_t count,
                const struct post_header *source, size_t source_count)
{
    const struct letter *first = &letters[0]->letter;
    CHECK(count > 0 && count <= REDRIVE_EFFECTS_MAX);
    retry->count = 0;
    buf_init(&retry->only, (size_t)REDRIVE_EFFECTS_MAX * LETTER_DIGEST_LEN + 1);
    (void)snprintf(retry->partition, sizeof(retry->partition), "%" PRId32, first->first.partition);
    (void)snprintf(retry->offset, sizeof(retry->offset), "%" PRId64, first->first.offset);
    add_envelope(retry, source, source_count);
    add(retry, RETRY_TOPIC, first->first.topic);
    add(retry, RETRY_PARTITION, span_text(retry->partition));
    add(retry, RETRY_OFFSET, span_text(retry->offset));
    add(retry, RETRY_AGAIN, span_text(RETRY_DEAD));
    for (size_t i = 0; i < count && !first->whole; i++) {
        char digest[LETTER_DIGEST_ROOM];
        letter_digest(letters[i]->letter.effect, digest);
        buf_add_text(&retry->only, digest);
    }
    CHECK(!retry->only.broken);
    if (!first->whole) {
        add(retry, RETRY_ONLY, buf_span(&retry->only));
    }
}

void retry_close(struct retry *retry)
{
    buf_close(&retry->only);
}
