/* SPDX-License-Identifier: Apache-2.0
 *
 * Redis's protocol, written and read a byte at a time. The last command has Redis
 * say a word that no other answer is; an error line before it spoils the report.
 * Called by the thread that crashed, whichever it is.
 */
#include "consumer/engine/crash_report.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define LAST_WORD "hearback:that-was-all"

int64_t crash_now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- text by hand ------------------------------------------------------------------------ */

void crash_add(struct crash_text *text, const char *words)
{
    for (; *words != 0 && text->len < text->room; words++) {
        text->at[text->len++] = *words;
    }
}

void crash_add_number(struct crash_text *text, int64_t number)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0) {
        digits[--at] = '-';
    }
    crash_add(text, digits + at);
}

/* ---- sending ----------------------------------------------------------------------------- */

/* True when the descriptor is ready for `events` before the deadline. */
static bool await(const struct crash_report *report, short events)
{
    for (;;) {
        int64_t left = report->deadline_ms - crash_now_ms();
        struct pollfd one = {.fd = report->fd, .events = events};
        if (left <= 0) {
            return false;
        }
        int ready = poll(&one, 1, (int)left);
        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

static void flush(struct crash_report *report)
{
    size_t sent = 0;
    while (sent < report->out.len && !report->broken) {
        ssize_t count = send(report->fd, report->bytes + sent, report->out.len - sent,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) {
            sent += (size_t)count;
        } else if (errno == EAGAIN) {
            report->broken = !await(report, POLLOUT);
        } else {
            report->broken = errno != EINTR;
        }
    }
    report->out.len = 0;
}

static size_t length(const char *words)
{
    size_t len = 0;
    while (words[len] != 0) {
        len++;
    }
    return len;
}

static void add_word(struct crash_report *report, const char *word)
{
    crash_add(&report->out, "$");
    crash_add_number(&report->out, (int64_t)length(word));
    crash_add(&report->out, "\r\n");
    crash_add(&report->out, word);
    crash_add(&report->out, "\r\n");
}

/* One command of up to four words; the largest is far below the buffer. */
static void add_command(struct crash_report *report, const char *const *words, int count)
{
    size_t wanted = 32;
    for (int i = 0; i < count; i++) {
        wanted += length(words[i]) + 32;
    }
    if (report->out.len + wanted > report->out.room) {
        flush(report);
    }
    crash_add(&report->out, "*");
    crash_add_number(&report->out, count);
    crash_add(&report->out, "\r\n");
    for (int i = 0; i < count; i++) {
        add_word(report, words[i]);
    }
}

void crash_report_begin(struct crash_report *report, int fd, const char *key, int64_t deadline_ms)
{
    report->fd = fd;
    report->key = key;
    report->deadline_ms = deadline_ms;
    report->broken = fd < 0;
    report->out = (struct crash_text){.at = report->bytes, .room = sizeof(report->bytes)};
}

void crash_report_add(struct crash_report *report, const struct crash_position *position)
{
    char field[CRASH_FIELD_MAX];
    struct crash_text text = {.at = field, .room = sizeof(field) - 1};
    crash_add(&text, position->topic);
    crash_add(&text, "/");
    crash_add_number(&text, position->partition);
    crash_add(&text, "/");
    crash_add_number(&text, position->offset);
    crash_add(&text, "/");
    crash_add_number(&text, position->at_ms);
    crash_add(&text, position->alone ? CRASH_ALONE : "");
    field[text.len] = 0;
    const char *const words[] = {"HINCRBY", report->key, field, "1"};
    add_command(report, words, 4);
}

/* ---- the answers ------------------------------------------------------------------------- */

struct answers {
    size_t in_line; /* bytes of the present line so far */
    size_t alike;   /* of which like the last word's; SIZE_MAX: it is another line */
    bool refused;
    bool complete;
};

static void read_answer(struct answers *answers, char c)
{
    static const char last[] = LAST_WORD "\r\n";
    if (answers->in_line == 0) {
        answers->alike = 0;
        answers->refused = answers->refused || c == '-';
    }
    answers->in_line++;
    if (answers->alike != SIZE_MAX) {
        answers->alike = c == last[answers->alike] ? answers->alike + 1 : SIZE_MAX;
        answers->complete = answers->complete || answers->alike == sizeof(last) - 1;
    }
    if (c == '\n') {
        answers->in_line = 0;
    }
}

bool crash_report_end(struct crash_report *report)
{
    char kept[24];
    char some[512];
    struct crash_text text = {.at = kept, .room = sizeof(kept) - 1};
    struct answers answers = {0};
    crash_add_number(&text, CRASH_KEPT_S);
    kept[text.len] = 0;
    const char *const expire[] = {"EXPIRE", report->key, kept};
    const char *const last[] = {"ECHO", LAST_WORD};
    add_command(report, expire, 3);
    add_command(report, last, 2);
    flush(report);
    while (!report->broken && !answers.complete) {
        ssize_t count = recv(report->fd, some, sizeof(some), MSG_DONTWAIT);
        for (ssize_t i = 0; i < count && !answers.complete; i++) {
            read_answer(&answers, some[i]);
        }
        if (count < 0 && (errno == EAGAIN)) {
            report->broken = !await(report, POLLIN);
        } else if (count <= 0) {
            report->broken = count == 0 || errno != EINTR;
        }
    }
    return answers.complete && !answers.refused;
}
