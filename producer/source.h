/* SPDX-License-Identifier: Apache-2.0
 *
 * A kind of webhook source: data and pure functions, one file each under
 * sources/, all listed in sources.c. It says which requests are the vendor's
 * check of the address rather than an event, and what an event is called.
 */
#ifndef HEARBACK_PRODUCER_SOURCE_H
#define HEARBACK_PRODUCER_SOURCE_H

#include "common/config.h"
#include "common/json.h"
#include "producer/request.h"

/* What is answered at once; the body lives in the arena. */
struct source_answer {
    const char *content_type;
    span body;
};

struct source {
    const char *kind; /* as in the configuration, and the first word of ce_type */

    /* Is this the vendor's check of the address? `body` is NULL when it is empty or no JSON. */
    bool (*handshake)(const struct config_source *config, const struct request *request,
                      struct json_object *body, struct arena *arena, struct source_answer *answer);
    /* The event's name and the record's key; SPAN_NONE where the body names none. */
    void (*name)(const struct config_source *config, struct json_object *body, struct arena *arena,
                 span *event, span *key);
};

/* By kind; NULL when there is none. Static. */
const struct source *source_find(const char *kind);

extern const struct source source_koji;

#endif
