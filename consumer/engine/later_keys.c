/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of a partition's later entries. Pure.
 */
#include "consumer/engine/later_keys.h"

#include <stdio.h>

void later_keys_make(const char *worker, const struct origin *place, struct later_keys *keys)
{
    char topic[LATER_TOPIC_ROOM];
    CHECK(place->topic.len < sizeof(topic));
    span_to_text(place->topic, topic, sizeof(topic));
    int due = snprintf(keys->due, sizeof(keys->due), "hearback:later:{%s/%s/%d}", worker, topic,
                       (int)place->partition);
    CHECK(due > 0 && (size_t)due < sizeof(keys->due));
    int entries = snprintf(keys->entries, sizeof(keys->entries), "%s:entries", keys->due);
    CHECK(entries > 0 && (size_t)entries < sizeof(keys->entries));
    keys->spans[0] = span_text(keys->due);
    keys->spans[1] = span_text(keys->entries);
}
