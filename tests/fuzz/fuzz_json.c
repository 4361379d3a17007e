/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes json_parse, json_parse_in, json_number, json_whole and json_id_in
 * (common/json.c): what is accepted is accepted again after it was written out,
 * and comes out the same.
 */
#include "common/json.h"
#include "tests/fuzz/fuzz.h"

static void read_values(struct arena *arena, struct json_object *tree)
{
    double number = 0;
    int64_t whole = 0;
    if (json_number(tree, &number)) {
        CHECK(number - number == 0); /* neither infinite nor no number */
    }
    (void)json_whole(tree, &whole);
    fuzz_touch(json_id_in(arena, tree));
    fuzz_touch(json_text_at(tree, "/id"));
    fuzz_touch(json_text(json_at(tree, "/data/0/~1")));
}

static span written(struct json_object *tree)
{
    size_t len = 0;
    const char *text = json_object_to_json_string_length(
        tree, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
    CHECK(text != NULL);
    return tree == NULL ? span_text("null") : span_of(text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCOPED(json_free) struct json_object *tree = NULL;
    SCOPED(json_free) struct json_object *again = NULL;
    struct arena arena;
    struct json_object *kept = NULL;
    struct err err = json_parse(span_of(data, size), &tree);
    if (failed(err)) {
        CHECK(tree == NULL && err.class == ERR_REJECT && err.text[0] != 0);
        return 0;
    }
    CHECK(span_utf8(span_of(data, size)));
    span text = written(tree);
    CHECK(!failed(json_parse(text, &again)));
    CHECK(span_equal(written(again), text));
    arena_init(&arena, 1 << 20);
    CHECK(!failed(json_parse_in(&arena, text, &kept)));
    read_values(&arena, kept);
    arena_close(&arena);
    return 0;
}
