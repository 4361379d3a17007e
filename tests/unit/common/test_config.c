/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration when it is right: the tables are sound, defaults, values of
 * every type, secrets, addresses. What is wrong with a file is in
 * test_config_faults.c and test_config_check.c.
 */
#include "tests/unit/common/config_kit.h"

#include "common/config_reader.h"
#include "common/own.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the tables --------------------------------------------------------------------------- */

static void check_row(const struct config_section *section, const struct config_row *row)
{
    union {
        char *text;
        int64_t number;
        double real;
        struct config_pointers pointers;
    } value = {.pointers = {.count = 0}};
    struct buf words;
    buf_init(&words, 4096);
    print_message("%s.%s\n", section->name, row->key);
    assert_true(strlen(row->key) < CONFIG_KEY_MAX);
    assert_true(strlen(row->help) >= 10);
    assert_ptr_equal(config_row_of(section, row->key), row); /* no key stands twice */
    assert_false(config_secret_key(row->key));
    config_value_expected(row, &words);
    assert_true(words.len > 5);
    if (row->standard != NULL) {
        assert_true(config_value_read(row, span_text(row->standard), &value));
        config_value_free(row, &value);
    } else {
        assert_int_not_equal(row->needed_for, 0); /* else nobody could rely on the row */
    }
    if (row->example != NULL) {
        value.pointers = (struct config_pointers){.count = 0};
        assert_true(config_value_read(row, span_text(row->example), &value));
        config_value_free(row, &value);
    }
    if (row->needed_for != 0) {
        assert_null(row->standard);
        assert_non_null(row->example);
    }
    buf_close(&words);
}

static void every_row_is_sound(void **state)
{
    (void)state;
    size_t count = 0;
    size_t rows = 0;
    const struct config_section *sections = config_sections(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(sections[i].row_count <= CONFIG_ROWS_MAX);
        assert_true(strlen(sections[i].help) >= 10);
        assert_ptr_equal(config_section_named(sections[i].name), &sections[i]);
        for (size_t j = 0; j < sections[i].row_count; j++) {
            check_row(&sections[i], &sections[i].rows[j]);
            rows++;
        }
    }
    assert_true(rows >= 70);
    assert_null(config_section_named("nothing"));
    assert_null(config_row_of(&sections[0], "nothing"));
}

/* ---- defaults and values ------------------------------------------------------------------ */

static void defaults(void **state)
{
    (void)state;
    struct config config;
    parse(&config, minimal, EVERY);
    assert_string_equal(config.log.level, "info");
    assert_int_equal(config.kafka.replication, 3);
    assert_int_equal(config.kafka.partitions, 12);
    assert_int_equal(config.kafka.session_timeout_ms, 45000);
    assert_int_equal(config.kafka.message_bytes_max, 8454144);
    assert_int_equal(config.redis.timeout_ms, 2000);
    assert_string_equal(config.ingest.listen, "0.0.0.0:8080");
    assert_int_equal(config.ingest.suspended_max, 4096);
    assert_int_equal(config.worker.items_max, 512);
    assert_int_equal(config.worker.lease_ms, 45000);
    assert_int_equal(config.worker.turn_max_ms, 60000);
    assert_int_equal(config.worker.reply_bytes_max, 1048576);
    assert_int_equal(config.retry.base_ms, 500);
    assert_int_equal(config.retry.give_up_after_ms, 86400000);
    assert_int_equal(config.breaker.open_max_ms, 60000);
    assert_string_equal(config.jira.issue_type, "Task");
    assert_true(config.rules.quality_min >= 3 && config.rules.quality_min <= 3);
    assert_true(config.rules.sentiment_file < -0.39 && config.rules.sentiment_file > -0.41);
    config_close(&config);
}

