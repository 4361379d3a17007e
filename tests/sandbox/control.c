/* SPDX-License-Identifier: Apache-2.0
 *
 * The control API under /sandbox, for tests and the demo; no login. Reads the
 * state and the journal, sets faults and settings, and empties everything.
 * Clearing faults also lets go what is being delayed.
 */
#include "tests/sandbox/jsonx.h"
#include "tests/sandbox/sandbox.h"

static void get_state(struct sandbox *sandbox, struct request *req, struct answer *answer)
{
    const char *text = request_query(req, "text");
    if (text != NULL && strcmp(text, "1") == 0) {
        answer_empty(answer, 200);
        for (size_t i = 0; i < VENDOR_COUNT; i++) {
            vendors[i]->board(sandbox->selves[i], &answer->body);
        }
        return;
    }
    json_object *tree = json_object_new_object();
    for (size_t i = 0; i < VENDOR_COUNT; i++) {
        json_object_object_add(tree, vendors[i]->name, vendors[i]->state(sandbox->selves[i]));
    }
    answer_json(answer, 200, tree);
}

static void get_journal(struct sandbox *sandbox, struct request *req, struct answer *answer)
{
    const char *bodies = request_query(req, "bodies");
    answer_empty(answer, 200);
    answer->type = "application/json;charset=UTF-8";
    answer_header(answer, "X-Journal-Lost", "%llu", (unsigned long long)sandbox->journal.lost);
    journal_print(&sandbox->journal, bodies != NULL && strcmp(bodies, "1") == 0, &answer->body);
}

static void say(struct answer *answer, unsigned status, const char *text)
{
    json_object *tree = json_object_new_object();
    jsonx_put_text(tree, "error", text);
    answer_json(answer, status, tree);
}

static void post_fault(struct sandbox *sandbox, struct request *req, struct answer *answer)
{
    SCOPED_JSON rule = jsonx_parse(req->body);
    int64_t id = 0;
    struct err e = faults_add(&sandbox->faults, rule, &id);
    if (failed(e)) {
        say(answer, 400, e.text);
        return;
    }
    json_object *tree = json_object_new_object();
    jsonx_put_int(tree, "id", id);
    answer_json(answer, 201, tree);
}

static void get_faults(struct sandbox *sandbox, struct request *req, struct answer *answer)
{
    (void)req;
    answer_json(answer, 200, faults_list(&sandbox->faults));
}

static void let_go(struct sandbox *sandbox)
{
    faults_clear(&sandbox->faults);
    sandbox->release_count++;
    CHECK(pthread_cond_broadcast(&sandbox->released) == 0);
}

static void delete_faults(struct sandbox *sandbox, struct request *req, struct answer *answer)
{
    (void)req;
    let_go(sandbox);
    answer_empty(answer, 204);
}

static void post_reset(struct sandbox *sandbox, struct request *req, struct answer *answer)
{
    (void)req;
    let_go(sandbox);
    journal_clear(&sandbox->journal);
    for (size_t i = 0; i < VENDOR_COUNT; i++) {
        vendors[i]->reset(sandbox->selves[i]);
    }
    answer_empty(answer, 204);
}

static void post_settings(struct sandbox *sandbox, struct request *req, struct answer *answer)
{
    SCOPED_JSON settings = jsonx_parse(req->body);
    if (!jsonx_is_object(settings)) {
        say(answer, 400, "settings are an object: {\"<vendor>\": {…}}");
        return;
    }
    json_object_object_foreach(settings, name, value)
    {
        bool known = false;
        for (size_t i = 0; i < VENDOR_COUNT; i++) {
            if (strcmp(name, vendors[i]->name) == 0) {
                struct err e = vendors[i]->set(sandbox->selves[i], value);
                known = !failed(e);
            }
        }
        if (!known) {
            say(answer, 400, "no such vendor, or it has no such setting");
            return;
        }
    }
    answer_empty(answer, 204);
}

static const struct {
    const char *method;
    const char *path;
    void (*serve)(struct sandbox *sandbox, struct request *req, struct answer *answer);
} controls[] = {
    {"GET", "/state", get_state},         {"GET", "/journal", get_journal},
    {"POST", "/faults", post_fault},      {"GET", "/faults", get_faults},
    {"DELETE", "/faults", delete_faults}, {"POST", "/reset", post_reset},
    {"POST", "/settings", post_settings},
};

void sandbox_control(struct sandbox *sandbox, struct request *req, struct answer *answer)
{
    say(answer, 404, "no such control: see state, journal, faults, settings, reset");
    CHECK(pthread_mutex_lock(&sandbox->lock) == 0);
    for (size_t i = 0; i < COUNT_OF(controls); i++) {
        if (request_fits(req, controls[i].path) && strcmp(req->method, controls[i].method) == 0) {
            controls[i].serve(sandbox, req, answer);
        }
    }
    CHECK(pthread_mutex_unlock(&sandbox->lock) == 0);
}
