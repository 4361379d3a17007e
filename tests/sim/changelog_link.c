/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of changelog_reader.c: reads the modelled changelog, a partition after
 * the other a few lines at a time, with pauses. What is superseded is passed over
 * when the plan's changelog is compacted.
 */
#include "consumer/engine/changelog_reader.h"

#include "common/mem.h"
#include "tests/sim/broker.h"
#include "tests/sim/proc.h"

/* Stands for the reader's consumer handle. */
struct rd_kafka_s {
    size_t next[CHANGELOG_PARTITIONS_MAX];
    int64_t reads_ms; /* when the next lines have come */
};

struct err changelog_reader_open(struct changelog_reader *reader, const struct config_kafka *config)
{
    (void)config;
    *reader = (struct changelog_reader){.cluster = "simulated"};
    reader->rk = mem_must_alloc(sizeof(*reader->rk));
    reader->begins.partitions = plan_get()->changelog_partitions;
    reader->ends.partitions = reader->begins.partitions;
    for (int32_t p = 0; p < reader->ends.partitions; p++) {
        reader->ends.next[p] = (int64_t)broker_lines(p);
    }
    return NO_ERROR;
}

struct err changelog_reader_start(struct changelog_reader *reader,
                                  const struct changelog_place *from)
{
    reader->read = from == NULL ? reader->begins : *from;
    for (int32_t p = 0; p < reader->read.partitions; p++) {
        reader->rk->next[p] = (size_t)reader->read.next[p];
    }
    reader->rk->reads_ms = world_now() + world_between(WORLD_EDGE, 1, 300);
    world_trace("w%d reads the changelog from its %s", proc_owner().proc->slot,
                from == NULL ? "beginning" : "mark");
    return NO_ERROR;
}

void changelog_reader_close(struct changelog_reader *reader)
{
    mem_free(reader->rk);
    reader->rk = NULL;
}

bool changelog_reader_at_end(const struct changelog_reader *reader)
{
    return reader->ended == reader->begins.partitions;
}

/* The partition's next line that is still there; NULL at its end. */
static const struct broker_record *next_of(struct changelog_reader *reader, int32_t partition)
{
    size_t *next = &reader->rk->next[partition];
    while (*next < broker_lines(partition)) {
        const struct broker_record *line = broker_line(partition, (*next)++);
        if (line != NULL && !(line->superseded && plan_get()->compacted)) {
            return line;
        }
    }
    return NULL;
}

/* The next line of any partition; false when there is none. */
static bool read_line(struct changelog_reader *reader, struct ledger_line *line)
{
    for (int32_t p = 0; p < reader->begins.partitions; p++) {
        if (reader->at_end[p]) {
            continue;
        }
        const struct broker_record *record = next_of(reader, p);
        reader->read.next[p] = (int64_t)reader->rk->next[p];
        if (record != NULL) {
            CHECK(ledger_line_parse(record->key, record->value, line));
            return true;
        }
        reader->at_end[p] = true;
        reader->ended++;
    }
    return false;
}

bool changelog_reader_next(struct changelog_reader *reader, struct ledger_line *lines,
                           size_t *count)
{
    *count = 0;
    if (world_now() < reader->rk->reads_ms || changelog_reader_at_end(reader)) {
        return false;
    }
    size_t most = (size_t)world_between(WORLD_EDGE, 1, 20);
    reader->rk->reads_ms = world_now() + world_between(WORLD_EDGE, 1, 20);
    while (*count < most && read_line(reader, &lines[*count])) {
        (*count)++;
    }
    return true;
}
