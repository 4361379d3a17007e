/* SPDX-License-Identifier: Apache-2.0
 *
 * What is written from the tables and from a configuration: the printed file
 * reads back as the same one, no secret is in it, the table of rows is whole, and
 * the digest is of what decides.
 */
#include "common/config_table.h"
#include "common/own.h"
#include "tests/unit/common/config_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void the_table_names_every_row(void **state)
{
    (void)state;
    size_t count = 0;
    const struct config_section *sections = config_sections(&count);
    struct buf table;
    buf_init(&table, 1 << 18);
    config_table(&table);
    assert_false(failed(buf_ok(&table)));
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sections[i].row_count; j++) {
            char cell[128];
            (void)snprintf(cell, sizeof(cell), "| `%s%s.%s` |", sections[i].name,
                           sections[i].each > 0 ? ".NAME" : "", sections[i].rows[j].key);
            assert_non_null(strstr(buf_text(&table), cell));
        }
    }
    assert_non_null(strstr(buf_text(&table), "`HEARBACK_SOURCE_NAME_OLD_SECRET`"));
    assert_non_null(strstr(buf_text(&table), "| `redis.timeout` | duration | `2s` | 10ms to 1m |"));
    buf_close(&table);
}

static void secrets_are_not_printed(void **state)
{
    (void)state;
    struct config config;
    struct buf out;
    buf_init(&out, 1 << 18);
    parse(&config, minimal, EVERY);
    config_print(&config, &out);
    assert_null(strstr(buf_text(&out), "koji-secret"));
    assert_null(strstr(buf_text(&out), "jira-token"));
    assert_null(strstr(buf_text(&out), "redis-password"));
    assert_non_null(strstr(buf_text(&out), "  # HEARBACK_JIRA_TOKEN: ***\n"));
    assert_non_null(strstr(buf_text(&out), "    # HEARBACK_SOURCE_KOJI_SECRET: ***\n"));
    assert_non_null(strstr(buf_text(&out), "    # HEARBACK_SOURCE_KOJI_OLD_SECRET: not set\n"));
    config_close(&config);
    buf_close(&out);
}

/* ---- there and back ----------------------------------------------------------------------- */

static void print_parse_print(const char *yaml)
{
    struct config config;
    struct config again;
    struct buf first;
    struct buf second;
    buf_init(&first, 1 << 18);
    buf_init(&second, 1 << 18);
    parse(&config, yaml, 0);
    config_print(&config, &first);
    parse(&again, buf_text(&first), 0);
    config_print(&again, &second);
    assert_string_equal(buf_text(&first), buf_text(&second));
    assert_true(config_digest(&config) == config_digest(&again));
    config_close(&config);
    config_close(&again);
    buf_close(&first);
    buf_close(&second);
}

static void what_is_printed_reads_back(void **state)
{
    (void)state;
    print_parse_print("");
    print_parse_print(minimal);
    print_parse_print("jira: {user: \"a \\\"b\\\" 'c': #d \\\\\", issue_type: 'null'}\n"
                      "sources: {on: {kind: koji, proof: none, signature: {prefix: ''},"
                      " handshake: {answer: 'off', challenge: hub.challenge}},"
                      " 1-2: {kind: koji, proof: none, study: ['']}}\n"
                      "worker: {lease: 61s, reply_max: 1025KiB}\n"
                      "rules: {quality_min: 0.1, sentiment_file: -0.333333333333333314}\n"
                      "fields: {themes: ['/é ü', '/a: b', '/#'], respondent_id: []}\n");
}

static void values_survive_printing(void **state)
{
    (void)state;
    struct config config;
    struct buf out;
    buf_init(&out, 1 << 18);
    parse(&config,
          "jira: {user: 'Grüße, \"x\"'}\nworker: {lease: 90s}\nrules: {quality_min: 0.1}\n"
          "sources: {on: {kind: koji, proof: none}}\n",
          0);
    config_print(&config, &out);
    config_close(&config);
    assert_non_null(strstr(buf_text(&out), "lease: 90s\n"));
    assert_non_null(strstr(buf_text(&out), "quality_min: 0.1\n"));
    assert_non_null(strstr(buf_text(&out), "\n  \"on\":\n"));
    parse(&config, buf_text(&out), 0);
    assert_string_equal(config.jira.user, "Grüße, \"x\"");
    assert_string_equal(config.sources[0].name, "on");
    config_close(&config);
    buf_close(&out);
}

static void numbers_survive_to_the_last_bit(void **state)
{
    (void)state;
    struct config config;
    struct config again;
    struct buf out;
    buf_init(&out, 1 << 18);
    parse(&config, "rules: {sentiment_file: -0.33333333333333331, quality_min: 2.0000000000000004}",
          0);
    config_print(&config, &out);
    parse(&again, buf_text(&out), 0);
    assert_memory_equal(&config.rules, &again.rules, sizeof(config.rules));
    config_close(&config);
    config_close(&again);
    buf_close(&out);
}

static uint64_t digest_of(const char *yaml)
{
    struct config config;
    parse(&config, yaml, 0);
    uint64_t digest = config_digest(&config);
    config_close(&config);
    return digest;
}

static void the_digest_is_of_rules_and_fields(void **state)
{
    (void)state;
    uint64_t plain = digest_of("");
    assert_true(digest_of("rules: {quality_min: 3.0}\nfields: {theme_tags: '/tags,/labels'}") ==
                plain);
    assert_true(digest_of("log: {level: error}\nworker: {lease: 50s}\n") == plain);
    assert_true(digest_of("rules: {quality_min: 3.5}") != plain);
    assert_true(digest_of("rules: {volume_file: 4}") != plain);
    assert_true(digest_of("fields: {theme_tags: '/labels,/tags'}") != plain);
    assert_true(digest_of("fields: {quote_link: []}") != plain);
    assert_true(digest_of("fields: {quote_link: ['/a', '/b']}") !=
                digest_of("fields: {quote_link: ['/a']}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_names_every_row),
        cmocka_unit_test(secrets_are_not_printed),
        cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(values_survive_printing),
        cmocka_unit_test(numbers_survive_to_the_last_bit),
        cmocka_unit_test(the_digest_is_of_rules_and_fields),
    };
    return cmocka_run_group_tests(tests, with_secrets, NULL);
}
