/* SPDX-License-Identifier: Apache-2.0
 *
 * The same when Redis does not answer, is gone, came anew, or wants a password: no
 * end is put off for long, and no password is said.
 */
#include "tests/component/engine/crash_victim.h"

#include "common/mem.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static void test_redis_does_not_answer(void **state)
{
    const struct victims *victims = *state;
    int status = 0;
    struct victim victim = victim_start(victims, victim_through_nothing);
    redis_server_signal(&victims->server, SIGSTOP);
    int64_t began = kit_begin();
    victim_go(&victim);
    const char *said = victim_end(&victim, &status);
    int64_t took = kit_begin() - began;
    redis_server_signal(&victims->server, SIGCONT);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_non_null(strstr(said, "crash_unreported"));
    assert_in_range(took, CRASH_REPORT_MS, CRASH_REPORT_MS * 30); /* and not for ever */
}

static void test_redis_is_gone(void **state)
{
    struct victims *victims = *state;
    int status = 0;
    struct victim victim = victim_start(victims, victim_through_nothing);
    redis_server_kill(&victims->server);
    int64_t began = kit_begin();
    victim_go(&victim);
    const char *said = victim_end(&victim, &status);
    assert_non_null(strstr(said, "crash_unreported"));
    assert_in_range(kit_begin() - began, 0, CRASH_REPORT_MS);
    victims_new_redis(victims);
    assert_string_equal(victims_told(victims), VICTIM_NOTHING);
}

static void told_of_the_loss(void)
{
    crash_turn(1, false); /* long before it would look by itself */
    crash_turn(2, true);
    victim_through_nothing();
}

static void finding_out(void)
{
    crash_turn(20000, true);
    victim_through_nothing();
}

static void test_redis_came_anew(void **state)
{
    struct victims *victims = *state;
    static void (*const ways[])(void) = {told_of_the_loss, finding_out};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        int status = 0;
        struct victim victim = victim_start(victims, ways[i]);
        victims_new_redis(victims);
        victim_go(&victim);
        (void)victim_end(&victim, &status);
        assert_string_equal(victims_told(victims), VICTIM_BOTH_ONCE);
    }
}

/* Kept alive: many looks, whose answers lie before the report's own. */
static void after_many_looks(void)
{
    for (int i = 1; i <= 50; i++) {
        crash_turn(i * 20000, true);
    }
    victim_through_nothing();
}

static void test_a_connection_that_was_looked_at(void **state)
{
    const struct victims *victims = *state;
    (void)victim_run(victims, after_many_looks, SIGSEGV);
    assert_string_equal(victims_told(victims), VICTIM_BOTH_ONCE);
}

static void test_passwords_and_sockets(void **state)
{
    struct victims *victims = *state;
    (void)redis_say(victims->redis, "CONFIG", "SET", "requirepass", "open sesame", NULL);
    const char *said = victim_run(victims, victim_through_nothing, SIGSEGV);
    assert_non_null(strstr(said, "crash_unreported"));
    assert_string_equal(victims_told(victims), VICTIM_NOTHING);
    secret_init(&victims->config.password, span_text("a wrong one"));
    said = victim_run(victims, victim_through_nothing, SIGSEGV);
    assert_non_null(strstr(said, "crash_unreported"));
    assert_string_equal(victims_told(victims), VICTIM_NOTHING);
    secret_close(&victims->config.password);
    secret_init(&victims->config.password, span_text("open sesame"));
    said = victim_run(victims, victim_through_nothing, SIGSEGV);
    assert_null(strstr(said, "crash_unreported"));
    assert_null(strstr(said, "sesame"));
    assert_string_equal(victims_told(victims), VICTIM_BOTH_ONCE);
    victims_forget(victims);
    mem_free_text(&victims->config.address);
    victims->config.address = mem_must_copy_text(victims->server.socket);
    (void)victim_run(victims, victim_through_nothing, SIGSEGV);
    assert_string_equal(victims_told(victims), VICTIM_BOTH_ONCE);
}

int main(void)
{
#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, victims_open, victims_close)
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(test_redis_does_not_answer), ON_A_BENCH(test_redis_is_gone),
        ON_A_BENCH(test_redis_came_anew),       ON_A_BENCH(test_a_connection_that_was_looked_at),
        ON_A_BENCH(test_passwords_and_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
