/* SPDX-License-Identifier: Apache-2.0
 *
 * Beyond the rows: secrets from the environment, and values that are fine each
 * but not together. A value that was already found wrong is not judged twice.
 */
#include "common/config_reader.h"
#include "common/own.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#define TURN_MIN_MS     1000
#define LEASE_MARGIN_MS 5000 /* a lease outlives the longest call by this */

static bool sound(const struct config_reader *reader, const void *member)
{
    const struct config_seen *seen = config_seen(reader, member);
    return seen == NULL || seen->sound;
}

/* Where the row stands, else its section, else the top. */
static int line_of(const struct config_reader *reader, const char *section, const void *member)
{
    size_t count = 0;
    const struct config_section *sections = config_sections(&count);
    const struct config_seen *seen = config_seen(reader, member);
    return seen != NULL ? seen->line
                        : reader->section_lines[config_section_named(section) - sections];
}

/* The row as the file would say it: "15s". */
static const char *value_words(struct config_reader *reader, const char *section, const char *key)
{
    const struct config_section *in = config_section_named(section);
    const struct config_row *row = config_row_of(in, key);
    struct buf words;
    buf_init(&words, 2048);
    CHECK(row != NULL);
    (void)config_value_print(row, (const char *)reader->config + in->offset + row->offset, &words);
    const char *said = config_say(reader, "%s", buf_text(&words));
    buf_close(&words);
    return said;
}

/* Two whole numbers of a section pair: `low` must not pass `high`. */
struct order {
    const char *section;
    const char *low;
    const char *high;
    bool strict; /* nor be equal */
};

static const struct order orders[] = {
    {"ingest", "suspended_max", "connections_max", .strict = true},
    {"worker", "items_per_record_max", "items_max", .strict = false},
    {"retry", "base", "cap", .strict = false},
    {"retry", "cap", "give_up_after", .strict = false},
    {"breaker", "open", "open_max", .strict = false},
};

static void check_orders(struct config_reader *reader)
{
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        const struct order *order = &orders[i];
        const struct config_section *section = config_section_named(order->section);
        const char *base = (const char *)reader->config + section->offset;
        const void *low = base + config_row_of(section, order->low)->offset;
        const void *high = base + config_row_of(section, order->high)->offset;
        int64_t low_value = *(const int64_t *)low;
        int64_t high_value = *(const int64_t *)high;
        if (!sound(reader, low) || !sound(reader, high) ||
            low_value + (order->strict ? 1 : 0) <= high_value) {
            continue;
        }
        config_fault(
            reader, line_of(reader, order->section, config_seen(reader, low) != NULL ? low : high),
            config_say(reader, "%s.%s", order->section, order->low),
            (struct config_wrong){
                .found = value_words(reader, order->section, order->low),
                .expected = config_say(
                    reader, "%s %s.%s, which is %s", order->strict ? "less than" : "at most",
                    order->section, order->high, value_words(reader, order->section, order->high)),
                .advice = "lower the one or raise the other"});
    }
}

static void check_rules(struct config_reader *reader)
{
    const struct config_rules *rules = &reader->config->rules;
    if (!sound(reader, &rules->sentiment_file) || !sound(reader, &rules->sentiment_win) ||
        rules->sentiment_file < rules->sentiment_win) {
        return;
    }
    config_fault(reader, line_of(reader, "rules", &rules->sentiment_file), "rules.sentiment_file",
                 (struct config_wrong){
                     .found = value_words(reader, "rules", "sentiment_file"),
                     .expected = config_say(reader, "less than rules.sentiment_win, which is %s",
                                            value_words(reader, "rules", "sentiment_win")),
                     .advice = "lower the one or raise the other: no theme is both"});
}

static void check_lease(struct config_reader *reader)
{
    const struct config *config = reader->config;
    if (!sound(reader, &config->worker.lease_ms) || !sound(reader, &config->jira.timeout_ms) ||
        config->worker.lease_ms >= config->jira.timeout_ms + LEASE_MARGIN_MS) {
        return;
    }
    bool lease_named = config_seen(reader, &config->worker.lease_ms) != NULL;
    int line = lease_named ? line_of(reader, "worker", &config->worker.lease_ms)
                           : line_of(reader, "jira", &config->jira.timeout_ms);
    config_fault(
        reader, line, "worker.lease",
        (struct config_wrong){
            .found = value_words(reader, "worker", "lease"),
            .expected = config_say(reader, "at least 5s more than jira.timeout, which is %s",
                                   value_words(reader, "jira", "timeout")),
            .advice = "raise worker.lease or lower jira.timeout"});
}

