/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback.yaml from file to struct: the tree is read against the tables, then
 * checked as a whole, then the faults are told in the order of their lines.
 * At start, by one thread.
 */
#include "common/config.h"

#include "common/config_reader.h"
#include "common/mem.h"
#include "common/own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES_MAX ((size_t)16 * 1024 * 1024)

static int by_line(const void *a, const void *b)
{
    const struct config_fault *one = a;
    const struct config_fault *other = b;
    if (one->line != other->line) {
        return one->line < other->line ? -1 : 1;
    }
    return strcmp(one->text, other->text);
}

static void tell(struct config_reader *reader, struct buf *faults)
{
    size_t kept = reader->fault_count < CONFIG_FAULTS_MAX ? reader->fault_count : CONFIG_FAULTS_MAX;
    qsort(reader->faults, kept, sizeof(reader->faults[0]), by_line);
    for (size_t i = 0; i < kept; i++) {
        buf_add_text(faults, reader->faults[i].text);
        buf_add_char(faults, '\n');
    }
    if (reader->fault_count > kept) {
        buf_addf(faults, "%s: and %zu more faults\n", reader->name, reader->fault_count - kept);
    }
}

struct err config_parse(struct config *config, span yaml, const char *name, unsigned needed_for,
                        struct buf *faults)
{
    struct config_reader *reader = mem_must_alloc(sizeof(*reader));
    struct config_trouble trouble = {0};
    struct config_node *root = NULL;
    *config = (struct config){0};
    reader->config = config;
    reader->name = name;
    reader->needed_for = needed_for;
    arena_init(&reader->arena, ARENA_BYTES_MAX);
    if (yaml.len > CONFIG_FILE_MAX) {
        config_fault(reader, 1, "the file",
                     (struct config_wrong){.found = "more than 1 MiB",
                                           .expected = "a configuration of a few KiB",
                                           .advice = "check that this is the right file"});
    } else if (failed(config_tree_read(&reader->arena, yaml, &root, &trouble))) {
        config_fault(reader, trouble.line, config_say(reader, "column %d", trouble.column),
                     (struct config_wrong){trouble.found, trouble.expected, trouble.advice});
    } else {
        config_read(reader, root);
        config_check(reader);
    }
    bool sound = reader->fault_count == 0;
    tell(reader, faults);
    arena_close(&reader->arena);
    mem_free(reader);
    if (!sound) {
        FAIL(ERR_CONFIG, 0, "the configuration has faults");
    }
    return NO_ERROR;
}

SCOPED_FREE(close_file, FILE *, fclose)

/* Up to one byte more than may be, so that too much is seen. */
static struct err read_file(const char *path, struct buf *out)
{
    SCOPED(close_file) FILE *file = fopen(path, "re");
    if (file == NULL) {
        FAIL(ERR_CONFIG, errno, "the configuration cannot be opened");
    }
    char block[8192];
    size_t got = 0;
    while (out->len <= CONFIG_FILE_MAX && (got = fread(block, 1, sizeof(block), file)) > 0) {
        buf_add(out, span_of(block, got));
    }
    if (ferror(file) != 0) {
        FAIL(ERR_CONFIG, errno, "the configuration cannot be read");
    }
    return buf_ok(out);
}

struct err config_load(struct config *config, const char *path, unsigned needed_for,
                       struct buf *faults)
{
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX + 16384);
    struct err err = read_file(path, &text);
    if (failed(err)) {
        char reason[128] = "no memory";
        *config = (struct config){0};
        if (err.class == ERR_CONFIG && strerror_r(err.code, reason, sizeof(reason)) != 0) {
            (void)snprintf(reason, sizeof(reason), "errno %d", err.code);
        }
        buf_addf(faults,
                 "%s:1: the file: found none that can be read (%s), expected hearback.yaml; give "
                 "its path\n",
                 path, reason);
    } else {
        err = config_parse(config, buf_span(&text), path, needed_for, faults);
    }
    buf_close(&text);
    return err;
}

static void close_rows(const struct config_section *section, char *base)
{
    for (size_t i = 0; i < section->row_count; i++) {
        config_value_free(&section->rows[i], base + section->rows[i].offset);
    }
}

void config_close(struct config *config)
{
    size_t count = 0;
    const struct config_section *sections = config_sections(&count);
    for (size_t i = 0; i < count; i++) {
        if (sections[i].each == 0) {
            close_rows(&sections[i], (char *)config + sections[i].offset);
        }
    }
    for (size_t i = 0; i < config->source_count; i++) {
        close_rows(config_section_named("sources"), (char *)&config->sources[i]);
        mem_free_text(&config->sources[i].name);
        secret_close(&config->sources[i].secret);
        secret_close(&config->sources[i].old_secret);
    }
    config->source_count = 0;
    secret_close(&config->redis.password);
    secret_close(&config->jira.token);
}

uint64_t config_digest(const struct config *config)
{
    size_t count = 0;
    const struct config_section *sections = config_sections(&count);
    struct buf text;
    buf_init(&text, (size_t)256 * 1024);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; sections[i].in_digest && j < sections[i].row_count; j++) {
            const struct config_row *row = &sections[i].rows[j];
            buf_addf(&text, "%s.%s: ", sections[i].name, row->key);
            (void)config_value_print(row, (const char *)config + sections[i].offset + row->offset,
                                     &text);
            buf_add_char(&text, '\n');
        }
    }
    CHECK(!failed(buf_ok(&text)));
    uint64_t digest = span_hash(buf_span(&text));
    buf_close(&text);
    return digest;
}

struct err config_address(const char *address, char *host, size_t room, uint16_t *port)
{
    const char *colon = strrchr(address, ':');
    int64_t number = 0;
    if (colon == NULL || !span_number(span_text(colon + 1), 0, UINT16_MAX, &number) ||
        colon[1] == '-') {
        FAIL(ERR_CONFIG, 0, "the address is not host:port");
    }
    size_t len = (size_t)(colon - address);
    bool brackets = len >= 2 && address[0] == '[' && address[len - 1] == ']';
    span name = brackets ? span_of(address + 1, len - 2) : span_of(address, len);
    bool odd = !brackets && memchr(name.at, ':', name.len) != NULL;
    for (size_t i = 0; i < name.len; i++) {
        odd = odd || name.at[i] <= ' ' || name.at[i] == '[' || name.at[i] == ']' ||
              name.at[i] == '/' || name.at[i] == '@' || name.at[i] == 0x7F;
    }
    if (odd || name.len == 0 || name.len >= room) {
        FAIL(ERR_CONFIG, 0, "the host of the address is missing, too long or no host");
    }
    memcpy(host, name.at, name.len);
    host[name.len] = 0;
    *port = (uint16_t)number;
    return NO_ERROR;
}
