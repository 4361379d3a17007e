/* SPDX-License-Identifier: Apache-2.0
 *
 * Jira's ErrorCollection: messages of the whole request and one message a field,
 * collected while a request is checked and answered together. Owned by the
 * route's function that checks.
 */
#include "tests/sandbox/jira.h"

#include <stdarg.h>
#include <stdio.h>

void jira_errors_init(struct jira_errors *errors)
{
    errors->messages = json_object_new_array();
    errors->fields = json_object_new_object();
}

void jira_errors_close(struct jira_errors *errors)
{
    jsonx_free(&errors->messages);
    jsonx_free(&errors->fields);
}

bool jira_errors_any(const struct jira_errors *errors)
{
    return json_object_array_length(errors->messages) > 0 ||
           json_object_object_length(errors->fields) > 0;
}

void jira_errors_say(struct jira_errors *errors, const char *message)
{
    json_object_array_add(errors->messages, json_object_new_string(message));
}

void jira_errors_field(struct jira_errors *errors, const char *field, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    jsonx_put_text(errors->fields, field, message);
}

void jira_errors_answer(struct jira_errors *errors, unsigned status, struct answer *answer)
{
    json_object *tree = json_object_new_object();
    json_object_object_add(tree, "errorMessages", TAKE(errors->messages));
    json_object_object_add(tree, "errors", TAKE(errors->fields));
    answer_json(answer, status, tree);
}

void jira_fail(struct jira_call *call, unsigned status, const char *message)
{
    struct jira_errors errors;
    jira_errors_init(&errors);
    jira_errors_say(&errors, message);
    jira_errors_answer(&errors, status, call->answer);
}
