/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback dead: the letters of what will never work as it is. Reads the command
 * line, hears hearback.dead to its end, and hands what matches to the one that was
 * asked for.
 */
#include "console/verb_dead.h"
#include "console/when.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
    "usage: hearback dead list    --config FILE [FILTER…] [--limit N] [--json]\n"
    "       hearback dead show    --config FILE [FILTER…] [--body] [--json]\n"
    "       hearback dead redrive --config FILE FILTER…|--all [--limit N] [--dry-run] [--json]\n"
    "       hearback dead drop    --config FILE FILTER…|--all [--limit N] [--yes] [--json]\n"
    "\n"
    "Dead letters tell of effects that will never work as they are, and of records of\n"
    "which nothing can be made. They stand in the topic hearback.dead for 90 days.\n"
    "\n"
    "  list     what there is: the newest first, and how many of each reason\n"
    "  show     one letter, whole, and where its record is; --body prints the record too,\n"
    "           which may hold a person: keep it to yourself\n"
    "  redrive  once the cause is mended: the worker takes these effects up again, and the\n"
    "           letters go. What happened meanwhile does not happen twice. A letter whose\n"
    "           record is nowhere any more stays. --dry-run: only say what would be done\n"
    "  drop     the letters go and nothing is done; without --yes only says which. Copies of\n"
    "           their records stay until they are 90 days old\n"
    "\n"
    "filters, all of which must hold:\n"
    "  --worker W   of this worker\n"
    "  --reason R   for this reason (the table's word)\n"
    "  --effect E   of this effect\n"
    "  --key K      with this order key, or this key of the letter itself\n"
    "  --since T    written then or later: how long ago (30s, 15m, 2h, 7d, 1d12h),\n"
    "               a day in UTC (2026-05-27) or RFC 3339 (2026-05-27T02:07:11Z)\n"
    "  --until T    written before then\n"
    "\n"
    "  --limit N    at most so many letters: list takes the newest, the others the oldest\n"
    "  --json       a JSON object a line\n"
    "\n"
    "Exit: 0 done, 1 something was not (it says what), 2 the command line is wrong.\n";

static const struct subverb {
    const char *name;
    enum verb_exit (*run)(const struct config *config, const struct dead_asked *asked,
                          struct letters *letters);
    const char *options; /* letters of those that only some take */
    bool changes;
} subverbs[] = {
    {"list", dead_list, "l", false},
    {"show", dead_show, "b", false},
    {"redrive", dead_redrive, "lad", true},
    {"drop", dead_drop, "layd", true},
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'}, {"worker", required_argument, NULL, 'w'},
    {"reason", required_argument, NULL, 'r'}, {"effect", required_argument, NULL, 'e'},
    {"key", required_argument, NULL, 'k'},    {"since", required_argument, NULL, 's'},
    {"until", required_argument, NULL, 'u'},  {"json", no_argument, NULL, 'j'},
    {"limit", required_argument, NULL, 'l'},  {"body", no_argument, NULL, 'b'},
    {"all", no_argument, NULL, 'a'},          {"yes", no_argument, NULL, 'y'},
    {"dry-run", no_argument, NULL, 'd'},      {NULL, 0, NULL, 0}};

static bool take_time(const char *name, const char *text, int64_t *out)
{
    if (when_parse(text, clock_wall_ms(clock_system()), out) && *out > 0) {
        return true;
    }
    (void)fprintf(stderr, "hearback dead: --%s %s: expected " WHEN_EXPECTED "\n", name, text);
    return false;
}

static bool take_limit(const char *text, size_t *out)
{
    int64_t number = 0;
    if (!span_number(span_text(text), 1, LETTERS_COUNT_MAX, &number)) {
        (void)fprintf(stderr, "hearback dead: --limit %s: expected a number from 1 to %d\n", text,
                      LETTERS_COUNT_MAX);
        return false;
    }
    *out = (size_t)number;
    return true;
}

/* An option with a value. */
static bool take_value(int c, struct dead_asked *asked)
{
    const struct {
        int letter;
        const char **to;
    } texts[] = {{'c', &asked->path},
                 {'w', &asked->filter.worker},
                 {'r', &asked->filter.reason},
                 {'e', &asked->filter.effect},
                 {'k', &asked->filter.key}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (texts[i].letter == c) {
            *texts[i].to = optarg;
            return true;
        }
    }
    switch (c) {
    case 's':
        return take_time("since", optarg, &asked->filter.since_ms);
    case 'u':
        return take_time("until", optarg, &asked->filter.until_ms);
    default:
        return take_limit(optarg, &asked->limit);
    }
}

