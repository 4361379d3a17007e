/* SPDX-License-Identifier: Apache-2.0
 *
 * The proof. Pure: spans in, a verdict out; no byte of the body is believed
 * before it. An algorithm, an encoding or a secret that is not usable proves
 * nothing: the answer is then BAD, never GOOD. Any thread.
 */
#include "producer/verify.h"

#include "common/own.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* Base64 of the longest digest, and a NUL. */
#define ENCODED_MAX ((EVP_MAX_MD_SIZE + 2) / 3 * 4 + 1)

static const EVP_MD *algorithm(const char *name)
{
    static const struct {
        const char *name;
        const EVP_MD *(*md)(void);
    } algorithms[] = {{"sha256", EVP_sha256}, {"sha512", EVP_sha512}, {"sha1", EVP_sha1}};
    for (size_t i = 0; i < COUNT_OF(algorithms); i++) {
        if (strcmp(name, algorithms[i].name) == 0) {
            return algorithms[i].md();
        }
    }
    return NULL;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex_fits(span digest, span given)
{
    uint8_t decoded[EVP_MAX_MD_SIZE];
    if (given.len != 2 * digest.len) {
        return false;
    }
    for (size_t i = 0; i < digest.len; i++) {
        int high = hex_digit(given.at[2 * i]);
        int low = hex_digit(given.at[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        decoded[i] = (uint8_t)(high * 16 + low);
    }
    return CRYPTO_memcmp(decoded, digest.at, digest.len) == 0;
}

/* Ours is encoded rather than theirs decoded: only the one canonical form fits. */
static bool base64_fits(span digest, span given)
{
    uint8_t encoded[ENCODED_MAX];
    int len = EVP_EncodeBlock(encoded, digest.at, (int)digest.len);
    return len > 0 && given.len == (size_t)len && CRYPTO_memcmp(encoded, given.at, given.len) == 0;
}

static bool secret_fits(const struct config_source *source, const struct secret *secret, span body,
                        span given)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const EVP_MD *md = algorithm(source->signature_algorithm);
    span key = secret_reveal(secret);
    if (md == NULL || !secret_is_set(secret) || key.len > INT_MAX) {
        return false;
    }
    static const uint8_t nothing[1] = {0};
    if (HMAC(md, key.at, (int)key.len, body.len == 0 ? nothing : body.at, body.len, digest, &len) ==
        NULL) {
        return false;
    }
    span whole = span_of(digest, len);
    bool fits = strcmp(source->signature_encoding, "base64") == 0 ? base64_fits(whole, given)
                : strcmp(source->signature_encoding, "hex") == 0  ? hex_fits(whole, given)
                                                                  : false;
    OPENSSL_cleanse(digest, sizeof(digest));
    return fits;
}

bool verify_signature(const struct config_source *source, span body, span given)
{
    size_t prefix = strlen(source->signature_prefix);
    if (prefix > 0 && span_starts(given, source->signature_prefix)) {
        given = span_of(given.at + prefix, given.len - prefix);
    }
    bool by_new = secret_fits(source, &source->secret, body, given);
    bool by_old = secret_fits(source, &source->old_secret, body, given);
    return by_new || by_old;
}

enum verify_result verify_request(const struct config_source *source, const struct request *request)
{
    span given = SPAN_NONE;
    if (strcmp(source->proof, "none") == 0) {
        return VERIFY_GOOD;
    }
    if (strcmp(source->proof, "hmac") != 0) {
        return VERIFY_BAD;
    }
    switch (request_header(request, source->signature_header, &given)) {
    case REQUEST_NONE:
        return VERIFY_UNSIGNED;
    case REQUEST_UNLIKE:
        return VERIFY_BAD;
    case REQUEST_ONE:
        break;
    }
    return verify_signature(source, request->body, given) ? VERIFY_GOOD : VERIFY_BAD;
}
