/* SPDX-License-Identifier: Apache-2.0
 *
 * The registry: a sorted list behind a mutex that is held while a series is
 * made or all are shown; the series themselves are atomics. Owned by the process.
 */
#include "common/metrics.h"

#include "common/mem.h"
#include "common/own.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

static const double bucket_bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                       0.25,   0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};

struct metric {
    struct metric *next;
    enum metric_kind kind;
    char *name;
    char *help;
    char *label;
    char *label_value;
    atomic_llong value;  /* histogram: the number of observations */
    atomic_llong micros; /* histogram: the sum */
    atomic_llong buckets[COUNT_OF(bucket_bounds)];
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *registry;

static int order(const struct metric *m, const char *name, const char *value)
{
    int by_name = strcmp(m->name, name);
    return by_name != 0 ? by_name : strcmp(m->label_value, value);
}

/* The series that this thread asked for last, each at a place that its texts' addresses lead to:
 * a call is counted more often than the list of all can be gone through. */
#define RECENT 64
static _Thread_local struct metric *recent[RECENT];

static struct metric **recent_place(const char *name, const char *value)
{
    uintptr_t mixed = (uintptr_t)name * 31 + (uintptr_t)value;
    return &recent[(mixed ^ mixed >> 7) % RECENT];
}

static struct metric *find_or_make(enum metric_kind kind, const char *name, const char *help,
                                   const char *label, const char *value)
{
    value = value == NULL ? "" : value;
    CHECK(help != NULL && help[0] != 0);
    struct metric **place = recent_place(name, value);
    if (*place != NULL && (*place)->kind == kind && order(*place, name, value) == 0) {
        return *place;
    }
    pthread_mutex_lock(&registry_lock);
    struct metric **at = &registry;
    while (*at != NULL && order(*at, name, value) < 0) {
        at = &(*at)->next;
    }
    struct metric *metric = *at;
    if (metric == NULL || order(metric, name, value) != 0) {
        metric = mem_must_alloc(sizeof(*metric));
        metric->kind = kind;
        metric->name = mem_must_copy_text(name);
        metric->help = mem_must_copy_text(help);
        metric->label = mem_must_copy_text(label == NULL ? "" : label);
        metric->label_value = mem_must_copy_text(value);
        metric->next = *at;
        *at = metric;
    }
    CHECK(metric->kind == kind);
    pthread_mutex_unlock(&registry_lock);
    *place = metric;
    return metric;
}

struct metric *metric_counter(const char *name, const char *help, const char *label,
                              const char *value)
{
    return find_or_make(METRIC_COUNTER, name, help, label, value);
}

struct metric *metric_gauge(const char *name, const char *help, const char *label,
                            const char *value)
{
    return find_or_make(METRIC_GAUGE, name, help, label, value);
}

struct metric *metric_histogram(const char *name, const char *help, const char *label,
                                const char *value)
{
    return find_or_make(METRIC_HISTOGRAM, name, help, label, value);
}

void metric_add(struct metric *metric, int64_t by)
{
    atomic_fetch_add_explicit(&metric->value, by, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t to)
{
    atomic_store_explicit(&metric->value, to, memory_order_relaxed);
}

void metric_observe(struct metric *metric, double seconds)
{
    metric_add(metric, 1);
    atomic_fetch_add_explicit(&metric->micros, (long long)(seconds * 1e6), memory_order_relaxed);
    for (size_t i = 0; i < COUNT_OF(bucket_bounds); i++) {
        if (seconds <= bucket_bounds[i]) {
            atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
            return;
        }
    }
}

int64_t metric_value(const struct metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static void encode_histogram(const struct metric *m, struct buf *out)
{
    const char *comma = m->label[0] != 0 ? "," : "";
    char own_label[256] = "";
    if (m->label[0] != 0) {
        (void)snprintf(own_label, sizeof(own_label), "%s=\"%s\"", m->label, m->label_value);
    }
    long long below = 0;
    for (size_t i = 0; i < COUNT_OF(bucket_bounds); i++) {
        below += atomic_load_explicit(&m->buckets[i], memory_order_relaxed);
        buf_addf(out, "%s_bucket{%s%sle=\"%g\"} %lld\n", m->name, own_label, comma,
                 bucket_bounds[i], below);
    }
    long long micros = atomic_load_explicit(&m->micros, memory_order_relaxed);
    buf_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %lld\n", m->name, own_label, comma,
             (long long)metric_value(m));
    buf_addf(out, "%s_sum{%s} %.6f\n", m->name, own_label, (double)micros / 1e6);
    buf_addf(out, "%s_count{%s} %lld\n", m->name, own_label, (long long)metric_value(m));
}

void metrics_encode(struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    const char *before = "";
    pthread_mutex_lock(&registry_lock);
    for (const struct metric *m = registry; m != NULL; m = m->next) {
        if (strcmp(before, m->name) != 0) {
            buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
                     kinds[m->kind]);
        }
        before = m->name;
        if (m->kind == METRIC_HISTOGRAM) {
            encode_histogram(m, out);
        } else if (m->label[0] != 0) {
            buf_addf(out, "%s{%s=\"%s\"} %lld\n", m->name, m->label, m->label_value,
                     (long long)metric_value(m));
        } else {
            buf_addf(out, "%s %lld\n", m->name, (long long)metric_value(m));
        }
    }
    pthread_mutex_unlock(&registry_lock);
}
