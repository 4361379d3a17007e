/* SPDX-License-Identifier: Apache-2.0
 *
 * The JQL subset: each row is a query and what it is read as, written back in one
 * canonical form, or the part of Jira's words it is refused with.
 */
#include "tests/sandbox/jql.h"

#include "common/buf.h"
#include "common/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *query;
    const char *read_as; /* NULL: refused */
    const char *error;
} cases[] = {
    {"project = PROD", "project:PROD", NULL},
    {"PROJECT=prod", "project:prod", NULL},
    {"project = \"PROD\" AND labels = \"koji-theme-1\"", "project:PROD labels:koji-theme-1", NULL},
    {"project=PROD and labels=a and status=\"To Do\"", "project:PROD labels:a status:To Do", NULL},
    {"labels in (a, \"b c\", 'd')", "labels:a|b c|d", NULL},
    {"labels not in (a) && key != PROD-1", "!labels:a !key:PROD-1", NULL},
    {"id = 10001", "key:10001", NULL},
    {"issuekey = PROD-7", "key:PROD-7", NULL},
    {"labels = \"a\\\"b\\\\c\\u0041\\u00e9\\n\"", "labels:a\"b\\cA\xC3\xA9\n", NULL},
    {"labels = 'it\\'s'", "labels:it's", NULL},
    {"labels = a\\ b", "labels:a b", NULL},
    {"labels = \"AND\"", "labels:AND", NULL},
    {"labels = a ORDER BY created", "labels:a order:created-", NULL},
    {"labels = a order by created ASC", "labels:a order:created+", NULL},
    {"labels = a ORDER BY key DESC, created asc", "labels:a order:key- order:created+", NULL},
    {"labels = a ORDER BY key", "labels:a order:key+", NULL},
    {"", "", NULL},
    {"ORDER BY created", "order:created-", NULL},
    {"labels", NULL, "Expecting operator"},
    {"labels =", NULL, "Expecting either a value, list or function but got '(EOF)'"},
    {"labels = a b", NULL, "Expecting 'AND' or 'ORDER BY' but got 'b'"},
    {"labels = AND", NULL, "Expecting either a value"},
    {"labels ~ a", NULL, "Expecting operator"},
    {"labels in a", NULL, "Expecting '('"},
    {"labels in ()", NULL, "Expecting either a value"},
    {"labels in (a", NULL, "Expecting ',' or ')'"},
    {"labels in (a,)", NULL, "Expecting either a value"},
    {"labels not a", NULL, "Expecting 'in'"},
    {"labels = a AND", NULL, "Expecting a field name but got '(EOF)'"},
    {"labels = a OR labels = b", NULL, "Expecting 'AND' or 'ORDER BY' but got 'OR'"},
    {"AND labels = a", NULL, "Expecting a field name but got 'AND'"},
    {"= a", NULL, "Expecting a field name"},
    {"flavour = a", NULL, "Field 'flavour' does not exist"},
    {"created = a", NULL, "Field 'created' does not exist"},
    {"labels = a ORDER BY labels", NULL, "Field 'labels' does not exist"},
    {"labels = a ORDER created", NULL, "Expecting 'by'"},
    {"labels = a ORDER BY", NULL, "Expecting a field name"},
    {"labels = a ORDER BY key,key,key,key,key,key,key,key", NULL, "more than 7"},
    {"labels = \"abc", NULL, "The quoted string 'abc' has not been completed."},
    {"labels = \"a\\q\"", NULL, "'\\q' is an illegal JQL escape sequence"},
    {"labels = \"a\\u12g4\"", NULL, "'\\u' is an illegal JQL escape sequence"},
    {"labels = \"a\\ud800\"", NULL, "illegal JQL escape"},
    {"labels = a@b", NULL, "The character '@' is a reserved JQL character"},
    {"labels = {a}", NULL, "reserved JQL character"},
};

static const char *name_of(enum jql_field field)
{
    static const char *const names[] = {"project", "labels", "key", "status", "created", "updated"};
    return names[field];
}

static void write_back(const struct jql *jql, struct buf *out)
{
    for (size_t i = 0; i < jql->clause_count; i++) {
        const struct jql_clause *clause = &jql->clauses[i];
        buf_addf(out, "%s%s%s:", out->len > 0 ? " " : "", clause->negated ? "!" : "",
                 name_of(clause->field));
        for (size_t v = 0; v < clause->value_count; v++) {
            buf_addf(out, "%s%s", v > 0 ? "|" : "", clause->values[v]);
        }
    }
    for (size_t i = 0; i < jql->order_count; i++) {
        buf_addf(out, "%sorder:%s%s", out->len > 0 ? " " : "", name_of(jql->orders[i].field),
                 jql->orders[i].descending ? "-" : "+");
    }
}

static void each_query(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        arena_init(&arena, 1U << 20);
        struct buf out;
        buf_init(&out, 4096);
        struct jql jql;
        struct err e = jql_parse(&jql, span_text(cases[i].query), &arena);
        write_back(&jql, &out);
        bool good = cases[i].read_as == NULL
                        ? e.class == ERR_REJECT && strstr(jql.error, cases[i].error) != NULL
                        : !failed(e) && strcmp(buf_text(&out), cases[i].read_as) == 0;
        if (!good) {
            fail_msg("%s: class %d, read as \"%s\", error \"%s\"", cases[i].query, (int)e.class,
                     buf_text(&out), jql.error);
        }
        buf_close(&out);
        arena_close(&arena);
    }
}

static void too_much(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096); /* less than a clause's list of values takes in the end */
    struct jql jql;
    struct err e = jql_parse(&jql, span_text("labels = a and labels = b and labels = c"), &arena);
    assert_int_equal(e.class, ERR_RETRY);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_query),
        cmocka_unit_test(too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
