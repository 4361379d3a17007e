/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields an issue takes, one row each. Create and edit both work on a draft
 * (a copy of the fields) so that a refused request changes nothing, and
 * all refused fields are told together. Two custom fields are on the screen: a
 * number (customfield_10091) and a short text (customfield_10092).
 */
#include "tests/sandbox/jira_field.h"

#include <stdio.h>

static const struct field fields[] = {
    {"project", "Project", "project", field_set_project, false, true},
    {"issuetype", "Issue Type", "issuetype", field_set_type, false, false},
    {"summary", "Summary", "string", field_set_summary, false, false},
    {"description", "Description", "string", field_set_document, false, false},
    {"environment", "Environment", "string", field_set_document, false, false},
    {"labels", "Labels", "array", field_set_labels, true, false},
    {"priority", "Priority", "priority", field_set_priority, false, false},
    {"components", "Components", "array", field_set_components, false, false},
    {"assignee", "Assignee", "user", field_set_person, false, false},
    {"customfield_10091", "Rating", "number", field_set_number, false, false},
    {"customfield_10092", "Rating note", "string", field_set_text, false, false},
};

static const struct field *find_field(const char *id)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (strcmp(fields[i].id, id) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

/* The row when this draft may set it; else the refusal is noted. */
static const struct field *settable(struct draft *draft, const char *id)
{
    const struct field *field = find_field(id);
    if (field == NULL || (field->create_only && !draft->creating)) {
        jira_errors_field(&draft->errors, id,
                          "Field '%s' cannot be set. It is not on the appropriate screen, or "
                          "unknown.",
                          id);
        return NULL;
    }
    return field;
}

/* One {"add": value} and the like. */
static bool apply_one(struct draft *draft, const struct field *field, const json_object *operation)
{
    json_object *value = jsonx_get(operation, "add");
    if (field->list && value != NULL) {
        if (!field_label_fits(draft, value)) {
            return false;
        }
        field_relabel(draft, NULL, value);
        return true;
    }
    value = jsonx_get(operation, "remove");
    if (field->list && value != NULL) {
        field_relabel(draft, value, NULL);
        return true;
    }
    if (jsonx_has(operation, "set")) {
        return field->set(draft, field, jsonx_get(operation, "set"));
    }
    return field_refuse(draft, field->id, "Operation is not supported for this field");
}

static void apply_update(struct draft *draft, const char *id, const json_object *operations)
{
    const struct field *field = settable(draft, id);
    if (field == NULL) {
        return;
    }
    if (!jsonx_is_array(operations)) {
        (void)field_refuse(draft, id, "data was not an array");
        return;
    }
    for (size_t i = 0; i < json_object_array_length(operations); i++) {
        const json_object *operation = json_object_array_get_idx(operations, i);
        bool single = jsonx_is_object(operation) && json_object_object_length(operation) == 1;
        if (!single || !apply_one(draft, field, operation)) {
            if (!single) {
                (void)field_refuse(draft, id, "Operation is not supported for this field");
            }
            return;
        }
    }
}

void draft_apply(struct draft *draft, const json_object *given, const json_object *update)
{
    if (given != NULL) {
        json_object_object_foreach(given, id, value)
        {
            const struct field *field = settable(draft, id);
            if (field == NULL) {
                continue;
            }
            if (jsonx_has(update, id)) {
                jira_errors_field(&draft->errors, id,
                                  "Field '%s' cannot appear in both 'fields' and 'update'", id);
            } else {
                (void)field->set(draft, field, value);
            }
        }
    }
    if (update != NULL) {
        json_object_object_foreach(update, id, operations)
        {
            if (!jsonx_has(given, id)) {
                apply_update(draft, id, operations);
            }
        }
    }
}

json_object *jira_fields_list(void)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        bool custom = strncmp(fields[i].id, "customfield_", 12) == 0;
        json_object *row = json_object_new_object();
        jsonx_put_text(row, "id", fields[i].id);
        jsonx_put_text(row, "key", fields[i].id);
        jsonx_put_text(row, "name", fields[i].name);
        json_object_object_add(row, "custom", json_object_new_boolean(custom));
        json_object_object_add(row, "orderable", json_object_new_boolean(1));
        json_object_object_add(row, "navigable", json_object_new_boolean(1));
        json_object_object_add(row, "searchable", json_object_new_boolean(1));
        json_object *schema = json_object_new_object();
        jsonx_put_text(schema, "type", fields[i].type);
        if (custom) {
            char kind[96];
            (void)snprintf(kind, sizeof(kind),
                           "com.atlassian.jira.plugin.system.customfieldtypes:%s",
                           fields[i].set == field_set_number ? "float" : "textfield");
            int64_t number = 0;
            (void)span_number(span_text(fields[i].id + 12), 0, INT32_MAX, &number);
            jsonx_put_text(schema, "custom", kind);
            jsonx_put_int(schema, "customId", number);
        } else {
            jsonx_put_text(schema, "system", fields[i].id);
        }
        json_object_object_add(row, "schema", schema);
        json_object_array_add(list, row);
    }
    return list;
}
