/* SPDX-License-Identifier: Apache-2.0
 *
 * JQL cut into words, quoted strings and signs. The parser's other half; the
 * text is borrowed and decoded values live in the arena.
 */
#ifndef HEARBACK_TESTS_SANDBOX_JQL_TOKEN_H
#define HEARBACK_TESTS_SANDBOX_JQL_TOKEN_H

#include "tests/sandbox/jql.h"

enum jql_kind {
    JQL_END,
    JQL_WORD,   /* unquoted */
    JQL_STRING, /* quoted: never a keyword */
    JQL_SIGN,   /* = != ( ) , and the operators outside the subset */
};

struct jql_lexer {
    span rest;
    struct arena *arena;
    struct jql *jql; /* for its error */
    enum jql_kind kind;
    const char *text; /* the token's, decoded */
};

/* Reads the next token into `kind` and `text`. ERR_REJECT. */
MUST_USE struct err jql_next(struct jql_lexer *lexer);

/* Fills in jql->error; returns ERR_REJECT. */
MUST_USE struct err jql_wrong(struct jql *jql, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
