/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that crashed this worker, or were in flight when it crashed. A suspect
 * is opened when no other record is open, and none is opened before it is settled:
 * whether it crashes the worker is then known of it alone. Neither waiting for the
 * others nor being alone lasts for ever: a suspect that waits for a vendor for
 * hours must not hold up the rest; each further crash gives it twice the time. One
 * thread.
 */
#include "consumer/engine/crash.h"
#include "consumer/engine/intake_inside.h"

#define ALONE_DOUBLINGS_MAX 8

void intake_alone_init(struct intake *intake)
{
    char key[CRASH_KEY_MAX];
    crash_key(intake->parts.worker->name, &intake->parts.config->worker, key);
    for (size_t i = 0; i < COUNT_OF(intake->topics); i++) {
        (void)crash_topic(intake->topics[i].name);
    }
    suspects_init(&intake->suspects, intake->parts.redis, key);
    intake->metric_suspects =
        metric_counter("hearback_crash_suspects_total",
                       "Records run alone: they were in flight at two crashes.", NULL, NULL);
    intake->metric_convicted =
        metric_counter("hearback_crash_convicted_total",
                       "Records made dead letters for crashing the worker alone.", NULL, NULL);
}

static int64_t time_of(const rd_kafka_message_t *m)
{
    int64_t at_ms = rd_kafka_message_timestamp(m, NULL);
    return at_ms < 0 ? 0 : at_ms;
}

static struct suspect *suspect_of(const struct intake *intake, const rd_kafka_message_t *m)
{
    struct suspect wanted = {.topic = -1, .partition = m->partition, .offset = m->offset};
    if (intake->suspects.count == 0) {
        return NULL;
    }
    wanted.topic = crash_topic_of(rd_kafka_topic_name(m->rkt));
    wanted.at_ms = time_of(m);
    return suspects_find(&intake->suspects, &wanted);
}

static int64_t patience(const struct suspect *suspect)
{
    int64_t more = suspect->crashes + suspect->alone - SUSPECT_AFTER;
    return INTAKE_ALONE_MS << (more < 0                     ? 0
                               : more > ALONE_DOUBLINGS_MAX ? ALONE_DOUBLINGS_MAX
                                                            : more);
}

static void say_released(const rd_kafka_message_t *m, const char *found)
{
    LOG(LOG_WARN, "suspect_not_alone", L_TEXT("topic", rd_kafka_topic_name(m->rkt)),
        L_INT("partition", m->partition), L_INT("offset", m->offset), L_TEXT("found", found),
        L_TEXT("expected", "a record that is settled while it is alone; it goes on among the "
                           "others, and has longer after the next crash"));
}

/* True while the suspect must wait for the records that are open. */
static bool waits_for_others(struct intake *intake, struct suspect *suspect,
                             const rd_kafka_message_t *m)
{
    int64_t now = clock_mono_ms(intake->parts.clock);
    if (intake->loads == 0) {
        intake->waiting_since_ms = 0;
        return false;
    }
    if (intake->waiting_since_ms == 0) {
        intake->waiting_since_ms = now;
    }
    if (now - intake->waiting_since_ms < patience(suspect)) {
        return true;
    }
    intake->waiting_since_ms = 0;
    suspect->released = true;
    say_released(m, "others that were open for too long");
    return false;
}

static bool must_wait(struct intake *intake, const rd_kafka_message_t *m)
{
    if (!suspects_known(&intake->suspects) || intake->alone != NULL) {
        return true;
    }
    struct suspect *suspect = suspect_of(intake, m);
    return suspect != NULL && suspect_runs_alone(suspect) && waits_for_others(intake, suspect, m);
}

static bool expects_late(const struct intake *intake)
{
    return clock_mono_ms(intake->parts.clock) < intake->late_until_ms;
}

bool intake_must_wait(struct intake *intake, const rd_kafka_message_t *m)
{
    /* A replay is asked for by somebody who watches it, and its crashes are not reported. */
    intake->held = intake->parts.replay == NULL && (expects_late(intake) || must_wait(intake, m));
    return intake->held;
}