static void a_koji_source(void **state)
{
    (void)state;
    struct config config;
    parse(&config, minimal, EVERY);
    assert_int_equal(config.source_count, 1);
    const struct config_source *koji = &config.sources[0];
    assert_string_equal(koji->name, "koji");
    assert_int_equal(koji->line, 3);
    assert_string_equal(koji->kind, "koji");
    assert_int_equal(koji->body_bytes_max, 1048576);
    assert_string_equal(koji->proof, "hmac");
    assert_string_equal(koji->signature_header, "X-Koji-Signature");
    assert_string_equal(koji->signature_algorithm, "sha256");
    assert_string_equal(koji->signature_encoding, "hex");
    assert_string_equal(koji->signature_prefix, "sha256=");
    assert_string_equal(koji->delivery_header, "");
    assert_string_equal(koji->handshake, "json");
    assert_string_equal(koji->handshake_challenge, "/challenge");
    assert_true(span_starts(span_text(koji->event_pointer), "/event,/type,"));
    assert_true(span_starts(span_text(koji->study_pointer), "/study_id,/project_id,"));
    assert_true(secret_equal(&koji->secret, span_text("koji-secret")));
    assert_false(secret_is_set(&koji->old_secret));
    config_close(&config);
}

static void what_a_program_does_not_need_may_be_absent(void **state)
{
    (void)state;
    struct config config;
    parse(&config, "", 0);
    assert_null(config.kafka.bootstrap);
    assert_int_equal(config.fields.interview_id.count, 8);
    config_close(&config);
    parse(&config, "kafka: {bootstrap: 'k:1'}\nsources: {koji: {kind: koji}}\n", CONFIG_FOR_INGEST);
    assert_null(config.redis.address);
    assert_null(config.jira.url);
    assert_false(secret_is_set(&config.jira.token));
    config_close(&config);
    (void)unsetenv("HEARBACK_SOURCE_KOJI_SECRET");
    parse(&config, minimal, CONFIG_FOR_WORKER);
    assert_true(secret_equal(&config.jira.token, span_text("jira-token")));
    assert_true(secret_equal(&config.redis.password, span_text("redis-password")));
    config_close(&config);
    parse(&config, "kafka: {bootstrap: 'k:1'}\njira:\nredis: ~\nsources: null\n",
          CONFIG_FOR_CONSOLE);
    config_close(&config);
    (void)with_secrets(NULL);
}

static void values_of_every_type(void **state)
{
    (void)state;
    struct config config;
    parse(&config,
          "log: {level: debug}\n"
          "kafka: {bootstrap: 'a:1, [::1]:2'}\n"
          "redis: {address: /run/redis.sock, timeout: 1m}\n"
          "worker: {lease: 1500s, reply_max: 2048B, drain_deadline: 0s, turn_max: 0s}\n"
          "retry: {base: 7ms, cap: 1h, give_up_after: 1h}\n"
          "rules: {sentiment_file: -5e-1, quality_min: 2.5, sentiment_win: 1}\n"
          "fields:\n"
          "  themes: /one\n"
          "  study_id: /one, /two\n"
          "  quality: [/a~1b, '']\n"
          "  sentiment: [/1,/2,/3,/4,/5,/6,/7,/8,/9,/a,/b,/c,/d,/e,/f,/g]\n"
          "  respondent_name: []\n",
          0);
    assert_string_equal(config.log.level, "debug");
    assert_string_equal(config.redis.address, "/run/redis.sock");
    assert_int_equal(config.redis.timeout_ms, 60000);
    assert_int_equal(config.worker.lease_ms, 1500000);
    assert_int_equal(config.worker.reply_bytes_max, 2048);
    assert_int_equal(config.worker.drain_deadline_ms, 0);
    assert_int_equal(config.worker.turn_max_ms, 0);
    assert_int_equal(config.retry.cap_ms, 3600000);
    assert_true(config.rules.quality_min > 2.4 && config.rules.quality_min < 2.6);
    assert_int_equal(config.fields.themes.count, 1);
    assert_int_equal(config.fields.study_id.count, 2);
    assert_string_equal(config.fields.study_id.pointers[1], "/two");
    assert_int_equal(config.fields.quality.count, 2);
    assert_string_equal(config.fields.quality.pointers[0], "/a~1b");
    assert_string_equal(config.fields.quality.pointers[1], "");
    assert_int_equal(config.fields.sentiment.count, CONFIG_POINTERS_MAX);
    assert_string_equal(config.fields.sentiment.pointers[15], "/g");
    assert_int_equal(config.fields.respondent_name.count, 0);
    config_close(&config);
}

