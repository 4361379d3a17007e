/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripts compiled in are those of the folder, byte by byte, each behind the
 * prelude, and go by the name that Redis gives them: SHA-1, computed here by hand.
 * None writes but through the prelude, which knows of dry runs.
 */
#include "consumer/scripts.h"

#include "tests/unit/consumer/kit.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#define FOLDER   HEARBACK_SOURCE_DIR "/consumer/scripts"
#define FILE_MAX 65536
#define PRELUDE  "prelude.lua"

/* ---- SHA-1, as RFC 3174 writes it --------------------------------------------------------- */

static uint32_t rotate(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static void sha1_block(uint32_t h[5], const uint8_t block[64])
{
    static const uint32_t k[] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
    uint32_t w[80];
    for (size_t t = 0; t < 16; t++) {
        const uint8_t *at = block + t * 4;
        w[t] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (size_t t = 16; t < 80; t++) {
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    }
    uint32_t a = h[0];
    uint32_t b = h[1];
    uint32_t c = h[2];
    uint32_t d = h[3];
    uint32_t e = h[4];
    for (size_t t = 0; t < 80; t++) {
        uint32_t f = t < 20   ? (b & c) | (~b & d)
                     : t < 40 ? b ^ c ^ d
                     : t < 60 ? (b & c) | (b & d) | (c & d)
                              : b ^ c ^ d;
        uint32_t next = rotate(a, 5) + f + e + w[t] + k[t / 20];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

static void sha1(span text, char out[41])
{
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t block[64] = {0};
    size_t at = 0;
    for (; text.len - at >= 64; at += 64) {
        sha1_block(h, text.at + at);
    }
    size_t left = text.len - at;
    memcpy(block, text.at + at, left);
    block[left] = 0x80;
    if (left >= 56) {
        sha1_block(h, block);
        memset(block, 0, sizeof(block));
    }
    uint64_t bits = (uint64_t)text.len * 8;
    for (size_t i = 0; i < 8; i++) {
        block[63 - i] = (uint8_t)(bits >> (8 * i));
    }
    sha1_block(h, block);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(out + i * 8, 9, "%08" PRIx32, h[i]);
    }
}

static void the_hand_is_right(void **state)
{
    (void)state;
    char out[41];
    sha1(span_text("abc"), out); /* RFC 3174, section 7.3 */
    assert_string_equal(out, "a9993e364706816aba3e25717850c26c9cd0d89d");
    sha1(span_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), out);
    assert_string_equal(out, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    sha1(span_of("", 0), out);
    assert_string_equal(out, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

/* ---- the scripts -------------------------------------------------------------------------- */

static int start(void **state)
{
    (void)state;
    scripts_init();
    return 0;
}

static const struct script *find(span name)
{
    for (struct script *const *at = scripts_all; *at != NULL; at++) {
        if (span_is(name, (*at)->name)) {
            return *at;
        }
    }
    return NULL;
}

static size_t count_all(void)
{
    size_t count = 0;
    while (scripts_all[count] != NULL) {
        count++;
    }
    return count;
}

static void each_is_named_by_its_digest(void **state)
{
    (void)state;
    for (struct script *const *at = scripts_all; *at != NULL; at++) {
        char expected[41];
        sha1(span_text((*at)->text), expected);
        assert_string_equal((*at)->sha, expected);
        assert_ptr_equal(find(span_text((*at)->name)), *at); /* no name stands twice */
        for (struct script *const *other = at + 1; *other != NULL; other++) {
            assert_string_not_equal((*at)->sha, (*other)->sha);
        }
    }
}

static size_t read_script(const char *name, char *out, size_t room)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), FOLDER "/%s", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(out, 1, room, file);
    (void)fclose(file);
    assert_true(len > 0 && len < room);
    return len;
}

/* Lines of comment are compiled in as empty ones. */
static size_t drop_comments(char *text, size_t len)
{
    size_t kept = 0;
    for (size_t at = 0; at < len;) {
        size_t end = at;
        while (end < len && text[end] != '\n') {
            end++;
        }
        size_t word = at;
        while (word < end && text[word] == ' ') {
            word++;
        }
        bool comment = word + 1 < end && text[word] == '-' && text[word + 1] == '-';
        size_t bytes = comment ? 0 : end - at;
        memmove(text + kept, text + at, bytes);
        kept += bytes;
        if (end < len) {
            text[kept++] = '\n';
        }
        at = end + 1;
    }
    return kept;
}

static void each_file_is_compiled_in(void **state)
{
    (void)state;
    static char text[FILE_MAX];
    size_t files = 0;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        span name = span_text(entry->d_name);
        if (name.len < 5 || !span_is(span_of(name.at + name.len - 4, 4), ".lua") ||
            span_is(name, PRELUDE)) {
            continue;
        }
        const struct script *script = find(span_of(name.at, name.len - 4));
        if (script == NULL) {
            fail_msg("%s is not in scripts_all", entry->d_name);
            break; /* not reached */
        }
        size_t head = read_script(PRELUDE, text, sizeof(text));
        size_t len = head + read_script(entry->d_name, text + head, sizeof(text) - head);
        len = drop_comments(text, len);
        if (!span_equal(span_of(text, len), span_text(script->text))) {
            fail_msg("%s is compiled in otherwise", entry->d_name);
        }
        files++;
    }
    (void)closedir(folder);
    assert_int_equal(files, count_all()); /* and no script without a file */
}

/* Redis Cluster and the replay of the changelog rest on these (scripts.h). */
static void none_reads_a_clock_or_draws(void **state)
{
    (void)state;
    static const char *const banned[] = {"'TIME'",    "\"TIME\"", "math.random",
                                         "RANDOMKEY", "'KEYS'",   "'SCAN'"};
    for (struct script *const *at = scripts_all; *at != NULL; at++) {
        for (size_t i = 0; i < COUNT_OF(banned); i++) {
            if (strstr((*at)->text, banned[i]) != NULL) {
                fail_msg("%s has %s", (*at)->name, banned[i]);
            }
        }
    }
}

/* A command of Redis that is called by its name is one that reads; all others go through the
 * prelude's write, which is the one place that calls what it is given. */
static void none_writes_but_through_the_prelude(void **state)
{
    (void)state;
    static const char *const reads[] = {
        "'GET'",           "'HGET'",  "'HMGET'",  "'HGETALL'", "'HEXISTS'", "'HLEN'", "'GETRANGE'",
        "'ZRANGEBYSCORE'", "'ZCARD'", "'ZSCORE'", "'ZCOUNT'",  "'EXISTS'",  "..."};
    for (struct script *const *at = scripts_all; *at != NULL; at++) {
        static const char call[] = "redis.call(";
        size_t given = 0;
        assert_null(strstr((*at)->text, "pcall"));
        for (const char *found = strstr((*at)->text, call); found != NULL;
             found = strstr(found, call)) {
            bool harmless = false;
            found += sizeof(call) - 1;
            for (size_t i = 0; i < COUNT_OF(reads); i++) {
                harmless = harmless || strncmp(found, reads[i], strlen(reads[i])) == 0;
            }
            given += strncmp(found, "...", 3) == 0;
            if (!harmless) {
                fail_msg("%s calls %.20s", (*at)->name, found);
            }
        }
        assert_int_equal(given, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hand_is_right),
        cmocka_unit_test(each_is_named_by_its_digest),
        cmocka_unit_test(each_file_is_compiled_in),
        cmocka_unit_test(none_reads_a_clock_or_draws),
        cmocka_unit_test(none_writes_but_through_the_prelude),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
