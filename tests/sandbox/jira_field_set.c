/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking and setting the value of one field, with Jira's words for what it
 * refuses. Lengths are counted in UTF-16 units, as Java does. A draft belongs to
 * the call that made it.
 */
#include "tests/sandbox/jira_field.h"

#define SUMMARY_UNITS_MAX 255
#define LABEL_UNITS_MAX   255
#define NOT_A_DOCUMENT                                                                             \
    "Operation value must be an Atlassian Document (see the Atlassian Document Format)"

static bool put(struct draft *draft, const struct field *field, json_object *value)
{
    jsonx_put_again(draft->fields, field->id, value);
    return true;
}

bool field_refuse(struct draft *draft, const char *id, const char *why)
{
    jira_errors_field(&draft->errors, id, "%s", why);
    return false;
}

bool field_set_summary(struct draft *draft, const struct field *field, json_object *value)
{
    span text = span_trim(jsonx_span(value));
    if (value != NULL && !jsonx_is_string(value)) {
        return field_refuse(draft, field->id, "Operation value must be a string");
    }
    if (text.len == 0) {
        return field_refuse(draft, field->id, "You must specify a summary of the issue.");
    }
    span whole = jsonx_span(value);
    if (memchr(whole.at, '\n', whole.len) != NULL || memchr(whole.at, '\r', whole.len) != NULL) {
        return field_refuse(draft, field->id,
                            "The summary is invalid because it contains newline characters.");
    }
    if (jsonx_units(whole) > SUMMARY_UNITS_MAX) {
        return field_refuse(draft, field->id, "Summary can't exceed 255 characters.");
    }
    return put(draft, field, value);
}

bool field_set_document(struct draft *draft, const struct field *field, json_object *value)
{
    bool good = value == NULL ||
                jira_check_adf(draft->call, field->id, NOT_A_DOCUMENT, value, &draft->errors);
    return good && put(draft, field, value);
}

bool field_label_fits(struct draft *draft, const json_object *label)
{
    span text = jsonx_span(label);
    if (text.len == 0) {
        return field_refuse(draft, "labels", "Operation value must be a string");
    }
    if (jsonx_units(text) > LABEL_UNITS_MAX) {
        jira_errors_field(&draft->errors, "labels",
                          "The label '" SPAN_FMT
                          "' exceeds the maximum length for a single label of 255 characters",
                          SPAN_ARG(span_of(text.at, span_cut_utf8(text, 800))));
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == ' ' || (text.at[i] >= '\t' && text.at[i] <= '\r')) {
            jira_errors_field(&draft->errors, "labels",
                              "The label '" SPAN_FMT "' contains spaces which is invalid.",
                              SPAN_ARG(text));
            return false;
        }
    }
    return true;
}

void field_relabel(struct draft *draft, const json_object *without, json_object *with)
{
    json_object *old = jsonx_get(draft->fields, "labels");
    json_object *labels = json_object_new_array();
    for (size_t i = 0; old != NULL && i < json_object_array_length(old); i++) {
        json_object *label = json_object_array_get_idx(old, i);
        bool drop = span_equal(jsonx_span(label), jsonx_span(without)) ||
                    span_equal(jsonx_span(label), jsonx_span(with));
        if (!drop) {
            jsonx_push_again(labels, label);
        }
    }
    if (with != NULL) {
        jsonx_push_again(labels, with);
    }
    json_object_object_add(draft->fields, "labels", labels);
}

bool field_set_labels(struct draft *draft, const struct field *field, json_object *value)
{
    if (value != NULL && !jsonx_is_array(value)) {
        return field_refuse(draft, field->id, "data was not an array");
    }
    json_object_object_add(draft->fields, field->id, json_object_new_array());
    for (size_t i = 0; value != NULL && i < json_object_array_length(value); i++) {
        json_object *label = json_object_array_get_idx(value, i);
        if (!field_label_fits(draft, label)) {
            return false;
        }
        field_relabel(draft, NULL, label);
    }
    return true;
}

struct choice {
    const char *id;
    const char *name;
};

/* {"id"} or {"name"} that is one of the choices. */
static bool set_choice(struct draft *draft, const struct field *field, json_object *value,
                       const struct choice *choices, size_t count)
{
    const char *id = jsonx_text(value, "id");
    const char *name = jsonx_text(value, "name");
    for (size_t i = 0; i < count; i++) {
        bool is = id != NULL ? strcmp(id, choices[i].id) == 0
                             : name != NULL && span_is_nocase(span_text(name), choices[i].name);
        if (is) {
            json_object *shown = json_object_new_object();
            jsonx_put_text(shown, "id", choices[i].id);
            jsonx_put_text(shown, "name", choices[i].name);
            json_object_object_add(draft->fields, field->id, shown);
            return true;
        }
    }
    return false;
}

bool field_set_priority(struct draft *draft, const struct field *field, json_object *value)
{
    static const struct choice priorities[] = {
        {"1", "Highest"}, {"2", "High"}, {"3", "Medium"}, {"4", "Low"}, {"5", "Lowest"}};
    return set_choice(draft, field, value, priorities, COUNT_OF(priorities)) ||
           field_refuse(draft, field->id, "The priority selected is invalid.");
}

bool field_set_type(struct draft *draft, const struct field *field, json_object *value)
{
    static const struct choice types[] = {
        {"10001", "Task"}, {"10002", "Story"}, {"10003", "Bug"}, {"10004", "Epic"}};
    return set_choice(draft, field, value, types, COUNT_OF(types)) ||
           field_refuse(draft, field->id, "The issue type selected is invalid.");
}

bool field_set_components(struct draft *draft, const struct field *field, json_object *value)
{
    bool good = jsonx_is_array(value);
    for (size_t i = 0; good && i < json_object_array_length(value); i++) {
        json_object *row = json_object_array_get_idx(value, i);
        good = jsonx_text(row, "id") != NULL || jsonx_text(row, "name") != NULL;
    }
    return good ? put(draft, field, value)
                : field_refuse(draft, field->id, "data was not an object");
}

bool field_set_person(struct draft *draft, const struct field *field, json_object *value)
{
    bool good =
        value == NULL || jsonx_text(value, "id") != NULL || jsonx_text(value, "accountId") != NULL;
    return good ? put(draft, field, value)
                : field_refuse(draft, field->id, "data was not an object");
}

bool field_set_number(struct draft *draft, const struct field *field, json_object *value)
{
    bool good = value == NULL || json_object_is_type(value, json_type_int) ||
                json_object_is_type(value, json_type_double);
    return good ? put(draft, field, value)
                : field_refuse(draft, field->id, "Operation value must be a number");
}

bool field_set_text(struct draft *draft, const struct field *field, json_object *value)
{
    if (value != NULL && !jsonx_is_string(value)) {
        return field_refuse(draft, field->id, "Operation value must be a string");
    }
    if (jsonx_units(jsonx_span(value)) > 255) {
        return field_refuse(draft, field->id,
                            "The entered text is too long. It exceeds the allowed "
                            "limit of 255 characters.");
    }
    return put(draft, field, value);
}

/* The project is chosen by jira_create before the draft is made. */
bool field_set_project(struct draft *draft, const struct field *field, json_object *value)
{
    (void)draft;
    (void)field;
    (void)value;
    return true;
}
