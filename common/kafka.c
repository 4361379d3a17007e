/* SPDX-License-Identifier: Apache-2.0
 *
 * The clients: every option we rely on is in one of the tables below, even where
 * it equals librdkafka's default, so that an upgrade changes nothing silently.
 * What depends on the configuration is added by name, what a role wants comes
 * last and wins. librdkafka's own lines go to our log; the callbacks run in the
 * thread that polls or closes the handle. Topics are kafka_topics.c's.
 */
#include "common/kafka.h"

#include "common/log.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>

struct option {
    const char *name;
    const char *value;
};

static const struct option common_options[] = {
    {"log_level", "4"}, /* warnings and worse */
    {"log.connection.close", "false"},
    {"statistics.interval.ms", "0"},
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "30000"},
    {"socket.connection.setup.timeout.ms", "10000"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "2000"},
    {"topic.metadata.refresh.interval.ms", "60000"},
    {"topic.metadata.refresh.fast.interval.ms", "250"},
    {"topic.metadata.propagation.max.ms", "10000"},
};

static const struct option producer_options[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"max.in.flight.requests.per.connection", "5"},
    {"retries", "2147483647"}, /* message.timeout.ms is the end, not a count */
    {"retry.backoff.ms", "100"},
    {"compression.codec", "lz4"},
    {"linger.ms", "2"},
    {"batch.num.messages", "10000"},
    {"queue.buffering.max.messages", "20000"},
    {"queue.buffering.max.kbytes", "65536"},
    {"message.timeout.ms", "30000"},
    {"request.timeout.ms", "30000"},
    {"partitioner", "murmur2_random"}, /* the Java client's, so keys land alike */
};

static const struct option consumer_options[] = {
    {"partition.assignment.strategy", "cooperative-sticky"},
    {"enable.auto.commit", "true"},
    {"enable.auto.offset.store", "false"},
    {"auto.commit.interval.ms", "1000"},
    {"auto.offset.reset", "earliest"},
    {"allow.auto.create.topics", "false"},
    {"isolation.level", "read_committed"},
    {"heartbeat.interval.ms", "2000"},
    {"max.poll.interval.ms", "300000"},
    {"fetch.wait.max.ms", "50"},
    {"fetch.min.bytes", "1"},
    {"fetch.message.max.bytes", "1048576"},
    {"fetch.error.backoff.ms", "250"},
    {"queued.min.messages", "10000"},
    {"queued.max.messages.kbytes", "32768"},
    {"check.crcs", "true"},
    {"enable.partition.eof", "false"},
};

SCOPED_FREE(free_conf, rd_kafka_conf_t *, rd_kafka_conf_destroy)

static enum log_level level_of(int syslog_level)
{
    if (syslog_level <= 3) {
        return LOG_ERROR;
    }
    if (syslog_level <= 4) {
        return LOG_WARN;
    }
    return syslog_level <= 6 ? LOG_INFO : LOG_DEBUG;
}

/* Without this each error would be logged twice: where it happened, and as an event. */
static void ignore_error(rd_kafka_t *rk, int code, const char *text, void *opaque)
{
    (void)rk;
    (void)code;
    (void)text;
    (void)opaque;
}

/* From librdkafka's threads. */
static void log_line(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    LOG(level_of(level), "kafka", L_TEXT("client", rk == NULL ? "" : rd_kafka_name(rk)),
        L_TEXT("facility", facility), L_TEXT("text", text));
}

static struct err set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256] = "";
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
        LOG(LOG_ERROR, "kafka_option_refused", L_TEXT("option", name), L_TEXT("why", why));
        FAIL(ERR_CONFIG, 0, "librdkafka refused an option; the log names it");
    }
    return NO_ERROR;
}

/* An option that only later versions have. */
static void set_if_known(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256] = "";
    (void)rd_kafka_conf_set(conf, name, value, why, sizeof(why));
}

