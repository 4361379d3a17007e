/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies of Redis once they are here: copying and reading them. Apart from the
 * connection, so that another source of replies can use it. Pure.
 */
#include "common/redis.h"

bool redis_copy(struct arena *arena, const struct redis_reply *from, struct redis_reply *to)
{
    *to = *from;
    if (from->text.at != NULL) {
        to->text = arena_copy(arena, from->text);
    }
    if (from->kind == REDIS_LIST) {
        to->list = arena_alloc(arena, sizeof(*to->list) * (from->count + 1));
        for (size_t i = 0; to->list != NULL && i < from->count; i++) {
            if (!redis_copy(arena, &from->list[i], &to->list[i])) {
                return false;
            }
        }
        return to->list != NULL;
    }
    return from->text.at == NULL || to->text.at != NULL;
}

const struct redis_reply *redis_element(const struct redis_reply *reply, size_t index)
{
    static const struct redis_reply nil = {.kind = REDIS_NIL};
    return reply->kind == REDIS_LIST && index < reply->count ? &reply->list[index] : &nil;
}
