/* SPDX-License-Identifier: Apache-2.0
 *
 * The stop on blast radius. A stage may name a kind of effect of which there must
 * not be more than so many an hour: tickets, mails. Each is counted in Redis, for
 * all processes together, before it is sent; one too many and the whole kind is
 * held until an operator releases it. What waits keeps its lease and holds nothing
 * else; other stages go on. While a kind is held one item at a time asks whether
 * it still is, once a second.
 */
#include "consumer/engine/stages_inside.h"

#include "common/mem.h"

#include <stdio.h>

#define HOLD_LOOK_MS   1000
#define HOLD_WINDOW_MS 3600000
#define HOLD_KEY_MAX   128

static struct held_kind *kind_of(struct stages *stages, const struct blast *blast)
{
    for (size_t i = 0; i < stages->held_count; i++) {
        if (stages->held[i].blast == blast) {
            return &stages->held[i];
        }
    }
    CHECK(stages->held_count < STAGES_KINDS_MAX);
    struct held_kind *kind = &stages->held[stages->held_count++];
    *kind = (struct held_kind){.blast = blast};
    kind->metric = metric_gauge("hearback_held",
                                "1 while effects of a kind are held: there were too many. See "
                                "hearback hold.",
                                "kind", blast->name);
    return kind;
}

static int64_t most_of(const struct stages *stages, const struct blast *blast)
{
    int64_t most = 0;
    CHECK(blast->setting + sizeof(most) <= sizeof(*stages->parts.config));
    memcpy(&most, (const char *)stages->parts.config + blast->setting, sizeof(most));
    return most;
}

bool stages_is_counted(const struct stages *stages, const struct work *work)
{
    const struct blast *blast = stage_of(stages, work)->blast;
    return blast != NULL && !work->redo && most_of(stages, blast) > 0;
}

static void tell(struct held_kind *kind, bool held, span what, int64_t most)
{
    if (held == kind->held) {
        return;
    }
    kind->held = held;
    metric_set(kind->metric, held ? 1 : 0);
    if (held) {
        LOG(LOG_ERROR, "held", L_TEXT("kind", kind->blast->name), L_SPAN("found", what),
            L_INT("most_per_hour", most),
            L_TEXT("expected", "fewer; nothing of this kind is sent, and nothing is lost. Find out "
                               "why there are so many, then: hearback hold release KIND"));
    } else {
        LOG(LOG_INFO, "released", L_TEXT("kind", kind->blast->name));
    }
}

static void on_counted(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct work *work = self;
    struct stages *stages = work->home;
    const struct blast *blast = stage_of(stages, work)->blast;
    struct held_kind *kind = kind_of(stages, blast);
    work->owed = false;
    kind->asking = false;
    if (result == LEDGER_VIEW) {
        stages_restart(stages, work);
        return;
    }
    if (result == LEDGER_AGAIN) {
        stages_sleep(stages, work, STAGES_LEDGER_RETRY_MS);
        return;
    }
    bool held = !span_is(stages_word_of(reply), "go");
    tell(kind, held, redis_element(reply, 1)->text, most_of(stages, blast));
    if (held) {
        kind->look_at_ms = stages_now(stages) + HOLD_LOOK_MS;
        stages_sleep(stages, work, HOLD_LOOK_MS);
        return;
    }
    work->phase = PHASE_SLOT;
    stages_enqueue(stages, work);
}

void stages_hold(struct stages *stages, struct work *work)
{
    const struct blast *blast = stage_of(stages, work)->blast;
    struct held_kind *kind = kind_of(stages, blast);
    int64_t now = stages_now(stages);
    if (kind->held && (kind->asking || now < kind->look_at_ms)) {
        stages_sleep(stages, work, HOLD_LOOK_MS);
        return;
    }
    char hold[HOLD_KEY_MAX];
    char counted[HOLD_KEY_MAX];
    struct buf member;
    char numbers[3][24];
    (void)snprintf(hold, sizeof(hold), HOLD_KEY_PREFIX "{%s}", blast->name);
    (void)snprintf(counted, sizeof(counted), HOLD_KEY_PREFIX "{%s}:counted", blast->name);
    buf_init(&member, 4096);
    buf_addf(&member, "%s/" SPAN_FMT, stages->parts.worker->name, SPAN_ARG(work->item.effect_id));
    (void)snprintf(numbers[0], sizeof(numbers[0]), "%lld",
                   (long long)clock_wall_ms(stages->parts.clock));
    (void)snprintf(numbers[1], sizeof(numbers[1]), "%lld", (long long)most_of(stages, blast));
    (void)snprintf(numbers[2], sizeof(numbers[2]), "%d", HOLD_WINDOW_MS);
    span keys[] = {span_text(hold), span_text(counted)};
    span args[] = {span_text(numbers[0]), buf_span(&member), span_text(numbers[1]),
                   span_text(numbers[2])};
    struct ledger_request request = {.script = &script_hold_take,
                                     .keys = keys,
                                     .key_count = COUNT_OF(keys),
                                     .args = args,
                                     .arg_count = COUNT_OF(args),
                                     .done = on_counted,
                                     .self = work};
    work->owed = true;
    kind->asking = true;
    ledger_run(stages->parts.ledger, &request);
    buf_close(&member);
}
