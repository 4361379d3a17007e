/* SPDX-License-Identifier: Apache-2.0
 *
 * hiredis's own functions that make replies, behind a look at each beginning.
 */
#include "common/redis_guard.h"

#include "common/err.h"

#define REDIS_LIST_MAX (1 << 20)

static const redisReplyObjectFunctions *standard(void)
{
    static redisReplyObjectFunctions functions;
    if (functions.freeObject == NULL) {
        redisReader *reader = redisReaderCreate();
        CHECK(reader != NULL);
        functions = *reader->fn;
        redisReaderFree(reader);
    }
    return &functions;
}

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

static void *make_string(const redisReadTask *task, char *text, size_t len)
{
    return may_begin(task) ? standard()->createString(task, text, len) : NULL;
}

static void *make_array(const redisReadTask *task, int count)
{
    struct redis_guard *guard = task->privdata;
    guard->tripped = guard->tripped || count > REDIS_LIST_MAX;
    return !guard->tripped && may_begin(task) ? standard()->createArray(task, count) : NULL;
}

static void *make_integer(const redisReadTask *task, long long number)
{
    return may_begin(task) ? standard()->createInteger(task, number) : NULL;
}

static void *make_nil(const redisReadTask *task)
{
    return may_begin(task) ? standard()->createNil(task) : NULL;
}

void redis_guard_set(struct redis_guard *guard, redisReader *reader)
{
    *guard = (struct redis_guard){.functions = {.createString = make_string,
                                                .createArray = make_array,
                                                .createInteger = make_integer,
                                                .createNil = make_nil,
                                                .freeObject = standard()->freeObject}};
    reader->fn = &guard->functions;
    reader->privdata = guard;
}
