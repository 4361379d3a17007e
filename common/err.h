/* SPDX-License-Identifier: Apache-2.0
 *
 * The one error type. An error's class is the decision to take, so whoever
 * settles it switches on the class (without a default: the compiler then finds
 * a missing case). It is a small value: nothing is allocated, the text and the
 * place are static strings. What a human needs beyond that goes to the log, once,
 * where the error is settled.
 */
#ifndef HEARBACK_COMMON_ERR_H
#define HEARBACK_COMMON_ERR_H

#include <stdbool.h>

enum err_class {
    ERR_OK,     /* no error */
    ERR_RETRY,  /* later may work */
    ERR_REJECT, /* the caller's fault: a 4xx to the sender */
    ERR_POISON, /* this event will never work: dead letter */
    ERR_STALE,  /* our right to act is gone: revoked, lease lost, shutting down */
    ERR_CONFIG, /* refuse to start */
    ERR_FATAL,  /* the process must exit; its supervisor restarts it */
};

/* The result of every function that can fail. `code` is the class's detail: an
 * HTTP status for ERR_REJECT, an errno or library code elsewhere, 0 when there is none. */
#if defined(__clang__)
struct __attribute__((warn_unused_result)) err {
#else
struct err {
#endif
    enum err_class class;
    int code;
    const char *text;  /* static: what happened, in words */
    const char *where; /* static: file:line */
};

#define MUST_USE                        __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

#define ERR_STRING_(x) #x
#define ERR_STRING(x)  ERR_STRING_(x)
#define ERR_HERE       __FILE__ ":" ERR_STRING(__LINE__)

#define NO_ERROR ((struct err){.class = ERR_OK})

/* Begin an error here. */
#define FAIL(err_class_, code_, text_)                                                             \
    return (struct err)                                                                            \
    {                                                                                              \
        .class = (err_class_), .code = (code_), .text = (text_), .where = ERR_HERE                 \
    }

/* Pass an error on. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        struct err try_err_ = (expr);                                                              \
        if (try_err_.class != ERR_OK) {                                                            \
            return try_err_;                                                                       \
        }                                                                                          \
    } while (0)

/* What must not happen: stays on in production, names the place, aborts. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            err_check_failed(#condition, ERR_HERE);                                                \
        }                                                                                          \
    } while (0)

/* A place that must not be reached. */
#define NEVER(text) err_check_failed(text, ERR_HERE)

static inline bool failed(struct err e)
{
    return e.class != ERR_OK;
}

/* The class in one lower-case word, for logs and metric labels. */
const char *err_class_name(enum err_class class);

_Noreturn void err_check_failed(const char *condition, const char *where);

#endif
