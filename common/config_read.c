/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks the tree against the tables: every key is either a row, whose value is
 * taken or found wrong, or unknown. What the file does not name gets its
 * default or is missed. Nothing stops at the first fault.
 */
#include "common/config_reader.h"
#include "common/own.h"

#include <stdarg.h>
#include <stdio.h>

#define FOUND_MAX 60 /* bytes of a wrong value that a fault repeats */

/* One section, or one source, that is being read. */
struct scope {
    const struct config_section *section;
    const char *source; /* its name, when the section holds named entries */
    const char *path;   /* "sources.koji" */
    char *base;         /* the struct to fill */
    int line;
};

const char *config_say(struct config_reader *reader, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is the line above */
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    span copy = arena_copy(&reader->arena, span_text(text));
    CHECK(copy.at != NULL); /* at start, and bounded by the file's size */
    return (const char *)copy.at;
}

void config_fault(struct config_reader *reader, int line, const char *path,
                  struct config_wrong wrong)
{
    if (reader->fault_count++ >= CONFIG_FAULTS_MAX) {
        return;
    }
    reader->faults[reader->fault_count - 1] = (struct config_fault){
        .line = line,
        .text = config_say(reader, "%s:%d: %s: found %s, expected %s; %s", reader->name, line, path,
                           wrong.found, wrong.expected, wrong.advice)};
}

const struct config_seen *config_seen(const struct config_reader *reader, const void *member)
{
    for (size_t i = 0; i < reader->seen_count; i++) {
        if (reader->seen[i].member == member) {
            return &reader->seen[i];
        }
    }
    return NULL;
}

static struct config_seen *note_seen(struct config_reader *reader, const void *member, int line)
{
    CHECK(reader->seen_count < CONFIG_SEEN_MAX);
    struct config_seen *seen = &reader->seen[reader->seen_count++];
    *seen = (struct config_seen){.member = member, .line = line};
    return seen;
}

/* A wrong value in words, cut, on one line; a login in it is not repeated. */
static const char *found_words(struct config_reader *reader, const struct config_row *row,
                               const struct config_node *node)
{
    if (node->kind == CONFIG_NODE_MAPPING) {
        return "a mapping";
    }
    if (node->kind == CONFIG_NODE_SEQUENCE) {
        return node->first == NULL ? "an empty list" : "a list";
    }
    if (config_node_is_null(node)) {
        return "nothing";
    }
    if (row->form != NULL && strchr((const char *)node->text.at, '@') != NULL) {
        return "a text with an @ in it";
    }
    struct buf words;
    buf_init(&words, (size_t)FOUND_MAX * 8);
    buf_add_json(&words, span_of(node->text.at, span_cut_utf8(node->text, FOUND_MAX)));
    buf_add_text(&words, node->text.len > FOUND_MAX ? "..." : "");
    span json = buf_span(&words);
    bool bare = node->plain && node->text.len <= FOUND_MAX && json.len == node->text.len + 2;
    const char *said = bare ? config_say(reader, "%s", (const char *)node->text.at)
                            : config_say(reader, "%s", buf_text(&words));
    buf_close(&words);
    return said;
}

static const char *expected_words(struct config_reader *reader, const struct config_row *row)
{
    struct buf words;
    buf_init(&words, 512);
    config_value_expected(row, &words);
    const char *said = config_say(reader, "%s", buf_text(&words));
    buf_close(&words);
    return said;
}

static const char *row_advice(struct config_reader *reader, const struct config_row *row,
                              const struct config_node *node)
{
    bool number = row->type == CONFIG_WHOLE || row->type == CONFIG_REAL;
    if (number && node->kind == CONFIG_NODE_SCALAR && !node->plain) {
        return "remove the quotes";
    }
    if (row->standard != NULL && row->standard[0] != 0) {
        return config_say(reader, "correct it, or remove the line for the default %s",
                          row->type == CONFIG_POINTERS || row->type == CONFIG_POINTER_LINE
                              ? "pointers"
                              : row->standard);
    }
    return row->example == NULL ? "correct it"
                                : config_say(reader, "write for example %s", row->example);
}