/* A turn of less is no sign of anything, and an abort puts records under suspicion. */
static void check_turn_max(struct config_reader *reader)
{
    const int64_t *turn_max = &reader->config->worker.turn_max_ms;
    if (sound(reader, turn_max) && *turn_max > 0 && *turn_max < TURN_MIN_MS) {
        config_fault(reader, line_of(reader, "worker", turn_max), "worker.turn_max",
                     (struct config_wrong){.found = value_words(reader, "worker", "turn_max"),
                                           .expected = "at least 1s, or 0s for never",
                                           .advice = "raise it"});
    }
}

static void check_message_max(struct config_reader *reader)
{
    const struct config *config = reader->config;
    const struct config_source *largest = NULL;
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        if (sound(reader, &source->body_bytes_max) &&
            (largest == NULL || source->body_bytes_max > largest->body_bytes_max)) {
            largest = source;
        }
    }
    if (largest == NULL || !sound(reader, &config->kafka.message_bytes_max) ||
        config->kafka.message_bytes_max >= largest->body_bytes_max + CONFIG_BODY_ROOM) {
        return;
    }
    const struct config_seen *seen = config_seen(reader, &config->kafka.message_bytes_max);
    const struct config_seen *body_seen = config_seen(reader, &largest->body_bytes_max);
    int line = seen != NULL ? seen->line : body_seen != NULL ? body_seen->line : largest->line;
    config_fault(reader, line, "kafka.message_max",
                 (struct config_wrong){
                     .found = value_words(reader, "kafka", "message_max"),
                     .expected = config_say(
                         reader, "at least %" PRId64 "KiB, for sources.%s.body_max and 64KiB",
                         (largest->body_bytes_max + CONFIG_BODY_ROOM + 1023) / 1024, largest->name),
                     .advice = "raise kafka.message_max or lower the source's body_max"});
}

static bool is_loopback(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1) {
        return ntohl(four.s_addr) >> 24 == 127;
    }
    if (inet_pton(AF_INET6, host, &six) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&six);
    }
    return span_is_nocase(span_text(host), "localhost");
}

/* The host of scheme://host[:port][/path], without brackets. False when there is none. */
static bool url_host(const char *url, char *host, size_t room)
{
    const char *from = strstr(url, "://");
    char address[CONFIG_TEXT_MAX + 8];
    uint16_t port = 0;
    if (from == NULL) {
        return false;
    }
    from += 3;
    size_t len = strcspn(from, "/");
    const char *bracket = memchr(from, ']', len);
    bool has_port = memchr(bracket == NULL ? from : bracket, ':',
                           len - (bracket == NULL ? 0 : (size_t)(bracket - from))) != NULL;
    len = len < CONFIG_TEXT_MAX ? len : CONFIG_TEXT_MAX;
    memcpy(address, from, len);
    (void)snprintf(address + len, sizeof(address) - len, "%s", has_port ? "" : ":443");
    return !failed(config_address(address, host, room, &port)) && port > 0;
}

static void check_jira(struct config_reader *reader)
{
    char *url = reader->config->jira.url;
    char host[256];
    if (url == NULL || !sound(reader, &reader->config->jira.url)) {
        return;
    }
    struct config_wrong wrong = {.found = config_say(reader, "%s", url)};
    int line = line_of(reader, "jira", &reader->config->jira.url);
    for (size_t len = strlen(url); len > 0 && url[len - 1] == '/'; len--) {
        url[len - 1] = 0;
    }
    if (!url_host(url, host, sizeof(host))) {
        wrong.expected = "https://host or https://host:port";
        wrong.advice = "write for example https://example.atlassian.net";
        config_fault(reader, line, "jira.url", wrong);
    } else if (strncmp(url, "https://", 8) != 0 && !is_loopback(host)) {
        wrong.expected = "https, or a host that is this machine";
        wrong.advice = "write https://, or the token would travel in the clear";
        config_fault(reader, line, "jira.url", wrong);
    }
}

bool config_secret_key(const char *key)
{
    static const char *const words[] = {"secret",  "token",   "password",   "passwd",
                                        "apikey",  "api_key", "api-key",    "credential",
                                        "privkey", "private", "passphrase", "authorization"};
    for (const char *at = key; *at != 0; at++) {
        for (size_t i = 0; i < COUNT_OF(words); i++) {
            size_t len = strlen(words[i]);
            if (strnlen(at, len) == len && span_is_nocase(span_of(at, len), words[i])) {
                return true;
            }
        }
    }
    return false;
}

