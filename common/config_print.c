/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as a file that reads back as the same configuration, and
 * the Markdown table of all rows. Secrets are comments with three stars.
 */
#include "common/config_table.h"

#include <stdio.h>

/* "signature.header": the group is "signature", the name "header". */
static size_t group_len(const char *key)
{
    const char *dot = strchr(key, '.');
    return dot == NULL ? 0 : (size_t)(dot - key);
}

static void indent(struct buf *out, int levels)
{
    buf_addf(out, "%*s", levels * 2, "");
}

static void print_rows(const struct config_section *section, const char *base, int level,
                       struct buf *out)
{
    const char *last = "";
    for (size_t i = 0; i < section->row_count; i++) {
        const struct config_row *row = &section->rows[i];
        size_t group = group_len(row->key);
        bool same = group == group_len(last) && strncmp(row->key, last, group) == 0;
        if (group > 0 && !same) {
            indent(out, level);
            buf_addf(out, "%.*s:\n", (int)group, row->key);
        }
        last = row->key;
        struct buf value;
        buf_init(&value, 16384);
        bool is_set = config_value_print(row, base + row->offset, &value);
        CHECK(!failed(buf_ok(&value)));
        indent(out, level + (group > 0 ? 1 : 0));
        const char *name = row->key + (group > 0 ? group + 1 : 0);
        if (is_set) {
            buf_addf(out, "%s: %s\n", name, buf_text(&value));
        } else {
            buf_addf(out, "# %s: not set\n", name);
        }
        buf_close(&value);
    }
}

static void print_secrets(const struct config_section *section, const char *source,
                          const char *base, struct buf *out)
{
    size_t count = 0;
    const struct config_secret *secrets = config_secrets(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(secrets[i].section, section->name) != 0) {
            continue;
        }
        const struct secret *secret = (const void *)(base + secrets[i].offset);
        indent(out, source == NULL ? 1 : 2);
        buf_add_text(out, "# ");
        config_variable(&secrets[i], source, out);
        buf_add_text(out, secret_is_set(secret) ? ": ***\n" : ": not set\n");
    }
}

void config_print(const struct config *config, struct buf *out)
{
    size_t count = 0;
    const struct config_section *sections = config_sections(&count);
    for (size_t i = 0; i < count; i++) {
        const struct config_section *section = &sections[i];
        const char *base = (const char *)config + section->offset;
        buf_addf(out, "%s:\n", section->name);
        if (section->each == 0) {
            print_rows(section, base, 1, out);
            print_secrets(section, NULL, base, out);
            continue;
        }
        for (size_t j = 0; j < config->source_count; j++) {
            indent(out, 1);
            config_print_text(span_text(config->sources[j].name), out);
            buf_add_text(out, ":\n");
            print_rows(section, base + j * section->each, 2, out);
            print_secrets(section, config->sources[j].name, base + j * section->each, out);
        }
    }
}

/* A bar would end the table's cell. */
static void add_cell(struct buf *out, const char *text)
{
    for (; *text != 0; text++) {
        buf_add_text(out, *text == '|' ? "\\" : "");
        buf_add_char(out, *text);
    }
}

static void add_range(const struct config_row *row, struct buf *out)
{
    if (row->type == CONFIG_CHOICE) {
        add_cell(out, row->choices);
    } else if (row->max != NULL) {
        buf_addf(out, "%s to %s", row->min, row->max);
    } else if (row->form != NULL) {
        add_cell(out, row->form->expected);
    }
}

static void add_needed(unsigned needed_for, struct buf *out)
{
    if ((needed_for & CONFIG_ALWAYS) != 0) {
        buf_add_text(out, "always");
        return;
    }
    static const struct {
        unsigned bit;
        const char *name;
    } programs[] = {{CONFIG_FOR_INGEST, "ingest"},
                    {CONFIG_FOR_WORKER, "worker"},
                    {CONFIG_FOR_CONSOLE, "console"}};
    bool first = true;
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        if ((needed_for & programs[i].bit) != 0) {
            buf_addf(out, "%s%s", first ? "" : ", ", programs[i].name);
            first = false;
        }
    }
}

static void add_row(const struct config_section *section, const struct config_row *row,
                    struct buf *out)
{
    bool pointers = row->type == CONFIG_POINTERS || row->type == CONFIG_POINTER_LINE;
    buf_addf(out, "| `%s%s.%s` | %s | ", section->name, section->each > 0 ? ".NAME" : "", row->key,
             config_type_name(row->type));
    span rest = span_text(row->standard);
    span pointer;
    for (bool first = true; pointers && config_next_pointer(&rest, &pointer); first = false) {
        buf_addf(out, "%s`" SPAN_FMT "`", first ? "" : ", ", SPAN_ARG(pointer));
    }
    if (!pointers && row->standard != NULL) {
        buf_addf(out, "`%s`", row->standard[0] == 0 ? "\"\"" : row->standard);
    }
    buf_add_text(out, " | ");
    add_range(row, out);
    buf_add_text(out, " | ");
    add_needed(row->needed_for, out);
    buf_add_text(out, " | ");
    add_cell(out, row->help);
    if (row->example != NULL) {
        buf_add_text(out, " Example: `");
        add_cell(out, row->example);
        buf_add_text(out, "`.");
    }
    buf_add_text(out, " |\n");
}

void config_table(struct buf *out)
{
    size_t count = 0;
    size_t secret_count = 0;
    const struct config_section *sections = config_sections(&count);
    const struct config_secret *secrets = config_secrets(&secret_count);
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "### %s\n\n%s\n\n", sections[i].name, sections[i].help);
        buf_add_text(out, "| Row | Type | Default | Range | Needed for | What it is |\n"
                          "|---|---|---|---|---|---|\n");
        for (size_t j = 0; j < sections[i].row_count; j++) {
            add_row(&sections[i], &sections[i].rows[j], out);
        }
        buf_add_char(out, '\n');
    }
    buf_add_text(out, "### Secrets\n\nFrom the environment, never from the file. Each may also be "
                      "a file, named by the variable with _FILE behind.\n\n"
                      "| Variable | Needed for | What it is |\n|---|---|---|\n");
    for (size_t i = 0; i < secret_count; i++) {
        bool of_source = config_section_named(secrets[i].section)->each > 0;
        buf_add_text(out, "| `");
        config_variable(&secrets[i], of_source ? "NAME" : NULL, out);
        buf_add_text(out, "` | ");
        add_needed(secrets[i].needed_for, out);
        buf_addf(out, " | %s |\n", secrets[i].help);
    }
}
