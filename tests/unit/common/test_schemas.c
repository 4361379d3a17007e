/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas/ against the programs: the committed schema is what the tables say,
 * each example is accepted or refused as its folder says, by the schema and by
 * the reader, and the topics of asyncapi.yaml are those of common/kafka.h.
 * With HEARBACK_SCHEMA_WRITE set, the schema is written instead of compared.
 */
#include "common/config_tree.h"
#include "common/interview.h"
#include "common/kafka.h"

#include "tests/unit/common/schema_check.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SCHEMAS HEARBACK_SOURCE_DIR "/schemas/"
#define EVERY   (CONFIG_FOR_INGEST | CONFIG_FOR_WORKER | CONFIG_FOR_CONSOLE)

static int with_secrets(void **state)
{
    (void)state;
    (void)setenv("HEARBACK_JIRA_TOKEN", "jira-token", 1);
    (void)setenv("HEARBACK_SOURCE_KOJI_SECRET", "koji-secret", 1);
    return 0;
}

SCOPED_FREE(close_file, FILE *, fclose)

static void read_all(const char *path, struct buf *out)
{
    char block[4096];
    size_t got = 0;
    SCOPED(close_file) FILE *file = fopen(path, "re");
    buf_init(out, 4u << 20);
    if (file == NULL) {
        fail_msg("%s cannot be opened", path);
        return;
    }
    while ((got = fread(block, 1, sizeof(block), file)) > 0) {
        buf_add(out, span_of(block, got));
    }
    assert_false(failed(buf_ok(out)));
}

static struct json_object *json_of(const char *path)
{
    struct buf text;
    struct json_object *out = NULL;
    read_all(path, &text);
    struct err err = json_parse(buf_span(&text), &out);
    buf_close(&text);
    if (failed(err)) {
        fail_msg("%s: %s", path, err.text);
    }
    return out;
}

/* ---- the schema is what the tables say ---------------------------------------------------- */

static void the_schema_has_not_drifted(void **state)
{
    (void)state;
    struct buf made;
    struct buf committed;
    buf_init(&made, 1 << 20);
    config_schema(&made);
    assert_false(failed(buf_ok(&made)));
    if (getenv("HEARBACK_SCHEMA_WRITE") != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        SCOPED(close_file) FILE *file = fopen(SCHEMAS "hearback.schema.json", "we");
        assert_non_null(file);
        assert_int_equal(fwrite(made.at, 1, made.len, file), made.len);
    }
    read_all(SCHEMAS "hearback.schema.json", &committed);
    if (!span_equal(buf_span(&made), buf_span(&committed))) {
        fail_msg("schemas/hearback.schema.json is not what the tables say; run this test with "
                 "HEARBACK_SCHEMA_WRITE=1");
    }
    buf_close(&made);
    buf_close(&committed);
}

/* ---- examples ----------------------------------------------------------------------------- */

/* As an editor would see it: a plain scalar may be a number, everything else is text. */
static struct json_object *scalar_json(const struct config_node *node)
{
    struct json_object *text =
        json_object_new_string_len((const char *)node->text.at, (int)node->text.len);
    int64_t whole = 0;
    double real = 0;
    struct json_object *out = NULL;
    if (config_node_is_null(node)) {
        json_object_put(text);
        return NULL;
    }
    if (node->plain && span_number(node->text, INT64_MIN / 2, INT64_MAX / 2, &whole)) {
        out = json_object_new_int64(whole);
    } else if (node->plain && json_number(text, &real)) {
        out = json_object_new_double(real);
    }
    if (out == NULL) {
        return text;
    }
    json_object_put(text);
    return out;
}

static struct json_object *node_json(const struct config_node *node)
{
    if (node->kind == CONFIG_NODE_SCALAR) {
        return scalar_json(node);
    }
    bool list = node->kind == CONFIG_NODE_SEQUENCE;
    struct json_object *out = list ? json_object_new_array() : json_object_new_object();
    for (const struct config_node *one = node->first; one != NULL; one = one->next) {
        if (list) {
            json_object_array_add(out, node_json(one));
        } else {
            json_object_object_add(out, one->key, node_json(one));
        }
    }
    return out;
}

/* What the schema says of the YAML, into `why`. */
static bool schema_takes_yaml(span yaml, struct buf *why)
{
    struct arena arena;
    struct config_node *root = NULL;
    struct config_trouble trouble = {0};
    arena_init(&arena, 8u << 20);
    bool is = !failed(config_tree_read(&arena, yaml, &root, &trouble));
    if (is) {
        struct json_object *schema = json_of(SCHEMAS "hearback.schema.json");
        struct json_object *value = node_json(root);
        is = schema_fits(schema, schema, value, why);
        json_object_put(value);
        json_object_put(schema);
    }
    arena_close(&arena);
    return is;
}

