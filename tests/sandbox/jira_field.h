/* SPDX-License-Identifier: Apache-2.0
 *
 * One field of an issue: its row, and the functions that check a value and put
 * it into a draft. Each returns false after noting a refusal in the draft's errors.
 */
#ifndef HEARBACK_TESTS_SANDBOX_JIRA_FIELD_H
#define HEARBACK_TESTS_SANDBOX_JIRA_FIELD_H

#include "tests/sandbox/jira.h"

struct field {
    const char *id;
    const char *name;
    const char *type;
    bool (*set)(struct draft *draft, const struct field *field, json_object *value);
    bool list; /* update may add and remove; else only set */
    bool create_only;
};

bool field_set_summary(struct draft *draft, const struct field *field, json_object *value);
bool field_set_document(struct draft *draft, const struct field *field, json_object *value);
bool field_set_labels(struct draft *draft, const struct field *field, json_object *value);
bool field_set_priority(struct draft *draft, const struct field *field, json_object *value);
bool field_set_type(struct draft *draft, const struct field *field, json_object *value);
bool field_set_components(struct draft *draft, const struct field *field, json_object *value);
bool field_set_person(struct draft *draft, const struct field *field, json_object *value);
bool field_set_number(struct draft *draft, const struct field *field, json_object *value);
bool field_set_text(struct draft *draft, const struct field *field, json_object *value);
bool field_set_project(struct draft *draft, const struct field *field, json_object *value);

/* Notes `why` against the field; false. */
bool field_refuse(struct draft *draft, const char *id, const char *why);
bool field_label_fits(struct draft *draft, const json_object *label);
/* The labels without `without`, then `with` (either may be NULL); each once. */
void field_relabel(struct draft *draft, const json_object *without, json_object *with);

#endif
