/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes jql_parse (tests/sandbox/jql.c, jql_token.c), which decides whether our
 * queries are right: whoever is refused is told why, what is accepted is whole.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/sandbox/jql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct jql jql;
    arena_init(&arena, 4u << 20);
    struct err err = jql_parse(&jql, span_of(data, size), &arena);
    if (failed(err)) {
        CHECK(err.class == ERR_RETRY || (err.class == ERR_REJECT && jql.error[0] != 0));
        fuzz_touch(span_text(jql.error));
    } else {
        CHECK(jql.clause_count <= JQL_CLAUSES_MAX && jql.order_count <= JQL_ORDERS_MAX);
        for (size_t i = 0; i < jql.clause_count; i++) {
            CHECK(jql.clauses[i].value_count > 0 && jql.clauses[i].value_count <= JQL_VALUES_MAX);
            for (size_t j = 0; j < jql.clauses[i].value_count; j++) {
                fuzz_touch(span_text(jql.clauses[i].values[j]));
            }
        }
    }
    arena_close(&arena);
    return 0;
}
