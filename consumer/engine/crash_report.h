/* SPDX-License-Identifier: Apache-2.0
 *
 * What a dying process tells Redis of the records it had in flight, built and
 * sent by hand: everything here may be called from a signal handler, after memory
 * was corrupted. No allocation, no lock, no stdio; a buffer that is the caller's,
 * a descriptor that was connected before, and a deadline. Positions only: topic,
 * partition, offset and the record's time.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_CRASH_REPORT_H
#define HEARBACK_CONSUMER_ENGINE_CRASH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_KEY        "hearback:crash:{%s}%s" /* of the worker, and ".observe"; a hash */
#define CRASH_KEY_MAX    256
#define CRASH_FIELD_MAX  320 /* topic/partition/offset/time, and "/alone" when it was alone */
#define CRASH_ALONE      "/" CRASH_ALONE_WORD
#define CRASH_ALONE_WORD "alone"
#define CRASH_KEPT_S                                                                               \
    604800 /* after the last report; whoever settles a record forgets it sooner                    \
            */

/* ---- text by hand ---- */

struct crash_text {
    char *at;
    size_t room;
    size_t len;
};

/* Adds as much as fits. */
void crash_add(struct crash_text *text, const char *words);
void crash_add_number(struct crash_text *text, int64_t number);

/* ---- the report ---- */

struct crash_position {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t at_ms;
    bool alone;
};

struct crash_report {
    int fd;              /* does not block; -1: nobody to tell */
    int64_t deadline_ms; /* of crash_now_ms */
    const char *key;
    bool broken;
    struct crash_text out;
    char bytes[4096];
};

int64_t crash_now_ms(void);

void crash_report_begin(struct crash_report *report, int fd, const char *key, int64_t deadline_ms);
void crash_report_add(struct crash_report *report, const struct crash_position *position);
/* Sends what is left and waits for the answers. True when Redis took all of it. */
bool crash_report_end(struct crash_report *report);

#endif
