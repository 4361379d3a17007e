/* SPDX-License-Identifier: Apache-2.0
 *
 * Shares of the pool: a record, an order key and a destination each hold so many
 * items and no more. Where a share is used up, the record's other items are listed:
 * each gets a ticket in the line of its key, so that later records may go on and yet
 * none of them overtakes within a key. A ticket at the head of its line is made
 * into an item when there is room. Which destination an item comes to is known only
 * when it comes there; where there is no room it becomes a ticket again, at the head
 * of its line, together with those behind it.
 *
 * Nothing that waits is looked at before something happened to it. A key is stirred
 * when its line or its items change; one that waits for something else (its
 * destination, memory) is stuck, and looked at whenever an item ended. A record
 * whose share is used up is cramped: it is looked at when one of its items ended.
 * One thread.
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

static bool key_is_full(const struct intake *intake, const struct order_key *key)
{
    return key->count >= share(intake->parts.config->worker.items_per_key_max);
}

/* May one more item of the key be made, were it the next one? */
static bool key_has_room(const struct intake *intake, const struct order_key *key)
{
    if (key->held != NULL) { /* one, to see whether there is room by now */
        return key->count == 0 && destination_admits(intake, key->held);
    }
    /* Those behind it would hold the pool for a broken destination as well as the first. */
    return !key_is_full(intake, key) && (key->at == NULL || destination_admits(intake, key->at));
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

static struct ticket *make_ticket(struct intake *intake, struct load *load, struct ticket **at,
                                  size_t index)
{
    struct ticket *ticket = mem_must_alloc(sizeof(*ticket));
    *ticket = (struct ticket){.load = load, .index = index, .next = *at, .from = at};
    if (ticket->next != NULL) {
        ticket->next->from = &ticket->next;
    }
    *at = ticket;
    intake->tickets++;
    return ticket;
}

/* Takes it out of both lists. */
static void drop_ticket(struct intake *intake, struct ticket *ticket)
{
    *ticket->from = ticket->next;
    if (ticket->next != NULL) {
        ticket->next->from = ticket->from;
    }
    order_unqueue(intake->parts.order, ticket);
    mem_free(ticket);
    intake->tickets--;
}

/* Where a ticket of that index stands among the load's, or would. */
static struct ticket **ticket_at(struct load *load, size_t index)
{
    struct ticket **at = &load->tickets;
    while (*at != NULL && (*at)->index < index) {
        at = &(*at)->next;
    }
    return at;
}

/* Those from item number `index` on. */
static void drop_from(struct intake *intake, struct load *load, size_t index)
{
    struct ticket **at = ticket_at(load, index);
    while (*at != NULL) {
        drop_ticket(intake, *at);
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
            struct ticket *ticket = make_ticket(intake, load, last, index);
            order_queue(intake->parts.order, ticket, item.order_key);
            last = &ticket->next;
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

/* The item of the ticket could not be made. */
static enum made unmakeable(struct intake *intake, struct ticket *ticket, struct err err)
{
    struct load *load = ticket->load;
    if (err.class == ERR_RETRY && !intake_gives_up(intake, load, err)) {
        order_stick(intake->parts.order, ticket->key);
        return MADE_WAITS;
    }
    if (err.class != ERR_RETRY) {
        intake_bury(intake, load, err);
    }
    intake_drop_tickets(intake, load);
    intake_list_again(intake, load);
    return MADE_NEVER;
}

static enum made make_listed(struct intake *intake, struct ticket *ticket)
{
    struct load *load = ticket->load;
    struct order_key *key = ticket->key;
    bool made = false;
    struct work *work = pool_take(intake->parts.pool);
    if (work == NULL) {
        return MADE_NO_PLACE;
    }
    struct err err = intake_itemise(intake, load, ticket->index, &work->item, &made);
    if (failed(err)) {
        pool_return(intake->parts.pool, work);
        return unmakeable(intake, ticket, err);
    }
    CHECK(made); /* the same index, the same item: see worker.h */
    load->failing_ms = 0;
    intake_admit(intake, load, ticket->index, work);
    CHECK(work->key == key);
    if (key->held != NULL) { /* it has its place where it will come to again */
        order_move(key, TAKE(key->held));
    }
    work->began_ms = ticket->began_ms != 0 ? ticket->began_ms : work->began_ms;
    work->waited_ms = ticket->waited_ms;
    work->attempts = ticket->attempts;
    drop_ticket(intake, ticket);
    if (load->tickets == NULL && load->cursor_done) {
        load->made_all = true;
        intake_say_missing(load);
    }
    return MADE_ALL;
}

/* Has the first in the key's line room? If not, the key waits for what may change that. */
static bool first_has_room(struct intake *intake, struct order_key *key)
{
    bool room = key_has_room(intake, key);
    bool own = key->held != NULL ? key->count > 0 : key_is_full(intake, key);
    if (!room && !own) { /* else one of its items ends, and stirs it */
        order_stick(intake->parts.order, key);
    }
    return room;
}

enum made intake_make_listed(struct intake *intake, struct load *load)
{
    struct ticket **at = &load->tickets;
    load->cramped = false;
    while (*at != NULL) {
        struct order_key *key = (*at)->key;
        if (!intake_record_admits(intake, load)) {
            load->cramped = true;
            return MADE_WAITS;
        }
        if (key->tickets != *at || !first_has_room(intake, key)) {
            at = &(*at)->next;
            continue;
        }
        enum made made = make_listed(intake, *at);
        if (made != MADE_ALL) {
            load->cramped = made == MADE_WAITS; /* those behind it were not looked at */
            return made == MADE_NEVER ? MADE_ALL : made;
        }
    }
    return load->tickets == NULL ? MADE_ALL : MADE_WAITS;
}

/* What there is room for of the key's line. */
static enum made make_of_key(struct intake *intake, struct order_key *key)
{
    enum made made = MADE_ALL;
    while (made == MADE_ALL && key->tickets != NULL) {
        struct load *load = key->tickets->load;
        if (!intake_record_admits(intake, load)) {
            load->cramped = true;
            break;
        }
        if (!intake_wants(intake, load) || !first_has_room(intake, key)) {
            break;
        }
        made = make_listed(intake, key->tickets);
        if (made == MADE_NO_PLACE) {
            order_stir_first(intake->parts.order, key);
        }
    }
    return made;
}

enum made intake_make_stirred(struct intake *intake)
{
    struct order_key *key = order_take_stirred(intake->parts.order);
    for (; key != NULL; key = order_take_stirred(intake->parts.order)) {
        intake->looks++;
        if (make_of_key(intake, key) == MADE_NO_PLACE) {
            return MADE_NO_PLACE;
        }
    }
    return MADE_ALL;
}

void intake_left(void *self, struct load *load)
{
    struct intake *intake = self;
    if (load->open == 0 && (load->made_all || load->spoiled)) {
        intake_settled(intake, load);
        return;
    }
    if (load->cramped) {
        intake_list_again(intake, load);
    }
    intake_forget(load);
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
        may = intake_wants(intake, load) && !load->late && work_is_idle(work) && !work->holding;
    }
    return may;
}

void intake_list_again(struct intake *intake, struct load *load)
{
    if (!load->listed) { /* in front: it is older than what was never looked at */
        intake->news = true;
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
        struct ticket *ticket =
            make_ticket(intake, work->load, ticket_at(work->load, work->index), work->index);
        ticket->key = key;
        ticket->began_ms = work->began_ms;
        ticket->waited_ms = work->waited_ms;
        ticket->attempts = work->attempts;
        order_queue_behind(intake->parts.order, ticket, last);
        last = ticket;
        intake_list_again(intake, work->load);
        work->load->made_all = false;
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