static struct err set_number(rd_kafka_conf_t *conf, const char *name, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    return set(conf, name, text);
}

static struct err set_table(rd_kafka_conf_t *conf, const struct option *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        TRY(set(conf, table[i].name, table[i].value));
    }
    return NO_ERROR;
}

/* What every client shares, then the table of its type. */
static struct err set_common(rd_kafka_conf_t *conf, const struct config_kafka *config,
                             const struct kafka_role *role, const struct option *table,
                             size_t count)
{
    rd_kafka_conf_set_log_cb(conf, log_line);
    rd_kafka_conf_set_error_cb(conf, ignore_error);
    rd_kafka_conf_set_opaque(conf, role->opaque);
    TRY(set_table(conf, common_options, COUNT_OF(common_options)));
    TRY(set(conf, "bootstrap.servers", config->bootstrap));
    TRY(set(conf, "client.id", role->client_id));
    TRY(set_number(conf, "message.max.bytes", config->message_bytes_max));
    return set_table(conf, table, count);
}

static struct err set_role(rd_kafka_conf_t *conf, const struct kafka_role *role)
{
    const char *const *option = role->options;
    while (option != NULL && option[0] != NULL) {
        CHECK(option[1] != NULL);
        TRY(set(conf, option[0], option[1]));
        option += 2;
    }
    return NO_ERROR;
}

/* Takes the conf when it works. */
static struct err make(rd_kafka_type_t type, rd_kafka_conf_t **conf, rd_kafka_t **out)
{
    char why[256] = "";
    *out = rd_kafka_new(type, *conf, why, sizeof(why));
    if (*out == NULL) {
        LOG(LOG_ERROR, "kafka_client_refused", L_TEXT("why", why));
        FAIL(ERR_CONFIG, (int)rd_kafka_last_error(),
             "librdkafka refused the options together; the log says why");
    }
    *conf = NULL;
    return NO_ERROR;
}

struct err kafka_producer_new(const struct config_kafka *config, const struct kafka_role *role,
                              rd_kafka_t **out)
{
    *out = NULL;
    SCOPED(free_conf) rd_kafka_conf_t *conf = rd_kafka_conf_new();
    TRY(set_common(conf, config, role, producer_options, COUNT_OF(producer_options)));
    TRY(set_role(conf, role));
    if (role->delivered != NULL) {
        rd_kafka_conf_set_dr_msg_cb(conf, role->delivered);
    }
    return make(RD_KAFKA_PRODUCER, &conf, out);
}

/* Without a callback of some kind librdkafka sends no LeaveGroup on close. */
static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                      rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    (void)opaque;
    rd_kafka_error_t *error = NULL;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        error = rd_kafka_incremental_assign(rk, partitions);
    } else {
        error = rd_kafka_incremental_unassign(rk, partitions);
    }
    if (error != NULL) {
        LOG(LOG_WARN, "kafka_rebalance", L_TEXT("why", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
    }
}

struct err kafka_consumer_new(const struct config_kafka *config, const char *group,
                              const struct kafka_role *role, rd_kafka_t **out)
{
    *out = NULL;
    SCOPED(free_conf) rd_kafka_conf_t *conf = rd_kafka_conf_new();
    TRY(set_common(conf, config, role, consumer_options, COUNT_OF(consumer_options)));
    set_if_known(conf, "fetch.queue.backoff.ms", "20"); /* from 2.2 on; see intake_watch.c */
    TRY(set(conf, "group.id", group));
    TRY(set_number(conf, "session.timeout.ms", config->session_timeout_ms));
    TRY(set_role(conf, role));
    rd_kafka_conf_set_rebalance_cb(conf, role->rebalanced != NULL ? role->rebalanced : rebalance);
    TRY(make(RD_KAFKA_CONSUMER, &conf, out));
    (void)rd_kafka_poll_set_consumer(*out);
    return NO_ERROR;
}
