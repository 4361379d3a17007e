/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka.instance_id: a name as it stands, or that of a variable, which only the
 * workers look up.
 */
#include "common/config.h"
#include "common/own.h"
#include "tests/unit/common/fault_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKER CONFIG_FOR_WORKER
#define REST                                                                                       \
    "redis: {address: 'r:1'}\njira: {url: 'https://x.example', user: u, project: P}\nkafka:\n"     \
    "  bootstrap: k:1\n"

static int with_variables(void **state)
{
    (void)state;
    (void)setenv("HEARBACK_JIRA_TOKEN", "jira-token", 1);
    (void)setenv("TEST_POD", "ticket-filer-0", 1);
    (void)setenv("TEST_EMPTY", "", 1);
    (void)setenv("TEST_BLANK", "a b", 1);
    (void)unsetenv("TEST_UNSET");
    return 0;
}

static void expect(const char *written, unsigned needed_for, const char *instance)
{
    char yaml[1024];
    struct buf faults;
    struct config config;
    buf_init(&faults, 4096);
    (void)snprintf(yaml, sizeof(yaml), REST "  instance_id: %s\n", written);
    if (failed(config_parse(&config, span_text(yaml), "t", needed_for, &faults))) {
        fail_msg("%s", buf_text(&faults));
    }
    assert_string_equal(config.kafka.instance_id, instance);
    config_close(&config);
    buf_close(&faults);
}

static void as_it_stands_or_looked_up(void **state)
{
    (void)state;
    expect("''", WORKER, "");
    expect("worker-1.a_B", WORKER, "worker-1.a_B");
    expect("$TEST_POD", WORKER, "ticket-filer-0");
    expect("$TEST_POD", 0, "$TEST_POD");
    expect("$TEST_UNSET", CONFIG_FOR_CONSOLE, "$TEST_UNSET"); /* an operator has no pod */
}

static void what_names_nobody(void **state)
{
    (void)state;
#define DO                                                                                         \
    ", expected a name of its own for each process, of letters, digits and . _ -; set the "        \
    "variable, for example to the pod's name, or remove the line\n"
    static const struct fault_case cases[] = {
        {"unset", WORKER, REST "  instance_id: $TEST_UNSET\n",
         "t:5: kafka.instance_id: found no variable TEST_UNSET in the environment" DO},
        {"empty", WORKER, REST "  instance_id: $TEST_EMPTY\n",
         "t:5: kafka.instance_id: found no variable TEST_EMPTY in the environment" DO},
        {"no name that Kafka takes", WORKER, REST "  instance_id: $TEST_BLANK\n",
         "t:5: kafka.instance_id: found TEST_BLANK, which is \"a b\"" DO},
        {"no variable", 0, "kafka: {instance_id: $1}",
         "t:1: kafka.instance_id: found $1, expected letters, digits and . _ -, or $ and the name "
         "of an environment variable; write for example $HOSTNAME\n"},
        {"a slash", 0, "kafka: {instance_id: a/b}",
         "t:1: kafka.instance_id: found a/b, expected letters, digits and . _ -, or $ and the name "
         "of an environment variable; write for example $HOSTNAME\n"},
        {"two dots", 0, "kafka: {instance_id: ..}",
         "t:1: kafka.instance_id: found .., expected letters, digits and . _ -, or $ and the name "
         "of an environment variable; write for example $HOSTNAME\n"},
    };
    fault_cases_run(cases, COUNT_OF(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_stands_or_looked_up),
        cmocka_unit_test(what_names_nobody),
    };
    return cmocka_run_group_tests(tests, with_variables, NULL);
}
