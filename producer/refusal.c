/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of refusals. 401 says no more than it must.
 */
#include "producer/refusal.h"

#include "common/err.h"

static const struct refusal_row rows[REFUSAL_COUNT] = {
    [REFUSAL_NONE] = {"none", 200, ""},
    [REFUSAL_PATH] = {"path", 404, "there is no such hook"},
    [REFUSAL_METHOD] = {"method", 405, "hooks take POST"},
    [REFUSAL_SLOW] = {"slow", 408, "the request took too long to arrive"},
    [REFUSAL_TOO_LARGE] = {"too_large", 413, "the body is larger than this hook takes"},
    [REFUSAL_ENCODING] = {"encoding", 415, "the body must not be encoded"},
    [REFUSAL_HEADERS] = {"headers", 431, "there are too many headers"},
    [REFUSAL_QUERY] = {"query", 400, "there are too many query parameters"},
    [REFUSAL_UNSIGNED] = {"unsigned", 401, "the signature is missing or wrong"},
    [REFUSAL_SIGNATURE] = {"signature", 401, "the signature is missing or wrong"},
    [REFUSAL_JSON] = {"json", 400, "the body is not JSON"},
    [REFUSAL_MEMORY] = {"memory", 503, "too much is being received; come again"},
    [REFUSAL_AWAY] = {"away", 503, "Kafka is away; come again"},
    [REFUSAL_WAITING_FULL] = {"waiting_full", 503, "too many requests wait; come again"},
    [REFUSAL_QUEUE_FULL] = {"queue_full", 503, "the queue is full; come again"},
    [REFUSAL_LATE] = {"late", 503, "Kafka has not answered in time; come again"},
    [REFUSAL_FAILED] = {"failed", 503, "Kafka did not take it; come again"},
    [REFUSAL_DRAINING] = {"draining", 503, "shutting down; come again"},
};

const struct refusal_row *refusal_row(enum refusal refusal)
{
    CHECK((size_t)refusal < REFUSAL_COUNT && rows[refusal].reason != NULL);
    return &rows[refusal];
}
