/* SPDX-License-Identifier: Apache-2.0
 *
 * Random bytes from OpenSSL's generator. Any thread.
 */
#include "common/random.h"

#include "common/err.h"

#include <openssl/rand.h>

void random_fill(void *out, size_t bytes)
{
    CHECK(bytes <= 4096 && RAND_bytes(out, (int)bytes) == 1);
}
