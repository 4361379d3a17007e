/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of hearback.yaml, section by section: every limit of the programs
 * stands here. The field map and the sources have a file of their own. To add a
 * setting, add a member to its struct in config.h and a row here.
 */
#include "common/config_table.h"

#include "common/config_table_fields.h"
#include "common/own.h"

#include <string.h>

#define NEEDS_KAFKA (CONFIG_FOR_INGEST | CONFIG_FOR_WORKER | CONFIG_FOR_CONSOLE)

#define AT(section_, member_) .offset = offsetof(struct config_##section_, member_)

static bool fits_listen(const char *text)
{
    char host[256];
    uint16_t port = 0;
    return !failed(config_address(text, host, sizeof(host), &port));
}

static bool fits_address(const char *text)
{
    char host[256];
    uint16_t port = 0;
    return !failed(config_address(text, host, sizeof(host), &port)) && port > 0;
}

static bool fits_addresses(const char *text)
{
    span rest = span_text(text);
    span one;
    bool fits = true;
    while (fits && config_next_pointer(&rest, &one)) { /* the same commas */
        char copy[CONFIG_TEXT_MAX + 1];
        memcpy(copy, one.at, one.len);
        copy[one.len] = 0;
        fits = fits_address(copy);
    }
    return fits;
}

static bool fits_redis(const char *text)
{
    return text[0] == '/' ? text[1] != 0 : fits_address(text);
}

/* The scheme and that nobody put a login in; where it may lead is judged in config_check.c. */
static bool fits_url(const char *text)
{
    const char *host = strstr(text, "://");
    bool scheme = strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
    return scheme && host != NULL && host[3] != 0 && host[3] != '/' && host[3] != ':' &&
           strpbrk(text, "@?# \\\"<>") == NULL;
}

static bool fits_project(const char *text)
{
    return text[0] >= 'A' && text[0] <= 'Z' &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(text);
}

static bool fits_instance(const char *text)
{
    return text[0] == '$' ? config_variable_fits(text + 1) : config_instance_fits(text);
}

static const struct config_form form_listen = {
    "an address to listen on, such as 0.0.0.0:8080 or [::]:8080", "^.+:[0-9]{1,5}$", fits_listen};
static const struct config_form form_addresses = {
    "host:port[,host:port...]", "^[^,]+:[0-9]{1,5}(,[^,]+:[0-9]{1,5})*$", fits_addresses};
static const struct config_form form_redis = {"host:port or /path/of/socket",
                                              "^(/.+|.+:[0-9]{1,5})$", fits_redis};
static const struct config_form form_url = {"an https:// address without login, query or fragment",
                                            "^https?://[^/:@?# ][^@?# ]*$", fits_url};
static const struct config_form form_project = {"a Jira project key such as RES",
                                                "^[A-Z][A-Z0-9_]*$", fits_project};

static const struct config_form form_instance = {
    "letters, digits and . _ -, or $ and the name of an environment variable",
    "^([A-Za-z0-9._-]{0,249}|[$][A-Za-z_][A-Za-z0-9_]*)$", fits_instance};

static const struct config_row log_rows[] = {
    {"level", CONFIG_CHOICE, AT(log, level), .standard = "info", .choices = "debug info warn error",
     .help = "Lines below this level are not written."},
};

