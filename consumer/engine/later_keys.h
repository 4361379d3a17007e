/* SPDX-License-Identifier: Apache-2.0
 *
 * Where later entries stand in the ledger: two keys a partition of the topic the
 * items came from, shared by who writes them (stages_later.c) and who reads what
 * is due (later.c).
 */
#ifndef HEARBACK_CONSUMER_ENGINE_LATER_KEYS_H
#define HEARBACK_CONSUMER_ENGINE_LATER_KEYS_H

#include "consumer/worker.h"

struct later_keys {
    char due[256]; /* sorted set: effect id by due time */
    char entries[288]; /* hash: effect id to {"offset":…,"at":…,"due":…,"put":…,"r":…,"k":…} */
    span spans[2];
};

/* `record`: any of that topic and partition. */
void later_keys_make(const char *worker, const struct record *record, struct later_keys *keys);

#endif
