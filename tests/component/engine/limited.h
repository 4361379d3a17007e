/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker for what vendors say of their rates, and its bench. An item's effect is
 * named WORD.KEY; the word's first letter says which call it makes, the key is what
 * limits by key count it under:
 *   r   GET     /read/EFFECT
 *   w   POST    a comment on the issue KEY, as jira_comment builds it
 *   d   DELETE  /drop/EFFECT
 * A refusal is about what its body names: "key", "all" or "class".
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_LIMITED_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_LIMITED_H

#include "tests/component/engine/errand.h"

#define SECOND INT64_C(1000)

/* The bench with this worker and a vendor that has these limits, under the settings' defaults. */
void limited_bench(struct bench *bench, const struct limit *limits, size_t count);
/* What the next effects cost; 0: nothing is said of it. */
void limited_cost(int64_t cost);

/* Each item has an order key of its own. */
void limited_admit(struct rig *rig, const char *effect);

#endif
