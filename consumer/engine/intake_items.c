/* SPDX-License-Identifier: Apache-2.0
 *
 * From open records to items: the pass over the records of which items are to be
 * made, and the record of which none can be. An item is made when there is room for
 * it (intake_room.c), and never before an earlier one of its order key. One thread.
 */
#include "consumer/engine/deadletter.h"
#include "consumer/engine/intake_inside.h"

static void send_letter(struct intake *intake, struct load *load);

static void on_record_letter(void *owner, bool durable)
{
    struct load *load = owner;
    struct intake *intake = load->intake;
    if (!durable) {
        send_letter(intake, load);
        return;
    }
    metric_add(metric_counter("hearback_items_total", "Items settled, by what they came to.",
                              "outcome", "dead_letter"),
               1);
    load->buried = true;
    load->open--;
    intake->news = true;
    intake_left(intake, load);
}

static void send_letter(struct intake *intake, struct load *load)
{
    struct deadletter dead = {.worker = intake->parts.worker,
                              .job = &load->job,
                              .message = load->message,
                              .reason = load->convicted ? "crashed_alone" : "record_unreadable",
                              .detail = load->unreadable};
    deadletter_record(intake->parts.outbox, dead, on_record_letter, load);
}

void intake_bury(struct intake *intake, struct load *load, struct err err)
{
    load->cursor_done = true; /* what is listed of it goes on */
    if (intake->parts.dry) {
        LOG(LOG_INFO, "record_would", L_SPAN("topic", load->job.origin.topic),
            L_INT("partition", load->job.origin.partition),
            L_INT("offset", load->job.origin.offset), L_TEXT("what", "dead letter"),
            L_TEXT("detail", err.text));
        load->job.nothing = "would_be_dead";
        return;
    }
    load->intake = intake;
    load->open++; /* the letter is owed */
    load->unreadable = err.text;
    send_letter(intake, load);
}

/* Memory was short, or the record needs more than it is given. True when it was buried. */
bool intake_gives_up(struct intake *intake, struct load *load, struct err err)
{
    int64_t now = clock_mono_ms(intake->parts.clock);
    LOG_ERR(LOG_WARN, "itemise_failed", err, L_INT("offset", load->job.record.offset));
    load->failing_ms = load->failing_ms == 0 ? now : load->failing_ms;
    if (now - load->failing_ms < INTAKE_MEMORY_WAIT_MS) {
        intake->news = true; /* to be tried again */
        return false;
    }
    intake_bury(intake, load, err);
    return true;
}

struct err intake_itemise(struct intake *intake, struct load *load, size_t index, struct item *item,
                          bool *made)
{
    struct job *job = &load->job;
    size_t cursor = job->made;
    *made = false;
    if (failed(load->refusal)) {
        return load->refusal;
    }
    job->made = index;
    item->job = job;
    item->config = intake->parts.config;
    struct err err = intake->parts.worker->itemise(job, item, made);
    job->made = cursor;
    *made = *made && !failed(err);
    return err;
}

bool intake_item_wanted(const struct intake *intake, const struct item *item)
{
    return intake_retry_wants(item->job, item->effect_id) &&
           intake_replay_wants(intake->parts.replay, item);
}

void intake_admit(struct intake *intake, struct load *load, size_t index, struct work *work)
{
    work->load = load;
    work->index = index;
    load->open++;
    stages_admit(intake->parts.stages, work);
}

/* What it came to that the next item of the load could not be made. */
static enum made end_cursor(struct intake *intake, struct load *load, struct err err)
{
    if (err.class == ERR_POISON) {
        intake_bury(intake, load, err);
    } else if (failed(err) && !intake_gives_up(intake, load, err)) {
        return MADE_BARS;
    }
    load->cursor_done = true;
    return MADE_ALL;
}

/* Makes items of a load of which none waits, one behind the other. */
static enum made make_from_cursor(struct intake *intake, struct load *load)
{
    struct job *job = &load->job;
    while (intake_record_admits(intake, load)) {
        bool made = false;
        struct work *work = pool_take(intake->parts.pool);
        if (work == NULL) {
            return MADE_NO_PLACE;
        }
        struct err err = intake_itemise(intake, load, job->made, &work->item, &made);
        if (!made) {
            pool_return(intake->parts.pool, work);
            return end_cursor(intake, load, err);
        }
        load->failing_ms = 0;
        bool wanted = intake_item_wanted(intake, &work->item);
        if (wanted && !intake_key_admits(intake, work->item.order_key)) {
            pool_return(intake->parts.pool, work);
            return intake_list(intake, load);
        }
        size_t index = job->made++;
        if (wanted) {
            load->admitted++;
            intake_admit(intake, load, index, work);
        } else {
            pool_return(intake->parts.pool, work);
        }
    }
    return intake_list(intake, load);
}

