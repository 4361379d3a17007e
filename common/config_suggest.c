/* SPDX-License-Identifier: Apache-2.0
 *
 * What an unknown key was probably meant to be: the known one with the fewest
 * letters between. Pure.
 */
#include "common/config_reader.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to change, add or remove; far beyond any use when a key is very long. */
static size_t distance(const char *a, const char *b)
{
    size_t row[CONFIG_KEY_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    if (a_len > CONFIG_KEY_MAX || b_len > CONFIG_KEY_MAX) {
        return CONFIG_KEY_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            size_t change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = smaller(change, smaller(above, row[j - 1]) + 1);
            corner = above;
        }
    }
    return row[b_len];
}

void config_known_init(struct config_known *known, const char *wanted)
{
    *known = (struct config_known){.wanted = wanted, .nearest_distance = CONFIG_KEY_MAX};
    buf_init(&known->all, 2048);
}

void config_known_add(struct config_known *known, const char *key)
{
    char word[CONFIG_KEY_MAX + 1];
    size_t len = smaller(strcspn(key, "."), CONFIG_KEY_MAX);
    memcpy(word, key, len);
    word[len] = 0;
    if (strcmp(word, known->last) == 0) {
        return;
    }
    memcpy(known->last, word, len + 1);
    buf_add_text(&known->all, known->all.len == 0 ? "" : ", ");
    buf_add_text(&known->all, word);
    size_t found = distance(known->wanted, word);
    if (found < known->nearest_distance) {
        known->nearest_distance = found;
        memcpy(known->nearest, word, len + 1);
    }
}

bool config_known_near(const struct config_known *known)
{
    size_t shorter = smaller(strlen(known->wanted), strlen(known->nearest));
    return known->nearest_distance <= smaller(shorter / 3 + 1, 3);
}
