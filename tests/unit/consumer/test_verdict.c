/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict table row by row, and how long a peer asks to be left alone.
 */
#include "consumer/engine/verdict.h"

#include "tests/unit/consumer/kit.h"

#include <curl/curl.h>

#define NOW_MS  INT64_C(1780000000000) /* 2026-05-28T20:26:40Z */
#define HOUR_MS INT64_C(3600000)

static const struct {
    int status;
    enum verdict verdict;
    enum breaker_outcome outcome;
    const char *reason;
} statuses[] = {
    {200, VERDICT_READ, BREAKER_SUCCESS, "http_2xx"},
    {201, VERDICT_READ, BREAKER_SUCCESS, "http_2xx"},
    {204, VERDICT_READ, BREAKER_SUCCESS, "http_2xx"},
    {299, VERDICT_READ, BREAKER_SUCCESS, "http_2xx"},
    {100, VERDICT_UNCLEAR, BREAKER_FAILED, "http_1xx"},
    {199, VERDICT_UNCLEAR, BREAKER_FAILED, "http_1xx"},
    {300, VERDICT_UNCLEAR, BREAKER_FAILED, "http_3xx"},
    {301, VERDICT_UNCLEAR, BREAKER_FAILED, "http_3xx"},
    {302, VERDICT_UNCLEAR, BREAKER_FAILED, "http_3xx"},
    {304, VERDICT_UNCLEAR, BREAKER_FAILED, "http_3xx"},
    {307, VERDICT_UNCLEAR, BREAKER_FAILED, "http_3xx"},
    {308, VERDICT_UNCLEAR, BREAKER_FAILED, "http_3xx"},
    {399, VERDICT_UNCLEAR, BREAKER_FAILED, "http_3xx"},
    {400, VERDICT_DEAD, BREAKER_REFUSED, "http_400"},
    {401, VERDICT_FAULT, BREAKER_AT_FAULT, "http_401"},
    {402, VERDICT_FAULT, BREAKER_AT_FAULT, "http_402"},
    {403, VERDICT_DEAD, BREAKER_FORBIDDEN, "http_403"},
    {404, VERDICT_DEAD, BREAKER_REFUSED, "http_404"},
    {405, VERDICT_DEAD, BREAKER_REFUSED, "http_405"},
    {406, VERDICT_DEAD, BREAKER_REFUSED, "http_4xx"},
    {407, VERDICT_FAULT, BREAKER_AT_FAULT, "http_407"},
    {408, VERDICT_UNCLEAR, BREAKER_FAILED, "http_408"},
    {409, VERDICT_AGAIN, BREAKER_NEITHER, "http_409"},
    {410, VERDICT_DEAD, BREAKER_REFUSED, "http_410"},
    {411, VERDICT_DEAD, BREAKER_REFUSED, "http_4xx"},
    {413, VERDICT_DEAD, BREAKER_REFUSED, "http_413"},
    {415, VERDICT_DEAD, BREAKER_REFUSED, "http_415"},
    {418, VERDICT_DEAD, BREAKER_REFUSED, "http_4xx"},
    {421, VERDICT_AGAIN, BREAKER_FAILED, "http_421"},
    {422, VERDICT_DEAD, BREAKER_REFUSED, "http_422"},
    {423, VERDICT_AGAIN, BREAKER_NEITHER, "http_423"},
    {425, VERDICT_AGAIN, BREAKER_NEITHER, "http_425"},
    {429, VERDICT_AGAIN, BREAKER_NEITHER, "http_429"},
    {431, VERDICT_DEAD, BREAKER_REFUSED, "http_4xx"},
    {499, VERDICT_DEAD, BREAKER_REFUSED, "http_4xx"},
    {500, VERDICT_UNCLEAR, BREAKER_FAILED, "http_500"},
    {501, VERDICT_UNCLEAR, BREAKER_FAILED, "http_5xx"},
    {502, VERDICT_UNCLEAR, BREAKER_FAILED, "http_502"},
    {503, VERDICT_UNCLEAR, BREAKER_FAILED, "http_503"},
    {504, VERDICT_UNCLEAR, BREAKER_FAILED, "http_504"},
    {505, VERDICT_UNCLEAR, BREAKER_FAILED, "http_5xx"},
    {511, VERDICT_FAULT, BREAKER_AT_FAULT, "http_511"},
    {599, VERDICT_UNCLEAR, BREAKER_FAILED, "http_5xx"},
    {0, VERDICT_UNCLEAR, BREAKER_FAILED, "http_1xx"},
    {99, VERDICT_UNCLEAR, BREAKER_FAILED, "http_1xx"},
    {303, VERDICT_UNCLEAR, BREAKER_FAILED, "http_3xx"},
    {999, VERDICT_UNCLEAR, BREAKER_FAILED, "http_5xx"},
};

