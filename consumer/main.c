/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-worker NAME: one worker a process, its own consumer group. Reads the
 * configuration, starts the operations port and the engine, drains at SIGTERM.
 * Exit: 0 stopped when asked, 1 could not go on (its supervisor starts it again),
 * 2 the command line or the configuration is wrong.
 */
#include "common/log.h"
#include "common/stop.h"
#include "consumer/engine/crash.h"
#include "consumer/engine/engine.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>

#define FAULTS_BYTES_MAX (1024 * 1024)

enum { EXIT_DONE, EXIT_BROKEN, EXIT_USAGE };

static const char usage[] =
    "usage: hearback-worker NAME --config FILE [--ops ADDRESS:PORT] [--check]\n"
    "       hearback-worker --help | --version\n\n"
    "Runs one worker in its own consumer group.\n"
    "  --config FILE       hearback.yaml\n"
    "  --ops ADDRESS:PORT  the operations port, instead of worker.ops\n"
    "  --check             report every fault of the configuration and stop\n\n"
    "SIGTERM or SIGINT: takes no more, finishes what is under way, for worker.drain_deadline at\n"
    "most, and exits with 0. A second one ends the wait at once; then, as after kill -9, whoever\n"
    "takes over asks what became of each call.\n\nworkers:\n";

struct flags {
    const char *name, *path, *ops;
    bool check, help, version;
};

static bool parse(int argc, char **argv, struct flags *flags)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"ops", required_argument, NULL, 'o'},
        {"check", no_argument, NULL, 'k'},        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0}};
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts */
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        flags->path = c == 'c' ? optarg : flags->path;
        flags->ops = c == 'o' ? optarg : flags->ops;
        flags->check = flags->check || c == 'k';
        flags->help = flags->help || c == 'h';
        flags->version = flags->version || c == 'v';
        if (c == '?') {
            return false;
        }
    }
    flags->name = optind + 1 == argc ? argv[optind] : NULL;
    return flags->help || flags->version || (flags->name != NULL && flags->path != NULL);
}

static void print_usage(FILE *to)
{
    size_t count = 0;
    const struct worker *const *workers = workers_all(&count);
    (void)fputs(usage, to);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(to, "  %-18s %s\n", workers[i]->name, workers[i]->help);
    }
}

static struct err serve(const struct config *config, const struct worker *worker,
                        const char *ops_at)
{
    struct engine *engine = NULL;
    struct ops *ops = NULL;
    int stop_fd = -1;
    TRY(stop_init(&stop_fd));
    TRY(ops_start(ops_at, &ops));
    struct engine_setup setup = {.config = config,
                                 .worker = worker,
                                 .clock = clock_system(),
                                 .stop_fd = stop_fd,
                                 .ops = ops};
    char key[CRASH_KEY_MAX];
    crash_key(worker->name, &config->worker, key);
    struct err err = engine_new(&setup, &engine);
    if (!failed(err)) {
        crash_begin(key, &config->redis, config->worker.turn_max_ms);
        err = engine_run(engine);
        crash_end();
    }
    engine_free(&engine);
    ops_stop(&ops);
    return err;
}

static int run(const struct config *config, const struct flags *flags, const struct worker *worker)
{
    enum log_level level = LOG_INFO;
    (void)log_level_parse(span_text(config->log.level), &level);
    log_init("hearback-worker", level);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    struct err err = serve(config, worker, flags->ops == NULL ? config->worker.ops : flags->ops);
    curl_global_cleanup();
    if (!failed(err)) {
        return EXIT_DONE;
    }
    LOG_ERR(LOG_ERROR, "ended", err, L_TEXT("worker", worker->name));
    return err.class == ERR_CONFIG ? EXIT_USAGE : EXIT_BROKEN;
}

int main(int argc, char **argv)
{
    struct flags flags = {0};
    struct config config = {0};
    struct buf faults;
    int status = EXIT_DONE;
    if (!parse(argc, argv, &flags)) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (flags.help || flags.version) {
        flags.help ? print_usage(stdout) : (void)puts("hearback-worker " HEARBACK_VERSION);
        return EXIT_DONE;
    }
    const struct worker *worker = workers_find(flags.name);
    if (worker == NULL) {
        (void)fprintf(stderr, "found the worker name \"%s\", expected one of these:\n", flags.name);
        print_usage(stderr);
        return EXIT_USAGE;
    }
    buf_init(&faults, FAULTS_BYTES_MAX);
    if (failed(config_load(&config, flags.path, CONFIG_FOR_WORKER, &faults))) {
        (void)fputs(buf_text(&faults), stderr);
        status = EXIT_USAGE;
    } else {
        status = flags.check ? puts("ok") < 0 : run(&config, &flags, worker);
    }
    buf_close(&faults);
    config_close(&config);
    return status;
}
