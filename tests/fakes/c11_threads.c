/* SPDX-License-Identifier: Apache-2.0
 *
 * <threads.h> by pthread. glibc's types are the same on both sides.
 */
#include "tests/fakes/c11_threads.h"

#ifdef __SANITIZE_THREAD__

#include "common/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <threads.h>

struct beginning {
    thrd_start_t run;
    void *self;
};

static void *begin(void *self)
{
    struct beginning *given = self;
    struct beginning it = *given;
    mem_free(given);
    return (void *)(intptr_t)it.run(it.self);
}

static int result(int error)
{
    return error == 0 ? thrd_success : error == ETIMEDOUT ? thrd_timedout : thrd_error;
}

static pthread_mutex_t *lock_of(mtx_t *lock)
{
    return (pthread_mutex_t *)(void *)lock;
}

static pthread_cond_t *bell_of(cnd_t *bell)
{
    return (pthread_cond_t *)(void *)bell;
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *self)
{
    struct beginning *given = mem_must_alloc(sizeof(*given));
    *given = (struct beginning){.run = run, .self = self};
    return result(pthread_create(thread, NULL, begin, given));
}

int thrd_join(thrd_t thread, int *out)
{
    void *back = NULL;
    int error = pthread_join(thread, &back);
    if (out != NULL) {
        *out = (int)(intptr_t)back;
    }
    return result(error);
}

int mtx_init(mtx_t *lock, int type)
{
    pthread_mutexattr_t how;
    (void)pthread_mutexattr_init(&how);
    (void)pthread_mutexattr_settype(&how, (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE
                                                                      : PTHREAD_MUTEX_NORMAL);
    int error = pthread_mutex_init(lock_of(lock), &how);
    (void)pthread_mutexattr_destroy(&how);
    return result(error);
}

void mtx_destroy(mtx_t *lock)
{
    (void)pthread_mutex_destroy(lock_of(lock));
}

int mtx_lock(mtx_t *lock)
{
    return result(pthread_mutex_lock(lock_of(lock)));
}

int mtx_unlock(mtx_t *lock)
{
    return result(pthread_mutex_unlock(lock_of(lock)));
}

int cnd_init(cnd_t *bell)
{
    return result(pthread_cond_init(bell_of(bell), NULL));
}

void cnd_destroy(cnd_t *bell)
{
    (void)pthread_cond_destroy(bell_of(bell));
}

int cnd_signal(cnd_t *bell)
{
    return result(pthread_cond_signal(bell_of(bell)));
}

int cnd_broadcast(cnd_t *bell)
{
    return result(pthread_cond_broadcast(bell_of(bell)));
}

int cnd_wait(cnd_t *bell, mtx_t *lock)
{
    return result(pthread_cond_wait(bell_of(bell), lock_of(lock)));
}

int cnd_timedwait(cnd_t *restrict bell, mtx_t *restrict lock, const struct timespec *restrict until)
{
    return result(pthread_cond_timedwait(bell_of(bell), lock_of(lock), until));
}

#endif

void c11_threads_seen(void)
{
}
