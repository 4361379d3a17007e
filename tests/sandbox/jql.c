/* SPDX-License-Identifier: Apache-2.0
 *
 * The JQL parser: clause { AND clause } [ ORDER BY order { , order } ]. Refuses
 * with Jira's words where they are known. A single "|" or "&" is a word to the
 * tokenizer's eye and ends as an unknown field. Pure.
 */
#include "tests/sandbox/jql.h"

#include "common/own.h"
#include "tests/sandbox/jql_token.h"

#include <errno.h>

static bool is_word(const struct jql_lexer *lexer, const char *word)
{
    return lexer->kind == JQL_WORD && span_is_nocase(span_text(lexer->text), word);
}

static bool is_sign(const struct jql_lexer *lexer, const char *sign)
{
    return lexer->kind == JQL_SIGN && strcmp(lexer->text, sign) == 0;
}

static bool reserved(const struct jql_lexer *lexer)
{
    static const char *const words[] = {"and",     "or",     "not",  "in",    "is",  "empty",
                                        "null",    "was",    "by",   "order", "asc", "desc",
                                        "changed", "after",  "from", "to",    "on",  "during",
                                        "before",  "select", "where"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (is_word(lexer, words[i])) {
            return true;
        }
    }
    return false;
}

static struct err expected(struct jql_lexer *lexer, const char *what)
{
    return jql_wrong(lexer->jql, "Error in the JQL Query: Expecting %s but got '%.100s'.", what,
                     lexer->text);
}

static struct err read_field(struct jql_lexer *lexer, bool ordering, enum jql_field *field)
{
    static const struct {
        const char *name;
        enum jql_field field;
        bool clause;
        bool order;
    } names[] = {
        {"project", JQL_PROJECT, true, false}, {"labels", JQL_LABELS, true, false},
        {"key", JQL_KEY, true, true},          {"issuekey", JQL_KEY, true, true},
        {"id", JQL_KEY, true, true},           {"issue", JQL_KEY, true, true},
        {"status", JQL_STATUS, true, false},   {"created", JQL_CREATED, false, true},
        {"updated", JQL_UPDATED, false, true},
    };
    if ((lexer->kind != JQL_WORD && lexer->kind != JQL_STRING) || reserved(lexer)) {
        return expected(lexer, "a field name");
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        bool here = ordering ? names[i].order : names[i].clause;
        if (here && span_is_nocase(span_text(lexer->text), names[i].name)) {
            *field = names[i].field;
            return jql_next(lexer);
        }
    }
    return jql_wrong(lexer->jql,
                     "Field '%.100s' does not exist or you do not have permission to view it.",
                     lexer->text);
}

static struct err read_value(struct jql_lexer *lexer, struct jql_clause *clause)
{
    if ((lexer->kind != JQL_WORD && lexer->kind != JQL_STRING) || reserved(lexer)) {
        return expected(lexer, "either a value, list or function");
    }
    if (clause->value_count == JQL_VALUES_MAX) {
        return jql_wrong(lexer->jql, "Error in the JQL Query: too many values in a list.");
    }
    clause->values[clause->value_count++] = lexer->text;
    return jql_next(lexer);
}

static struct err read_list(struct jql_lexer *lexer, struct jql_clause *clause)
{
    if (!is_sign(lexer, "(")) {
        return expected(lexer, "'('");
    }
    do {
        TRY(jql_next(lexer));
        TRY(read_value(lexer, clause));
    } while (is_sign(lexer, ","));
    if (!is_sign(lexer, ")")) {
        return expected(lexer, "',' or ')'");
    }
    return jql_next(lexer);
}

static struct err read_clause(struct jql_lexer *lexer)
{
    struct jql *jql = lexer->jql;
    if (jql->clause_count == JQL_CLAUSES_MAX) {
        return jql_wrong(jql, "Error in the JQL Query: too many clauses.");
    }
    struct jql_clause *clause = &jql->clauses[jql->clause_count];
    clause->values = arena_alloc(lexer->arena, JQL_VALUES_MAX * sizeof(*clause->values));
    if (clause->values == NULL) {
        FAIL(ERR_RETRY, ENOMEM, "a query is larger than its arena");
    }
    TRY(read_field(lexer, false, &clause->field));
    clause->negated = is_sign(lexer, "!=") || is_word(lexer, "not");
    bool list = is_word(lexer, "not") || is_word(lexer, "in");
    if (is_word(lexer, "not")) {
        TRY(jql_next(lexer));
        if (!is_word(lexer, "in")) {
            return expected(lexer, "'in'");
        }
    } else if (!list && !is_sign(lexer, "=") && !is_sign(lexer, "!=")) {
        return expected(lexer, "operator '=', '!=', 'in' or 'not in'");
    }
    TRY(jql_next(lexer));
    TRY(list ? read_list(lexer, clause) : read_value(lexer, clause));
    jql->clause_count++;
    return NO_ERROR;
}

static struct err read_orders(struct jql_lexer *lexer)
{
    struct jql *jql = lexer->jql;
    TRY(jql_next(lexer));
    if (!is_word(lexer, "by")) {
        return expected(lexer, "'by'");
    }
    do {
        if (jql->order_count == JQL_ORDERS_MAX) {
            return jql_wrong(jql, "The orderBy clause has more than 7 fields.");
        }
        struct jql_order *order = &jql->orders[jql->order_count++];
        TRY(jql_next(lexer));
        TRY(read_field(lexer, true, &order->field));
        order->descending =
            is_word(lexer, "desc") || (order->field != JQL_KEY && !is_word(lexer, "asc"));
        if (is_word(lexer, "asc") || is_word(lexer, "desc")) {
            TRY(jql_next(lexer));
        }
    } while (is_sign(lexer, ","));
    return NO_ERROR;
}

struct err jql_parse(struct jql *jql, span text, struct arena *arena)
{
    *jql = (struct jql){.clause_count = 0};
    struct jql_lexer lexer = {.rest = text, .arena = arena, .jql = jql};
    TRY(jql_next(&lexer));
    if (lexer.kind != JQL_END && !is_word(&lexer, "order")) {
        TRY(read_clause(&lexer));
        while (is_word(&lexer, "and") || is_sign(&lexer, "&&")) {
            TRY(jql_next(&lexer));
            TRY(read_clause(&lexer));
        }
    }
    if (is_word(&lexer, "order")) {
        TRY(read_orders(&lexer));
    }
    if (lexer.kind != JQL_END) {
        return expected(&lexer, "'AND' or 'ORDER BY'");
    }
    return NO_ERROR;
}
