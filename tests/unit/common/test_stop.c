/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals as events: what asks to stop is read from a descriptor and ends
 * nothing by itself; a peer that hangs up ends nothing either.
 */
#include "common/stop.h"

#include "tests/unit/consumer/kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

static int fd = -1;

static int start(void **state)
{
    (void)state;
    return failed(stop_init(&fd)) ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    return close(fd);
}

static bool readable(void)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
}

static void each_signal_arrives(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    assert_false(stop_asked(fd)); /* never blocks */
    assert_false(readable());
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        assert_int_equal(raise(signals[i]), 0); /* we go on living */
        assert_true(readable());
        assert_true(stop_asked(fd));
        assert_false(readable());
        assert_false(stop_asked(fd)); /* taken */
    }
}

static void several_are_taken_at_once(void **state)
{
    (void)state;
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(raise(SIGINT), 0);
    assert_int_equal(raise(SIGTERM), 0);
    assert_true(stop_asked(fd));
    assert_false(stop_asked(fd));
}

static void waiting(void **state)
{
    (void)state;
    assert_false(stop_wait(fd, 0));
    assert_false(stop_wait(fd, 1));
    assert_int_equal(raise(SIGTERM), 0);
    assert_true(stop_wait(fd, -1)); /* at once */
    assert_false(stop_wait(fd, 0));
}

static void the_descriptor(void **state)
{
    (void)state;
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void a_broken_pipe_is_an_error_and_no_end(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    errno = 0;
    assert_int_equal(write(ends[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    close(ends[1]);
}

static void a_closed_descriptor_asks_nothing(void **state)
{
    (void)state;
    assert_false(stop_asked(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_signal_arrives),
        cmocka_unit_test(several_are_taken_at_once),
        cmocka_unit_test(waiting),
        cmocka_unit_test(the_descriptor),
        cmocka_unit_test(a_broken_pipe_is_an_error_and_no_end),
        cmocka_unit_test(a_closed_descriptor_asks_nothing),
    };
    return cmocka_run_group_tests(tests, start, end);
}
