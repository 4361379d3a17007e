/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of the changelog as text: its key says what kind of thing in Redis it is
 * of, S a string, H a field of a hash, Z a member of a sorted set, and where; its
 * value is what stands there. Written by the ledger, read by the restore, which
 * believes nothing it cannot parse. Pure functions.
 */
#include "consumer/engine/ledger.h"

#define LEDGER_FIELD_SEPARATOR '\x1f'

void ledger_line_key(const struct ledger_line *line, struct buf *key)
{
    buf_add_char(key, line->kind);
    buf_add_char(key, ':');
    buf_add(key, line->key);
    if (line->kind != 'S') {
        buf_add_char(key, LEDGER_FIELD_SEPARATOR);
        buf_add(key, line->field);
    }
}

bool ledger_kind_known(char kind)
{
    return kind == 'S' || kind == 'H' || kind == 'Z';
}

/* What Redis takes for a score, and is finite. */
static bool is_score(span text)
{
    size_t digits = 0;
    size_t at = text.len > 0 && text.at[0] == '-' ? 1 : 0;
    for (bool point = false; at < text.len; at++) {
        if (text.at[at] == '.' && !point && digits > 0) {
            point = true;
            continue;
        }
        if (text.at[at] < '0' || text.at[at] > '9') {
            return false;
        }
        digits++;
    }
    return digits > 0 && text.len <= 32;
}

bool ledger_line_parse(span key, span value, struct ledger_line *line)
{
    if (key.len < 3 || key.at[1] != ':' || !ledger_kind_known((char)key.at[0])) {
        return false;
    }
    if (key.at[0] == 'Z' && value.at != NULL && !is_score(value)) {
        return false;
    }
    *line = (struct ledger_line){.kind = (char)key.at[0], .value = value};
    line->key = span_of(key.at + 2, key.len - 2);
    if (line->kind == 'S') {
        return true;
    }
    const uint8_t *border = memchr(line->key.at, LEDGER_FIELD_SEPARATOR, line->key.len);
    if (border == NULL) {
        return false;
    }
    size_t len = (size_t)(border - line->key.at);
    line->field = span_of(border + 1, line->key.len - len - 1);
    line->key.len = len;
    return true;
}
