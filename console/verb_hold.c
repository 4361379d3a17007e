/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback hold: which kinds of effect are held because there were too many, and
 * letting one go. A hold is kept in the changelog, too, so that is told first: a
 * release that Redis did not hear of can be said again, one that only Redis heard
 * of would be undone by the next restore.
 */
#include "console/post.h"
#include "console/verb.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/kafka.h"
#include "common/own.h"

#include <getopt.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <sys/time.h>

#define HOLD_PREFIX   "hearback:hold:{"
#define TIMEOUT_MS    10000
#define KIND_MAX      64
#define SCAN_KEYS_MAX "1000"

struct asked {
    const char *path;
    const char *release; /* NULL: list */
};

static bool parse(int argc, char **argv, struct asked *asked)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts */
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == '?') {
            return false;
        }
        asked->path = optarg;
    }
    int left = argc - optind;
    bool lists = left == 1 && strcmp(argv[optind], "list") == 0;
    bool releases = left == 2 && strcmp(argv[optind], "release") == 0;
    asked->release = releases ? argv[optind + 1] : NULL;
    return asked->path != NULL && (lists || releases);
}

/* ---- Redis ------------------------------------------------------------------------------- */

static void close_redis(redisContext **redis)
{
    if (*redis != NULL) {
        redisFree(*redis);
    }
}

static void close_reply(redisReply **reply)
{
    if (*reply != NULL) {
        freeReplyObject(*reply);
    }
}

static redisContext *open_redis(const struct config_redis *config)
{
    struct timeval timeout = {.tv_sec = TIMEOUT_MS / 1000};
    char host[256];
    uint16_t port = 0;
    redisContext *redis = NULL;
    if (config->address == NULL) {
        (void)fputs("found no redis.address, expected where Redis listens\n", stderr);
        return NULL;
    }
    if (config->address[0] == '/') {
        redis = redisConnectUnixWithTimeout(config->address, timeout);
    } else if (!failed(config_address(config->address, host, sizeof(host), &port))) {
        redis = redisConnectWithTimeout(host, port, timeout);
    }
    if (redis == NULL || redis->err != 0 || redisSetTimeout(redis, timeout) != REDIS_OK) {
        (void)fprintf(stderr, "Redis at %s: %s\n", config->address,
                      redis == NULL ? "no connection" : redis->errstr);
        close_redis(&redis);
        return NULL;
    }
    if (secret_is_set(&config->password)) {
        span password = secret_reveal(&config->password);
        SCOPED(close_reply)
        redisReply *reply = redisCommand(redis, "AUTH %b", password.at, password.len);
        if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
            (void)fputs("Redis refused the password in HEARBACK_REDIS_PASSWORD\n", stderr);
            close_redis(&redis);
            return NULL;
        }
    }
    return redis;
}

static bool is_hold(const redisReply *key)
{
    size_t prefix = strlen(HOLD_PREFIX);
    return key->type == REDIS_REPLY_STRING && (size_t)key->len > prefix + 1 &&
           strncmp(key->str, HOLD_PREFIX, prefix) == 0 && key->str[key->len - 1] == '}';
}

static void say_hold(redisContext *redis, const redisReply *key)
{
    char since[32] = "?";
    int64_t at_ms = 0;
    int64_t counted = 0;
    SCOPED(close_reply) redisReply *reply = redisCommand(redis, "GET %b", key->str, key->len);
    SCOPED(json_free) struct json_object *tree = NULL;
    if (reply == NULL || reply->type != REDIS_REPLY_STRING ||
        failed(json_parse(span_of(reply->str, (size_t)reply->len), &tree))) {
        return; /* it was let go just now */
    }
    if (json_whole(json_at(tree, "/since_ms"), &at_ms)) {
        clock_format(at_ms, since, sizeof(since));
    }
    (void)json_whole(json_at(tree, "/counted"), &counted);
    size_t prefix = strlen(HOLD_PREFIX);
    (void)printf("%.*s  held since %s, after %lld in an hour\n",
                 (int)((size_t)key->len - prefix - 1), key->str + prefix, since,
                 (long long)counted);
}

