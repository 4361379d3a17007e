/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator sees of the day, and what must be true of it. Metrics are read
 * from the process's own registry. One line a day says how it was.
 */
#include "common/log.h"
#include "common/metrics.h"
#include "common/own.h"
#include "consumer/engine/engine_inside.h"
#include "tests/sim/broker.h"
#include "tests/sim/day.h"
#include "tests/sim/group.h"
#include "tests/sim/store.h"

#include <inttypes.h>
#include <stdio.h>

#define WATCH_UNPOLLED_MS 5000 /* far below max.poll.interval.ms, and a session */
#define WATCH_USED        0.9  /* of the budget, while it is what limits */
#define WATCH_BOUND       0.8  /* of the catch-up's calls, while it did */

static struct {
    enum outage outage;
    int64_t errors, warnings, lines; /* of the log, since it broke */
    int64_t alarms;                  /* breaker_open */
    int64_t sent_before;             /* calls, when the breaker had opened, */
    int64_t lapsed_before;           /* and places in the budget that nobody used */
    bool opened;
    int64_t lag_least; /* the lag's rise, looked at every minute */
    int64_t lag_mended;
    int64_t lag_most;
    int64_t closed_ms;
    int64_t posts_mended; /* how many when it was mended, and when looked at last */
    int64_t posts_last;
    bool waited_last;  /* for the budget */
    int64_t bound_s;   /* seconds in which the budget was what limited, */
    int64_t bound;     /* and the calls in them */
    int64_t caught_up; /* when the lag came to nothing */
    int64_t leases;
    int64_t probes;
} watch;

void log_init(const char *program, enum log_level level)
{
    (void)program;
    (void)level;
}

bool log_level_parse(span text, enum log_level *level)
{
    (void)text;
    (void)level;
    return false;
}

void log_divert(void (*sink)(span line))
{
    (void)sink;
}

void log_write(struct log_site *site, enum log_level level, const char *event,
               const struct log_pair *pairs, size_t count)
{
    (void)site;
    if (world_now() >= DAY_BREAKS && world_now() < DAY_MENDED) {
        watch.errors += level == LOG_ERROR ? 1 : 0;
        watch.warnings += level == LOG_WARN ? 1 : 0;
        watch.alarms += strcmp(event, "breaker_open") == 0 ? 1 : 0;
        watch.lines++;
    }
    for (size_t i = 0; i < count && world_traces(); i++) {
        world_trace("log %s %s=" SPAN_FMT " %" PRId64, event, pairs[i].key, SPAN_ARG(pairs[i].text),
                    pairs[i].number);
    }
}

/* ---- looking ----------------------------------------------------------------------------- */

static int64_t gauge(const char *name, const char *label, const char *value)
{
    return metric_value(metric_gauge(name, "as it is", label, value));
}

static int64_t lapsed(void)
{
    return metric_value(
        metric_counter("hearback_budget_lapsed_total", "as it is", "budget", "jira_POST"));
}

static int64_t lag(void)
{
    return gauge("hearback_lag_records", "topic", TOPIC_INTERVIEWS);
}

static int64_t breaker_open(void)
{
    return gauge("hearback_breaker_open", "destination", "jira");
}

static int64_t leases(void)
{
    struct arena arena;
    struct redis_reply reply;
    span args[] = {span_text("EVAL"), span_text("return #redis.call('KEYS','hearback:order:*')"),
                   span_text("0")};
    arena_init(&arena, 1 << 16);
    store_run(args, COUNT_OF(args), &arena, &reply);
    CHECK(reply.kind == REDIS_INT);
    arena_close(&arena);
    return reply.number;
}

/* Bounded whatever happens: items, their records, and that rebalances are served. */
static void look_at_bounds(void)
{
    const struct proc *proc = proc_of(0);
    if (proc->engine->pool.used > DAY_POOL) {
        world_violated("%zu items are held", proc->engine->pool.used);
    }
    if (proc->member == NULL || !proc->member->joined) {
        world_violated("the worker is no member of its group");
    }
    if (proc->member->unpolled_ms > WATCH_UNPOLLED_MS) {
        world_violated("rebalances were not served for %" PRId64 " ms", proc->member->unpolled_ms);
    }
}

void day_watch_begin(enum outage outage)
{
    watch.outage = outage;
}

void day_watch_well(void)
{
    look_at_bounds();
    if (breaker_open() != 0) {
        world_violated("the vendor is well, and hearback_breaker_open is not 0");
    }
}

