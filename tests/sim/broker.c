/* SPDX-License-Identifier: Apache-2.0
 *
 * The arrays of the modelled Kafka.
 */
#include "tests/sim/broker.h"

#include "common/mem.h"
#include "tests/sim/proc.h"
#include "tests/sim/truth.h"

#define BROKER_LINE_MAX 65536
#define BROKER_BUCKETS  4096

static struct {
    struct broker_record interviews[PLAN_PARTITIONS_MAX][PLAN_DELIVERIES_MAX];
    int64_t ends[PLAN_PARTITIONS_MAX];
    struct broker_record lines[BROKER_LINE_MAX]; /* of all partitions, in the order appended */
    size_t line_count;
    const struct broker_record *buckets[BROKER_BUCKETS]; /* the last line of each */
    int64_t slow_until;
} broker;

static span keep(span bytes)
{
    if (bytes.at == NULL) {
        return SPAN_NONE;
    }
    uint8_t *copy = mem_must_alloc(bytes.len + 1);
    memcpy(copy, bytes.at, bytes.len);
    return span_of(copy, bytes.len);
}

/* ---- interviews -------------------------------------------------------------------------- */

void broker_deliver(const struct plan_delivery *delivery)
{
    struct buf body;
    int32_t p = delivery->partition;
    buf_init(&body, 65536);
    plan_body(delivery->interview, &body);
    CHECK(!body.broken && broker.ends[p] < PLAN_DELIVERIES_MAX);
    broker.interviews[p][broker.ends[p]] = (struct broker_record){.partition = p,
                                                                  .offset = broker.ends[p],
                                                                  .at_ms = world_now(),
                                                                  .interview = delivery->interview,
                                                                  .key = span_text("study"),
                                                                  .value = keep(buf_span(&body))};
    world_trace("kafka: %s at %d/%d",
                delivery->interview < 0 ? "garbage"
                                        : plan_get()->interviews[delivery->interview].id,
                (int)p, (int)broker.ends[p]);
    broker.ends[p]++;
    buf_close(&body);
    for (int i = 0; i < PLAN_WORKERS_MAX; i++) {
        proc_wake((struct owner){.proc = proc_of(i), .life = proc_of(i)->life});
    }
}

int64_t broker_end(int32_t partition)
{
    return broker.ends[partition];
}

const struct broker_record *broker_interview(int32_t partition, int64_t offset)
{
    CHECK(offset >= 0 && offset < broker.ends[partition]);
    return &broker.interviews[partition][offset];
}

/* ---- what workers append ----------------------------------------------------------------- */

const struct broker_record *broker_last(span key)
{
    uint64_t hash = span_hash(key);
    const struct broker_record *line = broker.buckets[hash % BROKER_BUCKETS];
    while (line != NULL && (line->hash != hash || !span_equal(line->key, key))) {
        line = line->older;
    }
    return line;
}

const struct broker_record *broker_next_last(const struct broker_record *before)
{
    const struct broker_record *end = broker.lines + broker.line_count;
    const struct broker_record *at = before == NULL ? broker.lines : before + 1;
    while (at < end && at->superseded) {
        at++;
    }
    return at < end ? at : NULL;
}

static const struct broker_record *append_line(const struct outbox_record *record)
{
    CHECK(broker.line_count < BROKER_LINE_MAX);
    uint64_t spread = span_hash(record->key);
    struct broker_record *before = (struct broker_record *)(uintptr_t)broker_last(record->key);
    if (before != NULL) {
        before->superseded = true;
    }
    struct broker_record *line = &broker.lines[broker.line_count];
    *line = (struct broker_record){
        .partition = (int32_t)(spread % (uint64_t)plan_get()->changelog_partitions),
        .offset = (int64_t)broker.line_count,
        .at_ms = world_now(),
        .key = keep(record->key),
        .value = keep(record->value),
        .hash = spread,
        .older = broker.buckets[spread % BROKER_BUCKETS]};
    broker.buckets[spread % BROKER_BUCKETS] = line;
    broker.line_count++;
    if (world_traces()) {
        size_t shown = span_cut_utf8(record->value, 120);
        world_trace("changelog: " SPAN_FMT " = " SPAN_FMT, SPAN_ARG(record->key),
                    SPAN_ARG(span_of(record->value.at, shown)));
    }
    truth_line(record->key, record->value);
    return line;
}

const struct broker_record *broker_append(const struct outbox_record *record)
{
    if (strcmp(record->topic, TOPIC_CHANGELOG) == 0) {
        return append_line(record);
    }
    truth_letter(record);
    return NULL;
}

size_t broker_lines(int32_t partition)
{
    (void)partition;
    return broker.line_count;
}

const struct broker_record *broker_line(int32_t partition, size_t index)
{
    CHECK(index < broker.line_count);
    const struct broker_record *line = &broker.lines[index];
    return line->partition == partition ? line : NULL;
}

/* ---- a slow broker ----------------------------------------------------------------------- */

void broker_slow(int64_t for_ms)
{
    broker.slow_until = world_now() + for_ms;
}

int64_t broker_takes_ms(void)
{
    return broker.slow_until > world_now() ? broker.slow_until : world_now();
}

void broker_heal(void)
{
    broker.slow_until = 0;
}
