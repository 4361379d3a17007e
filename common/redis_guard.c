/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that make replies for hiredis, with a look at each beginning.
 */
#include "common/redis_guard.h"

#include "common/err.h"

#define REDIS_LIST_MAX (1 << 20)

/* hiredis 0.14 aborts the process when a reply comes that nobody asked for. False: it may not be
 * made, upon which hiredis gives the connection up. An error is left to hiredis, which bears it. */
static bool may_begin(const redisReadTask *task)
{
    struct redis_guard *guard = task->privdata;
    if (task->parent != NULL) {
        return true;
    }
    if (guard->awaited == 0 && task->type != REDIS_REPLY_ERROR) {
        guard->tripped = true;
        return false;
    }
    guard->awaited -= guard->awaited > 0 ? 1 : 0;
    return true;
}

static redisReply *make(const redisReadTask *task, int type)
{
    struct redis_guard *guard = task->privdata;
    if (!may_begin(task)) {
        return NULL;
    }
    if (task->parent == NULL) {
        arena_close(&guard->arena); /* nobody took the one before */
    }
    redisReply *made = arena_alloc(&guard->arena, sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    *made = (redisReply){.type = type};
    if (task->parent != NULL) {
        redisReply *list = task->parent->obj;
        list->element[task->idx] = made;
    }
    return made;
}

static void *make_string(const redisReadTask *task, char *text, size_t len)
{
    struct redis_guard *guard = task->privdata;
    redisReply *made = make(task, task->type); /* a text, a status or an error */
    if (made == NULL) {
        return NULL;
    }
    made->str = (char *)(uintptr_t)arena_copy(&guard->arena, span_of(text, len)).at;
    made->len = len;
    return made->str == NULL ? NULL : made;
}

static void *make_array(const redisReadTask *task, int count)
{
    struct redis_guard *guard = task->privdata;
    guard->tripped = guard->tripped || count > REDIS_LIST_MAX;
    redisReply *made = guard->tripped ? NULL : make(task, REDIS_REPLY_ARRAY);
    if (made == NULL || count <= 0) {
        return made;
    }
    size_t bytes = (size_t)count * sizeof(*made->element);
    made->element = arena_alloc(&guard->arena, bytes);
    if (made->element == NULL) {
        return NULL;
    }
    memset(made->element, 0, bytes); /* a list may be given up before all are there */
    made->elements = (size_t)count;
    return made;
}

static void *make_integer(const redisReadTask *task, long long number)
{
    redisReply *made = make(task, REDIS_REPLY_INTEGER);
    if (made != NULL) {
        made->integer = number;
    }
    return made;
}

static void *make_nil(const redisReadTask *task)
{
    return make(task, REDIS_REPLY_NIL);
}

static void keep(void *reply)
{
    (void)reply; /* it goes with its arena */
}

void redis_guard_set(struct redis_guard *guard, redisReader *reader, size_t bytes_max)
{
    arena_close(&guard->arena);
    *guard = (struct redis_guard){.functions = {.createString = make_string,
                                                .createArray = make_array,
                                                .createInteger = make_integer,
                                                .createNil = make_nil,
                                                .freeObject = keep}};
    arena_init(&guard->arena, bytes_max);
    reader->fn = &guard->functions;
    reader->privdata = guard;
}

void redis_guard_close(struct redis_guard *guard)
{
    arena_close(&guard->arena);
}

struct arena redis_guard_take(struct redis_guard *guard)
{
    struct arena taken = guard->arena;
    arena_init(&guard->arena, taken.max);
    return taken;
}
