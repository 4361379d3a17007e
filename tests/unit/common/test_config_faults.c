/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said about a file that cannot be read, about keys and about single
 * values: each case is a file and the faults, word for word and line for line.
 */
#include "common/config.h"

#include "common/config_tree.h"
#include "common/own.h"
#include "tests/unit/common/fault_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void keys(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"an unknown section near a known one", 0, "\nkafak: {}\n",
         "t:2: kafak: found an unknown key, expected kafka; rename it to kafka or remove it\n"},
        {"an unknown section", 0, "metrics: {}",
         "t:1: metrics: found an unknown key, expected one of log, kafka, redis, ingest, sources, "
         "worker, retry, breaker, budgets, limits, jira, rules, fields; remove it\n"},
        {"an unknown row near a known one", 0, "redis:\n  adress: r:1\n",
         "t:2: redis.adress: found an unknown key, expected address; rename it to address or "
         "remove "
         "it\n"},
        {"the struct's name instead of the row's", 0, "redis:\n  timeout_ms: 5\n",
         "t:2: redis.timeout_ms: found an unknown key, expected timeout; rename it to timeout or "
         "remove it\n"},
        {"an unknown row", 0, "redis: {database: 3}",
         "t:1: redis.database: found an unknown key, expected one of address, timeout; remove "
         "it\n"},
        {"an unknown row of a group", 0,
         "sources:\n  koji:\n    kind: koji\n    signature:\n      algorythm: sha1\n",
         "t:5: sources.koji.signature.algorythm: found an unknown key, expected algorithm; rename "
         "it "
         "to algorithm or remove it\n"},
        {"a group written with a dot", 0, "sources: {koji: {kind: koji, signature.header: X}}",
         "t:1: sources.koji.signature.header: found an unknown key, expected one of kind, "
         "body_max, "
         "proof, signature, delivery_header, handshake, event, study; remove it\n"},
        {"a group that is a value", 0, "sources: {koji: {kind: koji, signature: X}}",
         "t:1: sources.koji.signature: found a single value, expected rows of the form \"key: "
         "value\"; indent its rows below it\n"},
        {"a row twice", 0, "log:\n  level: info\n  level: warn\n",
         "t:3: log.level: found the key again, first on line 2, expected it once; remove one of "
         "the "
         "two\n"},
        {"a section twice", 0, "log: {}\nredis: {}\nlog: {level: info}\n",
         "t:3: log: found the key again, first on line 1, expected it once; remove one of the "
         "two\n"},
        {"a source twice", 0, "sources:\n  koji: {kind: koji}\n  koji: {kind: koji}\n",
         "t:3: sources.koji: found the key again, first on line 2, expected it once; remove one of "
         "the two\n"},
        {"a merge key", 0, "redis: {<<: {timeout: 1s}}",
         "t:1: redis.<<: found a merge key, expected every row written out; remove it\n"},
        {"a section that is a list", 0, "rules:\n  - 5\n",
         "t:2: rules: found a list, expected rows of the form \"key: value\"; indent its rows "
         "below "
         "it\n"},
        {"a file that is a word", 0, "hello",
         "t:1: the file: found a single value, expected rows of the form \"key: value\"; indent "
         "its "
         "rows below it\n"},
        {"a key of control characters", 0, "\"a\\nb\": 1",
         "t:1: a?b: found an unknown key, expected one of log, kafka, redis, ingest, sources, "
         "worker, retry, breaker, budgets, limits, jira, rules, fields; remove it\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

static void numbers(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"below the range", 0, "kafka: {replication: 0}",
         "t:1: kafka.replication: found 0, expected a whole number from 1 to 15; correct it, or "
         "remove the line for the default 3\n"},
        {"above the range", 0, "worker: {items_max: 65537}",
         "t:1: worker.items_max: found 65537, expected a whole number from 1 to 65536; correct it, "
         "or remove the line for the default 512\n"},
        {"a number in quotes", 0, "kafka: {replication: '3'}",
         "t:1: kafka.replication: found \"3\", expected a whole number from 1 to 15; remove the "
         "quotes\n"},
        {"a real for a whole number", 0, "rules: {volume_file: 2.0}",
         "t:1: rules.volume_file: found 2.0, expected a whole number from 1 to 1000000; correct "
         "it, "
         "or remove the line for the default 3\n"},
        {"a real out of range", 0, "rules: {sentiment_file: -1.5}",
         "t:1: rules.sentiment_file: found -1.5, expected a number from -1 to 1; correct it, or "
         "remove the line for the default -0.4\n"},
        {"not a number at all", 0, "rules: {quality_min: .nan}",
         "t:1: rules.quality_min: found .nan, expected a number from 0 to 5; correct it, or remove "
         "the line for the default 3\n"},
        {"a duration without unit", 0, "redis: {timeout: 2}",
         "t:1: redis.timeout: found 2, expected a duration with its unit (ms, s, m, h) from 10ms "
         "to "
         "1m; correct it, or remove the line for the default 2s\n"},
        {"a duration out of range", 0, "redis: {timeout: 61s}",
         "t:1: redis.timeout: found 61s, expected a duration with its unit (ms, s, m, h) from 10ms "
         "to 1m; correct it, or remove the line for the default 2s\n"},
        {"a size in powers of ten", 0, "worker: {reply_max: 1MB}",
         "t:1: worker.reply_max: found 1MB, expected a size with its unit (B, KiB, MiB, GiB) from "
         "1KiB to 64MiB; correct it, or remove the line for the default 1MiB\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

static void texts(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"a word that is no choice", 0, "log: {level: loud}",
         "t:1: log.level: found loud, expected one of debug info warn error; correct it, or remove "
         "the line for the default info\n"},
        {"a part of a choice", 0, "log: {level: 'debug info'}",
         "t:1: log.level: found \"debug info\", expected one of debug info warn error; correct it, "
         "or remove the line for the default info\n"},
        {"nothing", 0, "log:\n  level:\n",
         "t:2: log.level: found nothing, expected one of debug info warn error; correct it, or "
         "remove the line for the default info\n"},
        {"a mapping for a value", 0, "redis: {timeout: {ms: 5}}",
         "t:1: redis.timeout: found a mapping, expected a duration with its unit (ms, s, m, h) "
         "from "
         "10ms to 1m; correct it, or remove the line for the default 2s\n"},
        {"a list for a value", 0, "kafka: {bootstrap: ['a:1', 'b:1']}",
         "t:1: kafka.bootstrap: found a list, expected host:port[,host:port...]; write for example "
         "kafka-1:9092,kafka-2:9092\n"},
        {"a broker without port", 0, "kafka: {bootstrap: 'a:1,b'}",
         "t:1: kafka.bootstrap: found \"a:1,b\", expected host:port[,host:port...]; write for "
         "example kafka-1:9092,kafka-2:9092\n"},
        {"an empty text", 0, "jira: {user: ''}",
         "t:1: jira.user: found \"\", expected a text of 1 to 1024 bytes on one line; write for "
         "example hearback@example.com\n"},
        {"a text of two lines", 0, "jira: {issue_type: \"a\\nb\"}",
         "t:1: jira.issue_type: found \"a\\nb\", expected a text of 1 to 1024 bytes on one line; "
         "correct it, or remove the line for the default Task\n"},
        {"a long wrong value is cut", 0,
         "log: {level: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}",
         "t:1: log.level: found \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
         "..., expected one of debug info warn error; correct it, or remove the line for the "
         "default info\n"},
        {"a header that is none", 0, "sources: {k: {kind: koji, delivery_header: 'X Y'}}",
         "t:1: sources.k.delivery_header: found \"X Y\", expected the name of an HTTP header; "
         "write "
         "for example X-Koji-Delivery\n"},
        {"a project key in small letters", 0, "jira: {project: res}",
         "t:1: jira.project: found res, expected a Jira project key such as RES; write for example "
         "RES\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

static void pointers(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"no pointer", 0, "fields:\n  themes:\n    - /a\n    - b\n",
         "t:4: fields.themes: found b, expected JSON pointers such as /data/id, 1 to 16; correct "
         "it, or remove the line for the default pointers\n"},
        {"a wrong escape", 0, "fields: {themes: '/a~2'}",
         "t:1: fields.themes: found \"/a~2\", expected JSON pointers such as /data/id, 1 to 16; "
         "correct it, or remove the line for the default pointers\n"},
        {"none where one is needed", 0, "fields: {themes: []}",
         "t:1: fields.themes: found an empty list, expected JSON pointers such as /data/id, 1 to "
         "16; "
         "correct it, or remove the line for the default pointers\n"},
        {"too many", 0, "fields: {quality: [/1,/2,/3,/4,/5,/6,/7,/8,/9,/a,/b,/c,/d,/e,/f,/g,/h]}",
         "t:1: fields.quality: found a list, expected JSON pointers such as /data/id, 0 to 16; "
         "correct it, or remove the line for the default pointers\n"},
        {"a list in a list", 0, "fields: {quality: [[/a]]}",
         "t:1: fields.quality: found a list, expected JSON pointers such as /data/id, 0 to 16; "
         "correct it, or remove the line for the default pointers\n"},
        {"a comma inside", 0, "sources: {k: {kind: koji, event: ['/a,b']}}",
         "t:1: sources.k.event: found \"/a,b\", expected JSON pointers such as /data/id, 1 to 16; "
         "correct it, or remove the line for the default pointers\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

static void syntax(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"wrong indentation", 0, "kafka:\n  bootstrap: k:1\n partitions: 3\n",
         "t:3: column 2: found YAML that cannot be read (while parsing a block mapping: did not "
         "find "
         "expected key), expected valid YAML in UTF-8; mend the line or the one above it\n"},
        {"a tab", 0, "kafka:\n\tbootstrap: k:1\n",
         "t:2: column 1: found YAML that cannot be read (while scanning for the next token: found "
         "character that cannot start any token), expected valid YAML in UTF-8; mend the line or "
         "the one above it\n"},
        {"a byte that is no text", 0, "log:\n  level: \xFF\n",
         "t:2: column 10: found YAML that cannot be read (invalid leading UTF-8 octet), expected "
         "valid YAML in UTF-8; mend the line or the one above it\n"},
        {"a NUL in a text", 0, "log:\n  level: \"a\\0b\"\n",
         "t:2: column 10: found a text with a NUL character in it, expected a text without; remove "
         "\\0\n"},
        {"two documents", 0, "log: {}\n---\nlog: {}\n",
         "t:2: column 1: found a second document, expected one; remove what follows the line of "
         "three dashes\n"},
        {"a mapping as a key", 0, "{a: 1}: 2\n",
         "t:1: column 1: found a key that is a list or a mapping, expected a word as the key; mend "
         "the indentation or put quotes around the braces\n"},
        {"an alias of nothing", 0, "log: *none\n",
         "t:1: column 6: found an alias of nothing that stands before it, expected the name of an "
         "anchor above; write the value out\n"},
        {"an alias of itself", 0, "log: &a {level: *a}\n",
         "t:1: column 17: found an alias of nothing that stands before it, expected the name of an "
         "anchor above; write the value out\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

/* Nine lists, each of nine times the one before, are a thousand million values when written out. */
static void a_bomb_of_aliases(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, 1 << 16);
    buf_add_text(&yaml, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 10; i++) {
        buf_addf(&yaml, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    buf_add_text(&yaml, "fields: {themes: *a9}\n");
    struct config config;
    struct buf faults;
    buf_init(&faults, 1 << 16);
    assert_int_equal(config_parse(&config, buf_span(&yaml), "t", 0, &faults).class, ERR_CONFIG);
    assert_non_null(strstr(buf_text(&faults), "t:10: fields.themes: found a list"));
    config_close(&config);
    buf_close(&faults);
    buf_close(&yaml);
}

static void bounds(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, 2 << 20);
    for (int i = 0; i < CONFIG_DEPTH_MAX + 1; i++) {
        buf_add_char(&yaml, '[');
    }
    assert_true(fault_case_same("depth", buf_span(&yaml), 0,
                                "t:1: column 17: found more than 16 levels, expected four at most; "
                                "check the brackets and the indentation\n"));
    buf_clear(&yaml);
    buf_add_char(&yaml, '[');
    for (int i = 0; i < CONFIG_NODES_MAX; i++) {
        buf_add_text(&yaml, "x,\n");
    }
    assert_true(
        fault_case_same("nodes", buf_span(&yaml), 0,
                        "t:10000: column 1: found more than 10000 values, expected a "
                        "configuration of a few hundred; check that this is the right file\n"));
    buf_clear(&yaml);
    buf_add_char(&yaml, '[');
    for (int i = 0; i < CONFIG_ANCHORS_MAX + 1; i++) {
        buf_addf(&yaml, "&a%d x,\n", i);
    }
    assert_true(
        fault_case_same("anchors", buf_span(&yaml), 0,
                        "t:65: column 1: found more than 64 anchors, expected a few at most; "
                        "write the values out\n"));
    buf_clear(&yaml);
    while (yaml.len <= CONFIG_FILE_MAX) {
        buf_add_text(&yaml, "# nothing but comments\n");
    }
    assert_true(
        fault_case_same("bytes", buf_span(&yaml), 0,
                        "t:1: the file: found more than 1 MiB, expected a configuration of a "
                        "few KiB; check that this is the right file\n"));
    buf_close(&yaml);
}

static void too_many_sources_and_faults(void **state)
{
    (void)state;
    struct config config;
    struct buf yaml;
    struct buf faults;
    buf_init(&yaml, 1 << 20);
    buf_init(&faults, 1 << 20);
    buf_add_text(&yaml, "sources:\n");
    for (int i = 0; i < CONFIG_SOURCES_MAX + 2; i++) {
        buf_addf(&yaml, "  s%d: {kind: koji, proof: none}\n", i);
    }
    assert_true(
        fault_case_same("sources", buf_span(&yaml), 0,
                        "t:34: sources.s32: found one source too many, expected 32 at most; run "
                        "a second hearback-ingest for the rest\n"));
    buf_clear(&yaml);
    for (int i = 0; i < 1000; i++) {
        buf_addf(&yaml, "unknown-%d: 1\n", i);
    }
    assert_int_equal(config_parse(&config, buf_span(&yaml), "t", 0, &faults).class, ERR_CONFIG);
    assert_non_null(strstr(buf_text(&faults), "t:200: unknown-199: "));
    assert_null(strstr(buf_text(&faults), "t:201: "));
    assert_non_null(strstr(buf_text(&faults), "\nt: and 800 more faults\n"));
    config_close(&config);
    buf_close(&yaml);
    buf_close(&faults);
}

static void a_large_file_is_not_read_whole(void **state)
{
    (void)state;
    struct config config;
    struct buf faults;
    buf_init(&faults, 1 << 16);
    assert_int_equal(config_load(&config, "/dev/zero", 0, &faults).class, ERR_CONFIG);
    assert_string_equal(buf_text(&faults),
                        "/dev/zero:1: the file: found more than 1 MiB, expected a configuration of "
                        "a few KiB; check that this is the right file\n");
    config_close(&config);
    buf_close(&faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(numbers),
        cmocka_unit_test(texts),
        cmocka_unit_test(pointers),
        cmocka_unit_test(syntax),
        cmocka_unit_test(a_bomb_of_aliases),
        cmocka_unit_test(bounds),
        cmocka_unit_test(too_many_sources_and_faults),
        cmocka_unit_test(a_large_file_is_not_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
