/* SPDX-License-Identifier: Apache-2.0
 *
 * Places in an array; the free ones are a stack, the taken ones a list in the
 * order of arrival. An id is the place's index below its generation, which rises
 * each time the place is taken.
 */
#include "producer/waiting.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/own.h"

#include <pthread.h>

#define NO_PLACE UINT32_MAX

struct place {
    void *who; /* NULL: free */
    int64_t due_ms;
    uint32_t generation;
    uint32_t before; /* in the list of the taken */
    uint32_t after;  /* in the list of the taken, or of the free */
};

struct waiting {
    pthread_mutex_t lock;
    struct place *places;
    size_t place_count;
    size_t taken;
    uint32_t free;
    uint32_t first;
    uint32_t last;
};

struct waiting *waiting_new(size_t places)
{
    CHECK(places > 0 && places < NO_PLACE);
    struct waiting *waiting = mem_must_alloc(sizeof(*waiting));
    waiting->places = mem_must_array(places, sizeof(*waiting->places));
    waiting->place_count = places;
    waiting->first = NO_PLACE;
    waiting->last = NO_PLACE;
    for (size_t i = 0; i < places; i++) {
        waiting->places[i].after = i + 1 < places ? (uint32_t)(i + 1) : NO_PLACE;
    }
    CHECK(pthread_mutex_init(&waiting->lock, NULL) == 0);
    return waiting;
}

void waiting_free(struct waiting **waiting)
{
    struct waiting *gone = TAKE(*waiting);
    if (gone == NULL) {
        return;
    }
    CHECK(gone->taken == 0);
    (void)pthread_mutex_destroy(&gone->lock);
    mem_free(gone->places);
    mem_free(gone);
}

static uint64_t id_of(const struct waiting *waiting, uint32_t index)
{
    return (uint64_t)waiting->places[index].generation << 32 | index;
}

uint64_t waiting_take(struct waiting *waiting, void *who, int64_t due_ms)
{
    uint64_t id = WAITING_NOBODY;
    CHECK(who != NULL);
    pthread_mutex_lock(&waiting->lock);
    uint32_t index = waiting->free;
    if (index != NO_PLACE) {
        struct place *place = &waiting->places[index];
        waiting->free = place->after;
        place->who = who;
        place->generation = place->generation == UINT32_MAX ? 1 : place->generation + 1;
        place->before = waiting->last;
        place->after = NO_PLACE;
        place->due_ms = due_ms;
        if (waiting->last == NO_PLACE) {
            waiting->first = index;
        } else {
            /* Clocks read in two threads may cross by a hair; the list stays sorted. */
            int64_t before_ms = waiting->places[waiting->last].due_ms;
            place->due_ms = due_ms < before_ms ? before_ms : due_ms;
            waiting->places[waiting->last].after = index;
        }
        waiting->last = index;
        waiting->taken++;
        id = id_of(waiting, index);
    }
    pthread_mutex_unlock(&waiting->lock);
    return id;
}

/* Under the lock. */
static void *give_up(struct waiting *waiting, uint32_t index)
{
    struct place *place = &waiting->places[index];
    void *who = TAKE(place->who);
    if (place->before == NO_PLACE) {
        waiting->first = place->after;
    } else {
        waiting->places[place->before].after = place->after;
    }
    if (place->after == NO_PLACE) {
        waiting->last = place->before;
    } else {
        waiting->places[place->after].before = place->before;
    }
    place->after = waiting->free;
    waiting->free = index;
    waiting->taken--;
    return who;
}

void *waiting_settle(struct waiting *waiting, uint64_t id)
{
    uint32_t index = (uint32_t)(id & UINT32_MAX);
    void *who = NULL;
    pthread_mutex_lock(&waiting->lock);
    if (index < waiting->place_count && waiting->places[index].who != NULL &&
        id_of(waiting, index) == id) {
        who = give_up(waiting, index);
    }
    pthread_mutex_unlock(&waiting->lock);
    return who;
}

void *waiting_overdue(struct waiting *waiting, int64_t now_ms)
{
    void *who = NULL;
    pthread_mutex_lock(&waiting->lock);
    uint32_t index = waiting->first;
    if (index != NO_PLACE && waiting->places[index].due_ms <= now_ms) {
        who = give_up(waiting, index);
    }
    pthread_mutex_unlock(&waiting->lock);
    return who;
}

int64_t waiting_next_due(struct waiting *waiting)
{
    pthread_mutex_lock(&waiting->lock);
    uint32_t index = waiting->first;
    int64_t due_ms = index == NO_PLACE ? INT64_MAX : waiting->places[index].due_ms;
    pthread_mutex_unlock(&waiting->lock);
    return due_ms;
}

size_t waiting_count(struct waiting *waiting)
{
    pthread_mutex_lock(&waiting->lock);
    size_t taken = waiting->taken;
    pthread_mutex_unlock(&waiting->lock);
    return taken;
}
