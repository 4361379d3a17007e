/* SPDX-License-Identifier: Apache-2.0
 *
 * An owned, growing byte buffer with a maximum given at birth. Passing the
 * maximum, or running out of memory, marks the buffer as failed, frees what it
 * held, and every later append does nothing: callers append in a row and ask
 * once, with buf_ok or by the result of buf_span.
 */
#ifndef HEARBACK_COMMON_BUF_H
#define HEARBACK_COMMON_BUF_H

#include "common/arena.h"
#include "common/err.h"
#include "common/span.h"

struct buf {
    uint8_t *at;
    size_t len;
    size_t room;
    size_t max;
    bool broken; /* the maximum was passed or memory ran out; holds nothing */
};

void buf_init(struct buf *buf, size_t bytes_max);
void buf_close(struct buf *buf); /* frees; the buffer may be initialised again */
void buf_clear(struct buf *buf); /* empty and unbroken again, keeps its memory */

void buf_add(struct buf *buf, span bytes);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_whole(struct buf *buf, int64_t whole); /* in decimal */
void buf_addf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
/* As a JSON string with its quotes; control characters and invalid UTF-8 are escaped or replaced.
 */
void buf_add_json(struct buf *buf, span text);
/* Percent-encoded for a path segment or a query value. */
void buf_add_url(struct buf *buf, span text);
void buf_add_hex(struct buf *buf, span bytes);

/* Room for `most` more bytes, to be written by hand; NULL when the buffer is broken. What was
 * written is appended by buf_wrote. */
uint8_t *buf_reserve(struct buf *buf, size_t most);
void buf_wrote(struct buf *buf, size_t bytes);

/* ERR_RETRY with code ENOMEM when an append failed. */
MUST_USE struct err buf_ok(const struct buf *buf);
/* As a failed append: for whoever could not make what was to be added. */
void buf_break(struct buf *buf);
/* Borrowed until the next append. */
span buf_span(const struct buf *buf);
/* NUL-terminated, borrowed until the next append; "" when broken. */
const char *buf_text(struct buf *buf);
/* Moves what was built into the arena and closes the buffer, in any case. ERR_RETRY when an append
 * failed or the arena is full. */
MUST_USE struct err buf_into(struct buf *buf, struct arena *arena, span *out);
/* Hands the bytes over, to be given to mem_free; the buffer is empty after. NULL when broken. */
uint8_t *buf_take(struct buf *buf, size_t *len);

#endif