static bool parse(int argc, char **argv, const struct subverb *subverb, struct dead_asked *asked)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts */
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool some = strchr("lbayd", c) != NULL;
        if (c == '?' || (some && strchr(subverb->options, c) == NULL)) {
            if (some) {
                (void)fprintf(stderr, "hearback dead %s does not take that option\n",
                              subverb->name);
            }
            return false;
        }
        if (strchr("cwreksul", c) != NULL && !take_value(c, asked)) {
            return false;
        }
        asked->json = asked->json || c == 'j';
        asked->body = asked->body || c == 'b';
        asked->all = asked->all || c == 'a';
        asked->yes = asked->yes || c == 'y';
        asked->dry = asked->dry || c == 'd';
    }
    return asked->path != NULL && optind == argc;
}

static bool is_open(const struct letter_filter *filter)
{
    return filter->worker == NULL && filter->reason == NULL && filter->effect == NULL &&
           filter->key == NULL && filter->since_ms == 0 && filter->until_ms == 0;
}

enum verb_exit dead_kafka_failed(const struct config *config, struct err err)
{
    (void)fprintf(stderr, "hearback dead: Kafka at %s: %s (%s)\n", config->kafka.bootstrap,
                  err.text, rd_kafka_err2str((rd_kafka_resp_err_t)err.code));
    return VERB_FAILED;
}

void dead_say(struct buf *out)
{
    (void)fwrite(out->broken ? "" : (const char *)out->at, 1, out->len, stdout);
    buf_clear(out);
}

static void say_bounds(const struct letters *letters)
{
    if (letters->missed > 0) {
        (void)fprintf(stderr,
                      "hearback dead: over %zu letters match, and only so many (or %u MiB of them) "
                      "are looked at at once: narrow it with --worker, --reason, --since or "
                      "--until, or do it again afterwards\n",
                      letters->count, LETTERS_BYTES_MAX >> 20);
    }
    if (letters->strange > 0) {
        (void)fprintf(stderr,
                      "hearback dead: %zu records of " TOPIC_DEAD
                      " are no letters of this version; they are passed over\n",
                      letters->strange);
    }
}

static enum verb_exit work(const struct config *config, const struct subverb *subverb,
                           const struct dead_asked *asked)
{
    struct letters letters;
    letters_init(&letters, &asked->filter);
    struct err err = dead_topic_hear(&config->kafka, &letters);
    enum verb_exit status = VERB_FAILED;
    if (failed(err)) {
        status = dead_kafka_failed(config, err);
    } else {
        say_bounds(&letters);
        status = subverb->run(config, asked, &letters);
    }
    letters_close(&letters);
    return status;
}

static const struct subverb *subverb_find(int argc, char **argv)
{
    for (size_t i = 0; i < COUNT_OF(subverbs) && argc > 1; i++) {
        if (strcmp(subverbs[i].name, argv[1]) == 0) {
            return &subverbs[i];
        }
    }
    return NULL;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return true;
        }
    }
    return false;
}

static enum verb_exit run(int argc, char **argv)
{
    struct dead_asked asked = {0};
    struct config config = {0};
    const struct subverb *subverb = subverb_find(argc, argv);
    if (asks_help(argc, argv)) {
        (void)fputs(help, stdout);
        return VERB_DONE;
    }
    if (subverb == NULL || !parse(argc - 1, argv + 1, subverb, &asked)) {
        return verb_misused(&verb_dead);
    }
    if (subverb->changes && is_open(&asked.filter) && !asked.all) {
        (void)fprintf(stderr,
                      "hearback dead %s: no filter; say which letters are meant, or --all\n",
                      subverb->name);
        return VERB_USAGE;
    }
    enum verb_exit status = VERB_USAGE;
    if (verb_config(asked.path, CONFIG_FOR_CONSOLE, &config)) {
        status = work(&config, subverb, &asked);
    }
    config_close(&config);
    return status;
}

const struct verb verb_dead = {
    .name = "dead",
    .usage = "list|show|redrive|drop --config FILE [--worker W] [--reason R] [--effect E]\n"
             "      [--key K] [--since T] [--until T] [--limit N] [--json] [--all] [--dry-run] "
             "[--yes] [--body]",
    .help = "dead letters: look at them, send them again, give them up; dead --help says more",
    .run = run,
};
