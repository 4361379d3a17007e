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
    *reader = (struct changelog_reader){.partitions = plan_get()->changelog_partitions};
    reader->rk = mem_must_alloc(sizeof(*reader->rk));
    reader->rk->reads_ms = world_now() + world_between(WORLD_EDGE, 1, 300);
    world_trace("w%d reads the changelog", proc_owner().proc->slot);
    return NO_ERROR;
}

void changelog_reader_close(struct changelog_reader *reader)
{
    mem_free(reader->rk);
    reader->rk = NULL;
}

bool changelog_reader_at_end(const struct changelog_reader *reader)
{
    return reader->ended == reader->partitions;
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

enum changelog_read changelog_reader_next(struct changelog_reader *reader, struct ledger_line *line)
{
    if (world_now() < reader->rk->reads_ms) {
        return CHANGELOG_NOTHING;
    }
    if (world_chance(WORLD_EDGE, 50)) {
        reader->rk->reads_ms = world_now() + world_between(WORLD_EDGE, 1, 100);
    }
    for (int32_t p = 0; p < reader->partitions; p++) {
        if (reader->at_end[p]) {
            continue;
        }
        const struct broker_record *record = next_of(reader, p);
        if (record == NULL) {
            reader->at_end[p] = true;
            reader->ended++;
            return CHANGELOG_OTHER;
        }
        CHECK(ledger_line_parse(record->key, record->value, line));
        return CHANGELOG_LINE;
    }
    return CHANGELOG_NOTHING;
}
