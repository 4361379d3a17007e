/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes requests from libmicrohttpd, collects their bodies, and carries out what
 * a fault does to a connection: closing it, waiting, or answering with a body
 * that is cut or never ends. Each connection has a thread, and an exchange
 * belongs to its connection's thread alone; what is shared is behind the
 * sandbox's lock.
 */
#include "tests/sandbox/server.h"

#include "common/mem.h"
#include "common/own.h"
#include "tests/sandbox/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define EXCHANGE_MAGIC  0x45584348U /* "EXCH" */
#define CONNECTIONS_MAX 2000
#define IDLE_SECONDS    120

struct server {
    struct sandbox *sandbox;
    struct MHD_Daemon *daemon;
    int port;
};

struct exchange {
    uint32_t magic;
    bool begun;
    bool too_large;
    char *target;
    struct request req;
    struct buf body;
    struct hit hit;
};

static void *exchange_new(void *cls, const char *target, struct MHD_Connection *connection)
{
    (void)cls;
    (void)connection;
    struct exchange *exchange = mem_must_alloc(sizeof(*exchange));
    exchange->magic = EXCHANGE_MAGIC;
    exchange->target = mem_must_copy_text(target);
    buf_init(&exchange->body, REQUEST_BODY_MAX);
    return exchange;
}

static void exchange_end(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode how)
{
    struct server *server = cls;
    struct exchange *exchange = TAKE(*con_cls);
    if (exchange == NULL) {
        return;
    }
    CHECK(exchange->magic == EXCHANGE_MAGIC);
    if (exchange->hit.kind == FAULT_CLOSE_IDLE && how == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        (void)sandbox_wait(server->sandbox, exchange->hit.ms);
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (info != NULL) {
            (void)shutdown(info->connect_fd, SHUT_RDWR);
        }
    }
    exchange->magic = 0;
    mem_free_text(&exchange->target);
    buf_close(&exchange->body);
    if (exchange->begun) {
        request_close(&exchange->req);
    }
    mem_free(exchange);
}

static enum MHD_Result keep_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct exchange *exchange = cls;
    (void)kind;
    request_add_header(&exchange->req, name, value);
    return MHD_YES;
}

static void use_fault_status(const struct hit *hit, struct answer *answer)
{
    answer->header_count = 0;
    answer_text(answer, hit->status, hit->body == NULL ? "" : hit->body);
    if (hit->body != NULL && (hit->body[0] == '{' || hit->body[0] == '[')) {
        answer->type = "application/json;charset=UTF-8";
    }
    for (size_t i = 0; i < hit->header_count; i++) {
        if (span_is_nocase(span_text(hit->headers[i].name), "Content-Type")) {
            answer->type = hit->headers[i].value;
        } else if (answer->header_count < ANSWER_HEADERS_MAX) {
            answer->headers[answer->header_count++] = hit->headers[i];
        }
    }
}

