/* SPDX-License-Identifier: Apache-2.0
 *
 * Loaded into the simulation's redis-server in front of libc: the server's clock
 * is the simulation's. What has a time to live in Redis then lives as long as
 * simulated time says, by Redis's own doing. Both clocks it reads are here.
 */
#define _GNU_SOURCE /* the second argument of gettimeofday */
#include "tests/sim/clock_page.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int gettimeofday(struct timeval *restrict now, void *restrict zone);
int clock_gettime(clockid_t id, struct timespec *now);

static struct clock_page *page;

static long long read_page(void)
{
    if (page == NULL) {
        const char *path = getenv(CLOCK_PAGE_VARIABLE);
        int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            void *at = mmap(NULL, sizeof(*page), PROT_READ, MAP_SHARED, fd, 0);
            page = at == MAP_FAILED ? NULL : at;
            (void)close(fd);
        }
    }
    return page == NULL ? 0 : atomic_load_explicit(&page->wall_ms, memory_order_acquire);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    long long ms = read_page();
    if (ms == 0) {
        return (int)syscall(SYS_clock_gettime, id, now);
    }
    now->tv_sec = (time_t)(ms / 1000);
    now->tv_nsec = (long)(ms % 1000) * 1000000;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec at;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &at);
    now->tv_sec = at.tv_sec;
    now->tv_usec = at.tv_nsec / 1000;
    return 0;
}
