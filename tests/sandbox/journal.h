/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything the vendors were sent, in order of arrival: a ring of the last
 * JOURNAL_MAX requests with what was answered. Control calls (/sandbox) are not in
 * it. `seq` goes on counting after a reset, so an answer to a request from before
 * it never lands in a new row; `lost` says how many rows the ring pushed out. Kept
 * under the sandbox's lock.
 */
#ifndef HEARBACK_TESTS_SANDBOX_JOURNAL_H
#define HEARBACK_TESTS_SANDBOX_JOURNAL_H

#include "common/buf.h"

#define JOURNAL_MAX            20000
#define JOURNAL_BODY_BYTES_MAX (64U << 10)
#define JOURNAL_BYTES_MAX      (256U << 20) /* all bodies; the oldest rows make room */

struct journal_row {
    uint64_t seq;
    int64_t wall_ms;
    char *method;
    char *target;
    uint8_t *body;
    size_t body_bytes;  /* kept */
    size_t body_length; /* sent */
    unsigned status;    /* 0: none was answered (yet) */
    const char *fault;  /* static */
};

struct journal {
    struct journal_row *rows; /* JOURNAL_MAX of them */
    uint64_t oldest;          /* seq of the oldest row kept */
    uint64_t next;            /* seq of the next one */
    uint64_t lost;            /* pushed out since the last reset */
    size_t bytes;
};

void journal_init(struct journal *journal);
void journal_close(struct journal *journal);
void journal_clear(struct journal *journal);

uint64_t journal_note(struct journal *journal, int64_t wall_ms, const char *method,
                      const char *target, span body);
/* The row may be gone by then; that is no error. */
void journal_settle(struct journal *journal, uint64_t seq, unsigned status, const char *fault);

/* A JSON array, oldest first. */
void journal_print(const struct journal *journal, bool bodies, struct buf *out);

#endif
