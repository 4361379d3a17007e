/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-ingest, the door: webhooks in, Kafka out. One thread: reads the
 * configuration, starts the door, waits for SIGTERM, drains.
 * Exit: 0 stopped when asked, 1 could not go on, 2 the command line or the
 * configuration is wrong.
 */
#include "common/log.h"
#include "common/stop.h"
#include "producer/door.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define FAULTS_BYTES_MAX (1024 * 1024)

enum { EXIT_DONE, EXIT_BROKEN, EXIT_USAGE };

static const char usage[] =
    "usage: hearback-ingest --config FILE [--check | --print-config]\n"
    "       hearback-ingest --help | --version\n\n"
    "Takes webhooks at /hooks/NAME, one for each of sources:, and publishes them to Kafka.\n"
    "  --config FILE    hearback.yaml\n"
    "  --check          report every fault of the configuration and stop\n"
    "  --print-config   print it with all defaults, secrets as ***, and stop\n";

struct flags {
    const char *path;
    bool check, print, help, version;
};

static bool parse(int argc, char **argv, struct flags *flags)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
        {"print-config", no_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0}};
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts */
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        flags->path = c == 'c' ? optarg : flags->path;
        flags->check = flags->check || c == 'k';
        flags->print = flags->print || c == 'p';
        flags->help = flags->help || c == 'h';
        flags->version = flags->version || c == 'v';
        if (c == '?') {
            return false;
        }
    }
    return optind == argc && (flags->help || flags->version || flags->path != NULL);
}

static struct err serve(const struct config *config)
{
    struct door *door = NULL;
    struct err err = NO_ERROR;
    int fd = -1;
    int next_ms = 0;
    TRY(stop_init(&fd));
    TRY(door_start(config, &door));
    do {
        err = door_step(door, &next_ms);
    } while (!failed(err) && !stop_wait(fd, next_ms));
    door_stop(&door);
    return err;
}

static int run(const struct config *config)
{
    enum log_level level = LOG_INFO;
    (void)log_level_parse(span_text(config->log.level), &level);
    log_init("hearback-ingest", level);
    struct err err = serve(config);
    if (!failed(err)) {
        return EXIT_DONE;
    }
    LOG_ERR(LOG_ERROR, "ended", err, L_TEXT("listen", config->ingest.listen));
    return err.class == ERR_CONFIG ? EXIT_USAGE : EXIT_BROKEN;
}

int main(int argc, char **argv)
{
    struct flags flags = {0};
    struct config config = {0};
    struct buf text;
    int status = EXIT_DONE;
    if (!parse(argc, argv, &flags)) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (flags.help || flags.version) {
        (void)fputs(flags.help ? usage : "hearback-ingest " HEARBACK_VERSION "\n", stdout);
        return EXIT_DONE;
    }
    buf_init(&text, FAULTS_BYTES_MAX);
    if (failed(config_load(&config, flags.path, CONFIG_FOR_INGEST, &text))) {
        (void)fputs(buf_text(&text), stderr);
        status = EXIT_USAGE;
    } else if (flags.print) {
        config_print(&config, &text);
        (void)fputs(buf_text(&text), stdout);
    } else if (flags.check) {
        (void)puts("ok");
    } else {
        status = run(&config);
    }
    buf_close(&text);
    config_close(&config);
    return status;
}
