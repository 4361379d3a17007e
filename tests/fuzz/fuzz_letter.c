/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes letter_read, letters_hear, letters_sort (console/letter.c, letters.c),
 * retry_init (retry.c) and text_plain (text.c): records of hearback.dead as anybody
 * may have written them. What is taken for a letter is bounded and harmless, what
 * is kept is what was heard, and what is printed moves no terminal.
 */
#include "console/redrive.h"
#include "console/text.h"
#include "tests/fuzz/fuzz.h"

#include "common/mem.h"

#define HEADERS_MAX 32
#define NAME_MAX_   64

static char names[HEADERS_MAX][NAME_MAX_];

static size_t read_headers(span list, struct letter_header *out)
{
    size_t count = 0;
    while (list.len > 0 && count < HEADERS_MAX) {
        span one = fuzz_until(&list, FUZZ_JOIN);
        span name = fuzz_until(&one, '=');
        span_to_text(name, names[count], NAME_MAX_);
        out[count] = (struct letter_header){names[count], one};
        count++;
    }
    return count;
}

static void check_letter(const struct letter *letter)
{
    struct buf out;
    span texts[] = {letter->key,    letter->worker, letter->reason, letter->detail,
                    letter->effect, letter->order,  letter->stage,  letter->first.topic};
    CHECK(letter->worker.len > 0 && letter->worker.len <= LETTER_WORKER_MAX);
    CHECK(letter->digest.len == LETTER_DIGEST_LEN && letter->first.partition >= 0 &&
          letter->first.offset >= 0 && letter->first.topic.len <= LETTER_TOPIC_MAX);
    CHECK(letter->whole == (letter->effect.len == 0));
    buf_init(&out, 1u << 20);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        CHECK(texts[i].len <= LETTER_KEY_MAX);
        text_plain(&out, texts[i]);
    }
    CHECK(!out.broken && span_utf8(buf_span(&out)));
    for (size_t i = 0; i < out.len; i++) {
        CHECK(out.at[i] >= 0x20 && out.at[i] != 0x7F);
    }
    buf_close(&out);
}

static void check_retry(struct letters *letters)
{
    struct retry retry;
    letters_sort(letters, LETTERS_PLACE, 0);
    for (size_t i = 0; i < letters->listed; i++) {
        const struct letter *letter = &letters->list[i]->letter;
        retry_init(&retry, &letters->list[i], 1, NULL, 0);
        CHECK(retry.count == (letter->whole ? 4 : 5));
        CHECK(retry.only.len == (letter->whole ? 0 : LETTER_DIGEST_LEN));
        retry_close(&retry);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = span_of(data, size);
    struct letters letters;
    letters_init(&letters, &(struct letter_filter){.worker = NULL});
    while (rest.len > 0) {
        struct letter_header headers[HEADERS_MAX];
        struct letter letter = {.partition = rest.at[0] & 1, .at_ms = rest.at[0]};
        span key = fuzz_piece(&rest);
        span list = fuzz_piece(&rest);
        span value = fuzz_piece(&rest);
        size_t count = read_headers(list, headers);
        enum letter_read what =
            letter_read(key, value.len == 0 ? SPAN_NONE : value, headers, count, &letter);
        if (what == LETTER_READ_LETTER) {
            check_letter(&letter);
        }
        letters_hear(&letters, what, &letter);
        CHECK(letters.count <= letters.count_max);
    }
    check_retry(&letters);
    letters_close(&letters);
    return 0;
}
