/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring of requests. A row is found by its number, never by pointer, because
 * a delayed request may outlive its row. Owns copies of method, target and body;
 * runs under the sandbox's lock.
 */
#include "tests/sandbox/journal.h"

#include "common/clock.h"
#include "common/mem.h"

#include <inttypes.h>

void journal_init(struct journal *journal)
{
    *journal = (struct journal){.oldest = 1, .next = 1};
    journal->rows = mem_must_array(JOURNAL_MAX, sizeof(*journal->rows));
}

static void drop_oldest(struct journal *journal)
{
    struct journal_row *row = &journal->rows[journal->oldest % JOURNAL_MAX];
    journal->bytes -= row->body_bytes;
    mem_free_text(&row->method);
    mem_free_text(&row->target);
    mem_free(row->body);
    *row = (struct journal_row){.seq = 0};
    journal->oldest++;
}

void journal_clear(struct journal *journal)
{
    while (journal->oldest < journal->next) {
        drop_oldest(journal);
    }
    journal->lost = 0;
}

void journal_close(struct journal *journal)
{
    journal_clear(journal);
    mem_free(journal->rows);
    journal->rows = NULL;
}

uint64_t journal_note(struct journal *journal, int64_t wall_ms, const char *method,
                      const char *target, span body)
{
    size_t keep = body.len < JOURNAL_BODY_BYTES_MAX ? body.len : JOURNAL_BODY_BYTES_MAX;
    while (journal->next - journal->oldest >= JOURNAL_MAX ||
           journal->bytes + keep > JOURNAL_BYTES_MAX) {
        drop_oldest(journal);
        journal->lost++;
    }
    struct journal_row *row = &journal->rows[journal->next % JOURNAL_MAX];
    *row = (struct journal_row){
        .seq = journal->next++,
        .wall_ms = wall_ms,
        .method = mem_must_copy_text(method),
        .target = mem_must_copy_text(target),
        .body = keep == 0 ? NULL : mem_must_alloc(keep),
        .body_bytes = keep,
        .body_length = body.len,
        .fault = "none",
    };
    if (keep > 0) {
        memcpy(row->body, body.at, keep);
    }
    journal->bytes += keep;
    return row->seq;
}

void journal_settle(struct journal *journal, uint64_t seq, unsigned status, const char *fault)
{
    struct journal_row *row = &journal->rows[seq % JOURNAL_MAX];
    if (row->seq == seq) {
        row->status = status;
        row->fault = fault;
    }
}

void journal_print(const struct journal *journal, bool bodies, struct buf *out)
{
    buf_add_char(out, '[');
    for (uint64_t seq = journal->oldest; seq < journal->next; seq++) {
        const struct journal_row *row = &journal->rows[seq % JOURNAL_MAX];
        char at[32];
        clock_format(row->wall_ms, at, sizeof(at));
        buf_addf(out, "%s{\"seq\":%" PRIu64 ",\"time\":\"%s\",\"method\":",
                 seq == journal->oldest ? "" : ",", seq, at);
        buf_add_json(out, span_text(row->method));
        buf_add_text(out, ",\"path\":");
        buf_add_json(out, span_text(row->target));
        buf_addf(out, ",\"status\":%u,\"fault\":\"%s\",\"bytes\":%zu", row->status, row->fault,
                 row->body_length);
        if (bodies) {
            buf_addf(out, ",\"cut\":%s,\"body\":",
                     row->body_bytes < row->body_length ? "true" : "false");
            buf_add_json(out, span_of(row->body, row->body_bytes));
        }
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}
