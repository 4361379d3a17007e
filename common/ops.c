/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations port, by libmicrohttpd in one thread of its own. It reads
 * atomics and the metrics registry and touches nothing else, so it answers while
 * the program is busy. Owned by the program's main thread.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include "common/ops.h"

#include "common/config.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "common/own.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPS_BACKLOG         128
#define OPS_CONNECTIONS_MAX 64
#define OPS_IDLE_S          10
#define OPS_PAGE_MAX        (4 * 1024 * 1024)
#define OPS_NOT_YET         "starting"

struct ops {
    struct MHD_Daemon *daemon;
    uint16_t port;
    _Atomic(const char *) reason; /* NULL: ready */
};

static int bind_one(const struct addrinfo *one)
{
    int on = 1;
    int fd = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, one->ai_addr, one->ai_addrlen) == 0 && listen(fd, OPS_BACKLOG) == 0) {
        return fd;
    }
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } name = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = sizeof(name);
    if (getsockname(fd, &name.any, &len) != 0) {
        return 0;
    }
    return ntohs(name.any.sa_family == AF_INET6 ? name.six.sin6_port : name.four.sin_port);
}

SCOPED_FREE(free_addresses, struct addrinfo *, freeaddrinfo)

struct err ops_listen(const char *address, int *fd, uint16_t *port)
{
    char host[256];
    char service[8];
    uint16_t asked = 0;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    SCOPED(free_addresses) struct addrinfo *found = NULL;
    *fd = -1;
    TRY(config_address(address, host, sizeof(host), &asked));
    (void)snprintf(service, sizeof(service), "%u", (unsigned)asked);
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        FAIL(ERR_CONFIG, EADDRNOTAVAIL, "the address to listen on is not known");
    }
    for (const struct addrinfo *one = found; one != NULL && *fd < 0; one = one->ai_next) {
        *fd = bind_one(one);
    }
    if (*fd < 0) {
        FAIL(ERR_CONFIG, errno, "the address to listen on cannot be had");
    }
    *port = port_of(*fd);
    return NO_ERROR;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              span page)
{
    /* libmicrohttpd copies the page; its signature has no const. */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        page.len, (void *)(uintptr_t)(page.len == 0 ? (const uint8_t *)"" : page.at),
        MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   const char *text)
{
    char line[256];
    (void)snprintf(line, sizeof(line), "%s\n", text);
    return answer(connection, status, "text/plain; charset=utf-8", span_text(line));
}

static enum MHD_Result answer_metrics(struct MHD_Connection *connection)
{
    struct buf page;
    buf_init(&page, OPS_PAGE_MAX);
    metrics_encode(&page);
    enum MHD_Result queued =
        failed(buf_ok(&page))
            ? answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory for the page")
            : answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                     buf_span(&page));
    buf_close(&page);
    return queued;
}

static enum MHD_Result serve(void *cls, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_bytes, void **con_cls)
{
    const struct ops *ops = cls;
    (void)version;
    (void)upload;
    (void)con_cls;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
    }
    if (*upload_bytes > 0) {
        *upload_bytes = 0; /* a GET with a body: read past it */
        return MHD_YES;
    }
    if (strcmp(url, "/healthz") == 0) {
        return answer_text(connection, MHD_HTTP_OK, "ok");
    }
    if (strcmp(url, "/readyz") == 0) {
        const char *reason = atomic_load(&ops->reason);
        return reason == NULL ? answer_text(connection, MHD_HTTP_OK, "ready")
                              : answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, reason);
    }
    if (strcmp(url, "/metrics") == 0) {
        return answer_metrics(connection);
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "/healthz, /readyz or /metrics");
}

struct err ops_start(const char *address, struct ops **out)
{
    int fd = -1;
    uint16_t port = 0;
    *out = NULL;
    TRY(ops_listen(address, &fd, &port));
    struct ops *ops = mem_must_alloc(sizeof(*ops));
    ops->port = port;
    atomic_store(&ops->reason, OPS_NOT_YET);
    ops->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL,
                                   serve, ops, MHD_OPTION_LISTEN_SOCKET, fd,
                                   MHD_OPTION_CONNECTION_LIMIT, (unsigned)OPS_CONNECTIONS_MAX,
                                   MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)OPS_IDLE_S,
                                   MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (ops->daemon == NULL) {
        (void)close(fd);
        mem_free(ops);
        FAIL(ERR_FATAL, 0, "the operations port could not start its thread");
    }
    LOG(LOG_INFO, "ops_listening", L_TEXT("address", address), L_INT("port", port));
    *out = ops;
    return NO_ERROR;
}

void ops_stop(struct ops **ops)
{
    struct ops *gone = TAKE(*ops);
    if (gone == NULL) {
        return;
    }
    MHD_stop_daemon(gone->daemon); /* closes the listening socket */
    mem_free(gone);
}

uint16_t ops_port(const struct ops *ops)
{
    return ops->port;
}

/* Up to a colon: what stands behind it is progress, and not said in the log at every step. */
static bool same_kind(const char *one, const char *two)
{
    size_t len = strcspn(one, ":");
    return len == strcspn(two, ":") && strncmp(one, two, len) == 0;
}

void ops_ready(struct ops *ops, const char *reason)
{
    const char *before = atomic_exchange(&ops->reason, reason);
    if (before == reason || (before != NULL && reason != NULL && same_kind(before, reason))) {
        return;
    }
    if (reason == NULL) {
        LOG(LOG_INFO, "ready", L_INT("port", ops->port));
    } else {
        LOG(LOG_WARN, "not_ready", L_TEXT("reason", reason));
    }
}
