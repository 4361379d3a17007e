/* SPDX-License-Identifier: Apache-2.0
 *
 * The topics: one table, from which they are created and against which the
 * cluster is checked at start. What is checked is what would lose or refuse a
 * record later: the topic exists, carries the largest record, keeps what it must
 * keep, and a record acknowledged is on two brokers (one in development). Each
 * call asks the cluster once and blocks its thread for `timeout_ms` at most twice.
 */
#include "common/kafka.h"

#include "common/log.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_MS       (INT64_C(24) * 60 * 60 * 1000)
#define SETTINGS_MAX 12

static const struct topic topics[] = {
    {
        .name = TOPIC_INTERVIEWS,
        .retention_ms = 30 * DAY_MS,
        .key = "study",
        .help = "What interview vendors sent, verbatim; what we know about it is in the headers.",
    },
    {
        .name = TOPIC_CHANGELOG,
        .is_changelog = true,
        .compacted = true,
        .retention_ms = -1,
        .key = "Redis key",
        .help = "What must outlive Redis: effects, evidence, people, opt-outs. Kept for ever.",
    },
    {
        .name = TOPIC_DEAD,
        .compacted = true,
        .retention_ms = 90 * DAY_MS,
        .key = "worker and effect",
        .help = "Items that will never work as they are, with the reason, and a copy of their "
                "records; no person in the headers.",
    },
    /* One a worker: kept as long as what it was taken from. Of one partition, for the group
     * balances the number of partitions over both of its topics: with as many here as there, one of
     * two replicas may be left with nothing but retries. */
    {
        .name = TOPIC_RETRY_PREFIX "ticket-filer",
        .retention_ms = 30 * DAY_MS,
        .partitions = 1,
        .key = "the source record's key",
        .help = "Records that the ticket filer takes up again, wholly or a few items of them.",
    },
};

const struct topic *kafka_topics(size_t *count)
{
    *count = COUNT_OF(topics);
    return topics;
}

/* A topic's setting as we create it; `number` is written when `text` is NULL. */
struct setting {
    const char *name;
    const char *text;
    int64_t number;
};

static int64_t bytes_max(const struct topic *topic, const struct config_kafka *config)
{
    return topic->message_bytes_max > 0 ? topic->message_bytes_max : config->message_bytes_max;
}

/* Two copies before it counts, wherever there are two. */
static int64_t insync_wanted(int64_t replicas)
{
    return replicas >= 2 ? 2 : 1;
}

static bool is_expiring(const struct topic *topic)
{
    return topic->retention_ms >= 0;
}

static const char *policy_of(const struct topic *topic)
{
    if (!topic->compacted) {
        return "delete";
    }
    return is_expiring(topic) ? "compact,delete" : "compact";
}

/* The broker gives a list back as it was set, in any order. */
static bool is_policy(const struct topic *topic, const char *policy)
{
    return strcmp(policy, policy_of(topic)) == 0 ||
           (topic->compacted && is_expiring(topic) && strcmp(policy, "delete,compact") == 0);
}

static size_t settings_of(const struct topic *topic, const struct config_kafka *config,
                          struct setting *out)
{
    size_t n = 0;
    out[n++] = (struct setting){"cleanup.policy", policy_of(topic), 0};
    out[n++] = (struct setting){"max.message.bytes", NULL, bytes_max(topic, config)};
    out[n++] = (struct setting){"min.insync.replicas", NULL, insync_wanted(config->replication)};
    out[n++] = (struct setting){"compression.type", "producer", 0};
    out[n++] = (struct setting){"retention.ms", NULL, topic->retention_ms};
    if (topic->compacted) {
        /* Small segments, so that what was overwritten or forgotten really goes within a week. A
         * key's newest value stays whatever these say; what says that a key is gone stays a week
         * longer than its compaction, and the restore relies on that (engine/mark.c). */
        out[n++] = (struct setting){"segment.bytes", NULL, 64 * 1024 * 1024};
        out[n++] = (struct setting){"segment.ms", NULL, DAY_MS};
        out[n++] = (struct setting){"min.cleanable.dirty.ratio", "0.2", 0};
        out[n++] = (struct setting){"min.compaction.lag.ms", NULL, 60 * 60 * 1000};
        out[n++] = (struct setting){"max.compaction.lag.ms", NULL, 6 * DAY_MS};
        out[n++] = (struct setting){"delete.retention.ms", NULL, TOPIC_CHANGELOG_TOMBSTONES_MS};
    }
    CHECK(n <= SETTINGS_MAX);
    return n;
}