static const struct config_row kafka_rows[] = {
    {"bootstrap", CONFIG_TEXT, AT(kafka, bootstrap), .form = &form_addresses,
     .needed_for = NEEDS_KAFKA, .example = "kafka-1:9092,kafka-2:9092",
     .help = "The brokers asked first; the others are learned from them."},
    {"replication", CONFIG_WHOLE, AT(kafka, replication), .standard = "3", .min = "1", .max = "15",
     .help = "Copies of each topic that Hearback creates. 1 is for a laptop only."},
    {"partitions", CONFIG_WHOLE, AT(kafka, partitions), .standard = "12", .min = "1", .max = "1024",
     .help = "Partitions of each topic that Hearback creates, but for the changelog and the retry "
             "topics, which have one: the most processes of one worker that can share the work."},
    {"changelog_partitions", CONFIG_WHOLE, AT(kafka, changelog_partitions), .standard = "1",
     .min = "1", .max = "64",
     .help = "Partitions of the changelog. What a worker writes down goes to each of them in a "
             "request of its own, so one costs least; more are for a changelog that one broker "
             "cannot hold."},
    {"session_timeout", CONFIG_DURATION, AT(kafka, session_timeout_ms), .standard = "45s",
     .min = "6s", .max = "30m",
     .help = "A worker that is silent for this long loses its partitions to the others."},
    {"message_max", CONFIG_SIZE, AT(kafka, message_bytes_max), .standard = "8256KiB",
     .min = "128KiB", .max = "128MiB",
     .help = "The largest record; at least the largest body_max of all sources and 64KiB."},
    {"prefetch", CONFIG_SIZE, AT(kafka, prefetch_bytes), .standard = "16MiB", .min = "1MiB",
     .max = "1GiB", .help = "What a worker reads ahead of its topics in the steady state."},
    {"prefetch_catching_up", CONFIG_SIZE, AT(kafka, prefetch_catching_up_bytes),
     .standard = "64MiB", .min = "1MiB", .max = "4GiB",
     .help =
         "What a worker reads ahead beyond prefetch while it catches up: a short wait for Redis "
         "or a destination then does not interrupt the reading."},
    {"catching_up_lag", CONFIG_WHOLE, AT(kafka, catching_up_lag), .standard = "20000", .min = "1",
     .max = "1000000000",
     .help = "A worker that is so many records behind catches up; below a quarter of it the steady "
             "state is back."},
    {"instance_id", CONFIG_TEXT, AT(kafka, instance_id), .standard = "", .min = "0",
     .form = &form_instance, .example = "$HOSTNAME",
     .help = "Makes each worker process a static member of its group: one that comes back within "
             "session_timeout has its partitions again, and nobody else notices. Each process of "
             "one worker needs its own; $NAME is the environment variable NAME, such as the pod "
             "name of a StatefulSet. Empty: off."},
};

static const struct config_row redis_rows[] = {
    {"address", CONFIG_TEXT, AT(redis, address), .form = &form_redis,
     .needed_for = CONFIG_FOR_WORKER, .example = "redis:6379",
     .help = "Where Redis listens. The password is HEARBACK_REDIS_PASSWORD."},
    {"timeout", CONFIG_DURATION, AT(redis, timeout_ms), .standard = "2s", .min = "10ms",
     .max = "1m", .help = "What an unanswered command did is unknown after this long."},
};

static const struct config_row ingest_rows[] = {
    {"listen", CONFIG_TEXT, AT(ingest, listen), .standard = "0.0.0.0:8080", .form = &form_listen,
     .help = "Where webhooks arrive. Port 0 takes a free one and logs it."},
    {"ops", CONFIG_TEXT, AT(ingest, ops), .standard = "127.0.0.1:9464", .form = &form_listen,
     .help = "The door's operations port: /healthz, /readyz and /metrics."},
    {"threads", CONFIG_WHOLE, AT(ingest, threads), .standard = "2", .min = "1", .max = "64",
     .help = "Threads that serve connections."},
    {"connections_max", CONFIG_WHOLE, AT(ingest, connections_max), .standard = "8192", .min = "2",
     .max = "100000", .help = "Connections open at a time."},
    {"suspended_max", CONFIG_WHOLE, AT(ingest, suspended_max), .standard = "4096", .min = "1",
     .max = "99999",
     .help = "Requests that wait for the broker at a time, below connections_max; 503 above."},
    {"answer_deadline", CONFIG_DURATION, AT(ingest, answer_deadline_ms), .standard = "5s",
     .min = "100ms", .max = "1m", .help = "503 when the broker has not answered by then."},
    {"request_timeout", CONFIG_DURATION, AT(ingest, request_timeout_ms), .standard = "10s",
     .min = "100ms", .max = "5m", .help = "The time a sender has for head and body."},
    {"drain_deadline", CONFIG_DURATION, AT(ingest, drain_deadline_ms), .standard = "10s",
     .min = "0s", .max = "10m",
     .help = "After SIGTERM, how long requests under way may take to finish."},
};

