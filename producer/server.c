/* SPDX-License-Identifier: Apache-2.0
 *
 * The glue between libmicrohttpd and a visit. Its threads call `access_request`
 * with a head, with each piece of the body, when the body is whole, and again
 * after a resume; each connection stays with one thread. Suspended connections
 * do not time out, count against the limit and hide that the sender left, and
 * the daemon must not be stopped while there are any: the publisher's deadlines
 * and door.c's order of stopping see to that.
 */
#include "producer/server.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/ops.h"
#include "producer/connections.h"
#include "producer/tally.h"
#include "producer/visit.h"

#include <microhttpd.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_BYTES_MAX   (32 * 1024)
#define HELD_BYTES_LEAST (64 * 1024 * 1024) /* of all bodies that are being received */
#define HELD_BODIES      16                 /* or that many of the largest */
#define CALL_MAGIC       0x68656172u

struct server {
    const struct config *config;
    struct publisher *publisher;
    struct MHD_Daemon *daemon;
    struct connections *connections;
    struct tally tally;
    uint16_t port;
    int quiet_fd; /* the listening socket once nobody listens on it; -1 before */
    size_t held_max;
    atomic_size_t held;
    atomic_bool quiet;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t calls; /* under the lock: requests under way */
};

/* A visit and its connection. */
struct call {
    unsigned magic;
    struct server *server;
    struct MHD_Connection *connection;
    struct connection *line;
    size_t held;
    bool suspended;       /* by its own thread only */
    enum refusal settled; /* written before the resume, read after it */
    bool unread;          /* answered before the body came */
    struct visit visit;
};

static int64_t now_ms(void)
{
    return clock_mono_ms(clock_system());
}

static struct connection *line_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    CHECK(info != NULL && info->socket_context != NULL);
    return info->socket_context;
}

static struct call *call_new(struct server *server, struct MHD_Connection *connection)
{
    struct call *call = mem_must_alloc(sizeof(*call));
    call->magic = CALL_MAGIC;
    call->server = server;
    call->connection = connection;
    call->line = line_of(connection);
    visit_init(&call->visit);
    pthread_mutex_lock(&server->lock);
    server->calls++;
    pthread_mutex_unlock(&server->lock);
    connections_mark(server->connections, call->line, CONNECTION_BODY, now_ms());
    return call;
}

static struct call *call_of(void *pointer)
{
    struct call *call = pointer;
    CHECK(call != NULL && call->magic == CALL_MAGIC);
    return call;
}

/* The body is not needed any more. */
static void call_let_go(struct call *call)
{
    atomic_fetch_sub(&call->server->held, call->held);
    call->held = 0;
    buf_close(&call->visit.body);
}

static enum MHD_Result reply(struct call *call, const struct answer *answer)
{
    struct server *server = call->server;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.len, (void *)(uintptr_t)answer->body.at, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer->allow != NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    }
    if (answer->status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        char seconds[16];
        (void)snprintf(seconds, sizeof(seconds), "%d", REFUSAL_RETRY_AFTER_S);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (atomic_load(&server->quiet)) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    enum MHD_Result queued = MHD_queue_response(call->connection, answer->status, response);
    MHD_destroy_response(response);
    tally_answer(&server->tally, answer);
    if (answer->refusal != REFUSAL_NONE) {
        LOG(LOG_WARN, "refused", L_INT("status", answer->status),
            L_TEXT("reason", refusal_row(answer->refusal)->reason),
            L_TEXT("source", call->visit.config != NULL ? call->visit.config->name : ""));
    } else {
        LOG(LOG_DEBUG, answer->handshake ? "handshake" : "published",
            L_TEXT("source", call->visit.config->name), L_TEXT("id", call->visit.record.id));
    }
    return queued;
}

static enum MHD_Result refuse(struct call *call, enum refusal refusal)
{
    struct answer answer;
    visit_refuse(&call->visit, refusal, NULL, &answer);
    return reply(call, &answer);
}

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct visit *visit = cls;
    bool fits = kind == MHD_GET_ARGUMENT_KIND
                    ? request_add_query(&visit->request, span_text(name), span_text(value))
                    : request_add_header(&visit->request, span_text(name), span_text(value));
    if (!fits) {
        visit->refusal = kind == MHD_GET_ARGUMENT_KIND ? REFUSAL_QUERY : REFUSAL_HEADERS;
    }
    return fits ? MHD_YES : MHD_NO;
}

