/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring that grows. It keeps its size: a worker that has caught up once will
 * do so again.
 */
#include "consumer/engine/stash.h"

#include "common/mem.h"
#include "common/own.h"

#define STASH_ROOM_MIN    256
#define STASH_RECORD_COST 256 /* of a record beside its key and value */

static int64_t cost(const rd_kafka_message_t *message)
{
    return (int64_t)(message->len + message->key_len) + STASH_RECORD_COST;
}

static rd_kafka_message_t **at(const struct stash *stash, size_t index)
{
    return &stash->ring[(stash->first + index) & (stash->room - 1)];
}

static void grow(struct stash *stash)
{
    size_t room = stash->room == 0 ? STASH_ROOM_MIN : stash->room * 2;
    rd_kafka_message_t **ring = mem_must_array(room, sizeof(rd_kafka_message_t *));
    for (size_t i = 0; i < stash->count; i++) {
        ring[i] = *at(stash, i);
    }
    mem_free(stash->ring);
    stash->ring = ring;
    stash->room = room;
    stash->first = 0;
}

void stash_close(struct stash *stash)
{
    while (stash->count > 0) {
        rd_kafka_message_destroy(stash_take(stash));
    }
    mem_free(TAKE(stash->ring));
    *stash = (struct stash){0};
}

void stash_put(struct stash *stash, rd_kafka_message_t *message)
{
    if (stash->count == stash->room) {
        grow(stash);
    }
    stash->count++;
    *at(stash, stash->count - 1) = message;
    stash->bytes += cost(message);
}

rd_kafka_message_t *stash_first(const struct stash *stash)
{
    return stash->count == 0 ? NULL : *at(stash, 0);
}

rd_kafka_message_t *stash_take(struct stash *stash)
{
    CHECK(stash->count > 0);
    rd_kafka_message_t *message = *at(stash, 0);
    stash->first = (stash->first + 1) & (stash->room - 1);
    stash->count--;
    stash->bytes -= cost(message);
    return message;
}

void stash_drop(struct stash *stash, bool (*drops)(void *self, const rd_kafka_message_t *message),
                void *self)
{
    for (size_t left = stash->count; left > 0; left--) {
        rd_kafka_message_t *message = stash_take(stash);
        if (drops(self, message)) {
            rd_kafka_message_destroy(message);
        } else {
            stash_put(stash, message); /* behind those not looked at yet: the order stays */
        }
    }
}