static const struct config_row worker_rows[] = {
    {"mode", CONFIG_CHOICE, AT(worker, mode), .standard = "live", .choices = "live observe",
     .help = "observe: read and ask, change nothing anywhere, and log what would be done, in a "
             "consumer group of its own."},
    {"ops", CONFIG_TEXT, AT(worker, ops), .standard = "127.0.0.1:9465", .form = &form_listen,
     .help = "The worker's operations port: /healthz, /readyz and /metrics."},
    {"items_max", CONFIG_WHOLE, AT(worker, items_max), .standard = "512", .min = "1",
     .max = "65536", .help = "Items in flight at a time."},
    {"items_per_record_max", CONFIG_WHOLE, AT(worker, items_per_record_max), .standard = "64",
     .min = "1", .max = "65536",
     .help = "Items in flight of one record, so that a huge one leaves room for the others."},
    {"items_per_key_max", CONFIG_WHOLE, AT(worker, items_per_key_max), .standard = "16", .min = "1",
     .max = "65536",
     .help = "Items in flight of one theme or person, which wait for each other: so that a hot one "
             "leaves room for the others."},
    {"items_per_destination_max", CONFIG_WHOLE, AT(worker, items_per_destination_max),
     .standard = "256", .min = "1", .max = "65536",
     .help = "Items in flight at one destination when the worker has several, so that a broken one "
             "leaves room for the others."},
    {"calls_max", CONFIG_WHOLE, AT(worker, calls_max), .standard = "32", .min = "1", .max = "1024",
     .help = "HTTP calls in flight at a time."},
    {"lease", CONFIG_DURATION, AT(worker, lease_ms), .standard = "45s", .min = "1s", .max = "30m",
     .help = "How long a theme or person is this worker's alone; at least jira.timeout and 5s."},
    {"drain_deadline", CONFIG_DURATION, AT(worker, drain_deadline_ms), .standard = "20s",
     .min = "0s", .max = "10m",
     .help = "After SIGTERM, how long calls under way may take to finish."},
    {"reply_max", CONFIG_SIZE, AT(worker, reply_bytes_max), .standard = "1MiB", .min = "1KiB",
     .max = "64MiB", .help = "The largest answer of a destination that is read."},
    {"restore_wait", CONFIG_DURATION, AT(worker, restore_wait_ms), .standard = "10s",
     .min = "100ms", .max = "10m",
     .help = "How long another worker that restores Redis is believed to be alive."},
    {"turn_max", CONFIG_DURATION, AT(worker, turn_max_ms), .standard = "1m", .min = "0s",
     .max = "1h",
     .help = "Processor time after which a turn of the loop that has no end is aborted and its "
             "records are suspected; at least 1s, 0s never."},
};

static const struct config_row retry_rows[] = {
    {"base", CONFIG_DURATION, AT(retry, base_ms), .standard = "500ms", .min = "1ms", .max = "1h",
     .help = "The longest wait before the first retry; doubles with each."},
    {"cap", CONFIG_DURATION, AT(retry, cap_ms), .standard = "1m", .min = "1ms", .max = "24h",
     .help = "No wait is longer."},
    {"give_up_after", CONFIG_DURATION, AT(retry, give_up_after_ms), .standard = "24h", .min = "1s",
     .max = "8760h",
     .help = "Then the item is a dead letter. Stands still while the breaker is open."},
};

static const struct config_row breaker_rows[] = {
    {"failures", CONFIG_WHOLE, AT(breaker, failures), .standard = "5", .min = "1", .max = "1000",
     .help = "Failures in a row that open a destination's breaker."},
    {"refusals", CONFIG_WHOLE, AT(breaker, refusals), .standard = "5", .min = "2", .max = "1000",
     .help = "Refusals for good (403, 404 and the like) of one kind of call, for as many order "
             "keys, without a success, that open it: then it is the destination, not the item. All "
             "but the last "
             "are dead letters, unless they are 403."},
    {"open", CONFIG_DURATION, AT(breaker, open_ms), .standard = "5s", .min = "10ms", .max = "1h",
     .help = "How long it stays open before the first probe; doubles with each."},
    {"open_max", CONFIG_DURATION, AT(breaker, open_max_ms), .standard = "1m", .min = "10ms",
     .max = "24h", .help = "It is never open for longer without a probe."},
};

