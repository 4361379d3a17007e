/* SPDX-License-Identifier: Apache-2.0
 *
 * Where later entries stand in the ledger: two keys a partition of the topic the
 * items came from, shared by who writes them (stages_later.c) and who reads what
 * is due (later.c).
 */
#ifndef HEARBACK_CONSUMER_ENGINE_LATER_KEYS_H
#define HEARBACK_CONSUMER_ENGINE_LATER_KEYS_H

#include "consumer/worker.h"

#define LATER_TOPIC_ROOM 256
#define LATER_KEY_ROOM   (LATER_TOPIC_ROOM + 128)

struct later_keys {
    char due[LATER_KEY_ROOM]; /* sorted set: effect id by due time */
    char entries[LATER_KEY_ROOM +
                 16]; /* hash: effect id to {"offset":…,"at":…,"due":…,"put":…,"r":…,"k":…} */
    span spans[2];
};

/* `place`: any of that topic and partition. */
void later_keys_make(const char *worker, const struct origin *place, struct later_keys *keys);

#endif