void day_watch_broken(void)
{
    int64_t behind = lag();
    look_at_bounds();
    if (breaker_open() != 1) {
        if (watch.opened || world_now() > DAY_BREAKS + DAY_HOUR) {
            world_violated("the vendor is broken, and hearback_breaker_open is not 1");
        }
        return;
    }
    if (!watch.opened) {
        watch.opened = true;
        watch.sent_before = calls_link_count()->sent;
        watch.lapsed_before = lapsed();
    } else if (world_now() % DAY_HOUR == 0) {
        watch.leases = leases() > watch.leases ? leases() : watch.leases;
    }
    if (calls_link_count()->out == 0) { /* what was sent before it opened has ended */
        calls_link_count()->out_most = watch.lag_most == 0 ? 0 : calls_link_count()->out_most;
        watch.lag_most = behind > watch.lag_most ? behind : watch.lag_most;
    }
    if (behind < watch.lag_least) {
        world_violated("the vendor is broken, and the lag fell from %" PRId64 " to %" PRId64,
                       watch.lag_least, behind);
    }
    watch.lag_least = behind;
}

/* Between this look and the last, did calls wait for nothing but their place in the budget? */
void day_watch_mended(void)
{
    int64_t now = world_now();
    int64_t posts = calls_link_count()->posts;
    look_at_bounds();
    if (watch.closed_ms == 0 && breaker_open() == 0) {
        watch.closed_ms = now;
    }
    if (watch.closed_ms == 0 && now > DAY_MENDED + DAY_OPEN_MAX_MS + 1000) {
        world_violated("the vendor is well for a minute, and hearback_breaker_open is not 0");
    }
    bool waits = watch.closed_ms > 0 && gauge("hearback_calls_waiting", "class", "POST") > 0;
    if (waits && watch.waited_last) {
        watch.bound_s++;
        watch.bound += posts - watch.posts_last;
    }
    watch.waited_last = waits;
    watch.posts_last = posts;
    if (watch.caught_up == 0 && watch.closed_ms > 0 && lag() == 0) {
        watch.caught_up = now;
        watch.posts_mended = posts - watch.posts_mended;
    }
}

bool day_watch_caught_up(void)
{
    return watch.caught_up > 0;
}

/* ---- judging ----------------------------------------------------------------------------- */

void day_watch_judge_outage(void)
{
    const struct calls_count *calls = calls_link_count();
    watch.probes = calls->sent - watch.sent_before;
    watch.lag_mended = lag();
    watch.posts_mended = watch.posts_last = calls->posts;
    if (watch.alarms != 1 || watch.errors != 1) {
        world_violated("one outage, %" PRId64 " alarms and %" PRId64 " lines of errors",
                       watch.alarms, watch.errors);
    }
    if (calls->out_most != 1) {
        world_violated("%d calls were out at a time while the breaker was open", calls->out_most);
    }
    int64_t most = (DAY_MENDED - DAY_BREAKS) / DAY_OPEN_MAX_MS + 10;
    if (watch.outage == OUTAGE_403_WRITES) { /* who is to try a write must have read before */
        most += DAY_POOL;
    }
    if (watch.probes > most || watch.probes < most / 2) {
        world_violated("%" PRId64 " probes in a day", watch.probes);
    }
    if (watch.lines > watch.probes * 2 + DAY_POOL) {
        world_violated("%" PRId64 " lines of log for %" PRId64 " probes", watch.lines,
                       watch.probes);
    }
    if (lapsed() - watch.lapsed_before > watch.probes * 2) {
        world_violated("%" PRId64 " places of the budget were fetched and not used, while only "
                       "probes were sent: others who use the login do without them",
                       lapsed() - watch.lapsed_before);
    }
    if (watch.leases > DAY_POOL) {
        world_violated("%" PRId64 " leases are held", watch.leases);
    }
    if (watch.lag_mended < PLAN_INTERVIEWS_MAX * 8 / 10) {
        world_violated("after the day the lag is only %" PRId64, watch.lag_mended);
    }
}

void day_watch_judge_end(void)
{
    double used =
        watch.bound_s == 0 ? 0 : (double)watch.bound / (double)(watch.bound_s * DAY_POST_PER_S);
    double bound = (double)watch.bound / (double)watch.posts_mended;
    if (used < WATCH_USED) {
        world_violated("catching up used %.2f of the budget", used);
    }
    if (bound < WATCH_BOUND) {
        world_violated("the budget was what limited for only %.2f of the calls", bound);
    }
    (void)printf("%-10s lag %" PRId64 ", %" PRId64 " probes, %" PRId64 " lines (%" PRId64
                 " warnings, %" PRId64 " alarm), %" PRId64 " leases; closed after %" PRId64
                 " s, %" PRId64 " POSTs in %" PRId64 " s, %.3f of the budget while it limits "
                 "(%.2f of them)\n",
                 day_name(watch.outage), watch.lag_mended, watch.probes, watch.lines,
                 watch.warnings, watch.alarms, watch.leases, (watch.closed_ms - DAY_MENDED) / 1000,
                 watch.posts_mended, (watch.caught_up - watch.closed_ms) / 1000, used, bound);
}