static void each_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        enum verdict verdict = verdict_of(CURLE_OK, true, statuses[i].status);
        if (verdict != statuses[i].verdict ||
            verdict_outcome(CURLE_OK, true, statuses[i].status) != statuses[i].outcome ||
            strcmp(verdict_reason(CURLE_OK, statuses[i].status), statuses[i].reason) != 0) {
            fail_msg("%d: verdict %d, %s", statuses[i].status, (int)verdict,
                     verdict_reason(CURLE_OK, statuses[i].status));
        }
    }
}

static void each_transport_code(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum verdict unreached;
        enum verdict reached;
        const char *reason;
    } cases[] = {
        {CURLE_COULDNT_RESOLVE_HOST, VERDICT_AGAIN, VERDICT_UNCLEAR, "no_such_host"},
        {CURLE_COULDNT_RESOLVE_PROXY, VERDICT_AGAIN, VERDICT_UNCLEAR, "transport"},
        {CURLE_COULDNT_CONNECT, VERDICT_AGAIN, VERDICT_UNCLEAR, "refused"},
        {CURLE_SSL_CONNECT_ERROR, VERDICT_AGAIN, VERDICT_UNCLEAR, "transport"},
        {CURLE_PEER_FAILED_VERIFICATION, VERDICT_FAULT, VERDICT_UNCLEAR, "certificate_refused"},
        {CURLE_SSL_CERTPROBLEM, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_SSL_CACERT_BADFILE, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_SSL_CIPHER, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_SSL_CRL_BADFILE, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_SSL_ISSUER_ERROR, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_SSL_PINNEDPUBKEYNOTMATCH, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_SSL_INVALIDCERTSTATUS, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_SSL_CLIENTCERT, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_UNSUPPORTED_PROTOCOL, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_URL_MALFORMAT, VERDICT_FAULT, VERDICT_UNCLEAR, "transport"},
        {CURLE_OPERATION_TIMEDOUT, VERDICT_AGAIN, VERDICT_UNCLEAR, "timed_out"},
        {CURLE_SEND_FAIL_REWIND, VERDICT_AGAIN, VERDICT_UNCLEAR, "connection_reused_too_late"},
        {CURLE_SEND_ERROR, VERDICT_AGAIN, VERDICT_UNCLEAR, "transport"},
        {CURLE_RECV_ERROR, VERDICT_AGAIN, VERDICT_UNCLEAR, "reply_broke_off"},
        {CURLE_GOT_NOTHING, VERDICT_AGAIN, VERDICT_UNCLEAR, "reply_broke_off"},
        {CURLE_PARTIAL_FILE, VERDICT_AGAIN, VERDICT_UNCLEAR, "reply_broke_off"},
        {CURLE_WRITE_ERROR, VERDICT_AGAIN, VERDICT_UNCLEAR, "reply_too_large"},
        {CURLE_FILESIZE_EXCEEDED, VERDICT_AGAIN, VERDICT_UNCLEAR, "reply_too_large"},
        {CURLE_BAD_CONTENT_ENCODING, VERDICT_AGAIN, VERDICT_UNCLEAR, "reply_encoding"},
        {CURLE_HTTP2, VERDICT_AGAIN, VERDICT_UNCLEAR, "transport"},
        {CURLE_OUT_OF_MEMORY, VERDICT_AGAIN, VERDICT_UNCLEAR, "transport"},
        {CURLE_ABORTED_BY_CALLBACK, VERDICT_AGAIN, VERDICT_UNCLEAR, "transport"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int code = cases[i].code;
        /* A status that came before the connection broke is not believed. */
        if (verdict_of(code, false, 0) != cases[i].unreached ||
            verdict_of(code, true, 0) != cases[i].reached ||
            verdict_of(code, true, 200) != cases[i].reached ||
            strcmp(verdict_reason(code, 200), cases[i].reason) != 0) {
            fail_msg("code %d: %d, %d, %s", code, (int)verdict_of(code, false, 0),
                     (int)verdict_of(code, true, 0), verdict_reason(code, 200));
        }
        bool kept = code == CURLE_SEND_FAIL_REWIND; /* a kept connection that was closed */
        enum breaker_outcome failed = kept ? BREAKER_UNHEARD : BREAKER_FAILED;
        bool fault = cases[i].unreached == VERDICT_FAULT;
        assert_int_equal(verdict_outcome(code, true, 200), failed);
        assert_int_equal(verdict_outcome(code, false, 404), fault ? BREAKER_AT_FAULT : failed);
    }
}

/* ---- waiting ------------------------------------------------------------------------------ */

static int64_t wait_of(const char *name, const char *value)
{
    struct reply_header header = {.name = span_text(name), .value = span_text(value)};
    struct reply reply = {.status = 429, .headers = &header, .header_count = 1};
    return verdict_wait_ms(&reply, NOW_MS);
}

