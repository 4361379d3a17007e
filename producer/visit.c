/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of the steps is the order of trust: path, method and size before a
 * byte is kept; the proof before a byte is believed; the check of the address
 * before anything is published. Pure but for the memory it holds.
 */
#include "producer/visit.h"

#include "producer/verify.h"

#define ANSWER_BYTES_MAX 4096

void visit_init(struct visit *visit)
{
    *visit = (struct visit){.refusal = REFUSAL_NONE};
    arena_init(&visit->arena, VISIT_ARENA_BYTES);
    buf_init(&visit->body, 0);
}

void visit_close(struct visit *visit)
{
    buf_close(&visit->body);
    arena_close(&visit->arena);
}

static bool takes_handshake(const struct visit *visit)
{
    return strcmp(visit->config->handshake, "off") != 0;
}

static const struct config_source *source_named(const struct config *config, span name)
{
    for (size_t i = 0; i < config->source_count && name.at != NULL; i++) {
        if (span_is(name, config->sources[i].name)) {
            return &config->sources[i];
        }
    }
    return NULL;
}

static bool is_encoded(const struct request *request)
{
    span encoding = SPAN_NONE;
    switch (request_header(request, "Content-Encoding", &encoding)) {
    case REQUEST_NONE:
        return false;
    case REQUEST_UNLIKE:
        return true;
    case REQUEST_ONE:
        break;
    }
    return encoding.len > 0 && !span_is_nocase(encoding, "identity");
}

static bool says_too_large(const struct visit *visit)
{
    span text = SPAN_NONE;
    int64_t bytes = 0;
    enum request_found found = request_header(&visit->request, "Content-Length", &text);
    return found != REQUEST_NONE && !span_number(text, 0, visit->config->body_bytes_max, &bytes);
}

enum refusal visit_head(struct visit *visit, const struct config *config, const char *method,
                        const char *path)
{
    visit->request.method = request_method(method);
    visit->config = source_named(config, request_hook(span_text(path)));
    if (visit->config == NULL) {
        return REFUSAL_PATH;
    }
    visit->source = source_find(visit->config->kind);
    CHECK(visit->source != NULL); /* the configuration's choices are ours */
    switch (visit->request.method) {
    case REQUEST_POST:
        break;
    case REQUEST_GET:
    case REQUEST_HEAD:
        if (!takes_handshake(visit)) {
            return REFUSAL_METHOD;
        }
        break;
    case REQUEST_OTHER:
        return REFUSAL_METHOD;
    }
    if (is_encoded(&visit->request)) {
        return REFUSAL_ENCODING;
    }
    if (says_too_large(visit)) {
        return REFUSAL_TOO_LARGE;
    }
    buf_init(&visit->body, (size_t)visit->config->body_bytes_max);
    return REFUSAL_NONE;
}

bool visit_piece(struct visit *visit, span piece)
{
    if (visit->refusal == REFUSAL_NONE) {
        bool fits = piece.len <= (size_t)visit->config->body_bytes_max - visit->body.len;
        if (fits) {
            buf_add(&visit->body, piece);
        }
        if (!fits || failed(buf_ok(&visit->body))) {
            visit->refusal = fits ? REFUSAL_MEMORY : REFUSAL_TOO_LARGE;
            buf_close(&visit->body);
        }
        return true;
    }
    /* Nothing can be answered before the body ends, so it is read past, for a while. */
    visit->skipped += piece.len;
    return visit->skipped <= VISIT_SKIPPED_BYTES_MAX;
}

static const char *allow_of(const struct visit *visit)
{
    return visit->config != NULL && takes_handshake(visit) ? "GET, HEAD, POST" : "POST";
}

static span json_pair(struct visit *visit, const char *name, const char *value)
{
    struct buf text;
    buf_init(&text, ANSWER_BYTES_MAX);
    buf_addf(&text, "{\"%s\":", name);
    buf_add_json(&text, span_text(value));
    buf_add_char(&text, '}');
    span kept = arena_copy(&visit->arena, buf_span(&text));
    buf_close(&text);
    return kept.at == NULL ? span_text("{}") : kept;
}

void visit_refuse(struct visit *visit, enum refusal refusal, const char *text,
                  struct answer *answer)
{
    const struct refusal_row *row = refusal_row(refusal);
    *answer = (struct answer){.refusal = refusal,
                              .status = row->status,
                              .content_type = "application/json",
                              .allow = refusal == REFUSAL_METHOD ? allow_of(visit) : NULL,
                              .body = json_pair(visit, "error", text != NULL ? text : row->text)};
}

void visit_accept(struct visit *visit, struct answer *answer)
{
    *answer = (struct answer){.refusal = REFUSAL_NONE,
                              .status = 200,
                              .content_type = "application/json",
                              .body = json_pair(visit, "id", visit->record.id)};
}

/* Unsigned is not refused yet: it may be the check of the address. */
static bool may_read(const struct visit *visit, enum verify_result proof)
{
    return proof == VERIFY_GOOD ||
           (proof == VERIFY_UNSIGNED && visit->body.len <= VISIT_UNSIGNED_BYTES);
}

static bool is_handshake(struct visit *visit, struct json_object *body, struct answer *answer)
{
    struct source_answer shaped = {0};
    if (!visit->source->handshake(visit->config, &visit->request, body, &visit->arena, &shaped)) {
        return false;
    }
    *answer = (struct answer){
        .handshake = true, .status = 200, .content_type = shaped.content_type, .body = shaped.body};
    return true;
}

bool visit_judge(struct visit *visit, const struct route_arrival *arrival, struct answer *answer)
{
    /* Not in the arena: the tree is many times the body and must not wait for the broker. */
    SCOPED(json_free) struct json_object *body = NULL;
    if (visit->refusal != REFUSAL_NONE) {
        visit_refuse(visit, visit->refusal, NULL, answer);
        return false;
    }
    visit->request.body = buf_span(&visit->body);
    enum verify_result proof = verify_request(visit->config, &visit->request);
    if (!may_read(visit, proof)) {
        visit_refuse(visit, proof == VERIFY_BAD ? REFUSAL_SIGNATURE : REFUSAL_UNSIGNED, NULL,
                     answer);
        return false;
    }
    struct err parsed = json_parse(visit->request.body, &body);
    if (is_handshake(visit, body, answer)) {
        return false;
    }
    if (proof != VERIFY_GOOD) {
        visit_refuse(visit, REFUSAL_UNSIGNED, NULL, answer);
        return false;
    }
    if (visit->request.method != REQUEST_POST) {
        visit_refuse(visit, REFUSAL_METHOD, NULL, answer);
        return false;
    }
    if (failed(parsed)) {
        const char *text = arena_printf(&visit->arena, "the body is not JSON: %s", parsed.text);
        visit_refuse(visit, parsed.class == ERR_RETRY ? REFUSAL_MEMORY : REFUSAL_JSON,
                     parsed.class == ERR_RETRY ? NULL : text, answer);
        return false;
    }
    if (failed(route_record(visit->config, &visit->request, body, arrival, &visit->arena,
                            &visit->record))) {
        visit_refuse(visit, REFUSAL_MEMORY, NULL, answer);
        return false;
    }
    return true;
}
