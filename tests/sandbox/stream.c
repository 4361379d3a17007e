/* SPDX-License-Identifier: Apache-2.0
 *
 * The callbacks behind a cut or endless body. A cut one announces its whole
 * length, sends half and closes; an endless one starts as the real answer and
 * goes on with blanks (valid JSON has not ended until then) until the client
 * leaves, the faults are cleared or the server stops. Runs in the connection's
 * thread; the state is freed with the response.
 */
#include "tests/sandbox/stream.h"

#include "common/mem.h"

#define ENDLESS_BLOCK_BYTES 1024

struct stream {
    struct sandbox *sandbox;
    enum fault_kind kind;
    int64_t ms;
    size_t len;
    uint8_t body[];
};

static ssize_t read_cut(const struct stream *stream, uint64_t pos, char *out, size_t room)
{
    size_t half = stream->len / 2;
    if (pos >= half) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t part = half - (size_t)pos < room ? half - (size_t)pos : room;
    memcpy(out, stream->body + pos, part);
    return (ssize_t)part;
}

static ssize_t read_endless(const struct stream *stream, uint64_t pos, char *out, size_t room)
{
    /* All but its last byte, so that it never becomes a whole JSON text. */
    size_t start = stream->len == 0 ? 0 : stream->len - 1;
    if (pos < start) {
        size_t part = start - (size_t)pos < room ? start - (size_t)pos : room;
        memcpy(out, stream->body + pos, part);
        return (ssize_t)part;
    }
    if (!sandbox_wait(stream->sandbox, stream->ms > 0 ? stream->ms : 1)) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t part = room < ENDLESS_BLOCK_BYTES ? room : ENDLESS_BLOCK_BYTES;
    memset(out, ' ', part);
    return (ssize_t)part;
}

static ssize_t read_more(void *cls, uint64_t pos, char *out, size_t room)
{
    const struct stream *stream = cls;
    return stream->kind == FAULT_TRUNCATE ? read_cut(stream, pos, out, room)
                                          : read_endless(stream, pos, out, room);
}

struct MHD_Response *stream_response(struct sandbox *sandbox, const struct hit *hit, span body)
{
    struct stream *stream = mem_must_alloc(sizeof(*stream) + body.len);
    stream->sandbox = sandbox;
    stream->kind = hit->kind;
    stream->ms = hit->ms;
    stream->len = body.len;
    if (body.len > 0) {
        memcpy(stream->body, body.at, body.len);
    }
    uint64_t announced = hit->kind == FAULT_TRUNCATE ? body.len : MHD_SIZE_UNKNOWN;
    struct MHD_Response *response = MHD_create_response_from_callback(
        announced, ENDLESS_BLOCK_BYTES, read_more, stream, mem_free);
    if (response == NULL) {
        mem_free(stream);
    }
    return response;
}
