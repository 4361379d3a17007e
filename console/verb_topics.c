/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback topics: is each topic there, and can it carry what we need? With
 * --create the missing ones are made first.
 */
#include "console/verb.h"

#include "common/kafka.h"

#include <getopt.h>
#include <stdio.h>

#define TIMEOUT_MS     10000
#define SAID_BYTES_MAX (64 * 1024)

struct asked {
    const char *path;
    bool create;
};

static bool parse(int argc, char **argv, struct asked *asked)
{
    static const struct option options[] = {{"create", no_argument, NULL, 'm'},
                                            {"config", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts */
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') {
            return false;
        }
        asked->create = asked->create || c == 'm';
        asked->path = c == 'c' ? optarg : asked->path;
    }
    return asked->path != NULL && optind == argc;
}

/* Lines of `why` begin with the topic's name; only what follows is of use here. */
static void say(const struct topic *topic, struct buf *why)
{
    size_t skip = strlen(topic->name) + 2;
    const char *rest = buf_text(why);
    while (*rest != 0) {
        size_t len = strcspn(rest, "\n");
        size_t from = strncmp(rest, topic->name, skip - 2) == 0 && len > skip ? skip : 0;
        (void)printf("%-20s  %.*s\n", topic->name, (int)(len - from), rest + from);
        rest += len + (rest[len] == '\n' ? 1 : 0);
    }
}

/* True: go on with the next one. */
static bool list_one(rd_kafka_t *rk, const struct config_kafka *config, const struct topic *topic,
                     enum verb_exit *status)
{
    const char *const names[] = {topic->name, NULL};
    struct buf why;
    buf_init(&why, SAID_BYTES_MAX);
    struct err err = kafka_check_topics(rk, config, names, TIMEOUT_MS, &why);
    bool away = err.class == ERR_RETRY && err.code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (away) {
        (void)fputs(why.len > 0 ? buf_text(&why) : "Kafka does not tell topic settings\n", stderr);
    } else if (failed(err)) {
        say(topic, &why);
    } else {
        (void)printf("%-20s  ok, by %s, %s\n", topic->name, topic->key,
                     !topic->compacted         ? "by time"
                     : topic->retention_ms < 0 ? "compacted"
                                               : "compacted and by time");
    }
    *status = failed(err) ? VERB_FAILED : *status;
    buf_close(&why);
    return !away;
}

static enum verb_exit list(rd_kafka_t *rk, const struct config_kafka *config)
{
    size_t count = 0;
    const struct topic *topics = kafka_topics(&count);
    enum verb_exit status = VERB_DONE;
    for (size_t i = 0; i < count; i++) {
        if (!list_one(rk, config, &topics[i], &status)) {
            break;
        }
    }
    return status;
}

static enum verb_exit create(rd_kafka_t *rk, const struct config_kafka *config)
{
    struct buf said;
    buf_init(&said, SAID_BYTES_MAX);
    struct err err = kafka_create_topics(rk, config, TIMEOUT_MS, &said);
    (void)fputs(buf_text(&said), failed(err) ? stderr : stdout);
    buf_close(&said);
    return failed(err) ? VERB_FAILED : VERB_DONE;
}

static enum verb_exit work(const struct config *config, bool makes)
{
    SCOPED(kafka_free) rd_kafka_t *rk = NULL;
    static const char *const options[] = {"enable.idempotence", "false", NULL}; /* it only asks */
    struct kafka_role role = {.client_id = "hearback", .options = options};
    struct err err = kafka_producer_new(&config->kafka, &role, &rk);
    if (failed(err)) {
        (void)fprintf(stderr, "%s\n", err.text);
        return VERB_USAGE;
    }
    return makes ? create(rk, &config->kafka) : list(rk, &config->kafka);
}

static enum verb_exit run(int argc, char **argv)
{
    struct asked asked = {0};
    struct config config = {0};
    if (!parse(argc, argv, &asked)) {
        return verb_misused(&verb_topics);
    }
    enum verb_exit status = VERB_USAGE;
    if (verb_config(asked.path, CONFIG_FOR_CONSOLE, &config)) {
        status = work(&config, asked.create);
    }
    config_close(&config);
    return status;
}

const struct verb verb_topics = {
    .name = "topics",
    .usage = "[--create] --config FILE",
    .help = "the topics and their state; --create makes the missing ones",
    .run = run,
};