static enum made make_items(struct intake *intake, struct load *load)
{
    /* What is listed comes first: the cursor may wait for one of them. */
    enum made made = intake_make_listed(intake, load);
    if (made != MADE_NO_PLACE && !load->cursor_done) {
        made = make_from_cursor(intake, load);
        made = made == MADE_WAITS ? intake_make_listed(intake, load) : made;
    }
    load->made_all = load->cursor_done && load->tickets == NULL;
    return made == MADE_ALL && !load->made_all ? MADE_WAITS : made;
}

/* A retry record asked for effects that the rules make no more: whoever sent it should know. */
void intake_say_missing(struct load *load)
{
    const struct job *job = &load->job;
    size_t wanted = job->only.len / INTAKE_DIGEST_LEN;
    if (load->admitted >= wanted || load->said_missing) {
        return;
    }
    load->said_missing = true;
    metric_add(metric_counter("hearback_retry_items_missing_total",
                              "Items that a retry record asked for and that the rules do not make.",
                              NULL, NULL),
               (int64_t)(wanted - load->admitted));
    LOG(LOG_WARN, "retry_items_missing", L_SPAN("topic", job->origin.topic),
        L_INT("partition", job->origin.partition), L_INT("offset", job->origin.offset),
        L_INT("found", load->admitted), L_INT("expected", wanted),
        L_TEXT("do", "compare the rules and the field map with those of the time of the dead "
                     "letter: they make no such item any more"));
}

static void count_nothing(const char *reason)
{
    metric_add(metric_counter("hearback_records_without_items_total",
                              "Records in which there was nothing to do, by reason.", "reason",
                              reason == NULL ? "no_items" : reason),
               1);
}

/* All items of the load were made, or it is not wanted any more. */
static void end_making(struct intake *intake, struct load *load, bool wanted)
{
    load->spoiled = load->spoiled || !wanted;
    if (wanted && !failed(load->refusal)) {
        intake_say_missing(load);
    }
    if (!wanted) {
        intake_drop_tickets(intake, load);
    }
    if (load->open == 0) {
        if (wanted && load->admitted == 0) {
            count_nothing(load->job.nothing);
        }
        intake_settled(intake, load);
    }
}

/* What is left of it waits in the lines of its keys: it is looked at when something stirs one. */
static bool may_rest(const struct load *load)
{
    return load->cursor_done && load->failing_ms == 0;
}

static void make_pass(struct intake *intake)
{
    struct load **at = &intake->unmade;
    intake->pass++;
    while (*at != NULL) {
        struct load *load = *at;
        bool wanted = intake_wants(intake, load);
        bool barred = load->partition->barred == intake->pass && !load->cursor_done;
        intake->looks++;
        enum made made = !wanted ? MADE_ALL : barred ? MADE_WAITS : make_items(intake, load);
        if (made == MADE_NO_PLACE) {
            return;
        }
        if (made == MADE_BARS) {
            load->partition->barred = intake->pass;
        }
        if (made != MADE_ALL && !may_rest(load)) {
            intake_forget(load);
            at = &load->next;
            continue;
        }
        *at = load->next;
        if (intake->unmade_last == &load->next) {
            intake->unmade_last = at;
        }
        load->next = NULL;
        load->listed = false;
        if (made == MADE_ALL) {
            end_making(intake, load, wanted);
        } else {
            intake_forget(load);
        }
    }
}

/* Partitions went: what waited of them is looked at once more, to be given up. */
static void sweep(struct intake *intake)
{
    intake->swept = true;
    for (struct load *load = intake->newest_load; load != NULL; load = load->older) {
        if (load->tickets != NULL && !intake_wants(intake, load)) {
            intake_list_again(intake, load);
        }
    }
}

void intake_pump(struct intake *intake)
{
    const struct pool *pool = intake->parts.pool;
    if (!intake->news && intake->pumped == pool->returned) {
        return; /* nothing has changed since the last pass */
    }
    if (!intake->swept) {
        sweep(intake);
    }
    intake->news = false;
    order_stir_stuck(intake->parts.order);
    if (intake_make_stirred(intake) != MADE_NO_PLACE) {
        make_pass(intake);
        (void)intake_make_stirred(intake); /* by what the pass gave up */
    }
    intake->pumped = pool->returned; /* what the pass itself took and returned is no news */
}