/* The file's name stands in the faults, without its folder. */
static bool take_yaml(const char *name, span text, struct buf *said)
{
    struct config config;
    struct buf why;
    buf_init(&why, 4096);
    bool read = !failed(config_parse(&config, text, name, EVERY, said));
    bool fits = schema_takes_yaml(text, &why);
    config_close(&config);
    if (read != fits) {
        print_error("%s: the reader %s it, the schema %s it (%s)\n", name,
                    read ? "takes" : "refuses", fits ? "takes" : "refuses", buf_text(&why));
        buf_clear(said);
        buf_add_text(said, "reader and schema disagree\n");
    }
    buf_close(&why);
    return read;
}

static bool take_interview(span text, struct buf *said)
{
    struct config config;
    struct arena arena;
    struct interview interview;
    struct json_object *body = NULL;
    struct buf faults;
    buf_init(&faults, 4096);
    arena_init(&arena, 1u << 20);
    assert_false(failed(config_parse(&config, SPAN_NONE, "empty", 0, &faults)));
    struct err err = json_parse_in(&arena, text, &body);
    if (!failed(err)) {
        err = interview_read(&config.fields, body, &arena, &interview);
    }
    if (failed(err)) {
        buf_addf(said, "%s\n", err.text);
    }
    arena_close(&arena);
    config_close(&config);
    buf_close(&faults);
    return !failed(err);
}

static bool take_by_schema(const char *file, const char *part, span text, struct buf *said)
{
    struct json_object *schema = json_of(file);
    struct json_object *value = NULL;
    assert_false(failed(json_parse(text, &value)));
    bool is = schema_fits(schema, json_at(schema, part), value, said);
    if (!is) {
        buf_add_char(said, '\n');
    }
    json_object_put(value);
    json_object_put(schema);
    return is;
}

static bool take(const char *name, span text, struct buf *said)
{
    span called = span_text(name);
    if (span_starts(called, "interview-")) {
        return take_interview(text, said);
    }
    if (span_starts(called, "changelog-")) {
        return take_by_schema(SCHEMAS "topics/changelog.schema.json", "", text, said);
    }
    if (span_starts(called, "dead-headers")) {
        return take_by_schema(SCHEMAS "topics/dead.schema.json", "/$defs/headers", text, said);
    }
    if (strstr(name, ".yaml") != NULL) {
        return take_yaml(name, text, said);
    }
    buf_addf(said, "%s: no reader for such an example\n", name);
    return false;
}

static bool expected_said(const char *folder, const char *name, struct buf *said)
{
    struct buf path;
    struct buf expected;
    buf_init(&path, 4096);
    buf_addf(&path, "%s/", folder);
    buf_add(&path, span_of(name, (size_t)(strrchr(name, '.') - name)));
    buf_add_text(&path, ".expected");
    read_all(buf_text(&path), &expected);
    buf_close(&path);
    bool same = strcmp(buf_text(&expected), buf_text(said)) == 0;
    if (!same) {
        print_error("%s: expected\n%sgot\n%s", name, buf_text(&expected), buf_text(said));
    }
    buf_close(&expected);
    return same;
}

static bool check_example(const char *folder, const char *name, bool valid)
{
    char path[512];
    struct buf text;
    struct buf said;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    read_all(path, &text);
    buf_init(&said, 1 << 16);
    bool taken = take(name, buf_span(&text), &said);
    bool right = taken == valid;
    if (!right) {
        print_error("%s: %s\n%s", path, taken ? "taken" : "refused", buf_text(&said));
    }
    right = right && (valid ? said.len == 0 : expected_said(folder, name, &said));
    buf_close(&text);
    buf_close(&said);
    return right;
}

static int is_example(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strstr(entry->d_name, ".expected") == NULL;
}

static void check_examples(const char *folder, bool valid, int at_least)
{
    struct dirent **entries = NULL;
    int wrong = 0;
    int count = scandir(folder, &entries, is_example, alphasort);
    assert_true(count >= at_least);
    for (int i = 0; i < count; i++) {
        wrong += check_example(folder, entries[i]->d_name, valid) ? 0 : 1;
        free(entries[i]); /* NOLINT: scandir's own memory */
    }
    free(entries);
    assert_int_equal(wrong, 0);
}

static void valid_examples(void **state)
{
    (void)state;
    check_examples(SCHEMAS "examples/valid", true, 11);
}

static void invalid_examples(void **state)
{
    (void)state;
    check_examples(SCHEMAS "examples/invalid", false, 13);
}