static enum verb_exit list(redisContext *redis)
{
    char cursor[32] = "0";
    size_t held = 0;
    do {
        SCOPED(close_reply)
        redisReply *page = redisCommand(redis, "SCAN %s MATCH %s* COUNT " SCAN_KEYS_MAX, cursor,
                                        "hearback:hold:\\{");
        if (page == NULL || page->type != REDIS_REPLY_ARRAY || page->elements != 2) {
            (void)fprintf(stderr, "Redis: %s\n", page == NULL ? redis->errstr : page->str);
            return VERB_FAILED;
        }
        span_to_text(span_text(page->element[0]->str), cursor, sizeof(cursor));
        for (size_t i = 0; i < page->element[1]->elements; i++) {
            if (is_hold(page->element[1]->element[i])) {
                say_hold(redis, page->element[1]->element[i]);
                held++;
            }
        }
    } while (strcmp(cursor, "0") != 0);
    if (held == 0) {
        (void)puts("nothing is held");
    }
    return VERB_DONE;
}

/* ---- letting go -------------------------------------------------------------------------- */

static void on_acked(void *owner, bool durable)
{
    *(bool *)owner = durable;
}

/* The changelog's line of a string key is S:KEY; no value deletes it. */
static bool tell_changelog(const struct config *config, const char *key)
{
    struct post post;
    bool durable = false;
    char line[KIND_MAX + 64];
    int len = snprintf(line, sizeof(line), "S:%s", key);
    if (failed(post_open(&post, &config->kafka))) {
        return false;
    }
    struct post_record record = {.topic = TOPIC_CHANGELOG,
                                 .partition = RD_KAFKA_PARTITION_UA,
                                 .key = span_of(line, (size_t)len),
                                 .acked = on_acked,
                                 .owner = &durable};
    struct err err = post_send(&post, &record);
    if (!failed(err)) {
        post_flush(&post);
    }
    if (!durable) {
        (void)fprintf(stderr, "the changelog does not take it: %s; nothing was released\n",
                      failed(err) ? err.text : rd_kafka_err2str(post.refused));
    }
    post_close(&post);
    return durable;
}

static enum verb_exit release(const struct config *config, redisContext *redis, const char *kind)
{
    char key[KIND_MAX + 32];
    if (strlen(kind) > KIND_MAX || strpbrk(kind, "{}:* ") != NULL) {
        (void)fprintf(stderr, "found the kind \"%s\", expected one that hearback hold list names\n",
                      kind);
        return VERB_USAGE;
    }
    (void)snprintf(key, sizeof(key), "%s%s}", HOLD_PREFIX, kind);
    SCOPED(close_reply) redisReply *there = redisCommand(redis, "EXISTS %s", key);
    if (there == NULL || there->type != REDIS_REPLY_INTEGER) {
        (void)fprintf(stderr, "Redis: %s\n", there == NULL ? redis->errstr : there->str);
        return VERB_FAILED;
    }
    if (there->integer == 0) {
        (void)printf("%s  is not held\n", kind);
        return VERB_FAILED;
    }
    if (!tell_changelog(config, key)) {
        return VERB_FAILED;
    }
    SCOPED(close_reply) redisReply *gone = redisCommand(redis, "DEL %s %s:counted", key, key);
    if (gone == NULL || gone->type != REDIS_REPLY_INTEGER) {
        (void)fprintf(stderr, "Redis: %s; say it again\n",
                      gone == NULL ? redis->errstr : gone->str);
        return VERB_FAILED;
    }
    (void)printf("%s  released; it counts anew\n", kind);
    return VERB_DONE;
}

static enum verb_exit run(int argc, char **argv)
{
    struct asked asked = {0};
    struct config config = {0};
    if (!parse(argc, argv, &asked)) {
        return verb_misused(&verb_hold);
    }
    enum verb_exit status = VERB_USAGE;
    if (verb_config(asked.path, CONFIG_FOR_CONSOLE, &config)) {
        SCOPED(close_redis) redisContext *redis = open_redis(&config.redis);
        status = redis == NULL           ? VERB_FAILED
                 : asked.release == NULL ? list(redis)
                                         : release(&config, redis, asked.release);
    }
    config_close(&config);
    return status;
}

const struct verb verb_hold = {
    .name = "hold",
    .usage = "list --config FILE | release KIND --config FILE",
    .help = "what is held because there was too much of it; release lets a kind go",
    .run = run,
};