SCOPED_FREE(free_event, rd_kafka_event_t *, rd_kafka_event_destroy)
SCOPED_FREE(free_queue, rd_kafka_queue_t *, rd_kafka_queue_destroy)
SCOPED_FREE(free_options, rd_kafka_AdminOptions_t *, rd_kafka_AdminOptions_destroy)
SCOPED_FREE(free_metadata, const struct rd_kafka_metadata *, rd_kafka_metadata_destroy)

static struct err ask_metadata(rd_kafka_t *rk, int timeout_ms, struct buf *said,
                               const struct rd_kafka_metadata **out)
{
    /* All topics: naming one would create it on a careless broker. */
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 1, NULL, out, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        *out = NULL;
        buf_addf(said, "Kafka does not answer: %s\n", rd_kafka_err2str(code));
        FAIL(ERR_RETRY, (int)code, "Kafka does not answer");
    }
    return NO_ERROR;
}

static const struct rd_kafka_metadata_topic *topic_in(const struct rd_kafka_metadata *metadata,
                                                      const char *name)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (topic->err == RD_KAFKA_RESP_ERR_NO_ERROR && topic->partition_cnt > 0 &&
            strcmp(topic->topic, name) == 0) {
            return topic;
        }
    }
    return NULL;
}

static const char *entry_value(const rd_kafka_ConfigResource_t *resource, const char *name)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value != NULL && strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) {
            return value;
        }
    }
    return NULL;
}

static int64_t entry_number(const rd_kafka_ConfigResource_t *resource, const char *name)
{
    int64_t number = 0;
    return span_number(span_text(entry_value(resource, name)), INT64_MIN, INT64_MAX, &number)
               ? number
               : 0;
}

/* A topic of the table that the cluster has. */
struct found {
    const struct topic *topic;
    const struct rd_kafka_metadata_topic *metadata;
    int brokers;
    int32_t broker; /* one that can be asked about it */
};

static struct found found_in(const struct topic *topic, const struct rd_kafka_metadata_topic *there,
                             const struct rd_kafka_metadata *metadata)
{
    int32_t first = metadata->broker_cnt > 0 ? metadata->brokers[0].id : -1;
    return (struct found){
        .topic = topic,
        .metadata = there,
        .brokers = metadata->broker_cnt,
        .broker = metadata->orig_broker_id >= 0 ? metadata->orig_broker_id : first,
    };
}

static int replicas_of(const struct rd_kafka_metadata_topic *topic)
{
    int least = topic->partitions[0].replica_cnt;
    for (int i = 1; i < topic->partition_cnt; i++) {
        least = topic->partitions[i].replica_cnt < least ? topic->partitions[i].replica_cnt : least;
    }
    return least;
}

static bool replication_fits(const struct found *found, int64_t insync, struct buf *why)
{
    const char *name = found->topic->name;
    int replicas = replicas_of(found->metadata);
    if (found->brokers == 1) {
        LOG(LOG_INFO, "kafka_one_broker", L_TEXT("topic", name), L_INT("replication", replicas));
        return true;
    }
    bool fits = true;
    if (replicas < 2) {
        buf_addf(why, "%s: replication is %d, at least 2 is needed\n", name, replicas);
        fits = false;
    }
    if (insync < 2) {
        buf_addf(why, "%s: min.insync.replicas is %" PRId64 ", at least 2 is needed\n", name,
                 insync);
        fits = false;
    }
    if (insync > replicas) {
        buf_addf(why,
                 "%s: min.insync.replicas is %" PRId64 " of %d replicas: nothing can be written\n",
                 name, insync, replicas);
        fits = false;
    }
    return fits;
}

