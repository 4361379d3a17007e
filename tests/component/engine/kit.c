/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the engine's component tests.
 */
#include "tests/component/engine/kit.h"

#include "common/clock.h"
#include "common/log.h"

#include <dirent.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf log_lines;

const char *kit_service(const char *variable)
{
    const char *address = getenv(variable);
    if (address == NULL) {
        print_message("%s is not set: run this by tests/run.sh component\n", variable);
    }
    return address;
}

void kit_suffix(char *out, size_t room)
{
    unsigned char bytes[6];
    CHECK(RAND_bytes(bytes, sizeof(bytes)) == 1 && room >= 13);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(out + i * 2, 3, "%02x", bytes[i]);
    }
}

static void keep_line(span line)
{
    pthread_mutex_lock(&log_lock);
    buf_add(&log_lines, line);
    buf_add_char(&log_lines, '\n');
    pthread_mutex_unlock(&log_lock);
    if (getenv("HEARBACK_TEST_LOG") != NULL) {
        (void)fprintf(stderr, SPAN_FMT "\n", SPAN_ARG(line));
    }
}

void kit_quiet(void)
{
    pthread_mutex_lock(&log_lock);
    buf_close(&log_lines);
    buf_init(&log_lines, (size_t)1 << 30);
    pthread_mutex_unlock(&log_lock);
    log_init("test", LOG_INFO);
    log_divert(keep_line);
}

int kit_logged(const char *event)
{
    char wanted[128];
    int count = 0;
    (void)snprintf(wanted, sizeof(wanted), "\"%s\"", event);
    pthread_mutex_lock(&log_lock);
    const char *at = buf_text(&log_lines);
    while ((at = strstr(at, wanted)) != NULL) {
        at += strlen(wanted);
        count++;
    }
    pthread_mutex_unlock(&log_lock);
    return count;
}

int64_t kit_begin(void)
{
    return clock_mono_ms(clock_system());
}

bool kit_waits(int64_t began_ms)
{
    return clock_mono_ms(clock_system()) - began_ms < KIT_PATIENCE_MS;
}

size_t kit_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

void kit_expand(const char *text, const char *prefix, struct buf *out)
{
    for (; *text != 0; text++) {
        if (*text == '@') {
            buf_add_text(out, prefix);
        } else {
            buf_add_char(out, *text);
        }
    }
}

bool kit_matches(span text, const char *pattern)
{
    while (*pattern != 0 && *pattern != '*') {
        if (text.len == 0 || text.at[0] != (uint8_t)*pattern) {
            return false;
        }
        text = span_of(text.at + 1, text.len - 1);
        pattern++;
    }
    if (*pattern == 0) {
        return text.len == 0;
    }
    for (size_t i = 0; i <= text.len; i++) {
        if (kit_matches(span_of(text.at + i, text.len - i), pattern + 1)) {
            return true;
        }
    }
    return false;
}
