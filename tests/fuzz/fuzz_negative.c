/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes nothing of ours: a planted overflow behind a magic word. The fuzzer
 * must find it within seconds and the replayer must fail on it, or neither
 * would see a real one. Only two bytes too many are written, the first of them
 * over a guard that is looked at, for builds without sanitizer.
 */
#include "common/own.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

struct planted {
    uint8_t room[8];
    uint8_t guard;
};

static void overflow(struct planted *planted)
{
    volatile uint8_t *at = (uint8_t *)planted;
    for (size_t i = 0; i < sizeof(planted->room) + 2; i++) {
        at[i] = 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char magic[] = "HEARD";
    struct planted *planted = calloc(1, sizeof(*planted));
    CHECK(planted != NULL);
    size_t same = 0;
    while (same < size && same < sizeof(magic) - 1 && data[same] == (uint8_t)magic[same]) {
        same++;
    }
    switch (same) { /* a branch a letter, for the fuzzer to see that it gets closer */
    case 1:
        planted->room[0] = 1;
        break;
    case 2:
        planted->room[1] = 1;
        break;
    case 3:
        planted->room[2] = 1;
        break;
    case 4:
        planted->room[3] = 1;
        break;
    case 5:
        overflow(planted);
        break;
    default:
        break;
    }
    CHECK(planted->guard == 0);
    free(planted);
    return 0;
}
