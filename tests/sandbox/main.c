/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-sandbox: plays the vendors for tests and the demo. Starts the server,
 * says where it is (one line of JSON on stdout, and the port file, which appears
 * whole by a rename), waits for SIGTERM or SIGINT, and stops. The signals are
 * blocked before any thread starts, so only main sees them.
 */
#include "common/log.h"
#include "tests/sandbox/options.h"
#include "tests/sandbox/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct err write_port_file(const char *path, int port)
{
    char fresh[4096];
    int len = snprintf(fresh, sizeof(fresh), "%s.new", path);
    if (len < 0 || (size_t)len >= sizeof(fresh)) {
        FAIL(ERR_CONFIG, ENAMETOOLONG, "the port file's name is too long");
    }
    FILE *file = fopen(fresh, "we");
    if (file == NULL) {
        FAIL(ERR_CONFIG, errno, "cannot write the port file");
    }
    bool written = fprintf(file, "%d\n", port) > 0;
    written = fclose(file) == 0 && written;
    if (!written || rename(fresh, path) != 0) {
        FAIL(ERR_CONFIG, errno, "cannot write the port file");
    }
    return NO_ERROR;
}

static struct err announce(const struct options *options, int port)
{
    if (options->port_file != NULL) {
        TRY(write_port_file(options->port_file, port));
    }
    if (printf("{\"sandbox\":\"http://%s:%d\"}\n", options->address, port) < 0 ||
        fflush(stdout) != 0) {
        FAIL(ERR_CONFIG, errno, "cannot say where the sandbox is");
    }
    return NO_ERROR;
}

static struct err run(const struct options *options, const sigset_t *ends)
{
    struct sandbox *sandbox = NULL;
    struct server *server = NULL;
    TRY(sandbox_new(&sandbox, options, clock_system()));
    struct err e = server_start(&server, sandbox);
    if (!failed(e)) {
        e = announce(options, server_port(server));
    }
    if (!failed(e)) {
        int signal_number = 0;
        CHECK(sigwait(ends, &signal_number) == 0);
    }
    server_stop(&server);
    sandbox_free(&sandbox);
    return e;
}

int main(int argc, char **argv)
{
    log_init("hearback-sandbox", LOG_INFO);
    struct options options;
    struct err e = options_parse(&options, argc, argv);
    if (failed(e)) {
        (void)fprintf(stderr, "hearback-sandbox: %s\n%s", e.text, options_usage);
        return 2;
    }
    sigset_t ends;
    CHECK(sigemptyset(&ends) == 0 && sigaddset(&ends, SIGTERM) == 0 &&
          sigaddset(&ends, SIGINT) == 0);
    CHECK(pthread_sigmask(SIG_BLOCK, &ends, NULL) == 0);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    e = run(&options, &ends);
    if (failed(e)) {
        LOG_ERR(LOG_ERROR, "sandbox_failed", e, L_INT("port", options.port));
        return e.class == ERR_CONFIG ? 2 : 1;
    }
    return 0;
}
