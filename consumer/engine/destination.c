/* SPDX-License-Identifier: Apache-2.0
 *
 * What calls need before and after curl: destinations opened once, transfers
 * made empty and emptied. Apart from calls.c, so that a model of the network can
 * take that file's place and leave this one.
 */
#include "consumer/engine/calls.h"

#include "common/err.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define TRANSFER_HEADER_BYTES (16384 + CALLS_HEADERS_MAX * sizeof(struct reply_header))

void transfer_init(struct transfer *transfer, int64_t reply_bytes_max)
{
    *transfer = (struct transfer){0};
    buf_init(&transfer->reply_body, (size_t)reply_bytes_max);
    arena_init(&transfer->arena, TRANSFER_HEADER_BYTES);
}

void transfer_close(struct transfer *transfer)
{
    buf_close(&transfer->reply_body);
    arena_close(&transfer->arena);
    transfer->headers = NULL;
    transfer->header_count = 0;
}

void transfer_add_header(struct transfer *transfer, span name, span value)
{
    if (transfer->headers == NULL) {
        transfer->headers =
            arena_alloc(&transfer->arena, CALLS_HEADERS_MAX * sizeof(*transfer->headers));
    }
    if (transfer->headers != NULL && transfer->header_count < CALLS_HEADERS_MAX) {
        transfer->headers[transfer->header_count++] =
            (struct reply_header){.name = name, .value = value};
    }
}

static void make_salt(struct destination *to)
{
    unsigned int len = 0;
    struct buf text;
    buf_init(&text, 32768);
    buf_add_text(&text, to->settings.base_url);
    buf_add_char(&text, '\n');
    buf_add(&text, secret_reveal(&to->settings.authorization));
    CHECK(!text.broken); /* both were bounded when they were read */
    CHECK(EVP_Digest(text.at, text.len, to->salt, &len, EVP_sha256(), NULL) == 1);
    CHECK(len == BUDGET_SALT_BYTES);
    OPENSSL_cleanse(text.at, text.len);
    buf_close(&text);
}

struct err destination_open(struct destination *to, const struct destination_kind *kind,
                            const struct config *config)
{
    *to = (struct destination){.kind = kind, .calls_max = config->worker.calls_max};
    breaker_init(&to->breaker, &config->breaker);
    TRY(kind->open(config, &to->settings));
    make_salt(to);
    struct buf line;
    buf_init(&line, 16384);
    buf_add_text(&line, "Authorization: ");
    buf_add(&line, secret_reveal(&to->settings.authorization));
    to->headers = curl_slist_append(NULL, buf_text(&line));
    OPENSSL_cleanse(line.at, line.len);
    buf_close(&line);
    static const char *const fixed[] = {"Content-Type: application/json",
                                        "Accept: application/json", "Expect:"};
    for (size_t i = 0; to->headers != NULL && i < COUNT_OF(fixed); i++) {
        (void)curl_slist_append(to->headers, fixed[i]);
    }
    if (to->headers == NULL) {
        FAIL(ERR_FATAL, 0, "no memory for a destination's headers");
    }
    return NO_ERROR;
}

void destination_close(struct destination *to)
{
    for (struct curl_slist *line = to->headers; line != NULL; line = line->next) {
        OPENSSL_cleanse(line->data, strlen(line->data));
    }
    curl_slist_free_all(TAKE(to->headers));
    secret_close(&to->settings.authorization);
}
