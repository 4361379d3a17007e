/* SPDX-License-Identifier: Apache-2.0
 *
 * What stages use: the memo, a small JSON object that travels with an item and is
 * kept with its effect in the ledger, and a reply's headers. Pure.
 */
#include "consumer/worker.h"

#include <limits.h>

static struct json_object *member(const struct item *item, const char *name)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(item->memo, name, &value) ? value : NULL;
}

struct json_object *item_memo(struct item *item)
{
    if (item->memo == NULL) {
        item->memo = json_object_new_object();
        CHECK(item->memo != NULL);
    }
    return item->memo;
}

static void set(struct item *item, const char *name, struct json_object *value)
{
    CHECK(value != NULL && json_object_object_add(item_memo(item), name, value) == 0);
}

span item_memo_text(const struct item *item, const char *name)
{
    return json_text(member(item, name));
}

void item_memo_set(struct item *item, const char *name, span value)
{
    CHECK(value.len < INT_MAX);
    set(item, name,
        json_object_new_string_len(value.len == 0 ? "" : (const char *)value.at, (int)value.len));
}

bool item_memo_flag(const struct item *item, const char *name)
{
    return json_object_get_boolean(member(item, name)) != 0;
}

void item_memo_set_flag(struct item *item, const char *name, bool value)
{
    set(item, name, json_object_new_boolean(value));
}

int64_t item_memo_number(const struct item *item, const char *name)
{
    return json_object_get_int64(member(item, name));
}

void item_memo_set_number(struct item *item, const char *name, int64_t value)
{
    set(item, name, json_object_new_int64(value));
}

struct json_object *reply_json(const struct reply *reply)
{
    struct reply_tree *tree = reply->tree;
    if (tree == NULL) {
        return NULL; /* a script's */
    }
    if (!tree->read) {
        tree->read = true;
        if (failed(json_parse_in(reply->arena, reply->body, &tree->json))) {
            tree->json = NULL; /* the stage decides what an unreadable body means */
        }
    }
    return tree->json;
}

span reply_header(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        if (span_is_nocase(reply->headers[i].name, name)) {
            return reply->headers[i].value;
        }
    }
    return SPAN_NONE;
}