static const char *variable_of(struct config_reader *reader, const struct config_secret *secret,
                               const char *source)
{
    struct buf name;
    buf_init(&name, 512);
    config_variable(secret, source, &name);
    const char *said = config_say(reader, "%s", buf_text(&name));
    buf_close(&name);
    return said;
}

const char *config_secret_advice(struct config_reader *reader, const char *section,
                                 const char *source)
{
    size_t count = 0;
    const struct config_secret *secrets = config_secrets(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(secrets[i].section, section) == 0) {
            const char *name = variable_of(reader, &secrets[i], source);
            return config_say(reader,
                              "remove it, set the environment variable %s or %s_FILE, and change "
                              "the secret: it was written down",
                              name, name);
        }
    }
    return "remove it, and change the secret: it was written down";
}

struct place {
    const char *path;
    const char *source;
    char *base;
    int line;
    bool needed;
};

static void load_secret(struct config_reader *reader, const struct config_secret *row,
                        struct place place)
{
    const char *name = variable_of(reader, row, place.source);
    struct secret *secret = (void *)(place.base + row->offset);
    struct err err = secret_load(secret, name);
    if (failed(err)) {
        config_fault(reader, place.line, place.path,
                     (struct config_wrong){
                         .found = config_say(reader, "%s", err.text),
                         .expected = config_say(reader, "%s in %s or a file named by %s_FILE",
                                                row->help, name, name),
                         .advice = "correct the environment"});
    } else if (place.needed && !secret_is_set(secret)) {
        config_fault(reader, place.line, place.path,
                     (struct config_wrong){
                         .found = config_say(reader, "neither %s nor %s_FILE in the environment",
                                             name, name),
                         .expected = row->help,
                         .advice = place.source == NULL
                                       ? "set one of them"
                                       : "set one of them, or write \"proof: none\" to believe "
                                         "anybody"});
    }
}

static void load_source_secret(struct config_reader *reader, const struct config_secret *row,
                               struct config_source *source)
{
    bool hmac = sound(reader, &source->proof) && strcmp(source->proof, "hmac") == 0;
    const char *path = config_say(reader, "sources.%s.proof", source->name);
    const struct config_seen *seen = config_seen(reader, &source->proof);
    load_secret(reader, row,
                (struct place){.path = path,
                               .source = source->name,
                               .base = (char *)source,
                               .line = seen != NULL ? seen->line : source->line,
                               .needed = hmac && (row->needed_for & reader->needed_for) != 0});
}

static void load_secrets(struct config_reader *reader)
{
    size_t count = 0;
    const struct config_secret *secrets = config_secrets(&count);
    struct config *config = reader->config;
    for (size_t i = 0; i < count; i++) {
        const struct config_secret *row = &secrets[i];
        const struct config_section *section = config_section_named(row->section);
        if ((row->loaded_for & reader->needed_for) == 0) {
            continue;
        }
        for (size_t j = 0; section->each > 0 && j < config->source_count; j++) {
            load_source_secret(reader, row, &config->sources[j]);
        }
        if (section->each == 0) {
            load_secret(reader, row,
                        (struct place){.path = section->name,
                                       .base = (char *)config + section->offset,
                                       .line = line_of(reader, section->name, NULL),
                                       .needed = (row->needed_for & reader->needed_for) != 0});
        }
    }
}

/* HEARBACK_SOURCE_A_OLD_SECRET would be the secret of "a-old" and the old one of "a". */
static void check_source_names(struct config_reader *reader)
{
    struct config *config = reader->config;
    for (size_t i = 0; i < config->source_count * config->source_count; i++) {
        const char *name = config->sources[i / config->source_count].name;
        const struct config_source *other = &config->sources[i % config->source_count];
        size_t len = strlen(name);
        if (strncmp(other->name, name, len) == 0 && strcmp(other->name + len, "-old") == 0) {
            config_fault(
                reader, other->line, config_say(reader, "sources.%s", other->name),
                (struct config_wrong){.found = config_say(reader,
                                                          "a name whose secret is also the old "
                                                          "secret of sources.%s",
                                                          name),
                                      .expected = "secrets of their own",
                                      .advice = "rename one of the two"});
        }
    }
}

void config_check(struct config_reader *reader)
{
    check_orders(reader);
    check_rules(reader);
    check_lease(reader);
    check_turn_max(reader);
    check_message_max(reader);
    check_jira(reader);
    check_source_names(reader);
    config_check_instance(reader);
    load_secrets(reader);
}