static const struct config_row budgets_rows[] = {
    {"margin", CONFIG_WHOLE, AT(budgets, margin_percent), .standard = "4", .min = "0", .max = "90",
     .help = "Percent of each vendor's rate limit that is left unused, so that calls which arrive "
             "late or close together do not exceed it."},
    {"reserve", CONFIG_WHOLE, AT(budgets, reserve_percent), .standard = "5", .min = "0",
     .max = "50",
     .help = "Percent of each rate that one process may spend while Redis is slow; the others give "
             "it up meanwhile. Times the processes at most 100."},
    {"replay", CONFIG_WHOLE, AT(budgets, replay_percent), .standard = "20", .min = "1",
     .max = "100", .help = "Percent of each rate that a replay may use."},
};

static const struct config_row limits_rows[] = {
    {"tickets_per_hour", CONFIG_WHOLE, AT(limits, tickets_per_hour), .standard = "200", .min = "0",
     .max = "1000000",
     .help = "More tickets in an hour are held until an operator releases them (hearback hold). 0 "
             "never holds."},
};

static const struct config_row jira_rows[] = {
    {"url", CONFIG_TEXT, AT(jira, url), .form = &form_url, .needed_for = CONFIG_FOR_WORKER,
     .example = "https://example.atlassian.net",
     .help = "The site. https, or http to this machine. The token is HEARBACK_JIRA_TOKEN."},
    {"user", CONFIG_TEXT, AT(jira, user), .needed_for = CONFIG_FOR_WORKER,
     .example = "hearback@example.com", .help = "The e-mail address of the API token's owner."},
    {"project", CONFIG_TEXT, AT(jira, project), .form = &form_project,
     .needed_for = CONFIG_FOR_WORKER, .example = "RES",
     .help = "The key of the project that tickets are filed in."},
    {"issue_type", CONFIG_TEXT, AT(jira, issue_type), .standard = "Task",
     .help = "The name of the type that tickets get."},
    {"timeout", CONFIG_DURATION, AT(jira, timeout_ms), .standard = "15s", .min = "100ms",
     .max = "2m", .help = "What an unanswered call did is unknown after this long."},
    {"settle", CONFIG_DURATION, AT(jira, settle_ms), .standard = "1m", .min = "0s", .max = "2m",
     .help = "How long Jira's search may lag behind a write. Only a search later than that "
             "proves that there is no ticket."},
    {"post_per_s", CONFIG_WHOLE, AT(jira, post_per_s), .standard = "100", .min = "0",
     .max = "1000000", .help = "Jira's limit of POST calls a second. 0 keeps none."},
    {"put_per_s", CONFIG_WHOLE, AT(jira, put_per_s), .standard = "50", .min = "0", .max = "1000000",
     .help = "Jira's limit of PUT calls a second. 0 keeps none."},
    {"get_per_s", CONFIG_WHOLE, AT(jira, get_per_s), .standard = "100", .min = "0",
     .max = "1000000", .help = "Jira's limit of GET calls a second. 0 keeps none."},
    {"delete_per_s", CONFIG_WHOLE, AT(jira, delete_per_s), .standard = "50", .min = "0",
     .max = "1000000", .help = "Jira's limit of DELETE calls a second. 0 keeps none."},
    {"issue_writes_per_2s", CONFIG_WHOLE, AT(jira, issue_writes_per_2s), .standard = "20",
     .min = "0", .max = "1000000",
     .help = "Jira's limit of writes on one issue in two seconds. 0 keeps none."},
    {"issue_writes_per_30s", CONFIG_WHOLE, AT(jira, issue_writes_per_30s), .standard = "100",
     .min = "0", .max = "1000000",
     .help = "Jira's limit of writes on one issue in thirty seconds. 0 keeps none."},
};

static const struct config_row rules_rows[] = {
    {"quality_min", CONFIG_REAL, AT(rules, quality_min), .standard = "3", .min = "0", .max = "5",
     .help = "Interviews of lower quality are left out."},
    {"sentiment_file", CONFIG_REAL, AT(rules, sentiment_file), .standard = "-0.4", .min = "-1",
     .max = "1", .help = "A theme with this sentiment or a worse one is filed."},
    {"volume_file", CONFIG_WHOLE, AT(rules, volume_file), .standard = "3", .min = "1",
     .max = "1000000", .help = "A theme heard in this many interviews is filed."},
    {"sentiment_win", CONFIG_REAL, AT(rules, sentiment_win), .standard = "0.3", .min = "-1",
     .max = "1", .help = "A theme with this sentiment or a better one is a win, not a ticket."},
};

