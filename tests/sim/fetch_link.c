/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of record_fetch.c: a record of the modelled topic, read again some time
 * after it was asked for.
 */
#include "consumer/engine/record_fetch.h"

#include "common/mem.h"
#include "tests/sim/group.h"

struct record_fetch {
    struct owner owner;
    bool busy;
    int32_t partition;
    int64_t offset;
    int64_t there_ms;
};

struct record_fetch *record_fetch_new(const struct config_kafka *config, const struct clock *clock)
{
    (void)config;
    (void)clock;
    struct record_fetch *fetch = mem_must_alloc(sizeof(*fetch));
    fetch->owner = proc_owner();
    return fetch;
}

void record_fetch_free(struct record_fetch **at)
{
    mem_free(*at);
    *at = NULL;
}

bool record_fetch_busy(const struct record_fetch *fetch)
{
    return fetch->busy;
}

struct err record_fetch_start(struct record_fetch *fetch, const struct origin *place)
{
    CHECK(!fetch->busy && span_is(place->topic, TOPIC_INTERVIEWS));
    fetch->busy = true;
    fetch->partition = place->partition;
    fetch->offset = place->offset;
    fetch->there_ms = world_now() + world_between(WORLD_EDGE, 5, 500);
    return NO_ERROR;
}

enum fetched record_fetch_turn(struct record_fetch *fetch, rd_kafka_message_t **out)
{
    if (!fetch->busy || world_now() < fetch->there_ms) {
        return FETCHED_NOTHING;
    }
    fetch->busy = false;
    *out = group_message(fetch->partition, fetch->offset);
    return FETCHED_RECORD;
}
