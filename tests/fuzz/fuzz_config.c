/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes config_parse, config_print, config_digest and config_address
 * (common/config*.c) on a first byte that says for whom and YAML behind it:
 * whoever is refused is told at which line why, and what was accepted is
 * accepted again as it was printed, and prints the same.
 */
#include "common/config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#define NAME      "fuzz.yaml"
#define PRINT_MAX ((size_t)4 << 20)

static void check_faults(span faults)
{
    CHECK(faults.len > 0 && faults.at[faults.len - 1] == '\n');
    CHECK(span_starts(faults, NAME ":"));
}

static void check_values(const struct config *config)
{
    char host[256];
    uint16_t port = 0;
    CHECK(config->source_count <= CONFIG_SOURCES_MAX);
    CHECK(!failed(config_address(config->ingest.listen, host, sizeof(host), &port)));
    CHECK(config->rules.quality_min >= 0 && config->rules.quality_min <= 5);
    (void)config_digest(config);
}

static void check_printed(const struct config *config, unsigned needed_for)
{
    struct config again;
    struct buf first;
    struct buf second;
    struct buf faults;
    buf_init(&first, PRINT_MAX);
    buf_init(&second, PRINT_MAX);
    buf_init(&faults, PRINT_MAX);
    config_print(config, &first);
    CHECK(!failed(buf_ok(&first)));
    CHECK(!failed(config_parse(&again, buf_span(&first), NAME, needed_for, &faults)));
    config_print(&again, &second);
    CHECK(span_equal(buf_span(&first), buf_span(&second)));
    CHECK(config_digest(config) == config_digest(&again));
    config_close(&again);
    buf_close(&first);
    buf_close(&second);
    buf_close(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = span_of(data, size);
    unsigned needed_for = fuzz_byte(&rest) & 7u;
    struct config config;
    struct buf faults;
    CHECK(setenv("HEARBACK_SOURCE_KOJI_SECRET", "secret-for-tests-0123456789", 1) == 0);
    CHECK(setenv("HEARBACK_JIRA_TOKEN", "token-for-tests", 1) == 0);
    buf_init(&faults, PRINT_MAX);
    struct err err = config_parse(&config, rest, NAME, needed_for, &faults);
    if (failed(err)) {
        CHECK(err.class == ERR_CONFIG);
        check_faults(buf_span(&faults));
    } else {
        CHECK(faults.len == 0 && !faults.broken);
        check_values(&config);
        check_printed(&config, needed_for);
    }
    config_close(&config);
    buf_close(&faults);
    return 0;
}
