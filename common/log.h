/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of JSON to stderr an event: time, level, event name, then pairs.
 * Bodies, headers and people never go in. Every call keeps errno. A call site
 * may say at most LOG_BURST lines in LOG_WINDOW_MS; the first line after a
 * silence says how many were held back.
 *
 *   LOG(LOG_WARN, "breaker_open", L_TEXT("destination", "jira"), L_INT("status", 401));
 */
#ifndef HEARBACK_COMMON_LOG_H
#define HEARBACK_COMMON_LOG_H

#include "common/err.h"
#include "common/span.h"

#include <stdatomic.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_pair {
    const char *key;
    enum { LOG_PAIR_TEXT, LOG_PAIR_INT, LOG_PAIR_REAL } kind;
    span text;
    int64_t number;
    double real;
};

struct log_site {
    atomic_llong window_start_ms;
    atomic_int said;
    atomic_int held;
};

#define LOG_BURST     50
#define LOG_WINDOW_MS 1000

#define L_TEXT(key_, text_)                                                                        \
    ((struct log_pair){.key = (key_), .kind = LOG_PAIR_TEXT, .text = span_text(text_)})
#define L_SPAN(key_, span_)                                                                        \
    ((struct log_pair){.key = (key_), .kind = LOG_PAIR_TEXT, .text = (span_)})
#define L_INT(key_, number_)                                                                       \
    ((struct log_pair){.key = (key_), .kind = LOG_PAIR_INT, .number = (int64_t)(number_)})
#define L_REAL(key_, real_)                                                                        \
    ((struct log_pair){.key = (key_), .kind = LOG_PAIR_REAL, .real = (real_)})

#define LOG(level_, event_, ...)                                                                   \
    do {                                                                                           \
        static struct log_site log_site_;                                                          \
        struct log_pair log_pairs_[] = {{.key = NULL}, __VA_ARGS__};                               \
        log_write(&log_site_, (level_), (event_), log_pairs_ + 1,                                  \
                  sizeof(log_pairs_) / sizeof(log_pairs_[0]) - 1);                                 \
    } while (0)

/* As LOG, for an error that is being settled: class, text, code and place come along. */
#define LOG_ERR(level_, event_, err_, ...)                                                         \
    do {                                                                                           \
        struct err log_err_ = (err_);                                                              \
        LOG(level_, event_, L_TEXT("class", err_class_name(log_err_.class)),                       \
            L_TEXT("error", log_err_.text), L_INT("code", log_err_.code),                          \
            L_TEXT("where", log_err_.where), __VA_ARGS__);                                         \
    } while (0)

/* Lines below `level` are dropped. `program` stands in each line. Before threads start. */
void log_init(const char *program, enum log_level level);
bool log_level_parse(span text, enum log_level *level);

void log_write(struct log_site *site, enum log_level level, const char *event,
               const struct log_pair *pairs, size_t count);

/* Tests only: lines go to `sink` instead of stderr; NULL switches back. */
void log_divert(void (*sink)(span line));

#endif