static enum MHD_Result take_head(struct call *call, const char *method, const char *path)
{
    struct visit *visit = &call->visit;
    (void)MHD_get_connection_values(call->connection, MHD_HEADER_KIND, take_header, visit);
    (void)MHD_get_connection_values(call->connection, MHD_GET_ARGUMENT_KIND, take_header, visit);
    enum refusal refusal = visit_head(visit, call->server->config, method, path);
    if (refusal == REFUSAL_NONE) {
        refusal = visit->refusal;
    }
    if (refusal == REFUSAL_NONE) {
        return MHD_YES;
    }
    call->unread = true;
    return refuse(call, refusal);
}

static enum MHD_Result take_piece(struct call *call, span piece)
{
    struct server *server = call->server;
    size_t before = call->visit.body.len;
    if (call->visit.refusal == REFUSAL_NONE &&
        atomic_load(&server->held) + piece.len > server->held_max) {
        call->visit.refusal = REFUSAL_MEMORY;
        call_let_go(call);
    }
    bool goes_on = visit_piece(&call->visit, piece);
    if (call->visit.refusal == REFUSAL_NONE) {
        call->held += call->visit.body.len - before;
        atomic_fetch_add(&server->held, call->visit.body.len - before);
    } else {
        call_let_go(call);
    }
    if (!goes_on) {
        tally_cut(&server->tally, call->visit.refusal);
    }
    return goes_on ? MHD_YES : MHD_NO;
}

static enum MHD_Result publish(struct call *call)
{
    struct server *server = call->server;
    uint64_t id = 0;
    enum refusal refusal = publisher_reserve(server->publisher, call, &id);
    if (refusal != REFUSAL_NONE) {
        return refuse(call, refusal);
    }
    call->suspended = true;
    MHD_suspend_connection(call->connection);
    publisher_send(server->publisher, id, &call->visit.record);
    call_let_go(call); /* librdkafka has its copy; this thread alone goes on with the connection */
    return MHD_YES;
}

static enum MHD_Result take_whole(struct call *call)
{
    struct route_arrival arrival = {.wall_ms = clock_wall_ms(clock_system())};
    struct answer answer;
    connections_mark(call->server->connections, call->line, CONNECTION_OURS, now_ms());
    if (RAND_bytes(arrival.random, sizeof(arrival.random)) != 1) {
        return refuse(call, REFUSAL_MEMORY);
    }
    return visit_judge(&call->visit, &arrival, &answer) ? publish(call) : reply(call, &answer);
}

static enum MHD_Result take_verdict(struct call *call)
{
    struct answer answer;
    if (call->settled != REFUSAL_NONE) {
        return refuse(call, call->settled);
    }
    visit_accept(&call->visit, &answer);
    return reply(call, &answer);
}

/* libmicrohttpd's threads. */
static enum MHD_Result access_request(void *cls, struct MHD_Connection *connection, const char *url,
                                      const char *method, const char *version, const char *upload,
                                      size_t *upload_bytes, void **con_cls)
{
    (void)version;
    if (*con_cls == NULL) {
        struct call *call = call_new(cls, connection);
        *con_cls = call;
        return take_head(call, method, url);
    }
    struct call *call = call_of(*con_cls);
    if (*upload_bytes > 0) {
        span piece = span_of(upload, *upload_bytes);
        *upload_bytes = 0;
        return call->unread ? MHD_YES : take_piece(call, piece);
    }
    return call->suspended ? take_verdict(call) : take_whole(call);
}

void server_settled(void *who, enum refusal refusal)
{
    struct call *call = call_of(who);
    call->settled = refusal;
    MHD_resume_connection(call->connection); /* from here on the call is its thread's */
}

static void completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                      enum MHD_RequestTerminationCode code)
{
    struct server *server = cls;
    (void)connection;
    (void)code;
    if (*con_cls == NULL) {
        return;
    }
    struct call *call = call_of(TAKE(*con_cls));
    connections_mark(server->connections, call->line, CONNECTION_HEAD, now_ms());
    call_let_go(call);
    visit_close(&call->visit);
    call->magic = 0;
    mem_free(call);
    pthread_mutex_lock(&server->lock);
    server->calls--;
    if (server->calls == 0) {
        pthread_cond_broadcast(&server->idle);
    }
    pthread_mutex_unlock(&server->lock);
}