static bool is_pointer(const struct config_node *node)
{
    return node->kind == CONFIG_NODE_SCALAR && !config_node_is_null(node) &&
           config_pointer_fits(node->text);
}

/* The node to blame: of a list of pointers the first that is none. */
static const struct config_node *culprit(const struct config_row *row,
                                         const struct config_node *node)
{
    bool pointers = row->type == CONFIG_POINTERS || row->type == CONFIG_POINTER_LINE;
    const struct config_node *one = node->first;
    while (pointers && node->kind == CONFIG_NODE_SEQUENCE && one != NULL && is_pointer(one)) {
        one = one->next;
    }
    return pointers && node->kind == CONFIG_NODE_SEQUENCE && one != NULL ? one : node;
}

/* A list of pointers becomes the line of pointers that a single text may also be. */
static bool join_pointers(struct config_reader *reader, const struct config_node *node, span *line)
{
    struct buf joined;
    bool fits = true;
    buf_init(&joined, CONFIG_POINTERS_MAX * (size_t)300);
    for (const struct config_node *one = node->first; one != NULL && fits; one = one->next) {
        fits = is_pointer(one);
        buf_add_text(&joined, one == node->first ? "" : ",");
        buf_add(&joined, one->text);
    }
    const char *text = buf_text(&joined);
    *line = node->first == NULL ? SPAN_NONE : arena_copy(&reader->arena, span_text(text));
    fits = fits && !failed(buf_ok(&joined));
    buf_close(&joined);
    return fits;
}

static bool take_value(struct config_reader *reader, const struct config_row *row,
                       const struct config_node *node, void *member)
{
    bool pointers = row->type == CONFIG_POINTERS || row->type == CONFIG_POINTER_LINE;
    bool number = row->type == CONFIG_WHOLE || row->type == CONFIG_REAL;
    span text = node->text;
    if (pointers && node->kind == CONFIG_NODE_SEQUENCE) {
        return join_pointers(reader, node, &text) && config_value_read(row, text, member);
    }
    bool wrong =
        node->kind != CONFIG_NODE_SCALAR || config_node_is_null(node) || (number && !node->plain);
    return !wrong && config_value_read(row, text, member);
}

static void read_row(struct config_reader *reader, const struct scope *scope,
                     const struct config_row *row, const struct config_node *node)
{
    void *member = scope->base + row->offset;
    struct config_seen *seen = note_seen(reader, member, node->key_line);
    seen->sound = take_value(reader, row, node, member);
    if (!seen->sound) {
        node = culprit(row, node);
        config_fault(reader, node->line, config_say(reader, "%s.%s", scope->path, row->key),
                     (struct config_wrong){.found = found_words(reader, row, node),
                                           .expected = expected_words(reader, row),
                                           .advice = row_advice(reader, row, node)});
    }
}

static void unknown_key(struct config_reader *reader, const char *path, int line,
                        struct config_known *known)
{
    struct config_wrong wrong = {.found = "an unknown key", .advice = "remove it"};
    if (strcmp(known->wanted, "<<") == 0) {
        wrong.found = "a merge key";
        wrong.expected = "every row written out";
    } else if (config_known_near(known)) {
        wrong.expected = config_say(reader, "%s", known->nearest);
        wrong.advice = config_say(reader, "rename it to %s or remove it", known->nearest);
    } else {
        wrong.expected = config_say(reader, "one of %s", buf_text(&known->all));
    }
    buf_close(&known->all);
    config_fault(reader, line, path, wrong);
}

/* A key that can be printed: cut, without control characters. */
static const char *shown(struct config_reader *reader, const char *key)
{
    char word[CONFIG_KEY_MAX + 1];
    size_t len = span_cut_utf8(span_text(key), CONFIG_KEY_MAX);
    memcpy(word, key, len);
    word[len] = 0;
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)word[i] < 0x20) {
            word[i] = '?';
        }
    }
    return config_say(reader, "%s", word);
}

