/* SPDX-License-Identifier: Apache-2.0
 *
 * Others' words on the operator's terminal. Pure, any thread.
 */
#ifndef HEARBACK_CONSOLE_TEXT_H
#define HEARBACK_CONSOLE_TEXT_H

#include "common/buf.h"

/* The text with a question mark for each control character and each byte that is no UTF-8: nothing
 * in it can move the cursor, clear the screen or begin a line of its own. */
void text_plain(struct buf *out, span text);
/* As text_plain, "-" when empty, filled up with blanks to `width` characters. */
void text_cell(struct buf *out, span text, size_t width);
/* Characters of it on the terminal, near enough. */
size_t text_width(span text);
/* "NAME":"text" with a comma behind; a member of a JSON object. */
void text_member(struct buf *out, const char *name, span text);

#endif