static void retry_after(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t wait_ms;
    } cases[] = {
        {"0", 0},
        {"1", 1000},
        {" 30\t", 30000},
        {"3600", HOUR_MS},
        {"3601", HOUR_MS},
        {"2147483647", HOUR_MS},
        {"2147483648", HOUR_MS},
        {"999999999999", HOUR_MS}, /* absurd, but the wish is to be left alone */
        {"999999999999999999", HOUR_MS},
        {"-1", 0},
        {"1.5", 0},
        {"", 0},
        {" ", 0},
        {"soon", 0},
        {"Thu, 28 May 2026 20:26:50 GMT", 10000},
        {"Thursday, 28-May-26 20:26:50 GMT", 10000},
        {"Thu, 28 May 2026 20:26:40 GMT", 0},
        {"Thu, 28 May 2026 20:00:00 GMT", 0}, /* past */
        {"Fri, 29 May 2026 20:00:00 GMT", HOUR_MS},
        {"Thu, 99 May 2026 99:99:99 GMT", 0},
        {"Thu, 28 May 2026 20:26:50 GMT and so on and so on and so on and so on", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t wait = wait_of("Retry-After", cases[i].value);
        if (wait != cases[i].wait_ms) {
            fail_msg("\"%s\": %lld, expected %lld", cases[i].value, (long long)wait,
                     (long long)cases[i].wait_ms);
        }
    }
}

static void rate_limit_reset(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t wait_ms;
    } cases[] = {
        {"1780000010", 10000},
        {"1780000000", 0},
        {"1779999000", 0},
        {"1780003600", HOUR_MS},
        {"1790000000", HOUR_MS},
        {"4000000000000000", HOUR_MS},
        {"60", 0}, /* no time of ours */
        {"2026-05-28T20:26:50Z", 10000},
        {"2026-05-28T20:27Z", 20000},
        {"2026-05-28T20:26:50.500Z", 10000},
        {"2026-05-28T20:00Z", 0},
        {"2026-06-28T20:00Z", HOUR_MS},
        {"2026-05-28", 0},
        {"garbage garbage garbage", 0},
        {"2026-05-28T20:26:50Z and much too long", 0},
        {"", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t wait = wait_of("x-RateLimit-reset", cases[i].value);
        if (wait != cases[i].wait_ms) {
            fail_msg("\"%s\": %lld, expected %lld", cases[i].value, (long long)wait,
                     (long long)cases[i].wait_ms);
        }
    }
}

static void seconds_left(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        int64_t wait_ms;
    } cases[] = {
        {"RateLimit-Reset", "12", 12000},
        {"RateLimit-Reset", "99999", HOUR_MS},
        {"RateLimit-Reset", "-3", 0},
        {"RateLimit-Reset", "soon", 0},
        {"RateLimit", "\"burst\";r=0;t=7", 7000},
        {"Beta-RateLimit", "\"jira-burst-based\";q=100;w=1;r=0;t=3", 3000},
        {"Beta-RateLimit", "\"x\"; t=4; r=0", 4000},
        {"Beta-RateLimit", "t=5", 5000},
        {"Beta-RateLimit", "\"x\";r=0;t=", 0},
        {"Beta-RateLimit", "\"x\";rt=9", 0},
        {"Beta-RateLimit", "\"x\";t=99999999999999999999", 0},
        {"Beta-RateLimit", "\"x\";r=0", 0},
        {"Beta-RateLimit", "", 0},
        {"Beta-RateLimit", "t", 0},
        {"Beta-RateLimit-Policy", "\"x\";t=9", 0}, /* a policy is not a state */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t wait = wait_of(cases[i].name, cases[i].value);
        if (wait != cases[i].wait_ms) {
            fail_msg("%s: %s: %lld, expected %lld", cases[i].name, cases[i].value, (long long)wait,
                     (long long)cases[i].wait_ms);
        }
    }
    /* What is left when nothing was refused is no wish. */
    struct reply_header header = {.name = span_text("RateLimit"), .value = span_text("r=50;t=7")};
    struct reply fine = {.status = 503, .headers = &header, .header_count = 1};
    assert_int_equal(verdict_wait_ms(&fine, NOW_MS), 0);
}

static void retry_after_comes_first(void **state)
{
    (void)state;
    const struct reply_header headers[] = {
        {.name = span_text("X-RateLimit-Reset"), .value = span_text("1780000050")},
        {.name = span_text("RETRY-AFTER"), .value = span_text("5")},
    };
    struct reply reply = {.status = 429, .headers = headers, .header_count = 2};
    assert_int_equal(verdict_wait_ms(&reply, NOW_MS), 5000);
    reply.header_count = 1;
    assert_int_equal(verdict_wait_ms(&reply, NOW_MS), 50000);
    reply.header_count = 0;
    assert_int_equal(verdict_wait_ms(&reply, NOW_MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status),  cmocka_unit_test(each_transport_code),
        cmocka_unit_test(retry_after),  cmocka_unit_test(rate_limit_reset),
        cmocka_unit_test(seconds_left), cmocka_unit_test(retry_after_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