static void sources_by_anchor(void **state)
{
    (void)state;
    struct config config;
    parse(&config,
          "sources:\n"
          "  one: &k {kind: koji, proof: none, event: [/a, /b], body_max: 2MiB}\n"
          "  two: *k\n",
          0);
    assert_int_equal(config.source_count, 2);
    assert_string_equal(config.sources[1].name, "two");
    assert_string_equal(config.sources[1].event_pointer, "/a,/b");
    assert_int_equal(config.sources[1].body_bytes_max, 2097152);
    assert_string_equal(config.sources[1].proof, "none");
    config_close(&config);
}

static void a_slash_behind_the_url_goes(void **state)
{
    (void)state;
    static const struct {
        const char *given;
        const char *kept;
    } urls[] = {{"https://x.atlassian.net/", "https://x.atlassian.net"},
                {"https://x.example:8443/jira//", "https://x.example:8443/jira"},
                {"http://127.0.0.1:8181", "http://127.0.0.1:8181"},
                {"http://127.9.9.9", "http://127.9.9.9"},
                {"http://[::1]:80/", "http://[::1]:80"},
                {"http://[::1]", "http://[::1]"},
                {"http://LocalHost:1", "http://LocalHost:1"}};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct config config;
        char yaml[128];
        (void)snprintf(yaml, sizeof(yaml), "jira: {url: '%s'}", urls[i].given);
        parse(&config, yaml, 0);
        assert_string_equal(config.jira.url, urls[i].kept);
        config_close(&config);
    }
}

/* ---- secrets ------------------------------------------------------------------------------ */

static void secrets_of_two_sources(void **state)
{
    (void)state;
    struct config config;
    (void)setenv("HEARBACK_SOURCE_KOJI_EU_2_SECRET", "eu", 1);
    (void)setenv("HEARBACK_SOURCE_KOJI_EU_2_OLD_SECRET", "eu-before", 1);
    parse(&config,
          "kafka: {bootstrap: 'k:1'}\n"
          "sources: {koji: {kind: koji}, koji-eu-2: {kind: koji}}\n",
          CONFIG_FOR_INGEST);
    assert_true(secret_equal(&config.sources[0].secret, span_text("koji-secret")));
    assert_true(secret_equal(&config.sources[1].secret, span_text("eu")));
    assert_true(secret_equal(&config.sources[1].old_secret, span_text("eu-before")));
    config_close(&config);
    (void)unsetenv("HEARBACK_SOURCE_KOJI_EU_2_SECRET");
    (void)unsetenv("HEARBACK_SOURCE_KOJI_EU_2_OLD_SECRET");
}

/* ---- numbers and addresses ---------------------------------------------------------------- */

