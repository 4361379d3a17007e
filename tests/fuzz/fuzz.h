/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share. An input is bytes; a target that wants several
 * values of it cuts it into pieces at FUZZ_CUT, so that seeds stay readable and
 * mutations meaningful. Targets read no clock and draw nothing: an input does
 * the same on every run. What must hold is a CHECK.
 */
#ifndef HEARBACK_TESTS_FUZZ_FUZZ_H
#define HEARBACK_TESTS_FUZZ_FUZZ_H

#include "common/arena.h"
#include "common/err.h"
#include "common/span.h"

#define FUZZ_CUT  0x1E /* between pieces */
#define FUZZ_JOIN 0x1D /* between the parts of a piece that is a list */

/* The target; libFuzzer or replay.c calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What stands before the next `cut`, which goes too; empty at the end. */
span fuzz_until(span *rest, uint8_t cut);
span fuzz_piece(span *rest);
/* One byte; 0 at the end. */
uint8_t fuzz_byte(span *rest);

/* Does `part` stand in `text`? ASCII case does not matter; an empty part stands nowhere. */
bool fuzz_contains(span text, span part);
/* Reads every byte, so that a sanitizer sees a span that is not alive. */
void fuzz_touch(span text);
/* Percent signs undone. */
span fuzz_url_decoded(struct arena *arena, span text);

#endif
