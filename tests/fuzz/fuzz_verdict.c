/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes verdict_wait_ms and the verdict table (consumer/engine/verdict.c) on the
 * time now, transport code, status, and headers a line each: no peer makes us
 * wait longer than an hour, and every end of a call has a verdict and a word.
 */
#include "common/own.h"
#include "consumer/engine/verdict.h"
#include "tests/fuzz/fuzz.h"

#define HEADERS_MAX 32
#define HOUR_MS     (60 * 60 * 1000)

static int number(span text, int64_t min, int64_t max)
{
    int64_t value = 0;
    return span_number(text, min, max, &value) ? (int)value : 0;
}

static size_t read_headers(span rest, struct reply_header headers[HEADERS_MAX])
{
    size_t count = 0;
    while (rest.len > 0 && count < HEADERS_MAX) {
        span line = fuzz_until(&rest, '\n');
        headers[count].name = fuzz_until(&line, ':');
        headers[count++].value = line;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = span_of(data, size);
    struct reply_header headers[HEADERS_MAX];
    int64_t now_ms = 0;
    (void)span_number(fuzz_piece(&rest), 0, INT64_C(253402300800000), &now_ms);
    int transport = number(fuzz_piece(&rest), 0, 200);
    int status = number(fuzz_piece(&rest), 0, 999);
    struct reply reply = {.status = status, .headers = headers};
    reply.header_count = read_headers(rest, headers);
    int64_t wait = verdict_wait_ms(&reply, now_ms);
    CHECK(wait >= 0 && wait <= HOUR_MS);
    for (int reached = 0; reached < 2; reached++) {
        enum verdict verdict = verdict_of(transport, reached != 0, status);
        bool good = transport == 0 && status >= 200 && status < 300;
        CHECK((verdict == VERDICT_READ) == good);
        CHECK((verdict_outcome(transport, reached != 0, status) == BREAKER_SUCCESS) == good);
    }
    CHECK(verdict_reason(transport, status)[0] != 0);
    return 0;
}
