/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets: loaded from the environment or a file at start, wiped at the end.
 */
#include "common/secret.h"

#include "common/mem.h"
#include "common/own.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define SECRET_BYTES_MAX 8192

void secret_init(struct secret *secret, span bytes)
{
    secret->hidden = mem_must_alloc(bytes.len + 1);
    secret->hidden_len = bytes.len;
    if (bytes.len > 0) {
        memcpy(secret->hidden, bytes.at, bytes.len);
    }
}

void secret_close(struct secret *secret)
{
    if (secret->hidden != NULL) {
        OPENSSL_cleanse(secret->hidden, secret->hidden_len);
    }
    mem_free(TAKE(secret->hidden));
    secret->hidden_len = 0;
}

bool secret_is_set(const struct secret *secret)
{
    return secret->hidden_len > 0;
}

bool secret_equal(const struct secret *secret, span given)
{
    return secret_is_set(secret) && given.len == secret->hidden_len &&
           CRYPTO_memcmp(secret->hidden, given.at, given.len) == 0;
}

span secret_reveal(const struct secret *secret)
{
    return span_of(secret->hidden, secret->hidden_len);
}

SCOPED_FREE(close_file, FILE *, fclose)

static struct err load_file(struct secret *secret, const char *path)
{
    SCOPED(close_file) FILE *file = fopen(path, "re");
    if (file == NULL) {
        FAIL(ERR_CONFIG, errno, "the secret's file cannot be opened");
    }
    uint8_t bytes[SECRET_BYTES_MAX + 3]; /* with its line end, and one too many */
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    while (len > 0 && len < sizeof(bytes) && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r')) {
        len--;
    }
    struct err err = NO_ERROR;
    if (len == 0 || len > SECRET_BYTES_MAX) {
        err = (struct err){.class = ERR_CONFIG,
                           .text = "the secret's file is empty or over 8192 bytes",
                           .where = ERR_HERE};
    } else {
        secret_init(secret, span_of(bytes, len));
    }
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return err;
}

struct err secret_load(struct secret *secret, const char *name)
{
    char file_name[256];
    int len = snprintf(file_name, sizeof(file_name), "%s_FILE", name);
    if (len < 0 || (size_t)len >= sizeof(file_name)) {
        FAIL(ERR_CONFIG, 0, "the secret's name is over 250 characters");
    }
    *secret = (struct secret){0};
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): before any thread starts */
    const char *path = getenv(file_name); /* NOLINT(concurrency-mt-unsafe): the same */
    bool has_value = value != NULL && value[0] != 0;
    bool has_path = path != NULL && path[0] != 0;
    if (has_value && has_path) {
        FAIL(ERR_CONFIG, 0, "both the variable and its _FILE form are set; one is wanted");
    }
    if (has_path) {
        return load_file(secret, path);
    }
    if (has_value) {
        secret_init(secret, span_text(value));
    }
    return NO_ERROR;
}
