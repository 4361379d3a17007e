/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the tables against the run's Redis.
 */
#include "tests/component/engine/script_rows.h"

#include "common/mem.h"
#include "consumer/scripts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 32

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

static const char *held(redisContext *redis, char kind, const char *key, const char *field)
{
    switch (kind) {
    case 'S':
        return redis_say(redis, "GET", key, NULL);
    case 'H':
        return redis_say(redis, "HGET", key, field, NULL);
    default:
        assert_int_equal(kind, 'Z');
        return redis_say(redis, "ZSCORE", key, field, NULL);
    }
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
        const char *holds = held(redis, journal->element[i]->str[0], key, field);
        const char *says = journal->element[i + 3]->str; /* NULL: deleted */
        if (strcmp(holds, says == NULL ? "(nil)" : says) != 0) {
            print_error("row \"%s\": the journal says %s, Redis holds %s\n", name,
                        says == NULL ? "nothing" : says, holds);
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

enum row_mode { ROW_LIVE, ROW_DRY, ROW_PLAIN };

/* ROW_DRY goes by EVAL_RO, with which Redis itself refuses a script that writes. */
static redisReply *send_row(redisContext *redis, const struct row *row, const char *prefix,
                            enum row_mode mode)
{
    struct buf room[WORDS_MAX];
    const char *argv[WORDS_MAX];
    int argc = 0;
    const char *text = script_text(row->words[0]);
    if (text != NULL) {
        argv[argc++] = mode == ROW_DRY ? "EVAL_RO" : "EVAL";
        argv[argc++] = text;
    }
    size_t used = 0;
    for (size_t i = text == NULL ? 0 : 1; i < COUNT_OF(row->words) && row->words[i] != NULL; i++) {
        buf_init(&room[used], 1 << 20);
        kit_expand(row->words[i], prefix, &room[used]);
        argv[argc++] = buf_text(&room[used]);
        used++;
    }
    if (mode != ROW_PLAIN) {
        argv[argc++] = mode == ROW_DRY ? SCRIPT_DRY : SCRIPT_LIVE;
    }
    redisReply *reply = redisCommandArgv(redis, argc, argv, NULL);
    for (size_t i = 0; i < used; i++) {
        buf_close(&room[i]);
    }
    return reply;
}

/* ---- the dry run before each script ------------------------------------------------------- */

/* All keys of the test, byte by byte, and when they end. */
static void write_keys(redisContext *redis, const char *prefix, struct buf *out)
{
    static const char digest[] =
        "local keys = redis.call('KEYS', ARGV[1]) table.sort(keys) local all = {} "
        "for _, key in ipairs(keys) do table.insert(all, key .. redis.call('DUMP', key) .. "
        "redis.call('PEXPIRETIME', key)) end "
        "return #keys .. ' keys, ' .. redis.sha1hex(table.concat(all))";
    char pattern[80];
    (void)snprintf(pattern, sizeof(pattern), "%s*", prefix);
    buf_add_text(out, redis_say(redis, "EVAL", digest, "0", pattern, NULL));
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Word, text, no journal, and the rest sorted: a large hash has no order. */
static void write_words(const redisReply *reply, struct buf *out)
{
    size_t rest = reply->elements > 3 ? reply->elements - 3 : 0;
    struct buf *room = mem_must_alloc((rest + 1) * sizeof(*room));
    const char **texts = mem_must_alloc((rest + 1) * sizeof(*texts));
    buf_addf(out, "%s %s", reply->element[0]->str, reply->element[1]->str);
    for (size_t i = 0; i < rest; i++) {
        buf_init(&room[i], 1 << 20);
        write_reply(reply->element[i + 3], &room[i]);
        texts[i] = buf_text(&room[i]);
    }
    qsort(texts, rest, sizeof(*texts), compare_texts);
    for (size_t i = 0; i < rest; i++) {
        buf_addf(out, ",%s", texts[i]);
    }
    for (size_t i = 0; i < rest; i++) {
        buf_close(&room[i]);
    }
    mem_free(texts);
    mem_free(room);
}

/* What the dry run said of a claim that found the lease taken: as if it had been given. */
static void check_dry_claim(const struct row *row, const redisReply *dry)
{
    const char *word = dry->element[0]->str;
    const char *found = dry->element[1]->str;
    bool fresh = strcmp(word, "fresh") == 0 && dry->elements == 3;
    bool open = strcmp(word, "open") == 0 && dry->elements == 4;
    if (!(fresh || open) || (strcmp(found, "held") != 0 && strcmp(found, "free") != 0)) {
        print_error("row \"%s\", dry: found %s %s\n", row->name, word, found);
        fail();
    }
}

static redisReply *run_dry(redisContext *redis, const struct row *row, const char *prefix)
{
    struct buf before;
    struct buf after;
    buf_init(&before, 4096);
    buf_init(&after, 4096);
    write_keys(redis, prefix, &before);
    redisReply *dry = send_row(redis, row, prefix, ROW_DRY);
    write_keys(redis, prefix, &after);
    assert_non_null(dry);
    if (dry->type != REDIS_REPLY_ARRAY || dry->elements < 3) {
        print_error("row \"%s\", dry: %s\n", row->name, dry->str == NULL ? "?" : dry->str);
        fail();
    }
    assert_int_equal(dry->element[2]->elements, 0);
    assert_string_equal(buf_text(&after), buf_text(&before));
    buf_close(&before);
    buf_close(&after);
    return dry;
}

static void compare_dry(const struct row *row, const redisReply *dry, const redisReply *live)
{
    struct buf dry_words;
    struct buf live_words;
    if (live->type == REDIS_REPLY_ARRAY && strcmp(live->element[0]->str, "busy") == 0) {
        check_dry_claim(row, dry);
        return;
    }
    buf_init(&dry_words, 1 << 20);
    buf_init(&live_words, 1 << 20);
    write_words(dry, &dry_words);
    write_words(live, &live_words);
    if (strcmp(buf_text(&dry_words), buf_text(&live_words)) != 0) {
        print_error("row \"%s\": the dry run said %s, the live one %s\n", row->name,
                    buf_text(&dry_words), buf_text(&live_words));
        fail();
    }
    buf_close(&dry_words);
    buf_close(&live_words);
}

/* ---- a row -------------------------------------------------------------------------------- */

static bool is_script(const char *name)
{
    for (struct script *const *at = scripts_all; *at != NULL; at++) {
        if (strcmp((*at)->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void run_row(redisContext *redis, const struct row *row, const char *prefix)
{
    struct buf got;
    struct buf wanted;
    bool script = is_script(row->words[0]);
    buf_init(&got, 1 << 20);
    buf_init(&wanted, 1 << 20);
    redisReply *dry = script ? run_dry(redis, row, prefix) : NULL;
    redisReply *reply = send_row(redis, row, prefix, script ? ROW_LIVE : ROW_PLAIN);
    assert_non_null(reply);
    write_reply(reply, &got);
    kit_expand(row->gives, prefix, &wanted);
    if (!kit_matches(buf_span(&got), buf_text(&wanted))) {
        print_error("row \"%s\": found %s, expected %s\n", row->name, buf_text(&got),
                    buf_text(&wanted));
        fail();
    }
    check_journal(redis, row->name, reply);
    if (dry != NULL) {
        compare_dry(row, dry, reply);
        freeReplyObject(dry);
    }
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