/* True for the second of two equal keys, which is a fault and not read. */
static bool is_repeated(struct config_reader *reader, const struct config_node *mapping,
                        const struct config_node *member, const char *path)
{
    for (const struct config_node *one = mapping->first; one != member; one = one->next) {
        if (strcmp(one->key, member->key) == 0) {
            config_fault(
                reader, member->key_line, path,
                (struct config_wrong){
                    .found = config_say(reader, "the key again, first on line %d", one->key_line),
                    .expected = "it once",
                    .advice = "remove one of the two"});
            return true;
        }
    }
    return false;
}

static bool is_mapping(struct config_reader *reader, const struct config_node *node,
                       const char *path)
{
    if (node->kind == CONFIG_NODE_MAPPING || config_node_is_null(node)) {
        return true;
    }
    config_fault(reader, node->line, path,
                 (struct config_wrong){.found = node->kind == CONFIG_NODE_SCALAR ? "a single value"
                                                                                 : "a list",
                                       .expected = "rows of the form \"key: value\"",
                                       .advice = "indent its rows below it"});
    return false;
}

static void secret_found(struct config_reader *reader, const char *path, int line,
                         const char *advice)
{
    config_fault(reader, line, path,
                 (struct config_wrong){.found = "a secret in the file",
                                       .expected = "none: the file is read by many",
                                       .advice = advice});
}

static void unknown_row(struct config_reader *reader, const struct scope *scope, const char *prefix,
                        const struct config_node *member, const char *path)
{
    if (config_secret_key(member->key)) {
        secret_found(reader, path, member->key_line,
                     config_secret_advice(reader, scope->section->name, scope->source));
        return;
    }
    struct config_known known;
    config_known_init(&known, member->key);
    for (size_t i = 0; i < scope->section->row_count; i++) {
        if (strncmp(scope->section->rows[i].key, prefix, strlen(prefix)) == 0) {
            config_known_add(&known, scope->section->rows[i].key + strlen(prefix));
        }
    }
    unknown_key(reader, path, member->key_line, &known);
}

static bool has_group(const struct config_section *section, const char *prefix)
{
    for (size_t i = 0; i < section->row_count; i++) {
        if (strncmp(section->rows[i].key, prefix, strlen(prefix)) == 0) {
            return true;
        }
    }
    return false;
}

/* Keys below `prefix`: "" for the section itself, "signature." for a group of rows, and no deeper.
 */
static void read_group(struct config_reader *reader, const struct scope *scope, const char *prefix,
                       const struct config_node *mapping)
{
    for (const struct config_node *one = mapping->first; one != NULL; one = one->next) {
        const char *path =
            config_say(reader, "%s.%s%s", scope->path, prefix, shown(reader, one->key));
        const char *key = config_say(reader, "%s%s", prefix, one->key);
        const char *group = config_say(reader, "%s.", key);
        const struct config_row *row =
            strchr(one->key, '.') == NULL ? config_row_of(scope->section, key) : NULL;
        if (is_repeated(reader, mapping, one, path)) {
            continue;
        }
        if (row != NULL) {
            read_row(reader, scope, row, one);
        } else if (prefix[0] == 0 && has_group(scope->section, group)) {
            if (is_mapping(reader, one, path)) {
                read_group(reader, scope, group, one);
            }
        } else {
            unknown_row(reader, scope, prefix, one, path);
        }
    }
}

/* Rows that were not taken get their default; what a program cannot do without is missed. */
static void fill(struct config_reader *reader, const struct scope *scope)
{
    for (size_t i = 0; i < scope->section->row_count; i++) {
        const struct config_row *row = &scope->section->rows[i];
        void *member = scope->base + row->offset;
        const struct config_seen *seen = config_seen(reader, member);
        if (seen != NULL && seen->sound) {
            continue;
        }
        if (row->standard != NULL) {
            CHECK(config_value_read(row, span_text(row->standard), member));
        } else if (seen == NULL && (row->needed_for & (reader->needed_for | CONFIG_ALWAYS)) != 0) {
            config_fault(reader, scope->line, config_say(reader, "%s.%s", scope->path, row->key),
                         (struct config_wrong){
                             .found = "nothing",
                             .expected = expected_words(reader, row),
                             .advice = config_say(
                                 reader, "add for example \"%s: %s\" below %s", row->key,
                                 row->example == NULL ? "..." : row->example, scope->path)});
        }
    }
}

