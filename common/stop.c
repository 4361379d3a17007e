/* SPDX-License-Identifier: Apache-2.0
 *
 * The signal descriptor. The thread that waits owns it.
 */
#define _GNU_SOURCE /* signalfd */
#include "common/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct err stop_init(int *fd)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigaction(SIGPIPE, &ignore, NULL) != 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        FAIL(ERR_FATAL, errno, "signals cannot be blocked");
    }
    *fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (*fd < 0) {
        FAIL(ERR_FATAL, errno, "no descriptor for signals");
    }
    return NO_ERROR;
}

bool stop_asked(int fd)
{
    struct signalfd_siginfo info;
    bool asked = false;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        asked = true;
    }
    return asked;
}

bool stop_wait(int fd, int timeout_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, timeout_ms) > 0 && stop_asked(fd);
}
