/* SPDX-License-Identifier: Apache-2.0
 *
 * Order of starting: operations port (so that an orchestrator sees us wait),
 * publisher, server. Order of stopping: not ready, refuse, answer what waits,
 * and only when no connection is suspended the server, then the publisher.
 */
#include "producer/door.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/ops.h"
#include "producer/server.h"

#define STEP_MS         1000
#define AWAY_STEP_MS    250
#define CHECK_MS        2000
#define WHY_BYTES_MAX   4096
#define GIVE_UP_MS      2000 /* for the last answers, after the drain deadline */
#define REASON_AWAY     "Kafka is away or a topic is missing"
#define REASON_SETTINGS "a topic's settings cannot carry what is needed"
#define REASON_DRAINING "draining"

struct door {
    const struct config *config;
    struct ops *ops;
    struct publisher *publisher;
    struct server *server;
    bool open;          /* Kafka was there and right */
    const char *reason; /* why not, as last said */
};

struct err door_start(const struct config *config, struct door **out)
{
    struct door *door = mem_must_alloc(sizeof(*door));
    door->config = config;
    *out = door;
    struct err err = ops_start(config->ingest.ops, &door->ops);
    if (!failed(err)) {
        err = publisher_start(config, server_settled, &door->publisher);
    }
    if (!failed(err)) {
        err = server_start(config, door->publisher, &door->server);
    }
    if (failed(err)) {
        publisher_stop(&door->publisher, 0);
        ops_stop(&door->ops);
        mem_free(TAKE(*out));
    }
    return err;
}

uint16_t door_port(const struct door *door)
{
    return server_port(door->server);
}

uint16_t door_ops_port(const struct door *door)
{
    return ops_port(door->ops);
}

/* Said once, and again when the reason changes. */
static void say_closed(struct door *door, struct err err, struct buf *why)
{
    const char *reason = err.class == ERR_CONFIG ? REASON_SETTINGS : REASON_AWAY;
    if (door->reason == reason) {
        return;
    }
    door->reason = reason;
    ops_ready(door->ops, reason);
    LOG_ERR(err.class == ERR_CONFIG ? LOG_ERROR : LOG_WARN,
            err.class == ERR_CONFIG ? "kafka_unfit" : "kafka_away", err,
            L_SPAN("why", span_trim(buf_span(why))));
}

static void look_for_kafka(struct door *door)
{
    struct buf why;
    buf_init(&why, WHY_BYTES_MAX);
    struct err err = publisher_check(door->publisher, CHECK_MS, &why);
    if (failed(err)) {
        say_closed(door, err, &why);
    } else {
        door->open = true;
        ops_ready(door->ops, NULL);
    }
    buf_close(&why);
}

struct err door_step(struct door *door, int *next_ms)
{
    server_reap(door->server);
    if (!door->open) {
        look_for_kafka(door);
    }
    *next_ms = door->open ? STEP_MS : AWAY_STEP_MS;
    if (publisher_broken(door->publisher)) {
        FAIL(ERR_FATAL, 0, "the producer cannot go on");
    }
    return NO_ERROR;
}

void door_stop(struct door **door)
{
    struct door *gone = TAKE(*door);
    if (gone == NULL) {
        return;
    }
    int deadline_ms = (int)gone->config->ingest.drain_deadline_ms;
    int64_t until_ms = clock_mono_ms(clock_system()) + deadline_ms;
    LOG(LOG_INFO, "draining", L_INT("deadline_ms", deadline_ms));
    ops_ready(gone->ops, REASON_DRAINING);
    publisher_drain(gone->publisher);
    server_quiesce(gone->server);
    bool drained = server_wait_idle(gone->server, deadline_ms);
    publisher_give_up(gone->publisher);
    if (!drained) {
        (void)server_wait_idle(gone->server, GIVE_UP_MS);
    }
    server_stop(&gone->server);
    int64_t left_ms = until_ms - clock_mono_ms(clock_system());
    publisher_stop(&gone->publisher, left_ms > 0 ? (int)left_ms : 0);
    ops_stop(&gone->ops);
    mem_free(gone);
    LOG(LOG_INFO, "stopped", L_TEXT("drained", drained ? "yes" : "no"));
}
