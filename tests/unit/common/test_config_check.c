/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said about a file whose rows are fine each: something is missing, does
 * not fit together, or is a secret; and many faults at once.
 */
#include "common/config.h"
#include "common/own.h"
#include "tests/unit/common/fault_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define INGEST CONFIG_FOR_INGEST
#define WORKER CONFIG_FOR_WORKER
#define EVERY  (CONFIG_FOR_INGEST | CONFIG_FOR_WORKER | CONFIG_FOR_CONSOLE)

static int with_secrets(void **state)
{
    (void)state;
    (void)setenv("HEARBACK_JIRA_TOKEN", "jira-token", 1);
    (void)setenv("HEARBACK_SOURCE_KOJI_SECRET", "koji-secret", 1);
    return 0;
}

static void missing(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"the door needs Kafka and a source", INGEST, "",
         "t:1: kafka.bootstrap: found nothing, expected host:port[,host:port...]; add for example "
         "\"bootstrap: kafka-1:9092,kafka-2:9092\" below kafka\n"
         "t:1: sources: found no entry, expected at least one; add for example \"koji: {kind: "
         "koji}\" below it\n"},
        {"missing rows stand on their section's line", WORKER,
         "log: {}\nkafka:\n  replication: 1\nredis:\n  timeout: 1s\njira:\n  url: "
         "https://x.example\n",
         "t:2: kafka.bootstrap: found nothing, expected host:port[,host:port...]; add for example "
         "\"bootstrap: kafka-1:9092,kafka-2:9092\" below kafka\n"
         "t:4: redis.address: found nothing, expected host:port or /path/of/socket; add for "
         "example "
         "\"address: redis:6379\" below redis\n"
         "t:6: jira.project: found nothing, expected a Jira project key such as RES; add for "
         "example \"project: RES\" below jira\n"
         "t:6: jira.user: found nothing, expected a text of 1 to 1024 bytes on one line; add for "
         "example \"user: hearback@example.com\" below jira\n"},
        {"every source needs a kind", 0, "\nsources:\n  koji: {}\n",
         "t:3: sources.koji.kind: found nothing, expected one of koji; add for example \"kind: "
         "koji\" below sources.koji\n"},
        {"what is there is checked, needed or not", INGEST,
         "kafka: {bootstrap: 'k:1'}\nsources: {koji: {kind: koji}}\njira: {url: x}\n",
         "t:3: jira.url: found x, expected an https:// address without login, query or fragment; "
         "write for example https://example.atlassian.net\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

static void secrets_in_the_file(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"a token", 0, "jira: {token: abc}",
         "t:1: jira.token: found a secret in the file, expected none: the file is read by many; "
         "remove it, set the environment variable HEARBACK_JIRA_TOKEN or HEARBACK_JIRA_TOKEN_FILE, "
         "and change the secret: it was written down\n"},
        {"a password", 0, "redis: {Password: abc}",
         "t:1: redis.Password: found a secret in the file, expected none: the file is read by "
         "many; "
         "remove it, set the environment variable HEARBACK_REDIS_PASSWORD or "
         "HEARBACK_REDIS_PASSWORD_FILE, and change the secret: it was written down\n"},
        {"a secret of a source, one level down", 0,
         "sources: {koji-eu: {kind: koji, signature: {signing-secret: abc}}}",
         "t:1: sources.koji-eu.signature.signing-secret: found a secret in the file, expected "
         "none: "
         "the file is read by many; remove it, set the environment variable "
         "HEARBACK_SOURCE_KOJI_EU_SECRET or HEARBACK_SOURCE_KOJI_EU_SECRET_FILE, and change the "
         "secret: it was written down\n"},
        {"where no secret is known", 0, "kafka: {sasl_password: abc}\nAPI-Key: abc\n",
         "t:1: kafka.sasl_password: found a secret in the file, expected none: the file is read by "
         "many; remove it, and change the secret: it was written down\n"
         "t:2: API-Key: found a secret in the file, expected none: the file is read by many; "
         "remove "
         "it, and change the secret: it was written down\n"},
        {"a login in the address is not repeated", 0, "jira: {url: 'https://me:abc@x.example'}",
         "t:1: jira.url: found a text with an @ in it, expected an https:// address without login, "
         "query or fragment; write for example https://example.atlassian.net\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

static void secrets_that_are_missing(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"of a source", INGEST,
         "kafka: {bootstrap: 'k:1'}\nsources:\n  koji:\n    kind: koji\n  a-b:\n    kind: koji\n"
         "    proof: hmac\n  c: {kind: koji, proof: none}\n",
         "t:7: sources.a-b.proof: found neither HEARBACK_SOURCE_A_B_SECRET nor "
         "HEARBACK_SOURCE_A_B_SECRET_FILE in the environment, expected what the sender signs with; "
         "set one of them, or write \"proof: none\" to believe anybody\n"},
        {"set twice", INGEST,
         "kafka: {bootstrap: 'k:1'}\nsources:\n  twice:\n    kind: koji\n    proof: none\n",
         "t:5: sources.twice.proof: found both the variable and its _FILE form are set; one is "
         "wanted, expected what the sender signs with in HEARBACK_SOURCE_TWICE_SECRET or a file "
         "named by HEARBACK_SOURCE_TWICE_SECRET_FILE; correct the environment\n"},
        {"two sources with one variable", INGEST,
         "kafka: {bootstrap: 'k:1'}\nsources:\n  koji: {kind: koji}\n  koji-old: {kind: koji, "
         "proof: none}\n",
         "t:4: sources.koji-old: found a name whose secret is also the old secret of sources.koji, "
         "expected secrets of their own; rename one of the two\n"},
    };
    (void)setenv("HEARBACK_SOURCE_TWICE_SECRET", "a", 1);
    (void)setenv("HEARBACK_SOURCE_TWICE_SECRET_FILE", "/b", 1);
    fault_cases_run(cases, COUNT_OF(cases));
    (void)unsetenv("HEARBACK_JIRA_TOKEN");
    static const struct fault_case token[] = {
        {"of the destination", WORKER,
         "kafka: {bootstrap: 'k:1'}\nredis: {address: 'r:1'}\n"
         "jira: {url: https://x.example, user: a, project: RES}\n",
         "t:3: jira: found neither HEARBACK_JIRA_TOKEN nor HEARBACK_JIRA_TOKEN_FILE in the "
         "environment, expected the API token of jira.user; set one of them\n"}};
    fault_cases_run(token, COUNT_OF(token));
    (void)with_secrets(NULL);
}