#define ROWS(rows_) .rows = (rows_), .row_count = COUNT_OF(rows_)

static const struct config_section sections[] = {
    {"log", "What is written to stderr.", offsetof(struct config, log), ROWS(log_rows)},
    {"kafka", "Where every event and every promise is kept.", offsetof(struct config, kafka),
     ROWS(kafka_rows)},
    {"redis", "The workers' view of what happened. The door needs none.",
     offsetof(struct config, redis), ROWS(redis_rows)},
    {"ingest", "The door: hearback-ingest.", offsetof(struct config, ingest), ROWS(ingest_rows)},
    {"sources",
     "Who may knock. Each entry NAME is served at /hooks/NAME; its secret is "
     "HEARBACK_SOURCE_NAME_SECRET, capitals, with _ for -.",
     offsetof(struct config, sources), .each = sizeof(struct config_source),
     .needed_for = CONFIG_FOR_INGEST, .rows = config_source_rows, .row_count = CONFIG_SOURCE_ROWS},
    {"worker", "Every worker: hearback-worker.", offsetof(struct config, worker),
     ROWS(worker_rows)},
    {"retry", "How often and how long an item is tried.", offsetof(struct config, retry),
     ROWS(retry_rows)},
    {"breaker", "When a failing destination is left alone.", offsetof(struct config, breaker),
     ROWS(breaker_rows)},
    {"budgets", "How close calls come to a vendor's rate limits.", offsetof(struct config, budgets),
     ROWS(budgets_rows)},
    {"limits", "When so many effects of a kind are no accident any more.",
     offsetof(struct config, limits), ROWS(limits_rows)},
    {"jira", "Where tickets are filed.", offsetof(struct config, jira), ROWS(jira_rows)},
    {"rules", "Which themes become tickets.", offsetof(struct config, rules), .in_digest = true,
     ROWS(rules_rows)},
    {"fields",
     "Where each field of an interview may stand: JSON pointers, the first that names something "
     "wins. Those of theme_* and quote_* start at the theme and the quote.",
     offsetof(struct config, fields), .in_digest = true, .rows = config_field_rows,
     .row_count = CONFIG_FIELD_ROWS},
};

static const struct config_secret secrets[] = {
    {"redis", "HEARBACK_REDIS_PASSWORD", AT(redis, password),
     CONFIG_FOR_WORKER | CONFIG_FOR_CONSOLE, 0, "the password of Redis, when it wants one"},
    {"sources", "SECRET", AT(source, secret), CONFIG_FOR_INGEST, CONFIG_FOR_INGEST,
     "what the sender signs with"},
    {"sources", "OLD_SECRET", AT(source, old_secret), CONFIG_FOR_INGEST, 0,
     "the secret before, accepted too while it is changed"},
    {"jira", "HEARBACK_JIRA_TOKEN", AT(jira, token), CONFIG_FOR_WORKER | CONFIG_FOR_CONSOLE,
     CONFIG_FOR_WORKER, "the API token of jira.user"},
};

const struct config_section *config_sections(size_t *count)
{
    *count = COUNT_OF(sections);
    return sections;
}

const struct config_section *config_section_named(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        if (strcmp(sections[i].name, name) == 0) {
            return &sections[i];
        }
    }
    return NULL;
}

const struct config_secret *config_secrets(size_t *count)
{
    *count = COUNT_OF(secrets);
    return secrets;
}

const struct config_row *config_row_of(const struct config_section *section, const char *key)
{
    for (size_t i = 0; i < section->row_count; i++) {
        if (strcmp(section->rows[i].key, key) == 0) {
            return &section->rows[i];
        }
    }
    return NULL;
}

void config_variable(const struct config_secret *secret, const char *source, struct buf *out)
{
    if (source == NULL) {
        buf_add_text(out, secret->variable);
        return;
    }
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    buf_add_text(out, "HEARBACK_SOURCE_");
    for (const char *c = source; *c != 0; c++) {
        if (*c >= 'a' && *c <= 'z') {
            buf_add_char(out, capitals[*c - 'a']);
        } else {
            buf_add_text(out, *c == '-' ? "_" : (const char[]){*c, 0});
        }
    }
    buf_add_char(out, '_');
    buf_add_text(out, secret->variable);
}
