/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback.yaml, one file for all programs, read against the tables of
 * config_table.c: each row has type, default, range, flags and help. Every
 * wrong row is reported at once with its line. Secrets are not in the file:
 * they come from the environment or from files it names (see secret.h).
 */
#ifndef HEARBACK_COMMON_CONFIG_H
#define HEARBACK_COMMON_CONFIG_H

#include "common/buf.h"
#include "common/err.h"
#include "common/secret.h"

#include <stddef.h>

#define CONFIG_SOURCES_MAX  32
#define CONFIG_FILE_MAX     ((size_t)1024 * 1024) /* bytes of hearback.yaml */
#define CONFIG_POINTERS_MAX 16                    /* alternates of one field */

struct config_log {
    char *level; /* debug info warn error */
};

struct config_kafka {
    char *bootstrap;              /* host:port[,host:port…] */
    int64_t replication;          /* of topics that Hearback creates */
    int64_t partitions;           /* of topics that Hearback creates */
    int64_t changelog_partitions; /* of the changelog; 0: as many as the others */
    int64_t session_timeout_ms;
    int64_t message_bytes_max; /* largest record; at least the largest body_bytes_max + 64 KiB */
    int64_t prefetch_bytes;    /* what librdkafka holds of the topics */
    int64_t prefetch_catching_up_bytes; /* what a worker holds beyond that while it catches up */
    int64_t catching_up_lag;            /* records behind at which it does */
    char *instance_id; /* of a static member; "" for none; $NAME in the file is looked up */
};

struct config_redis {
    char *address;          /* host:port or /path/of/socket */
    int64_t timeout_ms;     /* an unanswered command is unknown after this */
    struct secret password; /* HEARBACK_REDIS_PASSWORD */
};

struct config_ingest {
    char *listen; /* address:port; port 0 takes a free one and logs it */
    char *ops;    /* the operations port: /healthz /readyz /metrics */
    int64_t threads;
    int64_t connections_max;
    int64_t suspended_max;      /* requests that wait for the broker */
    int64_t answer_deadline_ms; /* 503 when the broker has not answered by then */
    int64_t request_timeout_ms; /* to send head and body */
    int64_t drain_deadline_ms;
};

struct config_source {
    char *name; /* the path is /hooks/<name> */
    int line;   /* of the entry */
    char *kind; /* koji */
    int64_t body_bytes_max;
    char *proof;               /* hmac | none */
    char *signature_header;    /* X-Koji-Signature */
    char *signature_algorithm; /* sha256 | sha512 | sha1 */
    char *signature_encoding;  /* hex | base64 */
    char *signature_prefix;    /* removed when there; "" for none */
    char *delivery_header;     /* the vendor's own delivery id; "" when it has none */
    char *handshake;           /* json | text | off: how the unsigned save-time check is answered */
    char *handshake_challenge; /* JSON pointer, or query parameter, of the challenge to echo */
    char *event_pointer;       /* first that resolves names the event: pointers, comma-separated */
    char *study_pointer;       /* the record's key: pointers, comma-separated */
    struct secret secret;      /* HEARBACK_SOURCE_<NAME>_SECRET */
    struct secret old_secret;  /* HEARBACK_SOURCE_<NAME>_OLD_SECRET: accepted too, for rotation */
};

struct config_worker {
    char *mode; /* live | observe */
    char *ops;
    int64_t items_max;                 /* items in flight */
    int64_t items_per_record_max;      /* of which one record may hold */
    int64_t items_per_key_max;         /* of which one order key may hold */
    int64_t items_per_destination_max; /* of which one destination of several may hold */
    int64_t calls_max;                 /* HTTP calls in flight */
    int64_t lease_ms;                  /* of an order key; more than the longest call time-out */
    int64_t drain_deadline_ms;
    int64_t reply_bytes_max;
    int64_t restore_wait_ms; /* how long another worker's restore lease is believed */
    int64_t turn_max_ms;     /* processor time; then the worker aborts. 0: never */
};