static bool is_source_name(const char *name)
{
    size_t len = strlen(name);
    return len >= 1 && len <= 40 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void read_source(struct config_reader *reader, const struct config_section *section,
                        const struct config_node *node, const char *path)
{
    struct config *config = reader->config;
    struct config_source *source = &config->sources[config->source_count];
    struct config_wrong wrong = {.found = "a name that no path can have",
                                 .expected = "1 to 40 of a-z, 0-9 and -",
                                 .advice = "rename it; it is served at /hooks/<name>"};
    if (!is_source_name(node->key)) {
        config_fault(reader, node->key_line, path, wrong);
        return;
    }
    config->source_count++;
    source->line = node->key_line;
    CHECK(config_value_read(&(struct config_row){.type = CONFIG_TEXT}, span_text(node->key),
                            &source->name));
    struct scope scope = {section, source->name, path, (char *)source, node->key_line};
    if (is_mapping(reader, node, path)) {
        read_group(reader, &scope, "", node);
    }
    fill(reader, &scope);
}

static void read_sources(struct config_reader *reader, const struct config_section *section,
                         const struct config_node *mapping)
{
    for (const struct config_node *one = mapping->first; one != NULL; one = one->next) {
        const char *path = config_say(reader, "sources.%s", shown(reader, one->key));
        if (is_repeated(reader, mapping, one, path)) {
            continue;
        }
        if (reader->config->source_count == CONFIG_SOURCES_MAX) {
            config_fault(
                reader, one->key_line, path,
                (struct config_wrong){.found = "one source too many",
                                      .expected = ERR_STRING(CONFIG_SOURCES_MAX) " at most",
                                      .advice = "run a second hearback-ingest for the rest"});
            return;
        }
        read_source(reader, section, one, path);
    }
}

static void unknown_section(struct config_reader *reader, const struct config_node *member,
                            const char *path)
{
    size_t count = 0;
    const struct config_section *sections = config_sections(&count);
    if (config_secret_key(member->key)) {
        secret_found(reader, path, member->key_line, config_secret_advice(reader, "", NULL));
        return;
    }
    struct config_known known;
    config_known_init(&known, member->key);
    for (size_t i = 0; i < count; i++) {
        config_known_add(&known, sections[i].name);
    }
    unknown_key(reader, path, member->key_line, &known);
}

static void read_sections(struct config_reader *reader, const struct config_node *root)
{
    size_t count = 0;
    const struct config_section *sections = config_sections(&count);
    for (const struct config_node *one = root->first; one != NULL; one = one->next) {
        const char *path = shown(reader, one->key);
        const struct config_section *section = config_section_named(one->key);
        if (is_repeated(reader, root, one, path)) {
            continue;
        }
        if (section == NULL) {
            unknown_section(reader, one, path);
            continue;
        }
        reader->section_lines[section - sections] = one->key_line;
        if (!is_mapping(reader, one, path)) {
            continue;
        }
        if (section->each > 0) {
            reader->has_sources = one->first != NULL;
            read_sources(reader, section, one);
        } else {
            struct scope scope = {section, NULL, section->name,
                                  (char *)reader->config + section->offset, one->key_line};
            read_group(reader, &scope, "", one);
        }
    }
}

void config_read(struct config_reader *reader, const struct config_node *root)
{
    size_t count = 0;
    const struct config_section *sections = config_sections(&count);
    CHECK(count <= CONFIG_SECTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        reader->section_lines[i] = 1;
    }
    if (root != NULL && is_mapping(reader, root, "the file")) {
        read_sections(reader, root);
    }
    for (size_t i = 0; i < count; i++) {
        if (sections[i].each == 0) {
            struct scope scope = {&sections[i], NULL, sections[i].name,
                                  (char *)reader->config + sections[i].offset,
                                  reader->section_lines[i]};
            fill(reader, &scope);
        } else if (!reader->has_sources && (sections[i].needed_for & reader->needed_for) != 0) {
            config_fault(
                reader, reader->section_lines[i], sections[i].name,
                (struct config_wrong){.found = "no entry",
                                      .expected = "at least one",
                                      .advice = "add for example \"koji: {kind: koji}\" below it"});
        }
    }
}
