/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes ledger_line_parse and ledger_line_key (consumer/engine/ledger.c): a key
 * of the changelog that is read as a line is written as the same key again, and
 * a line that is written is read as the same line.
 */
#include "consumer/engine/ledger.h"
#include "tests/fuzz/fuzz.h"

#define SEPARATOR 0x1F /* what the ledger puts between key and field */

static void check_written(const struct ledger_line *line)
{
    struct buf key;
    struct ledger_line read;
    bool ambiguous = line->kind != 'S' && line->key.len > 0 &&
                     memchr(line->key.at, SEPARATOR, line->key.len) != NULL;
    buf_init(&key, 1u << 20);
    ledger_line_key(line, &key);
    if (line->key.len > 0 && !ambiguous) {
        CHECK(ledger_line_parse(buf_span(&key), line->value, &read));
        CHECK(read.kind == line->kind && span_equal(read.key, line->key) &&
              span_equal(read.field, line->field) && span_equal(read.value, line->value));
    }
    buf_close(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = span_of(data, size);
    span key = fuzz_piece(&rest);
    span field = fuzz_piece(&rest);
    struct ledger_line read;
    if (ledger_line_parse(key, rest, &read)) {
        struct buf again;
        buf_init(&again, 1u << 20);
        ledger_line_key(&read, &again);
        CHECK(span_equal(buf_span(&again), key));
        fuzz_touch(read.value);
        buf_close(&again);
    }
    check_written(&(struct ledger_line){.kind = 'S', .key = key, .value = rest});
    check_written(&(struct ledger_line){.kind = 'H', .key = key, .field = field, .value = rest});
    check_written(
        &(struct ledger_line){.kind = 'Z', .key = key, .field = field, .value = span_text("-7.5")});
    check_written(&(struct ledger_line){.kind = 'Z', .key = key, .field = field});
    return 0;
}
