/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback replay WORKER: reads records again and lets the worker's engine walk
 * them, in this process, with the worker's ledger and leases but not its group:
 * the workers may run on. --dry-run tells what each item would do.
 */
#include "console/verb.h"

#include "common/log.h"
#include "common/metrics.h"
#include "common/stop.h"
#include "console/when.h"
#include "consumer/engine/engine.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>

#define METRICS_BYTES_MAX (4u << 20)

struct asked {
    const char *path;
    const char *worker;
    bool from_given;
    bool verbose;
    struct replay replay;
};

/* Only digits: an offset. */
static bool parse_edge(const char *text, struct replay_edge *edge)
{
    int64_t at = 0;
    if (span_number(span_text(text), 0, INT64_MAX, &at)) {
        *edge = (struct replay_edge){.kind = REPLAY_OFFSET, .at = at};
        return true;
    }
    if (when_parse(text, clock_wall_ms(clock_system()), &at)) {
        *edge = (struct replay_edge){.kind = REPLAY_TIME, .at = at};
        return true;
    }
    (void)fprintf(
        stderr, "hearback replay: found \"%s\", expected an offset, or " WHEN_EXPECTED "\n", text);
    return false;
}

static bool parse_again(const char *text, struct replay *replay)
{
    bool dead = strcmp(text, "dead") == 0;
    bool skipped = strcmp(text, "skipped") == 0;
    replay->again_dead = replay->again_dead || dead;
    replay->again_skipped = replay->again_skipped || skipped;
    if (!dead && !skipped) {
        (void)fprintf(stderr, "hearback replay: found --again %s, expected skipped or dead\n",
                      text);
    }
    return dead || skipped;
}

static bool parse_partition(const char *text, struct replay *replay)
{
    int64_t number = 0;
    if (!span_number(span_text(text), 0, INT32_MAX, &number)) {
        (void)fprintf(stderr, "hearback replay: found --partition %s, expected a number\n", text);
        return false;
    }
    replay->partition = (int32_t)number;
    return true;
}

static bool take_option(int c, struct asked *asked)
{
    struct replay *replay = &asked->replay;
    switch (c) {
    case 'c':
        asked->path = optarg;
        return true;
    case 'f':
        asked->from_given = true;
        return parse_edge(optarg, &replay->from);
    case 't':
        return parse_edge(optarg, &replay->to);
    case 'p':
        return parse_partition(optarg, replay);
    case 'k':
        replay->key = span_text(optarg);
        return true;
    case 'd':
        replay->dry = true;
        return true;
    case 'a':
        return parse_again(optarg, replay);
    case 'r':
        replay->redo = true;
        return true;
    case 'v':
        asked->verbose = true;
        return true;
    default:
        return false;
    }
}

static bool parse(int argc, char **argv, struct asked *asked)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 't'},     {"partition", required_argument, NULL, 'p'},
        {"key", required_argument, NULL, 'k'},    {"dry-run", no_argument, NULL, 'd'},
        {"again", required_argument, NULL, 'a'},  {"redo", no_argument, NULL, 'r'},
        {"verbose", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0}};
    asked->replay.partition = -1;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts */
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (!take_option(c, asked)) {
            return false;
        }
    }
    asked->worker = optind + 1 == argc ? argv[optind] : NULL;
    if (asked->replay.redo && (asked->replay.again_dead || asked->replay.again_skipped)) {
        (void)fputs("hearback replay: --redo repeats what is done, --again what is not: expected "
                    "one of them\n",
                    stderr);
        return false;
    }
    return asked->path != NULL && asked->worker != NULL && asked->from_given;
}

/* An item's line: partition/offset, effect, stage, what would be done. */
static void say_item(const struct item *item, const char *stage, const char *what)
{
    const struct origin *origin = &item->job->origin;
    (void)printf("%d/%lld  " SPAN_FMT "  %s  %s\n", (int)origin->partition,
                 (long long)origin->offset, SPAN_ARG(item->effect_id), stage, what);
}

/* The counters that tell what came of it. */
static void say_sums(void)
{
    static const char *const wanted[] = {"hearback_records_total", "hearback_records_skipped_total",
                                         "hearback_records_without_items_total",
                                         "hearback_items_total"};
    struct buf text;
    buf_init(&text, METRICS_BYTES_MAX);
    metrics_encode(&text);
    for (const char *line = buf_text(&text); *line != 0;) {
        size_t len = strcspn(line, "\n");
        for (size_t i = 0; i < COUNT_OF(wanted); i++) {
            size_t name = strlen(wanted[i]);
            if (strncmp(line, wanted[i], name) == 0 && (line[name] == ' ' || line[name] == '{')) {
                (void)printf("%.*s\n", (int)len, line);
            }
        }
        line += len + (line[len] == '\n' ? 1 : 0);
    }
    buf_close(&text);
}

static struct err serve(const struct config *config, const struct worker *worker,
                        const struct replay *replay)
{
    struct engine *engine = NULL;
    int stop_fd = -1;
    TRY(stop_init(&stop_fd));
    struct engine_setup setup = {.config = config,
                                 .worker = worker,
                                 .clock = clock_system(),
                                 .stop_fd = stop_fd,
                                 .replay = replay};
    struct err err = engine_new(&setup, &engine);
    if (!failed(err)) {
        err = engine_run(engine);
    }
    if (!failed(err) && !engine_replayed(engine)) {
        (void)fputs("hearback replay: stopped before its end; run it again, what is done stays "
                    "done\n",
                    stderr);
        err = (struct err){.class = ERR_RETRY, .text = "stopped", .where = ERR_HERE};
    }
    engine_free(&engine);
    return err;
}

static enum verb_exit work(const struct config *config, const struct asked *asked)
{
    const struct worker *worker = workers_find(asked->worker);
    if (worker == NULL) {
        size_t count = 0;
        const struct worker *const *all = workers_all(&count);
        (void)fprintf(stderr, "hearback replay: found the worker %s, expected one of these:\n",
                      asked->worker);
        for (size_t i = 0; i < count; i++) {
            (void)fprintf(stderr, "  %s\n", all[i]->name);
        }
        return VERB_USAGE;
    }
    log_init("hearback", asked->verbose ? LOG_INFO : LOG_WARN);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    struct err err = serve(config, worker, &asked->replay);
    curl_global_cleanup();
    say_sums();
    if (failed(err) && err.class != ERR_RETRY) {
        (void)fprintf(stderr, "hearback replay: %s\n", err.text);
    }
    return failed(err) ? VERB_FAILED : VERB_DONE;
}

static enum verb_exit run(int argc, char **argv)
{
    struct asked asked = {.replay = {.would = say_item}};
    struct config config = {0};
    if (!parse(argc, argv, &asked)) {
        return verb_misused(&verb_replay);
    }
    enum verb_exit status = VERB_USAGE;
    if (verb_config(asked.path, CONFIG_FOR_WORKER, &config)) {
        status = work(&config, &asked);
    }
    config_close(&config);
    return status;
}

const struct verb verb_replay = {
    .name = "replay",
    .usage =
        "WORKER --from TIME|OFFSET [--to TIME|OFFSET] [--partition N] [--key KEY] [--dry-run]\n"
        "      [--again skipped|dead] [--redo] [--verbose] --config FILE",
    .help = "walk records again; what is done stays done, the workers may run on.\n"
            "      --dry-run tells what each item would do and changes nothing; --again skipped\n"
            "      looks into records that are wholly settled, --again dead tries dead letters\n"
            "      again; --redo repeats writes that may be repeated, never creates or messages",
    .run = run,
};
