/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies of Redis once they are here. Apart from the connection, so that another
 * source of replies can use it. Pure.
 */
#include "common/redis.h"

const struct redis_reply *redis_element(const struct redis_reply *reply, size_t index)
{
    static const struct redis_reply nil = {.kind = REDIS_NIL};
    return reply->kind == REDIS_LIST && index < reply->count ? &reply->list[index] : &nil;
}
