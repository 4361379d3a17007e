/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the door without its network: request_*, visit_head, visit_piece,
 * visit_judge, verify_request, route_record and the koji source (producer/).
 * Pieces: settings, method, path, headers a line each, query, body. A header
 * value of "*" stands for the right signature. Whatever comes in, nothing is
 * published without proof where proof is asked for, and every answer is whole.
 */
#include "common/own.h"
#include "producer/visit.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/producer/kit.h"

#include <openssl/evp.h>
#include <stdio.h>

#define SECRET    "Jefe" /* as kit_source has it */
#define OLD       "Old"
#define TEXT_MAX  256
#define HASH_MAX  EVP_MAX_MD_SIZE
#define WORDS_MAX (2 * HASH_MAX + 1)

struct settings {
    const char *proof;
    const char *handshake;
    const char *algorithm;
    const char *encoding;
};

static struct settings read_settings(uint8_t bits)
{
    static const char *const handshakes[] = {"json", "text", "off", "json"};
    static const char *const algorithms[] = {"sha256", "sha512", "sha1", "sha256"};
    return (struct settings){.proof = (bits & 1) != 0 ? "none" : "hmac",
                             .handshake = handshakes[(bits >> 1) & 3],
                             .algorithm = algorithms[(bits >> 3) & 3],
                             .encoding = (bits & 32) != 0 ? "base64" : "hex"};
}

/* The signature, by another interface than the one under test. */
static void sign(const struct settings *settings, const char *secret, span body,
                 char out[WORDS_MAX])
{
    uint8_t hash[HASH_MAX];
    size_t len = 0;
    CHECK(EVP_Q_mac(NULL, "HMAC", NULL, settings->algorithm, NULL, secret, strlen(secret),
                    body.len == 0 ? (const uint8_t *)"" : body.at, body.len, hash, sizeof(hash),
                    &len) != NULL);
    if (strcmp(settings->encoding, "base64") == 0) {
        (void)EVP_EncodeBlock((uint8_t *)out, hash, (int)len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
}

static bool is_signature(const struct settings *settings, span given, span body)
{
    static const char *const secrets[] = {SECRET, OLD};
    span bare = span_starts(given, "sha256=") ? span_of(given.at + 7, given.len - 7) : given;
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        char right[WORDS_MAX] = "";
        sign(settings, secrets[i], body, right);
        bool hex = strcmp(settings->encoding, "hex") == 0;
        if (hex ? span_is_nocase(bare, right) : span_is(bare, right)) {
            return true;
        }
    }
    return false;
}

/* As the code under test does not: all signature headers, each of them right. */
static bool is_proven(const struct settings *settings, const struct request *request, span body)
{
    size_t found = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (span_is_nocase(request->headers[i].name, "x-koji-signature")) {
            if (!is_signature(settings, span_trim(request->headers[i].value), body)) {
                return false;
            }
            found++;
        }
    }
    return found > 0;
}

static void add_pairs(struct request *request, span headers, span query, const char *right)
{
    bool room = true;
    while (headers.len > 0 && room) {
        span line = fuzz_until(&headers, '\n');
        span name = fuzz_until(&line, ':');
        room = request_add_header(request, name,
                                  span_is(span_trim(line), "*") ? span_text(right) : line);
    }
    room = true;
    while (query.len > 0 && room) {
        span pair = fuzz_until(&query, '&');
        span name = fuzz_until(&pair, '=');
        room = request_add_query(request, name, pair);
    }
}

static void check_answer(const struct answer *answer)
{
    CHECK(answer->status == 200 || (answer->status >= 400 && answer->status < 600));
    CHECK(answer->status != 410); /* the sender would unsubscribe */
    CHECK((answer->refusal == REFUSAL_NONE) == (answer->status == 200));
    CHECK((answer->allow != NULL) == (answer->status == 405));
    fuzz_touch(answer->body);
    if (strcmp(answer->content_type, "application/json") == 0) {
        SCOPED(json_free) struct json_object *tree = NULL;
        CHECK(!failed(json_parse(answer->body, &tree)) && tree != NULL);
    }
}

static void check_record(const struct record *record, span body)
{
    SCOPED(json_free) struct json_object *tree = NULL;
    CHECK(span_equal(record->value, body));
    CHECK(!failed(json_parse(body, &tree)));
    CHECK(record->key.len > 0 && record->key.len <= ROUTE_KEY_MAX);
    fuzz_touch(record->key);
    CHECK(request_printable(span_text(record->id), ROUTE_ID_MAX));
    CHECK(request_printable(span_text(record->type), ROUTE_TYPE_MAX));
    CHECK(span_starts(span_text(record->type), "koji."));
    CHECK(request_printable(record->content_type, ROUTE_TYPE_MAX));
    CHECK(strlen(record->traceparent) == ROUTE_TRACEPARENT_LEN);
    CHECK(strcmp(record->source, "/hooks/research") == 0);
}

static void judge(struct visit *visit, const struct settings *settings, span body)
{
    const struct route_arrival arrival = {.wall_ms = 1};
    struct answer answer = {0};
    span rest = body;
    while (rest.len > 0) {
        size_t step = rest.len < 1000 ? rest.len : 1000;
        CHECK(visit_piece(visit, span_of(rest.at, step)));
        rest = span_of(rest.at + step, rest.len - step);
    }
    if (visit_judge(visit, &arrival, &answer)) {
        CHECK(visit->request.method == REQUEST_POST);
        CHECK(strcmp(settings->proof, "none") == 0 || is_proven(settings, &visit->request, body));
        check_record(&visit->record, body);
        visit_accept(visit, &answer);
    }
    check_answer(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = span_of(data, size);
    span first = fuzz_piece(&rest);
    struct settings settings = read_settings(fuzz_byte(&first));
    char method[TEXT_MAX];
    char path[TEXT_MAX];
    char right[WORDS_MAX] = "";
    struct config config = {.source_count = 1};
    struct visit visit;
    struct answer answer;
    span_to_text(fuzz_piece(&rest), method, sizeof(method));
    span_to_text(fuzz_piece(&rest), path, sizeof(path));
    span headers = fuzz_piece(&rest);
    span query = fuzz_piece(&rest);
    kit_source(&config.sources[0]);
    kit_set(&config.sources[0].proof, settings.proof);
    kit_set(&config.sources[0].handshake, settings.handshake);
    kit_set(&config.sources[0].signature_algorithm, settings.algorithm);
    kit_set(&config.sources[0].signature_encoding, settings.encoding);
    kit_secret(&config.sources[0].old_secret, OLD);
    sign(&settings, (first.len > 0 && first.at[0] == 'o') ? OLD : SECRET, rest, right);
    visit_init(&visit);
    add_pairs(&visit.request, headers, query, right);
    enum refusal refusal = visit_head(&visit, &config, method, path);
    if (refusal != REFUSAL_NONE) {
        visit_refuse(&visit, refusal, NULL, &answer);
        check_answer(&answer);
    } else {
        judge(&visit, &settings, rest);
    }
    visit_close(&visit);
    kit_close(&config.sources[0]);
    return 0;
}
