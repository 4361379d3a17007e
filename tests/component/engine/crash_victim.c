/* SPDX-License-Identifier: Apache-2.0
 *
 * Forks, watches and buries them.
 */
#include "tests/component/engine/crash_victim.h"

#include "common/mem.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- in the victim ----------------------------------------------------------------------- */

#define VICTIM_TIME 1700000000000

uint32_t victim_first;
uint32_t victim_second;

static void take_records(void)
{
    int topic = crash_topic("t");
    uint32_t closed = crash_open(topic, 1, 41, VICTIM_TIME + 41);
    victim_first = crash_open(topic, 1, 42, VICTIM_TIME + 42);
    crash_close(closed);
    victim_second = crash_open(topic, 1, 43, VICTIM_TIME + 43); /* in the place of 41 */
}

void victim_through_nothing(void)
{
    static volatile uintptr_t nowhere = 16; /* nearly: a sanitizer has words of its own for NULL */
    volatile char found = *(volatile char *)nowhere;
    (void)found;
}

static void wait_for_word(int from)
{
    char word = 0;
    while (read(from, &word, 1) != 1) {
        CHECK(errno == EINTR);
    }
}

/* ---- starting and judging one ------------------------------------------------------------ */

static void be_victim(const struct victims *victims, void (*happen)(void), int to, int from)
{
    static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
    struct rlimit none = {0};
    for (size_t i = 0; i < COUNT_OF(caught); i++) {
        CHECK(signal(caught[i], SIG_DFL) != SIG_ERR); /* cmocka catches some, a sanitizer more */
    }
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)dup2(to, STDERR_FILENO);
    crash_begin(VICTIM_KEY, &victims->config, VICTIM_TURN_MS);
    crash_turn(0, true);
    take_records();
    CHECK(write(to, "r", 1) == 1);
    wait_for_word(from);
    happen();
    _exit(77);
}

struct victim victim_start(const struct victims *victims, void (*happen)(void))
{
    int down[2];
    int up[2];
    char word = 0;
    assert_int_equal(pipe(down), 0);
    assert_int_equal(pipe(up), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(down[1]);
        (void)close(up[0]);
        be_victim(victims, happen, up[1], down[0]);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    assert_int_equal(read(up[0], &word, 1), 1);
    return (struct victim){.pid = pid, .to = down[1], .from = up[0]};
}

void victim_go(const struct victim *victim)
{
    assert_int_equal(write(victim->to, "g", 1), 1);
}

const char *victim_end(struct victim *victim, int *status)
{
    static char said[65536];
    size_t len = 0;
    ssize_t count = 0;
    while (len < sizeof(said) - 1 &&
           (count = read(victim->from, said + len, sizeof(said) - 1 - len)) > 0) {
        len += (size_t)count;
    }
    said[len] = 0;
    assert_int_equal(waitpid(victim->pid, status, 0), victim->pid);
    (void)close(victim->to);
    (void)close(victim->from);
    return said;
}

const char *victims_told(const struct victims *victims)
{
    return redis_say(victims->redis, "HGETALL", VICTIM_KEY, NULL);
}

void victims_forget(const struct victims *victims)
{
    (void)redis_say(victims->redis, "DEL", VICTIM_KEY, NULL);
}

const char *victim_run(const struct victims *victims, void (*happen)(void), int signal)
{
    int status = 0;
    struct victim victim = victim_start(victims, happen);
    victim_go(&victim);
    const char *said = victim_end(&victim, &status);
    bool as_expected = signal == 0 ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                                   : WIFSIGNALED(status) && WTERMSIG(status) == signal;
    if (!as_expected) {
        fail_msg("status %x, expected signal %d; it said: %s", (unsigned)status, signal, said);
    }
    return said;
}

int victims_open(void **state)
{
    static struct victims victims;
    victims = (struct victims){0};
    *state = &victims;
    kit_quiet();
    assert_true(redis_server_start(&victims.server, NULL));
    victims.redis = redis_ask_open(victims.server.address, NULL);
    assert_non_null(victims.redis);
    victims.config = (struct config_redis){.address = mem_must_copy_text(victims.server.address),
                                           .timeout_ms = 2000};
    return 0;
}

int victims_close(void **state)
{
    struct victims *victims = *state;
    redisFree(victims->redis);
    redis_server_close(&victims->server);
    secret_close(&victims->config.password);
    mem_free_text(&victims->config.address);
    return 0;
}

void victims_new_redis(struct victims *victims)
{
    redis_server_kill(&victims->server);
    assert_true(redis_server_again(&victims->server));
    redisFree(victims->redis);
    victims->redis = redis_ask_open(victims->server.address, NULL);
    assert_non_null(victims->redis);
}
