/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads single records again, by their place: an item whose time has come needs
 * the record it was made of. A consumer of its own, made when first needed, with
 * no part in any group; one place at a time; never blocks. One thread.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_RECORD_FETCH_H
#define HEARBACK_CONSUMER_ENGINE_RECORD_FETCH_H

#include "common/clock.h"
#include "common/kafka.h"
#include "consumer/worker.h"

struct record_fetch;

enum fetched {
    FETCHED_NOTHING, /* not yet, or nothing was asked for */
    FETCHED_RECORD,
    FETCHED_GONE, /* no record stands there any more */
};

struct record_fetch *record_fetch_new(const struct config_kafka *config, const struct clock *clock);
void record_fetch_free(struct record_fetch **at);

bool record_fetch_busy(const struct record_fetch *fetch);
/* Only when it is not busy. The place is copied. ERR_RETRY: ask again later. */
MUST_USE struct err record_fetch_start(struct record_fetch *fetch, const struct origin *place);
/* Call every turn while busy; the record is the caller's to destroy. */
enum fetched record_fetch_turn(struct record_fetch *fetch, rd_kafka_message_t **out);

#endif
