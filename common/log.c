/* SPDX-License-Identifier: Apache-2.0
 *
 * The log. Any thread: a line is built on the stack and leaves in one write.
 */
#include "common/log.h"

#include "common/buf.h"
#include "common/clock.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#define LOG_LINE_MAX 4096

static const char *log_program = "hearback";
static enum log_level log_lowest = LOG_INFO;
static void (*log_sink)(span line);

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_lowest = level;
}

bool log_level_parse(span text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (span_is(text, level_names[i])) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_divert(void (*sink)(span line))
{
    log_sink = sink;
}

/* May this site speak? `held` becomes the number of lines it swallowed before. */
static bool may_say(struct log_site *site, int64_t now_ms, int *held)
{
    *held = 0;
    long long start = atomic_load(&site->window_start_ms);
    if (now_ms - start >= LOG_WINDOW_MS &&
        atomic_compare_exchange_strong(&site->window_start_ms, &start, now_ms)) {
        atomic_store(&site->said, 0);
        *held = atomic_exchange(&site->held, 0);
    }
    if (atomic_fetch_add(&site->said, 1) < LOG_BURST) {
        return true;
    }
    atomic_fetch_add(&site->held, 1);
    return false;
}

static void add_pair(struct buf *line, const struct log_pair *pair)
{
    buf_addf(line, ",\"%s\":", pair->key);
    switch (pair->kind) {
    case LOG_PAIR_TEXT: {
        /* A long value is cut so that the line always fits. */
        size_t cut = span_cut_utf8(pair->text, 512);
        buf_add_json(line, span_of(pair->text.at, cut));
        break;
    }
    case LOG_PAIR_INT:
        buf_addf(line, "%lld", (long long)pair->number);
        break;
    case LOG_PAIR_REAL:
        buf_addf(line, "%.6g", isfinite(pair->real) ? pair->real : 0.0);
        break;
    }
}

static void put(span line)
{
    if (log_sink != NULL) {
        log_sink(line);
        return;
    }
    while (line.len > 0) {
        ssize_t written = write(STDERR_FILENO, line.at, line.len);
        if (written < 0 && errno != EINTR) {
            return; /* nowhere left to say so */
        }
        size_t step = written > 0 ? (size_t)written : 0;
        line = span_of(line.at + step, line.len - step);
    }
}

void log_write(struct log_site *site, enum log_level level, const char *event,
               const struct log_pair *pairs, size_t count)
{
    if (level < log_lowest) {
        return;
    }
    int saved_errno = errno;
    const struct clock *clock = clock_system();
    int held = 0;
    if (may_say(site, clock_mono_ms(clock), &held)) {
        struct buf line;
        buf_init(&line, LOG_LINE_MAX * 8);
        char at[32];
        clock_format(clock_wall_ms(clock), at, sizeof(at));
        buf_addf(&line, "{\"at\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"event\":\"%s\"", at,
                 level_names[level], log_program, event);
        for (size_t i = 0; i < count; i++) {
            add_pair(&line, &pairs[i]);
        }
        if (held > 0) {
            buf_addf(&line, ",\"held_back\":%d", held);
        }
        buf_add_text(&line, "}\n");
        if (line.broken) { /* hostile values, each byte of them escaped */
            buf_clear(&line);
            buf_addf(&line,
                     "{\"at\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"event\":\"%s\","
                     "\"cut\":\"its values are over 32 KiB\"}\n",
                     at, level_names[level], log_program, event);
        }
        put(buf_span(&line));
        buf_close(&line);
    }
    errno = saved_errno;
}