static void the_address(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"a token in the clear", 0, "jira: {url: http://jira.example.com}",
         "t:1: jira.url: found http://jira.example.com, expected https, or a host that is this "
         "machine; write https://, or the token would travel in the clear\n"},
        {"a host that looks like this machine", 0, "jira: {url: http://127.0.0.1.example.com}",
         "t:1: jira.url: found http://127.0.0.1.example.com, expected https, or a host that is "
         "this "
         "machine; write https://, or the token would travel in the clear\n"},
        {"another one", 0, "jira: {url: 'http://localhost.example.com:80/'}",
         "t:1: jira.url: found http://localhost.example.com:80/, expected https, or a host that is "
         "this machine; write https://, or the token would travel in the clear\n"},
        {"a host of this network", 0, "jira: {url: 'http://10.0.0.1:8080'}",
         "t:1: jira.url: found http://10.0.0.1:8080, expected https, or a host that is this "
         "machine; write https://, or the token would travel in the clear\n"},
        {"a port that is none", 0, "jira: {url: 'https://x.example:99999'}",
         "t:1: jira.url: found https://x.example:99999, expected https://host or "
         "https://host:port; "
         "write for example https://example.atlassian.net\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

static void values_together(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"a lease shorter than a call", 0, "jira:\n  timeout: 41s\n",
         "t:2: worker.lease: found 45s, expected at least 5s more than jira.timeout, which is 41s; "
         "raise worker.lease or lower jira.timeout\n"},
        {"a lease just too short", 0, "worker:\n  lease: 19999ms\n",
         "t:2: worker.lease: found 19999ms, expected at least 5s more than jira.timeout, which is "
         "15s; raise worker.lease or lower jira.timeout\n"},
        {"turns too short to judge", 0, "worker: {turn_max: 999ms}\n",
         "t:1: worker.turn_max: found 999ms, expected at least 1s, or 0s for never; raise it\n"},
        {"bodies larger than records", 0,
         "sources:\n  a: {kind: koji}\n  b:\n    kind: koji\n    body_max: 8193KiB\n",
         "t:5: kafka.message_max: found 8256KiB, expected at least 8257KiB, for sources.b.body_max "
         "and 64KiB; raise kafka.message_max or lower the source's body_max\n"},
        {"records smaller than the default body", 0,
         "sources: {a: {kind: koji}}\nkafka:\n  message_max: 1MiB\n",
         "t:3: kafka.message_max: found 1MiB, expected at least 1088KiB, for sources.a.body_max "
         "and "
         "64KiB; raise kafka.message_max or lower the source's body_max\n"},
        {"as many suspended as connected", 0,
         "ingest:\n  connections_max: 100\n  suspended_max: 100\n",
         "t:3: ingest.suspended_max: found 100, expected less than ingest.connections_max, which "
         "is "
         "100; lower the one or raise the other\n"},
        {"waits out of order", 0,
         "retry: {base: 2s, cap: 1s}\nbreaker: {open: 2m}\nworker: {items_max: 63}\n",
         "t:1: retry.base: found 2s, expected at most retry.cap, which is 1s; lower the one or "
         "raise "
         "the other\n"
         "t:2: breaker.open: found 2m, expected at most breaker.open_max, which is 1m; lower the "
         "one "
         "or raise the other\n"
         "t:3: worker.items_per_record_max: found 64, expected at most worker.items_max, which is "
         "63; lower the one or raise the other\n"},
        {"both a ticket and a win", 0, "rules: {sentiment_file: 0.3}",
         "t:1: rules.sentiment_file: found 0.3, expected less than rules.sentiment_win, which is "
         "0.3; lower the one or raise the other: no theme is both\n"},
        {"a wrong value is not judged twice", 0, "worker: {lease: 1}\njira: {timeout: 100s}",
         "t:1: worker.lease: found 1, expected a duration with its unit (ms, s, m, h) from 1s to "
         "30m; correct it, or remove the line for the default 45s\n"},
        {"names of sources", INGEST,
         "kafka: {bootstrap: 'k:1'}\nsources:\n  Koji: {kind: koji}\n  '': {kind: koji}\n"
         "  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {kind: koji}\n",
         "t:3: sources.Koji: found a name that no path can have, expected 1 to 40 of a-z, 0-9 and "
         "-; "
         "rename it; it is served at /hooks/<name>\n"
         "t:4: sources.: found a name that no path can have, expected 1 to 40 of a-z, 0-9 and -; "
         "rename it; it is served at /hooks/<name>\n"
         "t:5: sources.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: found a name that no path can "
         "have, expected 1 to 40 of a-z, 0-9 and -; rename it; it is served at /hooks/<name>\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

static void all_faults_at_once(void **state)
{
    (void)state;
    static const struct fault_case cases[] = {
        {"in the order of the lines", EVERY,
         "jira:\n  url: ftp://x\n  token: t\nkafka:\n  bootstrap: k\n  bootstrap: k:1\n"
         "redis:\n  timeout: x\n  timout: 1s\n",
         "t:1: jira.project: found nothing, expected a Jira project key such as RES; add for "
         "example \"project: RES\" below jira\n"
         "t:1: jira.user: found nothing, expected a text of 1 to 1024 bytes on one line; add for "
         "example \"user: hearback@example.com\" below jira\n"
         "t:1: sources: found no entry, expected at least one; add for example \"koji: {kind: "
         "koji}\" below it\n"
         "t:2: jira.url: found ftp://x, expected an https:// address without login, query or "
         "fragment; write for example https://example.atlassian.net\n"
         "t:3: jira.token: found a secret in the file, expected none: the file is read by many; "
         "remove it, set the environment variable HEARBACK_JIRA_TOKEN or HEARBACK_JIRA_TOKEN_FILE, "
         "and change the secret: it was written down\n"
         "t:5: kafka.bootstrap: found k, expected host:port[,host:port...]; write for example "
         "kafka-1:9092,kafka-2:9092\n"
         "t:6: kafka.bootstrap: found the key again, first on line 5, expected it once; remove one "
         "of the two\n"
         "t:7: redis.address: found nothing, expected host:port or /path/of/socket; add for "
         "example "
         "\"address: redis:6379\" below redis\n"
         "t:8: redis.timeout: found x, expected a duration with its unit (ms, s, m, h) from 10ms "
         "to "
         "1m; correct it, or remove the line for the default 2s\n"
         "t:9: redis.timout: found an unknown key, expected timeout; rename it to timeout or "
         "remove "
         "it\n"}};
    fault_cases_run(cases, COUNT_OF(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing),
        cmocka_unit_test(secrets_in_the_file),
        cmocka_unit_test(secrets_that_are_missing),
        cmocka_unit_test(the_address),
        cmocka_unit_test(values_together),
        cmocka_unit_test(all_faults_at_once),
    };
    return cmocka_run_group_tests(tests, with_secrets, NULL);
}