static void numbers_with_units(void **state)
{
    (void)state;
    static const struct {
        enum config_type type;
        const char *text;
        int64_t is; /* -1: none */
    } numbers[] = {{CONFIG_DURATION, "0s", 0},
                   {CONFIG_DURATION, "500ms", 500},
                   {CONFIG_DURATION, "2m", 120000},
                   {CONFIG_DURATION, "24h", 86400000},
                   {CONFIG_DURATION, "5", -1},
                   {CONFIG_DURATION, "s", -1},
                   {CONFIG_DURATION, "", -1},
                   {CONFIG_DURATION, "1.5s", -1},
                   {CONFIG_DURATION, "-1s", -1},
                   {CONFIG_DURATION, "1 s", -1},
                   {CONFIG_DURATION, "1S", -1},
                   {CONFIG_DURATION, "1sec", -1},
                   {CONFIG_DURATION, "1MiB", -1},
                   {CONFIG_DURATION, "9999999999999999h", -1},
                   {CONFIG_DURATION, "99999999999999999999999s", -1},
                   {CONFIG_SIZE, "10B", 10},
                   {CONFIG_SIZE, "1KiB", 1024},
                   {CONFIG_SIZE, "3MiB", 3145728},
                   {CONFIG_SIZE, "1GiB", 1073741824},
                   {CONFIG_SIZE, "1MB", -1},
                   {CONFIG_SIZE, "1s", -1},
                   {CONFIG_SIZE, "9999999999999GiB", -1},
                   {CONFIG_WHOLE, "-7", -7},
                   {CONFIG_WHOLE, "0x10", -1},
                   {CONFIG_WHOLE, "1e3", -1}};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        int64_t got = 0;
        bool is = config_number(numbers[i].type, span_text(numbers[i].text), &got);
        if (is != (numbers[i].is != -1) || (is && got != numbers[i].is)) {
            fail_msg("%s: %d %" PRId64, numbers[i].text, is, got);
        }
    }
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *host; /* NULL: none */
        int port;
    } samples[] = {{"localhost:80", "localhost", 80},
                   {"0.0.0.0:0", "0.0.0.0", 0},
                   {"[::1]:65535", "::1", 65535},
                   {"[::]:8080", "::", 8080},
                   {"a:65536", NULL, 0},
                   {"a:-1", NULL, 0},
                   {"a:-0", NULL, 0},
                   {"a:", NULL, 0},
                   {":80", NULL, 0},
                   {"a", NULL, 0},
                   {"", NULL, 0},
                   {"::1:80", NULL, 0},
                   {"[]:80", NULL, 0},
                   {"[::1]", NULL, 0},
                   {"a b:80", NULL, 0},
                   {"http://a:80", NULL, 0},
                   {"u@a:80", NULL, 0},
                   {"[a:80", NULL, 0},
                   {"a:80x", NULL, 0},
                   {"a.host.too.long.x:80", NULL, 0}};
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        char host[16] = "?";
        uint16_t port = 7;
        struct err err = config_address(samples[i].address, host, sizeof(host), &port);
        print_message("%s\n", samples[i].address);
        assert_int_equal(err.class, samples[i].host == NULL ? ERR_CONFIG : ERR_OK);
        if (samples[i].host != NULL) {
            assert_string_equal(host, samples[i].host);
            assert_int_equal(port, samples[i].port);
        }
    }
}

/* ---- files -------------------------------------------------------------------------------- */

static void from_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/hearback-config-XXXXXX";
    struct config config;
    struct buf faults;
    buf_init(&faults, 4096);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, minimal, strlen(minimal)), strlen(minimal));
    assert_int_equal(close(fd), 0);
    assert_false(failed(config_load(&config, path, EVERY, &faults)));
    assert_string_equal(config.kafka.bootstrap, "k:9092");
    config_close(&config);
    assert_int_equal(unlink(path), 0);
    buf_close(&faults);
}

static void from_no_file(void **state)
{
    (void)state;
    static const char *const paths[] = {"/nowhere/hearback.yaml", "/tmp"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct config config;
        struct buf faults;
        buf_init(&faults, 4096);
        assert_int_equal(config_load(&config, paths[i], EVERY, &faults).class, ERR_CONFIG);
        assert_true(span_starts(buf_span(&faults), paths[i]));
        assert_non_null(strstr(buf_text(&faults), i == 0 ? "No such file" : "Is a directory"));
        config_close(&config);
        buf_close(&faults);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(numbers_with_units),
        cmocka_unit_test(addresses),
        cmocka_unit_test(defaults),
        cmocka_unit_test(a_koji_source),
        cmocka_unit_test(what_a_program_does_not_need_may_be_absent),
        cmocka_unit_test(values_of_every_type),
        cmocka_unit_test(sources_by_anchor),
        cmocka_unit_test(a_slash_behind_the_url_goes),
        cmocka_unit_test(secrets_of_two_sources),
        cmocka_unit_test(from_a_file),
        cmocka_unit_test(from_no_file),
    };
    return cmocka_run_group_tests(tests, with_secrets, NULL);
}
