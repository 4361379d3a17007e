/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared whole and its lock. Any thread of the server calls in here; vendors,
 * faults and journal are only ever reached under the lock. A wait gives the lock
 * up, so a delayed request holds nobody else.
 */
#include "tests/sandbox/sandbox.h"

#include "common/mem.h"
#include "tests/sandbox/jsonx.h"

#include <time.h>

#define WAIT_SLICE_MS 10 /* how soon a moved clock is noticed */

struct err sandbox_new(struct sandbox **out, const struct options *options,
                       const struct clock *clock)
{
    struct sandbox *sandbox = mem_must_alloc(sizeof(*sandbox));
    sandbox->options = options;
    sandbox->clock = clock;
    for (size_t i = 0; i < VENDOR_COUNT; i++) {
        struct err e = vendors[i]->open(options, clock, &sandbox->selves[i]);
        if (failed(e)) {
            while (i-- > 0) {
                vendors[i]->close(sandbox->selves[i]);
            }
            mem_free(sandbox);
            return e;
        }
    }
    pthread_condattr_t attr;
    CHECK(pthread_condattr_init(&attr) == 0);
    CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&sandbox->released, &attr) == 0);
    CHECK(pthread_condattr_destroy(&attr) == 0);
    CHECK(pthread_mutex_init(&sandbox->lock, NULL) == 0);
    journal_init(&sandbox->journal);
    *out = sandbox;
    return NO_ERROR;
}

void sandbox_free(struct sandbox **sandbox_at)
{
    struct sandbox *sandbox = TAKE(*sandbox_at);
    if (sandbox == NULL) {
        return;
    }
    for (size_t i = 0; i < VENDOR_COUNT; i++) {
        vendors[i]->close(sandbox->selves[i]);
    }
    faults_clear(&sandbox->faults);
    journal_close(&sandbox->journal);
    CHECK(pthread_cond_destroy(&sandbox->released) == 0);
    CHECK(pthread_mutex_destroy(&sandbox->lock) == 0);
    mem_free(sandbox);
}

static void lock(struct sandbox *sandbox)
{
    CHECK(pthread_mutex_lock(&sandbox->lock) == 0);
}

static void unlock(struct sandbox *sandbox)
{
    CHECK(pthread_mutex_unlock(&sandbox->lock) == 0);
}

uint64_t sandbox_begin(struct sandbox *sandbox, struct request *req, struct hit *hit)
{
    lock(sandbox);
    uint64_t seq = journal_note(&sandbox->journal, clock_wall_ms(sandbox->clock), req->method,
                                req->target, req->body);
    faults_strike(&sandbox->faults, req, &req->arena, hit);
    unlock(sandbox);
    return seq;
}

void sandbox_serve(struct sandbox *sandbox, struct request *req, const struct hit *hit,
                   struct answer *answer)
{
    answer_text(answer, 404, "The sandbox plays no such vendor.\n");
    lock(sandbox);
    for (size_t i = 0; i < VENDOR_COUNT; i++) {
        if (strcmp(req->vendor, vendors[i]->name) == 0) {
            vendors[i]->serve(sandbox->selves[i], req, hit, answer);
        }
    }
    unlock(sandbox);
}

void sandbox_settle(struct sandbox *sandbox, uint64_t seq, unsigned status, const char *fault)
{
    lock(sandbox);
    journal_settle(&sandbox->journal, seq, status, fault);
    unlock(sandbox);
}

static struct timespec soon(int64_t ms)
{
    struct timespec at;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

bool sandbox_wait(struct sandbox *sandbox, int64_t ms)
{
    int64_t until = clock_mono_ms(sandbox->clock) + ms;
    lock(sandbox);
    uint64_t releases = sandbox->release_count;
    int64_t left = ms;
    while (left > 0 && !sandbox->stopping && sandbox->release_count == releases) {
        struct timespec at = soon(left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS);
        (void)pthread_cond_timedwait(&sandbox->released, &sandbox->lock, &at);
        left = until - clock_mono_ms(sandbox->clock);
    }
    bool whole = !sandbox->stopping && sandbox->release_count == releases;
    unlock(sandbox);
    return whole;
}

void sandbox_release(struct sandbox *sandbox, bool stopping)
{
    lock(sandbox);
    sandbox->stopping = sandbox->stopping || stopping;
    sandbox->release_count++;
    CHECK(pthread_cond_broadcast(&sandbox->released) == 0);
    unlock(sandbox);
}