/* The answer's bytes as a response, or as what the fault makes of them. */
static struct MHD_Response *respond(struct server *server, const struct hit *hit,
                                    struct answer *answer)
{
    span body = buf_span(&answer->body);
    if (hit->kind == FAULT_GARBAGE) {
        static const char garbage[] = "<html>\xC3\x28 502 \x01 not what you asked for";
        body = hit->body != NULL ? span_text(hit->body) : span_of(garbage, sizeof(garbage) - 1);
    }
    if (hit->kind == FAULT_TRUNCATE || hit->kind == FAULT_ENDLESS) {
        return stream_response(server->sandbox, hit, body);
    }
    union {
        const uint8_t *is;
        void *was; /* copied, never written */
    } bytes = {.is = body.at};
    return MHD_create_response_from_buffer(body.len, bytes.was, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result queue(struct server *server, struct MHD_Connection *connection,
                             const struct hit *hit, struct answer *answer)
{
    if (failed(buf_ok(&answer->body))) {
        answer_text(answer, 500, "The answer is larger than the sandbox can hold.\n");
    }
    struct MHD_Response *response = respond(server, hit, answer);
    if (response == NULL) {
        return MHD_NO;
    }
    if (answer->status != 204) {
        (void)MHD_add_response_header(response, "Content-Type", answer->type);
    }
    for (size_t i = 0; i < answer->header_count; i++) {
        (void)MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    }
    enum MHD_Result queued = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* Runs a vendor's request through its fault. False: close without an answer. */
static bool play(struct server *server, struct exchange *exchange, struct answer *answer)
{
    struct sandbox *sandbox = server->sandbox;
    struct request *req = &exchange->req;
    struct hit *hit = &exchange->hit;
    uint64_t seq = sandbox_begin(sandbox, req, hit);
    bool status = hit->kind == FAULT_STATUS;
    bool late = hit->kind == FAULT_DELAY && hit->after_effect;
    if (hit->kind == FAULT_DELAY && !late) {
        (void)sandbox_wait(sandbox, hit->ms);
    }
    if (hit->kind != FAULT_DROP_BEFORE && (!status || hit->after_effect)) {
        sandbox_serve(sandbox, req, hit, answer);
    }
    if (late) {
        (void)sandbox_wait(sandbox, hit->ms);
    }
    if (status) {
        use_fault_status(hit, answer);
    }
    bool answered = hit->kind != FAULT_DROP_BEFORE && hit->kind != FAULT_DROP_AFTER;
    bool stale = hit->kind == FAULT_NONE && hit->stale_ms > 0;
    sandbox_settle(sandbox, seq, answered ? answer->status : 0,
                   fault_name(stale ? FAULT_STALE : hit->kind));
    return answered;
}

static enum MHD_Result finish(struct server *server, struct MHD_Connection *connection,
                              struct exchange *exchange)
{
    struct request *req = &exchange->req;
    req->body = buf_span(&exchange->body);
    struct answer answer;
    answer_init(&answer, &req->arena);
    bool answered = true;
    if (exchange->too_large) {
        answer_text(&answer, 413, "Request Entity Too Large\n");
    } else if (strcmp(req->vendor, "sandbox") == 0) {
        sandbox_control(server->sandbox, req, &answer);
    } else {
        answered = play(server, exchange, &answer);
    }
    enum MHD_Result result = answered ? queue(server, connection, &exchange->hit, &answer) : MHD_NO;
    answer_close(&answer);
    return result;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **con_cls)
{
    (void)url;
    (void)version;
    struct exchange *exchange = *con_cls;
    CHECK(exchange != NULL && exchange->magic == EXCHANGE_MAGIC);
    if (!exchange->begun) {
        exchange->begun = true;
        request_init(&exchange->req, method, exchange->target);
        (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, keep_header, exchange);
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        buf_add(&exchange->body, span_of(upload, *upload_bytes));
        exchange->too_large = exchange->too_large || failed(buf_ok(&exchange->body));
        *upload_bytes = 0;
        return MHD_YES;
    }
    return finish(cls, connection, exchange);
}

struct err server_start(struct server **out, struct sandbox *sandbox)
{
    const struct options *options = sandbox->options;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
    if (inet_pton(AF_INET, options->address, &at.sin_addr) != 1) {
        FAIL(ERR_CONFIG, EINVAL, "the address is no IPv4 address");
    }
    struct server *server = mem_must_alloc(sizeof(*server));
    server->sandbox = sandbox;
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0, NULL,
        NULL, handle, server, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_URI_LOG_CALLBACK, exchange_new,
        server, MHD_OPTION_NOTIFY_COMPLETED, exchange_end, server, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
    if (server->daemon == NULL) {
        mem_free(server);
        FAIL(ERR_CONFIG, errno, "cannot listen: is the port taken?");
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    CHECK(info != NULL);
    server->port = info->port;
    *out = server;
    return NO_ERROR;
}

int server_port(const struct server *server)
{
    return server->port;
}

void server_stop(struct server **server_at)
{
    struct server *server = TAKE(*server_at);
    if (server == NULL) {
        return;
    }
    sandbox_release(server->sandbox, true);
    MHD_stop_daemon(server->daemon);
    mem_free(server);
}
