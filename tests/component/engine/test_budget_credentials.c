/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose calls a budget counts: two workers on one Redis, each with the whole stage
 * driver and its own login at a vendor of one kind. Those with one login at one
 * address share its rate; another login, or another address, has a rate of its own.
 */
#include "tests/component/engine/rig.h"

#include <stdio.h>

#define SECOND  INT64_C(1000)
#define MOST    10 /* calls in a window */
#define WINDOW  (10 * SECOND)
#define ITEMS   25 /* of each worker: more than it may send in a window */
#define WORKERS 2

/* ---- a worker that makes one call an item ------------------------------------------------- */

/* How the next worker is let in. */
struct login {
    const char *address;
    const char *authorization;
};
static struct login login;

static struct err open_vendor(const struct config *config, struct destination_settings *out)
{
    (void)config;
    out->base_url = login.address;
    out->timeout_ms = RIG_TIMEOUT;
    secret_init(&out->authorization, span_text(login.authorization));
    return NO_ERROR;
}

static const struct limit limit = {
    .class = "GET", .most = MOST, .window_ms = WINDOW, .setting = LIMIT_FIXED};
static const struct destination_kind vendor = {
    .name = "vendor", .limits = &limit, .limit_count = 1, .open = open_vendor};

static struct err ask(struct item *item, struct call *call)
{
    (void)item;
    call->kind = CALL_HTTP;
    call->method = "GET";
    call->path = span_text("/");
    return NO_ERROR;
}

static struct step answered(struct item *item, const struct reply *reply)
{
    (void)item;
    (void)reply;
    return step_done("done");
}

static struct err itemise(struct job *job, struct item *next, bool *made)
{
    (void)job;
    (void)next;
    *made = false;
    return NO_ERROR;
}

static void write_fragment(const struct item *item, struct buf *out)
{
    (void)item;
    buf_add_text(out, "{}");
}

static uint64_t digest(const struct config *config)
{
    (void)config;
    return 1;
}

static const struct stage stages[] = {
    {.name = "call", .to = &vendor, .ask = ask, .answered = answered, .doubt = STAGE_READ},
};
static const struct worker caller = {.name = "caller",
                                     .topic = "hearback.interviews",
                                     .help = "for tests",
                                     .stages = stages,
                                     .stage_count = COUNT_OF(stages),
                                     .itemise = itemise,
                                     .fragment = write_fragment,
                                     .digest = digest};

/* ---- the bench --------------------------------------------------------------------------- */

struct two {
    struct redis_server server;
    redisContext *plain;
    struct clock_fake time;
    struct rig rigs[WORKERS];
};

static void open_two(struct two *two, const struct login *logins)
{
    static const char *const owners[WORKERS] = {"one", "two"};
    kit_quiet();
    *two = (struct two){.time = {.mono = 1000000, .wall = 1790000000000}};
    assert_true(redis_server_start(&two->server, NULL));
    two->plain = redis_ask_open(two->server.address, NULL);
    assert_non_null(two->plain);
    for (int i = 0; i < WORKERS; i++) {
        struct rig *rig = &two->rigs[i];
        login = logins[i];
        rig_open(rig, two->server.address, owners[i], &two->time);
        rig->config.budgets = (struct config_budgets){.margin_percent = 4};
        rig_stages(rig, &caller);
        rig_view(rig, two->plain, "{\"id\":\"one\"}");
        for (int n = 0; n < ITEMS; n++) {
            char name[24];
            (void)snprintf(name, sizeof(name), "%s.%d", owners[i], n);
            (void)rig_admit(rig, name, name);
        }
    }
}

static void close_two(struct two *two)
{
    for (int i = 0; i < WORKERS; i++) {
        rig_close(&two->rigs[i]);
    }
    redisFree(two->plain);
    redis_server_close(&two->server);
}

/* Answers what is called until nothing more is. */
static void serve(struct rig *rig)
{
    rig_settle(rig);
    while (rig->caller.open_count > 0) {
        fake_caller_answer(&rig->caller, rig->caller.open[0], (struct fake_answer){.status = 200});
        rig_settle(rig);
    }
}

static void pass(struct two *two, int64_t ms)
{
    while (ms > 0) {
        int64_t step = ms;
        for (int i = 0; i < WORKERS; i++) {
            int64_t next = timers_next_ms(&two->rigs[i].timers, two->time.mono);
            step = next >= 0 && next < step ? next : step;
        }
        step = step < 1 ? 1 : step;
        clock_fake_move(&two->time, step);
        ms -= step;
        for (int i = 0; i < WORKERS; i++) {
            serve(&two->rigs[i]);
        }
    }
}

/* Calls of both in one window, in the midst of more. */
static size_t calls_in_a_window(const struct login *logins)
{
    struct two two;
    open_two(&two, logins);
    pass(&two, SECOND);
    size_t before = two.rigs[0].caller.started + two.rigs[1].caller.started;
    pass(&two, WINDOW);
    size_t calls = two.rigs[0].caller.started + two.rigs[1].caller.started - before;
    for (int i = 0; i < WORKERS; i++) {
        assert_in_range(two.rigs[i].settled, 0, ITEMS - 1); /* it wanted more all the time */
    }
    pass(&two, 2 * WORKERS * ITEMS * WINDOW / MOST);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(two.rigs[i].settled, ITEMS);
    }
    close_two(&two);
    return calls;
}

/* ---- tests ------------------------------------------------------------------------------- */

static void test_whose_calls_are_counted_together(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct login logins[WORKERS];
        size_t least;
        size_t most;
    } rows[] = {
        {"one login", {{"http://a", "Basic x"}, {"http://a", "Basic x"}}, MOST * 7 / 10, MOST},
        {"two logins",
         {{"http://a", "Basic x"}, {"http://a", "Basic y"}},
         2 * MOST * 7 / 10,
         2 * MOST},
        {"two addresses",
         {{"http://a", "Basic x"}, {"http://b", "Basic x"}},
         2 * MOST * 7 / 10,
         2 * MOST},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t calls = calls_in_a_window(rows[i].logins);
        if (calls < rows[i].least || calls > rows[i].most) {
            fail_msg("%s: %zu calls in a window", rows[i].name, calls);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whose_calls_are_counted_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
