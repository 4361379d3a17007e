/* SPDX-License-Identifier: Apache-2.0
 *
 * One reading of hearback.yaml, for the config_*.c files only: what is being
 * filled, which rows the file named and where, and the faults found so far.
 * Lives for the length of config_parse.
 */
#ifndef HEARBACK_COMMON_CONFIG_READER_H
#define HEARBACK_COMMON_CONFIG_READER_H

#include "common/config_table.h"
#include "common/config_tree.h"

#define CONFIG_FAULTS_MAX   200 /* said in full; more are counted */
#define CONFIG_SECTIONS_MAX 16
#define CONFIG_SEEN_MAX     ((size_t)CONFIG_ROWS_MAX * (CONFIG_SOURCES_MAX + CONFIG_SECTIONS_MAX))

struct config_fault {
    int line;
    const char *text;
};

struct config_seen {
    const void *member;
    int line;
    bool sound; /* its value was taken */
};

struct config_reader {
    struct config *config;
    const char *name; /* of the file */
    unsigned needed_for;
    struct arena arena;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    size_t fault_count; /* all of them, also those not kept */
    struct config_seen seen[CONFIG_SEEN_MAX];
    size_t seen_count;
    int section_lines[CONFIG_SECTIONS_MAX];
    bool has_sources; /* the file names one, be it a wrong one */
};

/* What is wrong with one row. */
struct config_wrong {
    const char *found;
    const char *expected;
    const char *advice;
};

/* Rows from the tree, defaults, and what is missing: config_read.c. */
void config_read(struct config_reader *reader, const struct config_node *root);
void config_fault(struct config_reader *reader, int line, const char *path,
                  struct config_wrong wrong);
/* A text in the reader's arena, never NULL. */
const char *config_say(struct config_reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);
/* The row that fills `member`, NULL when the file does not name it. */
const struct config_seen *config_seen(const struct config_reader *reader, const void *member);

/* The keys that may stand at one level, collected to name the nearest or all of them. */
struct config_known {
    const char *wanted;
    char nearest[CONFIG_KEY_MAX + 1];
    size_t nearest_distance;
    char last[CONFIG_KEY_MAX + 1];
    struct buf all; /* "address, timeout"; the caller closes it */
};

/* config_suggest.c. Of "signature.header" the first word counts; the same word in a row once. */
void config_known_init(struct config_known *known, const char *wanted);
void config_known_add(struct config_known *known, const char *key);
bool config_known_near(const struct config_known *known);

/* Secrets, and what must fit together: config_check.c. */
void config_check(struct config_reader *reader);
/* kafka.instance_id: the variable that it names is looked up. config_instance.c. */
void config_check_instance(struct config_reader *reader);
/* A key that looks as if a secret stood behind it. */
bool config_secret_key(const char *key);
/* How to hand in the secret that was found in `section` (of `source`, or NULL). */
const char *config_secret_advice(struct config_reader *reader, const char *section,
                                 const char *source);

#endif
