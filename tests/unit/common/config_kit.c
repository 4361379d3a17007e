/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the configuration start from: the smallest file that does for
 * every program, its secrets, and reading a file that must be right.
 */
#include "tests/unit/common/config_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

const char minimal[] = "kafka: {bootstrap: 'k:9092'}\n"
                       "redis: {address: 'r:6379'}\n"
                       "sources: {koji: {kind: koji}}\n"
                       "jira: {url: https://example.atlassian.net, user: a, project: RES}\n";

void parse(struct config *config, const char *yaml, unsigned needed_for)
{
    struct buf faults;
    buf_init(&faults, 1 << 16);
    struct err err = config_parse(config, span_text(yaml), "t.yaml", needed_for, &faults);
    if (failed(err)) {
        print_error("%s", buf_text(&faults));
    }
    assert_false(failed(err));
    assert_int_equal(faults.len, 0);
    buf_close(&faults);
}

int with_secrets(void **state)
{
    (void)state;
    (void)setenv("HEARBACK_JIRA_TOKEN", "jira-token", 1);
    (void)setenv("HEARBACK_SOURCE_KOJI_SECRET", "koji-secret", 1);
    (void)setenv("HEARBACK_REDIS_PASSWORD", "redis-password", 1);
    (void)unsetenv("HEARBACK_SOURCE_KOJI_OLD_SECRET");
    return 0;
}
