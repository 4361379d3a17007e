/* SPDX-License-Identifier: Apache-2.0
 *
 * What several calls carry, read strictly: a JSON object as body, entity
 * properties, Atlassian documents. Where the sheet has no text for a refusal the
 * words are ours. A document's length is counted over its whole ADF JSON as
 * compact text, in UTF-16 units: the stricter of the two readings the sheet
 * leaves open.
 */
#include "tests/sandbox/jira.h"

#include "tests/sandbox/jira_adf.h"

json_object *jira_body(struct jira_call *call)
{
    const char *type = request_header(call->req, "Content-Type");
    if (type == NULL ||
        !span_is_nocase(span_trim(span_of(type, strcspn(type, ";"))), "application/json")) {
        jira_fail(call, 415, "Unsupported Media Type");
        return NULL;
    }
    json_object *body = jsonx_parse(call->req->body);
    if (!jsonx_is_object(body)) {
        json_object_put(body);
        jira_fail(call, 400,
                  "There was an error parsing JSON. Check that your request body is valid.");
        return NULL;
    }
    return body;
}

bool jira_only_keys(const json_object *body, const char *known)
{
    if (!jsonx_is_object(body)) {
        return false;
    }
    json_object_object_foreach(body, key, value)
    {
        (void)value;
        if (!adf_word_in(known, key)) {
            return false;
        }
    }
    return true;
}

static bool take_property(const json_object *row, json_object *into)
{
    span key = jsonx_span(jsonx_get(row, "key"));
    json_object *value = jsonx_get(row, "value");
    if (!jira_only_keys(row, "key value") || key.len == 0 || value == NULL ||
        jsonx_units(key) > JIRA_PROPERTY_KEY_MAX ||
        jsonx_print(value).len > JIRA_PROPERTY_BYTES_MAX) {
        return false;
    }
    jsonx_put_again(into, (const char *)key.at, value);
    return true;
}

void jira_take_properties(const json_object *list, json_object *into, struct jira_errors *errors)
{
    bool good = jsonx_is_array(list);
    for (size_t i = 0; good && i < json_object_array_length(list); i++) {
        good = take_property(json_object_array_get_idx(list, i), into);
    }
    if (!good) {
        jira_errors_say(errors, "An entity property is a key of at most 255 characters and a "
                                "non-empty JSON value of at most 32768 bytes.");
    }
}

bool jira_check_adf(struct jira_call *call, const char *field, const char *text_refused,
                    json_object *adf, struct jira_errors *errors)
{
    struct adf_reason reason;
    switch (adf_check(adf, &reason)) {
    case ADF_NO_DOCUMENT:
        jira_errors_field(errors, field, "%s", text_refused);
        break;
    case ADF_INVALID:
        jira_errors_say(errors, "INVALID_INPUT");
        break;
    case ADF_VALID:
        if (jsonx_units(jsonx_print(adf)) <= JIRA_TEXT_UNITS_MAX) {
            return true;
        }
        jira_errors_say(errors, "CONTENT_LIMIT_EXCEEDED");
        return false;
    }
    answer_header(call->answer, "X-Sandbox-Reason", "%s", reason.text);
    return false;
}
