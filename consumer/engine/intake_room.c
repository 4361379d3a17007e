/* SPDX-License-Identifier: Apache-2.0
 *
 * Shares of the pool: a record, an order key and a destination each hold so many
 * items and no more. Where a share is used up, the record's other items are listed:
 * each gets a ticket in the line of its key, so that later records may go on and yet
 * none of them overtakes within a key. A ticket at the head of its line is made
 * into an item when there is room. Which destination an item comes to is known only
 * when it comes there; where there is no room it becomes a ticket again, at the head
 * of its line, together with those behind it. One thread.
 */
#include "consumer/engine/intake_inside.h"

#define TICKETS_MAX 65536 /* of all records together: 6 MiB */

static size_t share(int64_t setting)
{
    return setting > 0 ? (size_t)setting : SIZE_MAX;
}

/* A worker with one destination has no use for a share of it. */
static bool destination_admits(const struct intake *intake, const struct destination *to)
{
    return intake->parts.destination_count <= 1 ||
           to->items < share(intake->parts.config->worker.items_per_destination_max);
}

/* May one more item of the key be made, were it the next one? */
static bool key_has_room(const struct intake *intake, const struct order_key *key)
{
    if (key->held != NULL) { /* one, to see whether there is room by now */
        return key->count == 0 && destination_admits(intake, key->held);
    }
    /* Those behind it would hold the pool for a broken destination as well as the first. */
    return key->count < share(intake->parts.config->worker.items_per_key_max) &&
           (key->at == NULL || destination_admits(intake, key->at));
}

bool intake_record_admits(const struct intake *intake, const struct load *load)
{
    return load->open < share(intake->parts.config->worker.items_per_record_max);
}

bool intake_key_admits(const struct intake *intake, span name)
{
    const struct order_key *key = order_find(intake->parts.order, name);
    return key == NULL || (key->tickets == NULL && key_has_room(intake, key));
}

/* ---- tickets ----------------------------------------------------------------------------- */

static struct ticket *make_ticket(struct intake *intake, struct load *load, size_t index)
{
    struct ticket *ticket = mem_must_alloc(sizeof(*ticket));
    struct ticket **at = &load->tickets;
    *ticket = (struct ticket){.load = load, .index = index};
    while (*at != NULL && (*at)->index < index) {
        at = &(*at)->next;
    }
    ticket->next = *at;
    *at = ticket;
    intake->tickets++;
    return ticket;
}

/* Takes it out of both lists. */
static void drop_ticket(struct intake *intake, struct ticket **at)
{
    struct ticket *ticket = *at;
    *at = ticket->next;
    order_unqueue(intake->parts.order, ticket);
    mem_free(ticket);
    intake->tickets--;
}

/* Those from item number `index` on. */
static void drop_from(struct intake *intake, struct load *load, size_t index)
{
    struct ticket **at = &load->tickets;
    while (*at != NULL && (*at)->index < index) {
        at = &(*at)->next;
    }
    while (*at != NULL) {
        drop_ticket(intake, at);
    }
}

void intake_drop_tickets(struct intake *intake, struct load *load)
{
    drop_from(intake, load, 0);
}

/* Lists the items from `index` on; `*wanted`: how many. True when all of them are. */
static bool list_from(struct intake *intake, struct load *load, size_t index, size_t *wanted,
                      struct err *err)
{
    struct ticket **last = &load->tickets;
    struct item item = {.config = intake->parts.config};
    bool made = true;
    *wanted = 0;
    while (*last != NULL) { /* of items before these, which were put back */
        last = &(*last)->next;
    }
    arena_init(&item.arena, WORK_ARENA_BYTES);
    for (; intake->tickets < TICKETS_MAX; index++) {
        *err = intake_itemise(intake, load, index, &item, &made);
        if (made && intake_item_wanted(intake, &item)) {
            struct ticket *ticket = mem_must_alloc(sizeof(*ticket));
            *ticket = (struct ticket){.load = load, .index = index};
            order_queue(intake->parts.order, ticket, item.order_key);
            *last = ticket;
            last = &ticket->next;
            intake->tickets++;
            ++*wanted;
        }
        arena_close(&item.arena);
        if (!made) {
            load->job.made = index;
            return err->class != ERR_RETRY;
        }
    }
    return false;
}

