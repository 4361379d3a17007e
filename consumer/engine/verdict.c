/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict table. Pure functions.
 */
#define _GNU_SOURCE /* timegm */
#include "consumer/engine/verdict.h"

#include "common/own.h"

#include <curl/curl.h>
#include <stdio.h>
#include <time.h>

#define VERDICT_WAIT_MAX_MS (60 * 60 * 1000)

struct status_row {
    int status;
    enum verdict verdict;
    enum breaker_outcome outcome;
    const char *reason;
};

/* What is not listed falls to its hundred: 4xx dead, all others unclear. Below 200 there is no
 * answer at all, only what pretends to be one. */
static const struct status_row status_rows[] = {
    {401, VERDICT_FAULT, BREAKER_AT_FAULT, "http_401"}, /* the login */
    {402, VERDICT_FAULT, BREAKER_AT_FAULT, "http_402"}, /* the plan */
    {407, VERDICT_FAULT, BREAKER_AT_FAULT, "http_407"}, /* a proxy's login */
    {511, VERDICT_FAULT, BREAKER_AT_FAULT, "http_511"}, /* a network's login page */
    /* About one request, until there is nothing else. */
    {400, VERDICT_DEAD, BREAKER_REFUSED, "http_400"},
    {403, VERDICT_DEAD, BREAKER_FORBIDDEN, "http_403"},
    {404, VERDICT_DEAD, BREAKER_REFUSED, "http_404"},
    {405, VERDICT_DEAD, BREAKER_REFUSED, "http_405"},
    {410, VERDICT_DEAD, BREAKER_REFUSED, "http_410"},
    {413, VERDICT_DEAD, BREAKER_REFUSED, "http_413"},
    {415, VERDICT_DEAD, BREAKER_REFUSED, "http_415"},
    {422, VERDICT_DEAD, BREAKER_REFUSED, "http_422"},
    /* Refused for now: nothing happened there. */
    {409, VERDICT_AGAIN, BREAKER_NEITHER, "http_409"},
    {421, VERDICT_AGAIN, BREAKER_FAILED, "http_421"}, /* the wrong server of several */
    {423, VERDICT_AGAIN, BREAKER_NEITHER, "http_423"},
    {425, VERDICT_AGAIN, BREAKER_NEITHER, "http_425"},
    {429, VERDICT_AGAIN, BREAKER_NEITHER, "http_429"},
    /* It may have happened. */
    {408, VERDICT_UNCLEAR, BREAKER_FAILED, "http_408"},
    {500, VERDICT_UNCLEAR, BREAKER_FAILED, "http_500"},
    {502, VERDICT_UNCLEAR, BREAKER_FAILED, "http_502"},
    {503, VERDICT_UNCLEAR, BREAKER_FAILED, "http_503"},
    {504, VERDICT_UNCLEAR, BREAKER_FAILED, "http_504"},
};

static const struct status_row *find_status(int status)
{
    static const struct status_row fine = {0, VERDICT_READ, BREAKER_SUCCESS, "http_2xx"};
    static const struct status_row none = {0, VERDICT_UNCLEAR, BREAKER_FAILED, "http_1xx"};
    /* A site that moved, or is closed for repairs, sends everything elsewhere; others say so of
     * what they have done. Nobody follows: the login would go along. */
    static const struct status_row redirect = {0, VERDICT_UNCLEAR, BREAKER_FAILED, "http_3xx"};
    static const struct status_row client = {0, VERDICT_DEAD, BREAKER_REFUSED, "http_4xx"};
    static const struct status_row server = {0, VERDICT_UNCLEAR, BREAKER_FAILED, "http_5xx"};
    for (size_t i = 0; i < COUNT_OF(status_rows); i++) {
        if (status_rows[i].status == status) {
            return &status_rows[i];
        }
    }
    if (status >= 500) {
        return &server;
    }
    if (status >= 400) {
        return &client;
    }
    if (status >= 300) {
        return &redirect;
    }
    return status >= 200 ? &fine : &none;
}

static enum verdict transport_verdict(int transport, bool reached)
{
    if (reached) {
        /* Time-outs, resets, a reply that broke off or is no HTTP, code 65 (the body would have had
         * to be sent twice), and a kept connection that died with the request and could not be made
         * anew: nobody knows. */
        return VERDICT_UNCLEAR;
    }
    switch (transport) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return VERDICT_FAULT;
    default:
        return VERDICT_AGAIN;
    }
}

enum verdict verdict_of(int transport, bool reached, int status)
{
    return transport != CURLE_OK ? transport_verdict(transport, reached)
                                 : find_status(status)->verdict;
}