bool intake_late_must_wait(struct intake *intake, const rd_kafka_message_t *m)
{
    bool waits = must_wait(intake, m);
    if (waits && intake->suspects.known && intake->alone == NULL) {
        /* It is not kept but read again: the others must not fill its place meanwhile. */
        intake->late_until_ms = clock_mono_ms(intake->parts.clock) + INTAKE_LATE_WAIT_MS;
    }
    return waits;
}

bool intake_holds(struct intake *intake)
{
    struct load *load = intake->alone;
    if (intake->stash.count == 0 && !expects_late(intake)) {
        intake->waiting_since_ms = 0; /* whoever waited is gone with its partition */
    }
    if (load != NULL && clock_mono_ms(intake->parts.clock) >= intake->alone_until_ms) {
        struct suspect *suspect = suspect_of(intake, load->message);
        if (suspect != NULL) {
            suspect->released = true;
        }
        say_released(load->message, "no end of it in its time alone");
        crash_alone(load->crash_place, false);
        intake->alone = NULL;
    }
    return intake->alone != NULL || expects_late(intake) ||
           (intake->held && intake->stash.count > 0);
}

static void begin_alone(struct intake *intake, struct load *load, const struct suspect *suspect)
{
    const struct record *record = &load->job.record;
    intake->alone = load;
    intake->late_until_ms = 0;
    intake->alone_until_ms = clock_mono_ms(intake->parts.clock) + patience(suspect);
    crash_alone(load->crash_place, true);
    metric_add(intake->metric_suspects, 1);
    LOG(LOG_WARN, "suspect_alone", L_TEXT("topic", record->topic),
        L_INT("partition", record->partition), L_INT("offset", record->offset),
        L_INT("found", suspect->crashes), L_INT("found_alone", suspect->alone),
        L_TEXT("expected", "fewer than two crashes with it in flight; it runs alone, and becomes "
                           "a dead letter when it crashes the worker alone twice"));
}

static void convict(struct intake *intake, struct load *load, const struct suspect *suspect)
{
    const struct record *record = &load->job.record;
    char *text = arena_printf(&load->job.arena,
                              "the worker crashed %lld times while this was the only record open, "
                              "and %lld times with others; see its cores and its last lines",
                              (long long)suspect->alone, (long long)suspect->crashes);
    load->convicted = true;
    load->refusal =
        (struct err){.class = ERR_POISON,
                     .text = text == NULL ? "the worker crashed while it was alone" : text,
                     .where = ERR_HERE};
    metric_add(intake->metric_convicted, 1);
    LOG(LOG_ERROR, "record_convicted", L_TEXT("topic", record->topic),
        L_INT("partition", record->partition), L_INT("offset", record->offset),
        L_INT("found", suspect->alone),
        L_TEXT("expected", "no crash while it was the only record open; it becomes a dead letter "
                           "(crashed_alone): look at the core, mend the worker, redrive it"));
}

void intake_alone_opened(struct intake *intake, struct load *load)
{
    const rd_kafka_message_t *m = load->message;
    const struct suspect *suspect = suspect_of(intake, m);
    load->crash_place = crash_open(crash_topic_of(rd_kafka_topic_name(m->rkt)), m->partition,
                                   m->offset, time_of(m));
    if (suspect != NULL && suspect_is_convicted(suspect)) {
        convict(intake, load, suspect);
    } else if (suspect != NULL && suspect_runs_alone(suspect)) {
        begin_alone(intake, load, suspect);
    }
}

void intake_alone_closed(struct intake *intake, struct load *load)
{
    crash_close(load->crash_place);
    if (intake->alone == load) {
        intake->alone = NULL;
    }
}

void intake_alone_settled(struct intake *intake, struct load *load)
{
    struct suspect *suspect = suspect_of(intake, load->message);
    if (suspect != NULL && suspect->crashes + suspect->alone > 0 &&
        ledger_is_open(intake->parts.ledger)) {
        seen_flush(&load->partition->seen); /* first: it is not run again once this is forgotten */
        suspects_clear(&intake->suspects, suspect, rd_kafka_topic_name(load->message->rkt));
    }
}
