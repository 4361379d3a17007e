/* SPDX-License-Identifier: Apache-2.0
 *
 * The script's arguments and answers, and limits by key. One thread.
 */
#include "consumer/engine/budget_ask.h"

#include "common/mem.h"
#include "common/own.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#define BUDGET_KEY_AHEAD_MS 1000  /* a key's place lies no further off */
#define BUDGET_KEY_TTL_MS   10000 /* beyond its window */

void budget_ask(const struct budgets *home, const struct budget_asking *asking)
{
    char rooms[BUDGET_ARGS][24];
    span args[BUDGET_ARGS];
    span key = span_text(asking->key);
    for (size_t i = 0; i < BUDGET_ARGS; i++) {
        int64_t number = i == BUDGET_ARG_LEAD  ? budgets_lead_ms(home) * 1000
                         : i == BUDGET_ARG_FAR ? (int64_t)BUDGET_FAR_MS * 1000
                                               : asking->numbers[i];
        (void)snprintf(rooms[i], sizeof(rooms[i]), "%" PRId64, number);
        args[i] = span_text(rooms[i]);
    }
    args[BUDGET_ARG_JUMPS] = span_text(asking->jumps);
    args[BUDGET_ARG_OWNER] = span_text(asking->owner);
    if (asking->heard != NULL) {
        args[BUDGET_ARG_HEARD] = span_text(asking->heard);
    }
    struct ledger_request request = {.script = &script_budget_take,
                                     .keys = &key,
                                     .key_count = 1,
                                     .args = args,
                                     .arg_count = BUDGET_ARGS,
                                     .done = asking->done,
                                     .self = asking->self};
    ledger_run(home->ledger, &request);
}

int64_t budget_answer_number(const struct redis_reply *reply, size_t index)
{
    int64_t value = 0;
    CHECK(span_number(redis_element(reply, index)->text, 0, INT64_MAX, &value)); /* our script */
    return value;
}

static void digest(const uint8_t *salt, span key, char out[17])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CHECK(context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1);
    CHECK(EVP_DigestUpdate(context, salt, BUDGET_SALT_BYTES) == 1);
    CHECK(key.len == 0 || EVP_DigestUpdate(context, key.at, key.len) == 1);
    CHECK(EVP_DigestFinal_ex(context, bytes, NULL) == 1);
    EVP_MD_CTX_free(context);
    for (size_t i = 0; i < 8; i++) {
        (void)snprintf(out + i * 2, 3, "%02x", bytes[i]);
    }
}

void budget_key(const struct budget_name *name, span key, char out[BUDGET_KEY_MAX])
{
    char credential[17];
    char of_key[17] = "";
    digest(name->salt, SPAN_NONE, credential);
    if (key.len > 0) {
        digest(name->salt, key, of_key);
    }
    int len = snprintf(out, BUDGET_KEY_MAX, "hearback:budget:{%s.%s/%s%s%s}", name->destination,
                       credential, name->class, key.len > 0 ? "/" : "", of_key);
    CHECK(len > 0 && len < BUDGET_KEY_MAX); /* names of destinations and classes are ours */
}

/* ---- one call under a limit by key ------------------------------------------------------- */

struct key_ticket {
    struct budgets *home;
    int64_t asked_ms;
    void (*done)(void *self, int64_t wait_ms, int64_t again_ms);
    void *self;
};

static void on_key(void *self, enum ledger_result result, const struct redis_reply *reply)
{
    struct key_ticket *ticket = self;
    budgets_note_trip(ticket->home, clock_mono_ms(ticket->home->clock) - ticket->asked_ms);
    int64_t wait_ms = BUDGET_KEY_UNKNOWN;
    int64_t again_ms = 0;
    if (result == LEDGER_OK) {
        int64_t now = budgets_clock_us(ticket->home);
        int64_t at = budget_answer_number(reply, 4);
        wait_ms = at <= now ? 0 : (at - now + 999) / 1000;
        if (budget_answer_number(reply, 5) == 0) {
            wait_ms = BUDGET_KEY_FULL;
            again_ms = budget_answer_number(reply, 7) / 1000 + 1;
        }
    }
    if (ticket->done != NULL) {
        ticket->done(ticket->self, wait_ms, again_ms);
    }
    mem_free(ticket);
}

static void ask_key(struct budgets *home, const struct budget_key_call *call, int64_t places,
                    int64_t hold_ms)
{
    char key[BUDGET_KEY_MAX];
    struct key_ticket *ticket = mem_must_alloc(sizeof(*ticket));
    *ticket = (struct key_ticket){.home = home,
                                  .asked_ms = clock_mono_ms(home->clock),
                                  .done = call->done,
                                  .self = call->self};
    budget_key(call->name, call->key, key);
    /* A key that is not there was not used for a window, unless all of Redis is new: then it begins
     * empty. */
    bool new_view = ledger_view_age_ms(home->ledger) < call->rule.window_ms;
    struct budget_asking asking = {
        .key = key, .jumps = "-", .owner = "", .heard = "", .done = on_key, .self = ticket};
    asking.numbers[BUDGET_ARG_NOW] = budgets_clock_us(home);
    asking.numbers[BUDGET_ARG_INTERVAL] = call->rule.interval_us;
    asking.numbers[BUDGET_ARG_WANTED] = places;
    asking.numbers[BUDGET_ARG_HORIZON] = (int64_t)BUDGET_KEY_AHEAD_MS * 1000;
    asking.numbers[BUDGET_ARG_EMPTY] = new_view ? call->rule.interval_us : 0;
    asking.numbers[BUDGET_ARG_HOLD] = hold_ms * 1000;
    asking.numbers[BUDGET_ARG_STEP] = 1;
    asking.numbers[BUDGET_ARG_TTL] = call->rule.window_ms + hold_ms + BUDGET_KEY_TTL_MS;
    budget_ask(home, &asking);
}

bool budget_key_take(struct budgets *home, const struct budget_key_call *call)
{
    budgets_ask_time(home, false);
    if (budgets_clock_us(home) == 0) {
        return false;
    }
    ask_key(home, call, 1, 0);
    return true;
}

void budget_key_hold(struct budgets *home, const struct budget_key_call *call, int64_t wait_ms)
{
    struct budget_key_call silent = *call;
    silent.done = NULL;
    if (ledger_is_open(home->ledger) && budgets_clock_us(home) > 0) {
        ask_key(home, &silent, 0, wait_ms);
    }
}
