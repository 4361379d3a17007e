/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters, gauges and histograms, shown in the Prometheus text format. A
 * series is made once (name, help and at most one label) and lives as long as
 * the process; changing it is one atomic operation from any thread. Label
 * values come from fixed sets (reasons, stages, status classes), never from input.
 */
#ifndef HEARBACK_COMMON_METRICS_H
#define HEARBACK_COMMON_METRICS_H

#include "common/buf.h"

struct metric;

/* Finds or makes the series. `label` may be NULL; texts are copied. A name has one kind and help.
 */
struct metric *metric_counter(const char *name, const char *help, const char *label,
                              const char *value);
struct metric *metric_gauge(const char *name, const char *help, const char *label,
                            const char *value);
/* Buckets in seconds from 0.5 ms to 60 s. */
struct metric *metric_histogram(const char *name, const char *help, const char *label,
                                const char *value);

void metric_add(struct metric *metric, int64_t by);
void metric_set(struct metric *metric, int64_t to);
void metric_observe(struct metric *metric, double seconds);
int64_t metric_value(const struct metric *metric);

/* Everything, sorted by name, in the text exposition format 0.0.4. */
void metrics_encode(struct buf *out);

#endif
