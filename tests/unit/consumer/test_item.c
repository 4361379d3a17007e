/* SPDX-License-Identifier: Apache-2.0
 *
 * The memo: what an item takes along, and what it answers when nothing is there.
 */
#include "consumer/worker.h"

#include "tests/unit/consumer/kit.h"

static void what_is_not_there(void **state)
{
    (void)state;
    struct item item = {.memo = json_object_new_object()};
    assert_null(item_memo_text(&item, "a").at);
    assert_false(item_memo_flag(&item, "a"));
    assert_int_equal(item_memo_number(&item, "a"), 0);
    item_memo_set_number(&item, "n", 5);
    assert_null(item_memo_text(&item, "n").at); /* of another kind */
    json_object_put(item.memo);
    item.memo = NULL; /* no memo at all reads as an empty one */
    assert_null(item_memo_text(&item, "a").at);
    assert_false(item_memo_flag(&item, "a"));
    assert_int_equal(item_memo_number(&item, "a"), 0);
    item_memo_set_flag(&item, "f", true); /* and is made when the first member is */
    assert_true(item_memo_flag(&item, "f"));
    assert_ptr_equal(item_memo(&item), item.memo);
    json_object_put(item.memo);
}

static void what_was_set_is_there(void **state)
{
    (void)state;
    const struct kit_text *texts = NULL;
    size_t count = kit_hostile(&texts);
    struct item item = {.memo = json_object_new_object()};
    for (size_t i = 0; i < count; i++) {
        item_memo_set(&item, "text", texts[i].text);
        span text = item_memo_text(&item, "text");
        assert_non_null(text.at); /* empty is there, too */
        assert_true(span_equal(text, texts[i].text));
    }
    item_memo_set(&item, "none", SPAN_NONE);
    assert_non_null(item_memo_text(&item, "none").at);
    static const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        item_memo_set_number(&item, "number", numbers[i]);
        assert_int_equal(item_memo_number(&item, "number"), numbers[i]);
    }
    item_memo_set_flag(&item, "flag", true);
    assert_true(item_memo_flag(&item, "flag"));
    item_memo_set_flag(&item, "flag", false);
    assert_false(item_memo_flag(&item, "flag"));
    item_memo_set(&item, "flag", span_text("x")); /* replaced, kind and all */
    kit_assert_text(item_memo_text(&item, "flag"), "x");
    assert_int_equal(json_object_object_length(item.memo), 4);
    json_object_put(item.memo);
}

static void it_survives_the_ledger(void **state)
{
    (void)state;
    struct item item = {.memo = json_object_new_object()};
    item_memo_set(&item, "text", span_text("\"\\\n\x01\xF0\x9F\x98\x80/"));
    item_memo_set_number(&item, "number", INT64_MIN + 1);
    item_memo_set_flag(&item, "flag", true);
    const char *kept = json_object_to_json_string_ext(
        item.memo, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    struct item again = {.memo = kit_json(span_text(kept))};
    kit_assert_text(item_memo_text(&again, "text"), "\"\\\n\x01\xF0\x9F\x98\x80/");
    assert_int_equal(item_memo_number(&again, "number"), INT64_MIN + 1);
    assert_true(item_memo_flag(&again, "flag"));
    json_object_put(again.memo);
    json_object_put(item.memo);
}

static void the_table_of_workers(void **state)
{
    (void)state;
    size_t count = 0;
    const struct worker *const *workers = workers_all(&count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(workers_find(workers[i]->name), workers[i]); /* no name stands twice */
        assert_true(strlen(workers[i]->help) >= 10);
        assert_true(strncmp(workers[i]->topic, "hearback.", 9) == 0);
        for (size_t s = 0; s < workers[i]->stage_count; s++) {
            const struct stage *stage = &workers[i]->stages[s];
            assert_true(stage->name != NULL && stage->ask != NULL && stage->answered != NULL);
            assert_true(stage->doubt >= STAGE_NOBODY &&
                        stage->doubt < (int)workers[i]->stage_count);
            if (stage->doubt >= 0) { /* who finds out changes nothing itself */
                assert_int_equal(workers[i]->stages[stage->doubt].doubt, STAGE_READ);
            }
        }
    }
    assert_null(workers_find("nobody"));
    assert_null(workers_find(""));
}

static void a_body_is_read_when_it_is_asked_for(void **state)
{
    (void)state;
    struct arena arena;
    struct reply_tree tree = {0};
    struct reply reply = {.body = span_text("{\"id\":7}"), .tree = &tree, .arena = &arena};
    arena_init(&arena, 1 << 20);
    assert_null(arena.chunks);
    struct json_object *json = reply_json(&reply);
    assert_int_equal(json_object_get_int(json_at(json, "/id")), 7);
    assert_ptr_equal(reply_json(&reply), json); /* once */
    arena_close(&arena);                        /* and it goes with the arena */
    tree = (struct reply_tree){0};
    reply.body = span_text("<html>");
    assert_null(reply_json(&reply));
    assert_null(reply_json(&reply));
    reply.tree = NULL;
    assert_null(reply_json(&reply));
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(what_was_set_is_there),
        cmocka_unit_test(it_survives_the_ledger),
        cmocka_unit_test(the_table_of_workers),
        cmocka_unit_test(a_body_is_read_when_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