static bool settings_fit(const struct found *found, const struct config_kafka *config,
                         const rd_kafka_ConfigResource_t *resource, struct buf *why)
{
    const char *name = found->topic->name;
    bool fits = true;
    int64_t carries = entry_number(resource, "max.message.bytes");
    if (carries < bytes_max(found->topic, config)) {
        buf_addf(why, "%s: max.message.bytes is %" PRId64 ", at least %" PRId64 " is needed\n",
                 name, carries, bytes_max(found->topic, config));
        fits = false;
    }
    const char *policy = entry_value(resource, "cleanup.policy");
    if (policy == NULL || !is_policy(found->topic, policy)) {
        buf_addf(why, "%s: cleanup.policy is %s, %s is needed\n", name,
                 policy == NULL ? "unknown" : policy, policy_of(found->topic));
        fits = false;
    }
    int64_t tombstones = entry_number(resource, "delete.retention.ms");
    if (found->topic->compacted && tombstones < TOPIC_CHANGELOG_TOMBSTONES_MS) {
        buf_addf(why,
                 "%s: delete.retention.ms is %" PRId64 ", at least %" PRId64
                 " is needed: a Redis that comes back with old data would not hear what was "
                 "deleted\n",
                 name, tombstones, (int64_t)TOPIC_CHANGELOG_TOMBSTONES_MS);
        fits = false;
    }
    return replication_fits(found, entry_number(resource, "min.insync.replicas"), why) && fits;
}

/* Asks for the settings of `count` topics. *out is NULL when the cluster will not tell. */
static struct err ask_settings(rd_kafka_t *rk, const struct found *found, size_t count,
                               int timeout_ms, rd_kafka_event_t **out)
{
    char why[256] = "";
    rd_kafka_ConfigResource_t *asked[COUNT_OF(topics)];
    SCOPED(free_queue) rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    SCOPED(free_options)
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    CHECK(rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof(why)) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
    /* The one that just answered: every broker knows, and one that cannot tell says so at once. */
    CHECK(rd_kafka_AdminOptions_set_broker(options, found[0].broker, why, sizeof(why)) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
    for (size_t i = 0; i < count; i++) {
        asked[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, found[i].topic->name);
    }
    rd_kafka_DescribeConfigs(rk, asked, count, options, queue);
    rd_kafka_ConfigResource_destroy_array(asked, count);
    SCOPED(free_event) rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    *out = NULL;
    if (event == NULL) {
        FAIL(ERR_RETRY, (int)RD_KAFKA_RESP_ERR__TIMED_OUT, "Kafka does not tell topic settings");
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) {
        LOG(LOG_WARN, "kafka_settings_unchecked", L_TEXT("why", rd_kafka_err2str(code)));
        return NO_ERROR;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        FAIL(ERR_RETRY, (int)code, "Kafka does not tell topic settings");
    }
    *out = TAKE(event);
    return NO_ERROR;
}

static const struct found *found_by_name(const struct found *found, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(found[i].topic->name, name) == 0) {
            return &found[i];
        }
    }
    return NULL;
}

static struct err check_settings(rd_kafka_t *rk, const struct config_kafka *config,
                                 const struct found *found, size_t count, int timeout_ms,
                                 struct buf *why)
{
    SCOPED(free_event) rd_kafka_event_t *event = NULL;
    bool fit = true;
    if (count > 0) {
        TRY(ask_settings(rk, found, count, timeout_ms, &event));
    }
    if (event == NULL) {
        return NO_ERROR;
    }
    size_t answered = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &answered);
    for (size_t i = 0; i < answered; i++) {
        const char *name = rd_kafka_ConfigResource_name(resources[i]);
        const struct found *one = found_by_name(found, count, name);
        rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resources[i]);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR || one == NULL) {
            /* Asking may be forbidden where writing is not. */
            LOG(LOG_WARN, "kafka_settings_unchecked", L_TEXT("topic", name),
                L_TEXT("why", rd_kafka_err2str(code)));
            continue;
        }
        fit = settings_fit(one, config, resources[i], why) && fit;
    }
    if (!fit) {
        FAIL(ERR_CONFIG, 0, "a topic's settings cannot carry what is needed");
    }
    return NO_ERROR;
}

static bool is_wanted(const char *const *names, const char *name)
{
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return names == NULL;
}