struct config_retry {
    int64_t base_ms;
    int64_t cap_ms;
    int64_t give_up_after_ms; /* then dead letter; stands still while the breaker is open */
};

struct config_breaker {
    int64_t failures; /* in a row, of the destination's making */
    int64_t refusals; /* in a row, each of one request */
    int64_t open_ms;  /* until the first probe; doubles up to open_max_ms */
    int64_t open_max_ms;
};

struct config_budgets {
    int64_t margin_percent;  /* of each limit, left for lateness */
    int64_t reserve_percent; /* of each rate, for one process while Redis is slow */
    int64_t replay_percent;  /* of each rate that a replay may use */
};

/* How many effects of a kind an hour before they are held; 0: any number. */
struct config_limits {
    int64_t tickets_per_hour;
};

struct config_jira {
    char *url;  /* https, or http to this machine */
    char *user; /* e-mail of the API token's owner */
    char *project;
    char *issue_type;
    int64_t timeout_ms;
    int64_t settle_ms;  /* how long Jira's search may lag behind a write */
    int64_t post_per_s; /* its rate limits; 0: not kept */
    int64_t put_per_s;
    int64_t get_per_s;
    int64_t delete_per_s;
    int64_t issue_writes_per_2s;
    int64_t issue_writes_per_30s;
    struct secret token; /* HEARBACK_JIRA_TOKEN */
};

/* Thresholds of the shipped routing rules. */
struct config_rules {
    double quality_min;
    double sentiment_file; /* at or below: file */
    int64_t volume_file;   /* distinct interviews: file */
    double sentiment_win;  /* at or above: positive */
};

/* Where each field of an interview may stand: JSON pointers, first that resolves wins. Pointers
 * of theme_* and quote_* are relative to their object. */
struct config_pointers {
    char *pointers[CONFIG_POINTERS_MAX];
    size_t count;
};

struct config_fields {
    struct config_pointers event, interview_id, study_id, study_url, quality, sentiment,
        transcript_url, time, respondent_email, respondent_id, respondent_name, themes, theme_id,
        theme_name, theme_summary, theme_severity, theme_sentiment, theme_tags, theme_quotes,
        quote_text, quote_link;
};

struct config {
    struct config_log log;
    struct config_kafka kafka;
    struct config_redis redis;
    struct config_ingest ingest;
    struct config_source sources[CONFIG_SOURCES_MAX];
    size_t source_count;
    struct config_worker worker;
    struct config_retry retry;
    struct config_breaker breaker;
    struct config_budgets budgets;
    struct config_limits limits;
    struct config_jira jira;
    struct config_rules rules;
    struct config_fields fields;
};

/* What a program needs; the rest may be absent. */
enum config_for { CONFIG_FOR_INGEST = 1, CONFIG_FOR_WORKER = 2, CONFIG_FOR_CONSOLE = 4 };

/* Reads the file and the environment. On ERR_CONFIG `faults` holds one line a fault,
 * "FILE:LINE: path: found …, expected …, do …", all of them. The caller closes config in any case.
 */
MUST_USE struct err config_load(struct config *config, const char *path, unsigned needed_for,
                                struct buf *faults);
/* As config_load, from memory; `name` stands in the faults. */
MUST_USE struct err config_parse(struct config *config, span yaml, const char *name,
                                 unsigned needed_for, struct buf *faults);
void config_close(struct config *config);

/* The whole configuration as YAML, defaults filled in, secrets as ***. */
void config_print(const struct config *config, struct buf *out);
/* The JSON Schema of hearback.yaml and a Markdown table of every row, both from the tables. */
void config_schema(struct buf *out);
void config_table(struct buf *out);

/* A digest of what decides how an interview is read and routed: rules and field map. */
uint64_t config_digest(const struct config *config);

/* Splits "host:port" (also "[::1]:port"); the host is copied to `host`. ERR_CONFIG. */
MUST_USE struct err config_address(const char *address, char *host, size_t room, uint16_t *port);

#endif
