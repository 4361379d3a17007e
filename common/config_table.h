/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of hearback.yaml, for the config_*.c files only. One row is one
 * setting: from it come parsing, range checks, the printed configuration, the
 * JSON Schema and the Markdown table. Defaults and bounds are written as they
 * would stand in the file, so that there is one reader for all of them.
 */
#ifndef HEARBACK_COMMON_CONFIG_TABLE_H
#define HEARBACK_COMMON_CONFIG_TABLE_H

#include "common/config.h"

#define CONFIG_TEXT_MAX  1024   /* bytes of a text */
#define CONFIG_ROWS_MAX  32     /* of one section */
#define CONFIG_KEY_MAX   64     /* bytes of a row's key */
#define CONFIG_ALWAYS    0x100u /* in needed_for: every program needs it where its section stands */
#define CONFIG_BODY_ROOM (INT64_C(64) * 1024) /* what a record holds beyond the body */

enum config_type {
    CONFIG_TEXT,         /* char * */
    CONFIG_CHOICE,       /* char *, one word of `choices` */
    CONFIG_WHOLE,        /* int64_t */
    CONFIG_REAL,         /* double */
    CONFIG_SIZE,         /* int64_t, bytes; written 1MiB */
    CONFIG_DURATION,     /* int64_t, milliseconds; written 500ms */
    CONFIG_POINTERS,     /* struct config_pointers */
    CONFIG_POINTER_LINE, /* char *, JSON pointers with commas between */
};

/* The shape that some texts must have. */
struct config_form {
    const char *expected;
    const char *pattern; /* the same as a regular expression, for the schema */
    bool (*fits)(const char *text);
};

struct config_row {
    const char *key; /* "signature.header" stands one level down */
    enum config_type type;
    unsigned needed_for;  /* programs that do not start without */
    size_t offset;        /* of the member, in the section's struct */
    const char *standard; /* the default; NULL: none */
    const char *min;      /* of numbers; of pointers: how many; "0" of a text: may be empty */
    const char *max;
    const char *choices; /* words with blanks between */
    const struct config_form *form;
    const char *help;
    const char *example;
};

struct config_section {
    const char *name;
    const char *help;
    size_t offset; /* in struct config */
    size_t each;   /* bytes of one entry when the section is a map of named entries, else 0 */
    bool in_digest;
    unsigned needed_for;
    const struct config_row *rows;
    size_t row_count;
};

/* A secret stands in the environment; of sources under HEARBACK_SOURCE_<NAME>_<variable>. */
struct config_secret {
    const char *section;
    const char *variable;
    size_t offset; /* in the section's struct */
    unsigned loaded_for;
    unsigned needed_for;
    const char *help;
};

const struct config_section *config_sections(size_t *count);
const struct config_section *config_section_named(const char *name);
const struct config_secret *config_secrets(size_t *count);
/* NULL when the section has none of that key. */
const struct config_row *config_row_of(const struct config_section *section, const char *key);
/* The name of the variable that holds a secret of `source` (NULL: not of a source). */
void config_variable(const struct config_secret *secret, const char *source, struct buf *out);

/* What a row's member holds: config_value.c reads it, config_words.c writes it. */

/* True when `text` is a value of the row; the member then holds it, and frees what it held. */
bool config_value_read(const struct config_row *row, span text, void *member);
void config_value_free(const struct config_row *row, void *member);
/* As it stands in YAML. False, and nothing, when the member holds nothing. */
bool config_value_print(const struct config_row *row, const void *member, struct buf *out);
/* "a duration such as 30s, from 1s to 1h" */
void config_value_expected(const struct config_row *row, struct buf *out);
const char *config_type_name(enum config_type type);
/* "…/data/id,/id" cut at the first comma; false at the end. */
bool config_next_pointer(span *rest, span *pointer);
bool config_pointer_fits(span pointer);
/* What Kafka takes as the name of a member of a group; "" fits. And the name of a variable. */
bool config_instance_fits(const char *text);
bool config_variable_fits(const char *text);
struct config_unit {
    const char *name;
    int64_t is;
};
/* The units of a size or a duration, the largest first, a NULL name last. */
const struct config_unit *config_units(enum config_type type);
/* The number that a row of type whole, size or duration writes as `text`. */
bool config_number(enum config_type type, span text, int64_t *out);
/* A text as one YAML scalar, quoted where it must be. */
void config_print_text(span text, struct buf *out);

#endif
