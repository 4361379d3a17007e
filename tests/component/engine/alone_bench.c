/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker whose items come to nothing but a note, and the bench around it.
 */
#include "tests/component/engine/alone_bench.h"

#include <stdio.h>
#include <string.h>

/* ---- a worker that notes in what company it runs ----------------------------------------- */

struct note notes[RECORDS + 1];
bool held[RECORDS + 1]; /* the record's item does not end */
static int64_t items;
char alone_name[64]; /* of the worker and of its topic */
static struct intake *intake;

static struct err ask(struct item *item, struct call *call)
{
    call->kind = CALL_STEP;
    call->step = held[item->job->record.offset] ? step_again(20, "held") : step_done("done");
    return NO_ERROR;
}

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    int64_t offset = job->record.offset;
    struct note *note = &notes[offset];
    *made = job->made == 0;
    if (!*made) {
        return NO_ERROR;
    }
    const struct load *alone = intake->alone;
    if (alone != NULL && alone->job.record.offset != offset) {
        notes[alone->job.record.offset].disturbed++;
    }
    note->made++;
    note->company = intake->loads;
    note->was_alone = alone != NULL;
    note->when = ++items;
    /* Of the key's bytes, less the first when it is read again: another effect. */
    size_t less = job->only.len > 0 ? 1 : 0;
    next->effect_id = span_of(job->record.key.at + less, job->record.key.len - less);
    next->order_key = next->effect_id;
    return NO_ERROR;
}

static const struct stage stages[] = {
    {.name = "note", .to = &shop_nobody, .ask = ask, .doubt = STAGE_READ},
};
static const struct worker noter = {.name = alone_name,
                                    .topic = alone_name,
                                    .help = "for tests",
                                    .stages = stages,
                                    .stage_count = COUNT_OF(stages),
                                    .itemise = itemise,
                                    .fragment = shop_fragment,
                                    .digest = shop_digest};

int64_t alone_low(const struct shop *shop)
{
    const struct partition *p = intake_partition(shop->intake, alone_name, 0);
    return p != NULL && p->assigned ? window_low(&p->window) : -1;
}

int alone_open(void **state)
{
    static struct bench bench;
    bench = (struct bench){0};
    *state = &bench;
    memset(notes, 0, sizeof(notes));
    memset(held, 0, sizeof(held));
    items = 0;
    if (!shop_bench_open(&bench.common, 1)) {
        return 0;
    }
    (void)snprintf(alone_name, sizeof(alone_name), "%s", bench.common.name);
    crash_key(alone_name, &(struct config_worker){0}, bench.key);
    bench.common.at_ms = clock_wall_ms(clock_system());
    bench.redis = redis_ask_open(bench.common.server.address, NULL);
    assert_non_null(bench.redis);
    for (int i = 0; i < RECORDS; i++) {
        char key[96];
        (void)snprintf(key, sizeof(key), "%s.%d", alone_name, i);
        shop_append(&bench.common, alone_name, 0, key, "{}", NULL);
    }
    shop_flush(&bench.common);
    return 0;
}

int alone_close(void **state)
{
    struct bench *bench = *state;
    if (bench->redis != NULL) {
        redisFree(bench->redis);
    }
    shop_bench_close(&bench->common);
    return 0;
}

void alone_crashed(const struct bench *bench, int offset, const char *how, const char *times)
{
    char field[CRASH_FIELD_MAX];
    (void)snprintf(field, sizeof(field), "%s/0/%d/%lld%s", alone_name, offset,
                   (long long)bench->common.at_ms, how);
    (void)redis_say(bench->redis, "HSET", bench->key, field, times, NULL);
}

void alone_begin(struct bench *bench)
{
    shop_open(&bench->shop, (struct shop_place){.kafka = bench->common.kafka,
                                                .redis = bench->common.server.address,
                                                .owner = "me",
                                                .worker = &noter});
    intake = bench->shop.intake;
}

void alone_end(struct shop *shop)
{
    memset(held, 0, sizeof(held));
    shop_close(shop);
}

void alone_check(int offset)
{
    const struct note *note = &notes[offset];
    if (note->made != 1 || note->company != 1 || !note->was_alone || note->disturbed != 0) {
        fail_msg("record %d: %d items made in company of %zu, alone %d, disturbed by %zu", offset,
                 note->made, note->company, note->was_alone, note->disturbed);
    }
}

void alone_rebalance(struct shop *shop, rd_kafka_resp_err_t what)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, alone_name, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    intake_rebalanced(shop->intake->consumer, what, list, shop->intake);
    rd_kafka_topic_partition_list_destroy(list);
}
