/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the tables against the run's Redis.
 */
#include "tests/component/engine/script_rows.h"

#include "consumer/scripts.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 28

/* Short forms: a name and the Lua that it stands for; keys follow. */
static const struct short_form {
    const char *name;
    const char *text;
} short_forms[] = {
    {"lease_of", "local l = redis.call('HMGET', KEYS[1], 'o', 'n', 'w', 'r', 'rn') "
                 "for i = 1, 5 do l[i] = l[i] or '-' end return l"},
    {"lives", "return tostring(redis.call('PTTL', KEYS[1]) > 59000)"},
    {"theme_of", "local t = redis.call('GET', KEYS[1]) t = cjson.decode(t) "
                 "return {t.status or '-', t.owner or '-', t.before or '-', t.issue or '-', "
                 "t.issue_id or '-', tostring(t.adopted or '-'), t.name or '-'}"},
    {"guard_of", "return {struct.unpack('>I8I8I8', redis.call('GETRANGE', KEYS[1], 0, 23))}"},
};

int rows_open(void **state)
{
    kit_quiet();
    scripts_init();
    const char *address = kit_service("HEARBACK_REDIS");
    *state = address == NULL ? NULL : redis_ask_open(address, NULL);
    return 0;
}

int rows_close(void **state)
{
    if (*state != NULL) {
        redisFree(*state);
    }
    return 0;
}

static const char *script_text(const char *name)
{
    for (struct script *const *at = scripts_all; *at != NULL; at++) {
        if (strcmp((*at)->name, name) == 0) {
            return (*at)->text;
        }
    }
    for (size_t i = 0; i < COUNT_OF(short_forms); i++) {
        if (strcmp(short_forms[i].name, name) == 0) {
            return short_forms[i].text;
        }
    }
    return NULL;
}

/* Every line of the journal must be what Redis holds now. */
static void check_journal(redisContext *redis, const char *name, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3 ||
        reply->element[2]->type != REDIS_REPLY_ARRAY) {
        return;
    }
    const redisReply *journal = reply->element[2];
    assert_int_equal(journal->elements % 4, 0);
    for (size_t i = 0; i + 3 < journal->elements; i += 4) {
        const char *key = journal->element[i + 1]->str;
        const char *field = journal->element[i + 2]->str;
        const char *holds = journal->element[i]->str[0] == 'S'
                                ? redis_say(redis, "GET", key, NULL)
                                : redis_say(redis, "HGET", key, field, NULL);
        if (strcmp(holds, journal->element[i + 3]->str) != 0) {
            print_error("row \"%s\": the journal says %s, Redis holds %s\n", name,
                        journal->element[i + 3]->str, holds);
            fail();
        }
    }
}

static void write_reply(const redisReply *reply, struct buf *out)
{
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        buf_addf(out, "%lld", reply->integer);
        return;
    case REDIS_REPLY_NIL:
        buf_add_text(out, "(nil)");
        return;
    case REDIS_REPLY_ARRAY:
        buf_add_char(out, '[');
        for (size_t i = 0; i < reply->elements; i++) {
            buf_add_text(out, i == 0 ? "" : ",");
            write_reply(reply->element[i], out);
        }
        buf_add_char(out, ']');
        return;
    default:
        buf_add(out, span_of(reply->str, (size_t)reply->len));
        return;
    }
}

static redisReply *send_row(redisContext *redis, const struct row *row, const char *prefix)
{
    struct buf room[WORDS_MAX];
    const char *argv[WORDS_MAX];
    int argc = 0;
    const char *text = script_text(row->words[0]);
    if (text != NULL) {
        argv[argc++] = "EVAL";
        argv[argc++] = text;
    }
    size_t used = 0;
    for (size_t i = text == NULL ? 0 : 1; i < COUNT_OF(row->words) && row->words[i] != NULL; i++) {
        buf_init(&room[used], 1 << 20);
        kit_expand(row->words[i], prefix, &room[used]);
        argv[argc++] = buf_text(&room[used]);
        used++;
    }
    redisReply *reply = redisCommandArgv(redis, argc, argv, NULL);
    for (size_t i = 0; i < used; i++) {
        buf_close(&room[i]);
    }
    return reply;
}

static void run_row(redisContext *redis, const struct row *row, const char *prefix)
{
    struct buf got;
    struct buf wanted;
    buf_init(&got, 1 << 20);
    buf_init(&wanted, 1 << 20);
    redisReply *reply = send_row(redis, row, prefix);
    assert_non_null(reply);
    write_reply(reply, &got);
    kit_expand(row->gives, prefix, &wanted);
    if (!kit_matches(buf_span(&got), buf_text(&wanted))) {
        print_error("row \"%s\": found %s, expected %s\n", row->name, buf_text(&got),
                    buf_text(&wanted));
        fail();
    }
    check_journal(redis, row->name, reply);
    freeReplyObject(reply);
    buf_close(&got);
    buf_close(&wanted);
}

void rows_run(void **state, const struct row *rows, size_t count)
{
    redisContext *redis = *state;
    if (redis == NULL) {
        print_message("no Redis: skipped\n");
        skip();
    }
    char suffix[16];
    char prefix[64];
    kit_suffix(suffix, sizeof(suffix));
    (void)snprintf(prefix, sizeof(prefix), "hearback:test:{%s}:", suffix);
    for (size_t i = 0; i < count; i++) {
        run_row(redis, &rows[i], prefix);
    }
}
