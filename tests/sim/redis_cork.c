/* SPDX-License-Identifier: Apache-2.0
 *
 * What the model's Redis needs no work for: it has a command when it is sent. A
 * reply that is kept is copied.
 */
#include "common/err.h"
#include "common/redis.h"

#define KEEP_BYTES_MAX (64u << 20)

void redis_cork(struct redis *redis)
{
    (void)redis;
}

void redis_uncork(struct redis *redis)
{
    (void)redis;
}

static bool copy(struct arena *arena, const struct redis_reply *from, struct redis_reply *to)
{
    *to = *from;
    if (from->text.at != NULL) {
        to->text = arena_copy(arena, from->text);
    }
    if (from->kind == REDIS_LIST) {
        to->list = arena_alloc(arena, sizeof(*to->list) * (from->count + 1));
        for (size_t i = 0; to->list != NULL && i < from->count; i++) {
            if (!copy(arena, &from->list[i], &to->list[i])) {
                return false;
            }
        }
        return to->list != NULL;
    }
    return from->text.at == NULL || to->text.at != NULL;
}

void redis_keep(const struct redis_reply *reply, struct arena *arena, struct redis_reply *out)
{
    arena_init(arena, KEEP_BYTES_MAX);
    CHECK(copy(arena, reply, out));
}
