/* SPDX-License-Identifier: Apache-2.0
 *
 * hiredis connects, then only its descriptor is kept. Any thread.
 */
#include "common/redis_dial.h"

#include "common/own.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <openssl/crypto.h>
#include <sys/socket.h>
#include <unistd.h>

SCOPED_FREE(free_context, redisContext *, redisFree)

static redisContext *open_context(const char *address, struct timeval patience)
{
    char host[256];
    uint16_t port = 0;
    if (address[0] == '/') {
        return redisConnectUnixWithTimeout(address, patience);
    }
    if (failed(config_address(address, host, sizeof(host), &port))) {
        return NULL;
    }
    return redisConnectWithTimeout(host, port, patience);
}

/* A new connection has room for a password: what does not fit at once will never. */
static bool send_password(int fd, const struct secret *password)
{
    span revealed = secret_reveal(password);
    const char *argv[] = {"AUTH", (const char *)revealed.at};
    size_t lens[] = {4, revealed.len};
    char *command = NULL;
    int len = redisFormatCommandArgv(&command, 2, argv, lens);
    if (len < 0) {
        return false;
    }
    bool sent = send(fd, command, (size_t)len, MSG_NOSIGNAL) == len;
    OPENSSL_cleanse(command, (size_t)len);
    redisFreeCommand(command);
    return sent;
}

int redis_dial(const struct config_redis *config, int64_t timeout_ms)
{
    struct timeval patience = {.tv_sec = (time_t)(timeout_ms / 1000),
                               .tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000)};
    SCOPED(free_context) redisContext *context = open_context(config->address, patience);
    if (context == NULL || context->err != 0) {
        return -1;
    }
    (void)redisEnableKeepAlive(context); /* a Unix socket has no such thing */
    if (fcntl(context->fd, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(context->fd, F_SETFL, O_NONBLOCK) != 0 ||
        (secret_is_set(&config->password) && !send_password(context->fd, &config->password))) {
        return -1;
    }
    return redisFreeKeepFd(TAKE(context));
}
