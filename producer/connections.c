/* SPDX-License-Identifier: Apache-2.0
 *
 * A list behind a mutex. A socket is shut down under the lock while its entry is
 * in the list, so the number cannot have passed to another connection by then.
 */
#include "producer/connections.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/own.h"

#include <pthread.h>
#include <sys/socket.h>

struct connection {
    struct connection *before;
    struct connection *after;
    int fd;
    enum connection_phase phase;
    int64_t since_ms;
};

struct connections {
    pthread_mutex_t lock;
    struct connection *first;
};

struct connections *connections_new(void)
{
    struct connections *connections = mem_must_alloc(sizeof(*connections));
    CHECK(pthread_mutex_init(&connections->lock, NULL) == 0);
    return connections;
}

void connections_free(struct connections **connections)
{
    struct connections *gone = TAKE(*connections);
    if (gone == NULL) {
        return;
    }
    CHECK(gone->first == NULL);
    (void)pthread_mutex_destroy(&gone->lock);
    mem_free(gone);
}

struct connection *connections_open(struct connections *connections, int fd, int64_t now_ms)
{
    struct connection *connection = mem_must_alloc(sizeof(*connection));
    connection->fd = fd;
    connection->phase = CONNECTION_HEAD;
    connection->since_ms = now_ms;
    pthread_mutex_lock(&connections->lock);
    connection->after = connections->first;
    if (connection->after != NULL) {
        connection->after->before = connection;
    }
    connections->first = connection;
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void connections_close(struct connections *connections, struct connection *connection)
{
    pthread_mutex_lock(&connections->lock);
    if (connection->before == NULL) {
        connections->first = connection->after;
    } else {
        connection->before->after = connection->after;
    }
    if (connection->after != NULL) {
        connection->after->before = connection->before;
    }
    pthread_mutex_unlock(&connections->lock);
    mem_free(connection);
}

void connections_mark(struct connections *connections, struct connection *connection,
                      enum connection_phase phase, int64_t now_ms)
{
    pthread_mutex_lock(&connections->lock);
    connection->phase = phase;
    connection->since_ms = now_ms;
    pthread_mutex_unlock(&connections->lock);
}

static int64_t patience(enum connection_phase phase, int64_t limit_ms)
{
    switch (phase) {
    case CONNECTION_HEAD:
        return 2 * limit_ms;
    case CONNECTION_BODY:
        return limit_ms;
    case CONNECTION_OURS:
        break;
    }
    return INT64_MAX;
}

size_t connections_reap(struct connections *connections, int64_t now_ms, int64_t limit_ms)
{
    size_t shut = 0;
    pthread_mutex_lock(&connections->lock);
    for (struct connection *one = connections->first; one != NULL; one = one->after) {
        if (now_ms - one->since_ms > patience(one->phase, limit_ms)) {
            (void)shutdown(one->fd, SHUT_RDWR);
            one->phase = CONNECTION_OURS; /* once is enough */
            shut++;
        }
    }
    pthread_mutex_unlock(&connections->lock);
    return shut;
}