struct err kafka_check_topics(rd_kafka_t *rk, const struct config_kafka *config,
                              const char *const *names, int timeout_ms, struct buf *why)
{
    SCOPED(free_metadata) const struct rd_kafka_metadata *metadata = NULL;
    struct found found[COUNT_OF(topics)];
    size_t count = 0;
    bool missing = false;
    TRY(ask_metadata(rk, timeout_ms, why, &metadata));
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        if (!is_wanted(names, topics[i].name)) {
            continue;
        }
        const struct rd_kafka_metadata_topic *there = topic_in(metadata, topics[i].name);
        if (there == NULL) {
            buf_addf(why, "%s: missing; `hearback topics --create` makes it\n", topics[i].name);
            missing = true;
            continue;
        }
        found[count++] = found_in(&topics[i], there, metadata);
    }
    TRY(check_settings(rk, config, found, count, timeout_ms, why));
    if (missing) {
        FAIL(ERR_RETRY, (int)RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "a topic is missing");
    }
    return NO_ERROR;
}

static int64_t partitions_of(const struct topic *topic, const struct config_kafka *config)
{
    if (topic->is_changelog && config->changelog_partitions > 0) {
        return config->changelog_partitions;
    }
    return topic->partitions > 0 ? topic->partitions : config->partitions;
}

static rd_kafka_NewTopic_t *new_topic(const struct topic *topic, const struct config_kafka *config)
{
    char why[256] = "";
    struct setting settings[SETTINGS_MAX];
    size_t count = settings_of(topic, config, settings);
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(
        topic->name, (int)partitions_of(topic, config), (int)config->replication, why, sizeof(why));
    CHECK(made != NULL); /* the ranges are the configuration's */
    for (size_t i = 0; i < count; i++) {
        char number[24];
        (void)snprintf(number, sizeof(number), "%" PRId64, settings[i].number);
        const char *value = settings[i].text != NULL ? settings[i].text : number;
        CHECK(rd_kafka_NewTopic_set_config(made, settings[i].name, value) ==
              RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    return made;
}

static struct err say_created(const rd_kafka_event_t *event, struct buf *said)
{
    size_t count = 0;
    bool all = true;
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(
            (rd_kafka_event_t *)(uintptr_t)event), /* the API forgot a const */
        &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        const char *name = rd_kafka_topic_result_name(results[i]);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            buf_addf(said, "%s: created\n", name);
        } else if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            buf_addf(said, "%s: exists\n", name);
        } else {
            const char *text = rd_kafka_topic_result_error_string(results[i]);
            buf_addf(said, "%s: not created: %s\n", name,
                     text != NULL ? text : rd_kafka_err2str(code));
            all = false;
        }
    }
    if (!all) {
        FAIL(ERR_CONFIG, 0, "a topic was not created");
    }
    return NO_ERROR;
}

static struct err create(rd_kafka_t *rk, rd_kafka_NewTopic_t **wanted, size_t count, int timeout_ms,
                         struct buf *said)
{
    char why[256] = "";
    SCOPED(free_queue) rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    SCOPED(free_options)
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    CHECK(rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof(why)) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
    CHECK(rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, why, sizeof(why)) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_CreateTopics(rk, wanted, count, options, queue);
    SCOPED(free_event) rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    rd_kafka_resp_err_t code =
        event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        buf_addf(said, "topics were not created: %s\n", rd_kafka_err2str(code));
        FAIL(ERR_RETRY, (int)code, "Kafka does not create topics");
    }
    return say_created(event, said);
}

struct err kafka_create_topics(rd_kafka_t *rk, const struct config_kafka *config, int timeout_ms,
                               struct buf *said)
{
    SCOPED(free_metadata) const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_NewTopic_t *wanted[COUNT_OF(topics)];
    struct found found[COUNT_OF(topics)];
    size_t wanted_count = 0;
    size_t found_count = 0;
    TRY(ask_metadata(rk, timeout_ms, said, &metadata));
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        const struct rd_kafka_metadata_topic *there = topic_in(metadata, topics[i].name);
        if (there == NULL) {
            wanted[wanted_count++] = new_topic(&topics[i], config);
            continue;
        }
        buf_addf(said, "%s: exists, %d partitions\n", topics[i].name, there->partition_cnt);
        found[found_count++] = found_in(&topics[i], there, metadata);
    }
    struct err made = NO_ERROR;
    if (wanted_count > 0) {
        made = create(rk, wanted, wanted_count, timeout_ms, said);
        rd_kafka_NewTopic_destroy_array(wanted, wanted_count);
    }
    struct err fits = check_settings(rk, config, found, found_count, timeout_ms, said);
    return failed(made) ? made : fits;
}