enum breaker_outcome verdict_outcome(int transport, bool reached, int status)
{
    if (transport == CURLE_OK) {
        return find_status(status)->outcome;
    }
    if (transport == CURLE_SEND_FAIL_REWIND) {
        /* A kept connection that the peer closed as the request went out tells neither way: the
         * peer had answered on it, and many close theirs after so long, or all at once when a
         * balancer is renewed. It cannot go on for ever: a connection is kept only behind an
         * answer, which tells. */
        return BREAKER_UNHEARD;
    }
    return transport_verdict(transport, reached) == VERDICT_FAULT ? BREAKER_AT_FAULT
                                                                  : BREAKER_FAILED;
}

const char *verdict_reason(int transport, int status)
{
    switch (transport) {
    case CURLE_OK:
        return find_status(status)->reason;
    case CURLE_COULDNT_RESOLVE_HOST:
        return "no_such_host";
    case CURLE_COULDNT_CONNECT:
        return "refused";
    case CURLE_OPERATION_TIMEDOUT:
        return "timed_out";
    case CURLE_SEND_FAIL_REWIND:
        return "connection_reused_too_late";
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
        return "reply_too_large";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "certificate_refused";
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return "reply_broke_off";
    case CURLE_BAD_CONTENT_ENCODING:
        return "reply_encoding";
    default:
        return "transport";
    }
}

/* "2026-05-27T02:07:00Z", "2026-05-27T02:07Z" or with an offset of zero. -1 when it is none. */
static int64_t parse_iso_seconds(span text)
{
    char copy[32];
    struct tm parts = {0};
    if (text.len < 16 || text.len >= sizeof(copy)) {
        return -1;
    }
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    int found = sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d", &parts.tm_year, &parts.tm_mon,
                       &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec);
    if (found < 5) {
        return -1;
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    return (int64_t)timegm(&parts);
}

static int64_t until(int64_t at_seconds, int64_t wall_ms)
{
    if (at_seconds > wall_ms / 1000 + VERDICT_WAIT_MAX_MS / 1000) { /* a year of many digits */
        return VERDICT_WAIT_MAX_MS;
    }
    int64_t left = at_seconds * 1000 - wall_ms;
    return left < 0 ? 0 : left;
}

/* Seconds behind `name` in "…;t=30;…" (RateLimit and its forerunners); -1 when there are none. */
static int64_t parse_member(span text, char name)
{
    int64_t number = 0;
    for (size_t i = 0; i + 2 < text.len; i++) {
        bool starts = i == 0 || text.at[i - 1] == ';' || text.at[i - 1] == ' ';
        if (!starts || text.at[i] != (uint8_t)name || text.at[i + 1] != '=') {
            continue;
        }
        size_t end = i + 2;
        while (end < text.len && text.at[end] >= '0' && text.at[end] <= '9') {
            end++;
        }
        if (span_number(span_of(text.at + i + 2, end - i - 2), 0, INT64_MAX, &number)) {
            return number;
        }
    }
    return -1;
}

static int64_t seconds_ms(int64_t seconds)
{
    return seconds > VERDICT_WAIT_MAX_MS / 1000 ? VERDICT_WAIT_MAX_MS : seconds * 1000;
}

static int64_t parse_retry_after(span after, int64_t wall_ms)
{
    int64_t number = 0;
    char copy[64];
    if (span_number(after, 0, INT64_MAX, &number)) {
        return seconds_ms(number);
    }
    if (after.len == 0 || after.len >= sizeof(copy)) {
        return 0;
    }
    memcpy(copy, after.at, after.len);
    copy[after.len] = 0;
    time_t at = curl_getdate(copy, NULL);
    return at < 0 ? 0 : until((int64_t)at, wall_ms);
}

/* A time in ISO 8601, or in Unix seconds. */
static int64_t parse_reset(span reset, int64_t wall_ms)
{
    int64_t number = 0;
    if (span_number(reset, 1000000000, INT64_MAX / 2000, &number)) {
        return until(number, wall_ms);
    }
    int64_t at = parse_iso_seconds(reset);
    return at < 0 ? 0 : until(at, wall_ms);
}

int64_t verdict_wait_ms(const struct reply *reply, int64_t wall_ms)
{
    static const char *const members[] = {"ratelimit", "beta-ratelimit"};
    span after = span_trim(reply_header(reply, "retry-after"));
    span reset = span_trim(reply_header(reply, "x-ratelimit-reset"));
    span left = span_trim(reply_header(reply, "ratelimit-reset"));
    int64_t number = 0;
    int64_t wait = 0;
    if (after.len > 0) { /* it needs no clock, and is meant for us */
        wait = parse_retry_after(after, wall_ms);
    } else if (reset.len > 0) {
        wait = parse_reset(reset, wall_ms);
    } else if (span_number(left, 0, INT64_MAX, &number)) {
        wait = seconds_ms(number);
    }
    for (size_t i = 0; wait == 0 && reply->status == 429 && i < COUNT_OF(members); i++) {
        int64_t seconds = parse_member(reply_header(reply, members[i]), 't');
        wait = seconds > 0 ? seconds_ms(seconds) : 0;
    }
    return wait > VERDICT_WAIT_MAX_MS ? VERDICT_WAIT_MAX_MS : wait;
}
