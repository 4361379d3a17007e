/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of the changelog that may have come behind newer ones, and are said anew.
 * A line of a view that was lost while the broker was slow lands when others have
 * long gone on in the next view, and the changelog's last word on its key is what
 * was; so is that of a refused record which found what stood a moment ago. Of each
 * such key the view is asked, what it holds is appended, and then the view is asked
 * again: until it holds what was said. Part of the ledger; one thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_RESTATE_H
#define HEARBACK_CONSUMER_ENGINE_RESTATE_H

#include "consumer/engine/ledger.h"

struct restate;

struct restate *restate_new(struct ledger *ledger, const struct clock *clock);
void restate_free(struct restate **at);
/* The value is what was said of it last; .value.at NULL: a line that may be anywhere. */
void restate_add(struct restate *restate, const struct ledger_line *line);
/* Once a turn. Only while the ledger is open. */
void restate_turn(struct restate *restate);
size_t restate_count(const struct restate *restate);

#endif
