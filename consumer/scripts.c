/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of scripts and their names for Redis. The texts come from
 * consumer/scripts/ through the generated scripts_text.h.
 */
#include "consumer/scripts.h"

#include "consumer/scripts_text.h"

#include <openssl/evp.h>
#include <stdio.h>

struct script script_claim = {.name = "claim", .text = text_claim};
struct script script_record = {.name = "record", .text = text_record};
struct script script_lease = {.name = "lease", .text = text_lease};
struct script script_seen_mark = {.name = "seen_mark", .text = text_seen_mark};
struct script script_mark = {.name = "mark", .text = text_mark};
struct script script_restate = {.name = "restate", .text = text_restate};
struct script script_restore_clear = {.name = "restore_clear", .text = text_restore_clear};
struct script script_restore_apply = {.name = "restore_apply", .text = text_restore_apply};
struct script script_restore_done = {.name = "restore_done", .text = text_restore_done};
struct script script_restore_unlock = {.name = "restore_unlock", .text = text_restore_unlock};
struct script script_hold_take = {.name = "hold_take", .text = text_hold_take};
struct script script_budget_take = {.name = "budget_take", .text = text_budget_take};
struct script script_theme_weigh = {.name = "theme_weigh", .text = text_theme_weigh};
struct script script_theme_keep = {.name = "theme_keep", .text = text_theme_keep};
struct script script_theme_return = {.name = "theme_return", .text = text_theme_return};
struct script script_later_put = {.name = "later_put", .text = text_later_put};
struct script script_later_due = {.name = "later_due", .text = text_later_due};
struct script script_later_drop = {.name = "later_drop", .text = text_later_drop};

struct script *const scripts_all[] = {
    &script_claim,
    &script_record,
    &script_lease,
    &script_seen_mark,
    &script_mark,
    &script_restore_clear,
    &script_restore_apply,
    &script_restore_done,
    &script_restore_unlock,
    &script_theme_weigh,
    &script_theme_keep,
    &script_theme_return,
    &script_later_put,
    &script_later_due,
    &script_later_drop,
    &script_budget_take,
    &script_hold_take,
    &script_restate,
    NULL,
};

void scripts_load(struct redis *redis)
{
    for (struct script *const *at = scripts_all; *at != NULL; at++) {
        span load[] = {span_text("SCRIPT"), span_text("LOAD"), span_text((*at)->text)};
        redis_send(redis, load, COUNT_OF(load), NULL, NULL);
    }
}

void scripts_init(void)
{
    for (struct script *const *at = scripts_all; *at != NULL; at++) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned int len = 0;
        span text = span_text((*at)->text);
        CHECK(EVP_Digest(text.at, text.len, digest, &len, EVP_sha1(), NULL) == 1 && len == 20);
        for (unsigned int i = 0; i < len; i++) {
            (void)snprintf((*at)->sha + (size_t)i * 2, 3, "%02x", digest[i]);
        }
    }
}