static void connected(void *cls, struct MHD_Connection *connection, void **socket_context,
                      enum MHD_ConnectionNotificationCode code)
{
    struct server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        connections_close(server->connections, TAKE(*socket_context));
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    CHECK(info != NULL);
    *socket_context = connections_open(server->connections, info->connect_fd, now_ms());
}

static struct MHD_Daemon *start_daemon(struct server *server, int fd)
{
    const struct config_ingest *ingest = &server->config->ingest;
    struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)ingest->threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    if (ingest->threads <= 1) {
        pool[0].option = MHD_OPTION_END; /* a pool of one is refused */
    }
    unsigned idle_s = (unsigned)((ingest->request_timeout_ms + 999) / 1000);
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, access_request,
        server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_ARRAY, pool, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)ingest->connections_max, MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES_MAX, MHD_OPTION_NOTIFY_COMPLETED,
        completed, server, MHD_OPTION_NOTIFY_CONNECTION, connected, server,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

static size_t held_max_of(const struct config *config)
{
    size_t most = HELD_BYTES_LEAST;
    for (size_t i = 0; i < config->source_count; i++) {
        size_t bytes = HELD_BODIES * (size_t)config->sources[i].body_bytes_max;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void server_free(struct server *server)
{
    connections_free(&server->connections);
    (void)pthread_cond_destroy(&server->idle);
    (void)pthread_mutex_destroy(&server->lock);
    mem_free(server);
}

struct err server_start(const struct config *config, struct publisher *publisher,
                        struct server **out)
{
    int fd = -1;
    uint16_t port = 0;
    pthread_condattr_t monotonic;
    *out = NULL;
    TRY(ops_listen(config->ingest.listen, &fd, &port));
    struct server *server = mem_must_alloc(sizeof(*server));
    server->config = config;
    server->publisher = publisher;
    server->port = port;
    server->quiet_fd = -1;
    server->held_max = held_max_of(config);
    server->connections = connections_new();
    tally_init(&server->tally);
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&server->idle, &monotonic) == 0);
    CHECK(pthread_mutex_init(&server->lock, NULL) == 0);
    (void)pthread_condattr_destroy(&monotonic);
    server->daemon = start_daemon(server, fd);
    if (server->daemon == NULL) {
        (void)close(fd);
        server_free(server);
        FAIL(ERR_FATAL, 0, "the HTTP server does not start");
    }
    LOG(LOG_INFO, "listening", L_TEXT("address", config->ingest.listen), L_INT("port", port));
    *out = server;
    return NO_ERROR;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

void server_reap(struct server *server)
{
    size_t cut =
        connections_reap(server->connections, now_ms(), server->config->ingest.request_timeout_ms);
    for (size_t i = 0; i < cut; i++) {
        tally_cut(&server->tally, REFUSAL_SLOW);
    }
}

void server_quiesce(struct server *server)
{
    if (atomic_exchange(&server->quiet, true)) {
        return;
    }
    /* Only its threads may close it, but nobody needs to listen on it any more. */
    server->quiet_fd = MHD_quiesce_daemon(server->daemon);
    if (server->quiet_fd >= 0) {
        (void)shutdown(server->quiet_fd, SHUT_RDWR);
    }
}

bool server_wait_idle(struct server *server, int timeout_ms)
{
    struct timespec until;
    int waited = 0;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&server->lock);
    while (server->calls > 0 && waited == 0) {
        waited = pthread_cond_timedwait(&server->idle, &server->lock, &until);
    }
    bool idle = server->calls == 0;
    pthread_mutex_unlock(&server->lock);
    return idle;
}

void server_stop(struct server **server)
{
    struct server *gone = TAKE(*server);
    if (gone == NULL) {
        return;
    }
    MHD_stop_daemon(gone->daemon);
    if (gone->quiet_fd >= 0) {
        (void)close(gone->quiet_fd);
    }
    CHECK(gone->calls == 0);
    server_free(gone);
}
