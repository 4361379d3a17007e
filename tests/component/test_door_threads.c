/* SPDX-License-Identifier: Apache-2.0
 *
 * For the thread sanitizer only. librdkafka uses C11 threads, which gcc 12's
 * sanitizer does not know: a thread that thrd_create starts crashes in its first
 * allocation, and mtx_lock orders nothing in its eyes. The same calls on top of
 * pthreads, which it knows; in glibc both have the same layout. Symbols of the
 * program come before those of libc, so the library takes these. One report is
 * left: the library counts references with atomics of its own, unseen, before it
 * destroys a rwlock. We use no rwlock, so the suppression hides nothing of ours.
 */
#include "common/err.h"
#include "common/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t is a pthread_mutex_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t is a pthread_cond_t");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_t is a pthread_t");

/* The sanitizer's hook. NOLINTNEXTLINE(bugprone-reserved-identifier) */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) /* NOLINT(bugprone-reserved-identifier) */
{
    return "race_top:pthread_rwlock_destroy\n";
}

struct start {
    thrd_start_t fn;
    void *arg;
};

static int as_thrd(int code)
{
    if (code == ETIMEDOUT) {
        return thrd_timedout;
    }
    if (code == EBUSY) {
        return thrd_busy;
    }
    return code == 0 ? thrd_success : thrd_error;
}

static void *run(void *opaque)
{
    struct start start = *(struct start *)opaque;
    mem_free(opaque);
    return (void *)(intptr_t)start.fn(start.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t fn, void *arg)
{
    struct start *start = mem_must_alloc(sizeof(*start));
    *start = (struct start){.fn = fn, .arg = arg};
    int code = pthread_create(thread, NULL, run, start);
    if (code != 0) {
        mem_free(start);
    }
    return as_thrd(code);
}

int thrd_join(thrd_t thread, int *result)
{
    void *value = NULL;
    int code = pthread_join(thread, &value);
    if (code == 0 && result != NULL) {
        *result = (int)(intptr_t)value;
    }
    return as_thrd(code);
}

int thrd_detach(thrd_t thread)
{
    return as_thrd(pthread_detach(thread));
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attr;
    CHECK(pthread_mutexattr_init(&attr) == 0);
    CHECK(pthread_mutexattr_settype(&attr, (type & mtx_recursive) != 0
                                               ? PTHREAD_MUTEX_RECURSIVE
                                               : PTHREAD_MUTEX_NORMAL) == 0);
    int code = pthread_mutex_init((pthread_mutex_t *)mutex, &attr);
    (void)pthread_mutexattr_destroy(&attr);
    return as_thrd(code);
}

void mtx_destroy(mtx_t *mutex)
{
    (void)pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int mtx_lock(mtx_t *mutex)
{
    return as_thrd(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_trylock(mtx_t *mutex)
{
    return as_thrd(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
    return as_thrd(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

int cnd_init(cnd_t *cond)
{
    return as_thrd(pthread_cond_init((pthread_cond_t *)cond, NULL));
}

void cnd_destroy(cnd_t *cond)
{
    (void)pthread_cond_destroy((pthread_cond_t *)cond);
}

int cnd_signal(cnd_t *cond)
{
    return as_thrd(pthread_cond_signal((pthread_cond_t *)cond));
}

int cnd_broadcast(cnd_t *cond)
{
    return as_thrd(pthread_cond_broadcast((pthread_cond_t *)cond));
}

int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    return as_thrd(pthread_cond_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    return as_thrd(pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, until));
}
