/* SPDX-License-Identifier: Apache-2.0
 *
 * A place in the changelog: of each partition the offset that comes next. Every
 * line before it was, every line from it on may have been, applied to the view.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_CHANGELOG_PLACE_H
#define HEARBACK_CONSUMER_ENGINE_CHANGELOG_PLACE_H

#include <stdint.h>

#define CHANGELOG_PARTITIONS_MAX 512

struct changelog_place {
    int32_t partitions;                     /* 0: nothing is known */
    int64_t next[CHANGELOG_PARTITIONS_MAX]; /* negative: not known of this one */
};

#endif
