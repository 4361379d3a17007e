/* SPDX-License-Identifier: Apache-2.0
 *
 * The Lua scripts of consumer/scripts/, compiled in. Each touches keys of one
 * hash tag, reads no clock, and bears being run twice. Its last argument is
 * SCRIPT_LIVE, or SCRIPT_DRY to learn what a live run would return and change
 * nothing (prelude.lua, which heads each). It returns a list:
 *   word, text, journal, extras…
 * where the journal is a flat list of quads (kind, key, field, value) that the
 * ledger appends to the changelog before the result counts; kind S is a string
 * key, H a field of a hash, Z a member of a sorted set (the field) with its score
 * (the value); a value that is no text (false) takes it back. A dry run's journal is empty.
 */
#ifndef HEARBACK_CONSUMER_SCRIPTS_H
#define HEARBACK_CONSUMER_SCRIPTS_H

#include "consumer/worker.h"

#define SCRIPT_LIVE "live"
#define SCRIPT_DRY  "dry"

extern struct script script_claim;
extern struct script script_record;
extern struct script script_lease;
extern struct script script_seen_mark;
extern struct script script_mark;
extern struct script script_restate;
extern struct script script_restore_clear;
extern struct script script_restore_apply;
extern struct script script_restore_done;
extern struct script script_restore_unlock;
extern struct script script_budget_take;
extern struct script script_hold_take;
extern struct script script_theme_weigh;
extern struct script script_theme_keep;
extern struct script script_theme_return;
extern struct script script_later_put;
extern struct script script_later_due;
extern struct script script_later_drop;

/* All of them, NULL last. */
extern struct script *const scripts_all[];

/* Fills in each script's SHA-1. Once, before anything is sent. */
void scripts_init(void);
/* Tells Redis all scripts; calls by SHA-1 that are sent behind this find them. */
void scripts_load(struct redis *redis);

#endif
