/* SPDX-License-Identifier: Apache-2.0
 *
 * Jira's two limits that API tokens meet: a token bucket for each method and
 * endpoint (as many as it refills in a second), and writes on one issue, 20 in
 * 2 s and 100 in 30 s. A refused request uses up neither. Time is the injected
 * monotonic clock. The body of a 429 is not documented; ours is an ErrorCollection.
 *
 * The setting "sliding" is stricter than Jira: the calls of a method, of all
 * endpoints together, in any second; a bucket forgives bunches that this does not.
 */
#include "tests/sandbox/jira.h"

#include <inttypes.h>

static void refuse(struct jira_call *call, const char *reason, int64_t limit, int64_t wait_ms)
{
    int64_t seconds = (wait_ms + 999) / 1000;
    char reset[32];
    call->jira->refused++;
    clock_format(clock_wall_ms(call->jira->clock) + wait_ms, reset, sizeof(reset));
    answer_header(call->answer, "Retry-After", "%" PRId64, seconds < 1 ? 1 : seconds);
    answer_header(call->answer, "X-RateLimit-Limit", "%" PRId64, limit);
    answer_header(call->answer, "X-RateLimit-Remaining", "0");
    answer_header(call->answer, "X-RateLimit-Reset", "%s", reset);
    answer_header(call->answer, "X-RateLimit-NearLimit", "true");
    answer_header(call->answer, "RateLimit-Reason", "%s", reason);
    jira_fail(call, 429, "Rate limit exceeded.");
}

const char *const jira_methods[JIRA_METHODS] = {"POST", "PUT", "GET", "DELETE"};

static size_t method_of(const struct jira_call *call)
{
    size_t i = 0;
    while (i + 1 < JIRA_METHODS && strcmp(call->req->method, jira_methods[i]) != 0) {
        i++;
    }
    return i;
}

static bool limit_sliding(struct jira_call *call, int64_t per_second)
{
    struct sliding *sliding = &call->jira->methods[method_of(call)];
    int64_t most = per_second > 100 ? 100 : per_second; /* of the method, whatever the endpoint */
    int64_t now = clock_mono_ms(call->jira->clock);
    if (sliding->count >= (uint64_t)most) {
        int64_t nth = sliding->at_ms[(sliding->count - (uint64_t)most) % JIRA_SLIDING_MAX];
        if (nth + 1000 > now) {
            refuse(call, "jira-burst-based", most, nth + 1000 - now);
            return false;
        }
    }
    sliding->at_ms[sliding->count++ % JIRA_SLIDING_MAX] = now;
    return true;
}

bool jira_limit_burst(struct jira_call *call, size_t route, int64_t per_second)
{
    if (!call->jira->limits) {
        return true;
    }
    if (call->jira->sliding) {
        return limit_sliding(call, per_second);
    }
    struct bucket *bucket = &call->jira->buckets[route];
    int64_t now = clock_mono_ms(call->jira->clock);
    int64_t full = per_second * 1000;
    if (bucket->at_ms == 0) {
        *bucket = (struct bucket){.left_milli = full, .at_ms = now};
    }
    int64_t gained = (now - bucket->at_ms) * per_second;
    bucket->left_milli = bucket->left_milli + gained > full ? full : bucket->left_milli + gained;
    bucket->at_ms = now;
    if (bucket->left_milli < 1000) {
        refuse(call, "jira-burst-based", per_second,
               (1000 - bucket->left_milli + per_second - 1) / per_second);
        return false;
    }
    bucket->left_milli -= 1000;
    int64_t left = bucket->left_milli / 1000;
    answer_header(call->answer, "X-RateLimit-Limit", "%" PRId64, per_second);
    answer_header(call->answer, "X-RateLimit-Remaining", "%" PRId64, left);
    if (left * 5 < per_second) {
        answer_header(call->answer, "X-RateLimit-NearLimit", "true");
    }
    return true;
}

/* Milliseconds until fewer than `most` writes lie within `window_ms`; 0 when they do. */
static int64_t wait_for(const struct issue *issue, int64_t now, size_t most, int64_t window_ms)
{
    if (issue->write_count < most) {
        return 0;
    }
    int64_t nth = issue->writes[(issue->write_count - most) % STORE_WRITES_MAX];
    return nth + window_ms > now ? nth + window_ms - now : 0;
}

void jira_count_accepted(struct jira_call *call)
{
    call->jira->accepted[method_of(call)]++;
}

bool jira_limit_writes(struct jira_call *call, struct issue *issue)
{
    if (!call->jira->limits) {
        return true;
    }
    int64_t now = clock_mono_ms(call->jira->clock);
    int64_t short_ms = wait_for(issue, now, 20, 2000);
    int64_t long_ms = wait_for(issue, now, 100, 30000);
    if (short_ms == 0 && long_ms == 0) {
        jira_note_write(call->jira, issue);
        return true;
    }
    call->jira->accepted[method_of(call)]--; /* it was let in before */
    /* What the burst limit said of this answer no longer holds. */
    call->answer->header_count = 0;
    answer_header(call->answer, "X-AAccountId", "%s", JIRA_ACCOUNT_ID);
    refuse(call, "jira-per-issue-on-write", long_ms > short_ms ? 100 : 20,
           long_ms > short_ms ? long_ms : short_ms);
    return false;
}

void jira_note_write(const struct jira *jira, struct issue *issue)
{
    issue->writes[issue->write_count++ % STORE_WRITES_MAX] = clock_mono_ms(jira->clock);
}