/* Its comments say that it shows the defaults; what it leaves out is what is named there. */
static void the_documented_example_shows_defaults(void **state)
{
    (void)state;
    struct config config;
    struct config plain;
    struct buf faults;
    buf_init(&faults, 4096);
    assert_false(
        failed(config_load(&config, SCHEMAS "examples/valid/hearback.yaml", EVERY, &faults)));
    assert_false(failed(config_parse(&plain, SPAN_NONE, "empty", 0, &faults)));
    assert_memory_equal(&config.worker.items_max, &plain.worker.items_max,
                        sizeof(config.worker) - offsetof(struct config_worker, items_max));
    assert_memory_equal(&config.retry, &plain.retry, sizeof(config.retry));
    assert_memory_equal(&config.breaker, &plain.breaker, sizeof(config.breaker));
    assert_memory_equal(&config.rules, &plain.rules, sizeof(config.rules));
    assert_memory_equal(&config.kafka.replication, &plain.kafka.replication,
                        offsetof(struct config_kafka, instance_id) -
                            offsetof(struct config_kafka, replication));
    assert_string_equal(config.kafka.instance_id, plain.kafka.instance_id);
    assert_memory_equal(&config.ingest.threads, &plain.ingest.threads,
                        sizeof(config.ingest) - offsetof(struct config_ingest, threads));
    assert_string_equal(config.ingest.listen, plain.ingest.listen);
    assert_string_equal(config.worker.ops, plain.worker.ops);
    assert_int_equal(config.jira.timeout_ms, plain.jira.timeout_ms);
    assert_int_equal(config.jira.settle_ms, plain.jira.settle_ms);
    assert_int_equal(config.redis.timeout_ms, plain.redis.timeout_ms);
    config_close(&config);
    config_close(&plain);
    buf_close(&faults);
}

/* ---- topics ------------------------------------------------------------------------------- */

static struct json_object *asyncapi(void)
{
    struct buf text;
    struct arena arena;
    struct config_node *root = NULL;
    struct config_trouble trouble = {0};
    arena_init(&arena, 8u << 20);
    read_all(SCHEMAS "asyncapi.yaml", &text);
    struct err err = config_tree_read(&arena, buf_span(&text), &root, &trouble);
    if (failed(err)) {
        fail_msg("asyncapi.yaml:%d: %s", trouble.line, trouble.found);
    }
    struct json_object *out = node_json(root);
    arena_close(&arena);
    buf_close(&text);
    return out;
}

static void asyncapi_names_our_topics(void **state)
{
    (void)state;
    static const struct {
        const char *pointer;
        const char *topic;
    } topics[] = {{"/channels/interviews/address", TOPIC_INTERVIEWS},
                  {"/channels/changelog/address", TOPIC_CHANGELOG},
                  {"/channels/dead/address", TOPIC_DEAD},
                  {"/channels/retry/address", TOPIC_RETRY_PREFIX "{worker}"}};
    struct json_object *root = asyncapi();
    assert_true(span_is(json_text_at(root, "/asyncapi"), "3.0.0"));
    assert_int_equal(json_object_object_length(json_at(root, "/channels")), COUNT_OF(topics));
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        assert_true(span_is(json_text_at(root, topics[i].pointer), topics[i].topic));
    }
    json_object_put(root);
}

static void asyncapi_names_our_headers(void **state)
{
    (void)state;
    static const char *const headers[] = {"ce_id",          "ce_type",      "ce_source",  "ce_time",
                                          "ce_specversion", "content-type", "traceparent"};
    struct json_object *root = asyncapi();
    struct json_object *known = json_at(root, "/components/schemas/cloudEventHeaders/properties");
    assert_int_equal(json_object_object_length(known), COUNT_OF(headers));
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        assert_true(json_object_object_get_ex(known, headers[i], NULL) == 1);
    }
    json_object_put(root);
}

/* Every $ref of the document leads somewhere; those to files, to a place in the file. */
static bool ref_leads(struct json_object *root, const char *ref)
{
    const char *hash = strchr(ref, '#');
    if (ref[0] == '#') {
        return json_at(root, ref + 1) != NULL;
    }
    struct buf path;
    buf_init(&path, 4096);
    buf_add_text(&path, SCHEMAS);
    buf_add(&path, span_of(ref, hash == NULL ? strlen(ref) : (size_t)(hash - ref)));
    struct json_object *file = json_of(buf_text(&path));
    buf_close(&path);
    bool leads = json_at(file, hash == NULL ? "" : hash + 1) != NULL;
    json_object_put(file);
    return leads;
}

static size_t check_refs(struct json_object *root, struct json_object *value)
{
    size_t count = 0;
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            count += check_refs(root, json_object_array_get_idx(value, i));
        }
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            if (strcmp(name, "$ref") == 0) {
                print_message("%s\n", json_object_get_string(member));
                assert_true(ref_leads(root, json_object_get_string(member)));
                count++;
            }
            count += check_refs(root, member);
        }
    }
    return count;
}

static void asyncapi_refers_to_what_is_there(void **state)
{
    (void)state;
    struct json_object *root = asyncapi();
    assert_true(check_refs(root, root) >= 15);
    json_object_put(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_has_not_drifted),
        cmocka_unit_test(valid_examples),
        cmocka_unit_test(invalid_examples),
        cmocka_unit_test(the_documented_example_shows_defaults),
        cmocka_unit_test(asyncapi_names_our_topics),
        cmocka_unit_test(asyncapi_names_our_headers),
        cmocka_unit_test(asyncapi_refers_to_what_is_there),
    };
    return cmocka_run_group_tests(tests, with_secrets, NULL);
}
