/* SPDX-License-Identifier: Apache-2.0
 *
 * The signature is made with the EVP_MAC interface, the code under test uses
 * another one: they can only agree by being right.
 */
#include "tests/unit/producer/kit.h"

#include "common/mem.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>

void kit_set(char **member, const char *text)
{
    mem_free_text(member);
    *member = mem_must_copy_text(text);
}

void kit_secret(struct secret *secret, const char *text)
{
    secret_close(secret);
    secret_init(secret, span_text(text));
}

void kit_source(struct config_source *source)
{
    *source = (struct config_source){.body_bytes_max = 4096};
    kit_set(&source->name, "research");
    kit_set(&source->kind, "koji");
    kit_set(&source->proof, "hmac");
    kit_set(&source->signature_header, "X-Koji-Signature");
    kit_set(&source->signature_algorithm, "sha256");
    kit_set(&source->signature_encoding, "hex");
    kit_set(&source->signature_prefix, "sha256=");
    kit_set(&source->delivery_header, "X-Koji-Delivery");
    kit_set(&source->handshake, "json");
    kit_set(&source->handshake_challenge, "/challenge");
    kit_set(&source->event_pointer, "/event,/type,/data/event");
    kit_set(&source->study_pointer, "/study_id,/project_id,/data/study_id");
    kit_secret(&source->secret, "Jefe");
}

void kit_close(struct config_source *source)
{
    char **texts[] = {&source->name,
                      &source->kind,
                      &source->proof,
                      &source->signature_header,
                      &source->signature_algorithm,
                      &source->signature_encoding,
                      &source->signature_prefix,
                      &source->delivery_header,
                      &source->handshake,
                      &source->handshake_challenge,
                      &source->event_pointer,
                      &source->study_pointer};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        mem_free_text(texts[i]);
    }
    secret_close(&source->secret);
    secret_close(&source->old_secret);
}

void kit_header(struct request *request, const char *name, const char *value)
{
    CHECK(request_add_header(request, span_text(name), span_text(value)));
}

void kit_sign(const char *secret, const char *body, char out[80])
{
    uint8_t digest[32];
    size_t len = 0;
    char hash[] = "SHA256";
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0),
                           OSSL_PARAM_construct_end()};
    CHECK(EVP_MAC_init(context, (const uint8_t *)secret, strlen(secret), params) == 1);
    CHECK(EVP_MAC_update(context, (const uint8_t *)body, strlen(body)) == 1);
    CHECK(EVP_MAC_final(context, digest, &len, sizeof(digest)) == 1 && len == sizeof(digest));
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    memcpy(out, "sha256=", 7);
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(out + 7 + 2 * i, 3, "%02x", digest[i]);
    }
}