enum made intake_list(struct intake *intake, struct load *load)
{
    struct err err = NO_ERROR;
    size_t wanted = 0;
    size_t first = load->job.made;
    if (load->too_long || intake->tickets > TICKETS_MAX / 2) {
        return MADE_BARS; /* nothing of its partition may go before it */
    }
    if (!list_from(intake, load, first, &wanted, &err)) {
        drop_from(intake, load, first);
        load->job.made = first;
        load->too_long = !failed(err);
        return failed(err) && intake_gives_up(intake, load, err) ? MADE_ALL : MADE_BARS;
    }
    load->admitted += wanted;
    load->cursor_done = true;
    if (failed(err)) {
        intake_bury(intake, load, err);
    }
    return load->tickets == NULL ? MADE_ALL : MADE_WAITS;
}

static enum made make_listed(struct intake *intake, struct load *load, struct ticket **at)
{
    struct ticket *ticket = *at;
    struct order_key *key = ticket->key;
    bool made = false;
    struct work *work = pool_take(intake->parts.pool);
    if (work == NULL) {
        return MADE_NO_PLACE;
    }
    struct err err = intake_itemise(intake, load, ticket->index, &work->item, &made);
    if (failed(err)) {
        pool_return(intake->parts.pool, work);
        if (err.class == ERR_RETRY && !intake_gives_up(intake, load, err)) {
            return MADE_WAITS;
        }
        if (err.class != ERR_RETRY) {
            intake_bury(intake, load, err);
        }
        intake_drop_tickets(intake, load);
        return MADE_ALL;
    }
    CHECK(made); /* the same index, the same item: see worker.h */
    intake_admit(intake, load, ticket->index, work);
    CHECK(work->key == key);
    if (key->held != NULL) { /* it has its place where it will come to again */
        order_move(key, TAKE(key->held));
    }
    work->began_ms = ticket->began_ms != 0 ? ticket->began_ms : work->began_ms;
    work->waited_ms = ticket->waited_ms;
    work->attempts = ticket->attempts;
    drop_ticket(intake, at);
    return MADE_ALL;
}

enum made intake_make_listed(struct intake *intake, struct load *load)
{
    struct ticket **at = &load->tickets;
    while (*at != NULL && intake_record_admits(intake, load)) {
        const struct order_key *key = (*at)->key;
        if (key->tickets != *at || !key_has_room(intake, key)) {
            at = &(*at)->next;
            continue;
        }
        enum made made = make_listed(intake, load, at);
        if (made != MADE_ALL) {
            return made;
        }
    }
    return load->tickets == NULL ? MADE_ALL : MADE_WAITS;
}

void intake_forget(struct load *load)
{
    /* What was read of a record that waits takes many times its bytes; it is read again. */
    if (load->open == 0 && load->tickets != NULL && !load->late) {
        arena_close(&load->job.arena);
        load->job.state = NULL;
    }
}

/* ---- destinations ------------------------------------------------------------------------ */

/* May all that stand in line be put back? A late record is another's, and what is queued runs. */
static bool may_go_back(struct intake *intake, const struct order_key *key)
{
    bool may = true;
    for (const struct work *work = key->first; work != NULL && may; work = work->behind) {
        const struct load *load = work->load;
        may = intake_wants(intake, load) && !load->late && !work->queued && !work->owed &&
              !timer_is_set(&work->timer);
    }
    return may;
}

static void list_again(struct intake *intake, struct load *load)
{
    load->made_all = false;
    intake->news = true;
    if (!load->listed) {
        load->listed = true;
        load->next = intake->unmade;
        intake->unmade = load;
        if (load->next == NULL) {
            intake->unmade_last = &load->next;
        }
    }
}

static void put_back(struct intake *intake, struct order_key *key, struct destination *to)
{
    struct ticket *last = NULL;
    metric_add(metric_counter("hearback_items_put_back_total",
                              "Items that came to a destination which had its share of the pool, "
                              "and wait for room there.",
                              "destination", to->kind->name),
               (int64_t)key->count);
    key->held = to;
    while (key->first != NULL) { /* the key stays: it has tickets */
        struct work *work = key->first;
        struct ticket *ticket = make_ticket(intake, work->load, work->index);
        ticket->key = key;
        ticket->began_ms = work->began_ms;
        ticket->waited_ms = work->waited_ms;
        ticket->attempts = work->attempts;
        order_queue_behind(ticket, last);
        last = ticket;
        list_again(intake, work->load);
        stages_take_back(intake->parts.stages, work);
    }
}

bool intake_crowded(struct intake *intake, struct work *work, struct destination *to)
{
    struct order_key *key = work->key;
    CHECK(key->first == work);
    if (!destination_admits(intake, to) && may_go_back(intake, key)) {
        put_back(intake, key, to);
        return true;
    }
    order_move(key, to);
    intake->news = true; /* there is room where it was before */
    return false;
}
