/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing commands. Pure.
 */
#include "common/redis_resp.h"

#define REDIS_LENGTH_MAX (1 + SPAN_WHOLE_ROOM + 2) /* a length, as it is written */

static uint8_t *put(uint8_t *to, span bytes)
{
    memcpy(to, bytes.at, bytes.len);
    to[bytes.len] = '\r';
    to[bytes.len + 1] = '\n';
    return to + bytes.len + 2;
}

/* "*3" or "$12", and the line's end. */
static uint8_t *put_length(uint8_t *to, char kind, size_t length)
{
    char room[SPAN_WHOLE_ROOM];
    *to = (uint8_t)kind;
    return put(to + 1, span_of_whole((int64_t)length, room));
}

void redis_write(struct buf *out, const span *args, size_t count)
{
    size_t most = REDIS_LENGTH_MAX;
    for (size_t i = 0; i < count; i++) {
        most += args[i].len + 2 + REDIS_LENGTH_MAX;
    }
    uint8_t *from = buf_reserve(out, most);
    CHECK(from != NULL); /* commands are of our making */
    uint8_t *to = put_length(from, '*', count);
    for (size_t i = 0; i < count; i++) {
        to = put(put_length(to, '$', args[i].len), args[i].len == 0 ? span_text("") : args[i]);
    }
    buf_wrote(out, (size_t)(to - from));
}
