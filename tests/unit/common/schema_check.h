/* SPDX-License-Identifier: Apache-2.0
 *
 * As much of JSON Schema 2020-12 as schemas/ uses, for tests. A keyword that is
 * not known is a fault of the schema: nothing is passed over in silence.
 */
#ifndef HEARBACK_TESTS_UNIT_COMMON_SCHEMA_CHECK_H
#define HEARBACK_TESTS_UNIT_COMMON_SCHEMA_CHECK_H

#include "common/buf.h"
#include "common/json.h"

/* True when `value` fits; else `why` is "/path: keyword" of the first fault. `root` is the file
 * that
 * "$ref" starts from, `schema` a part of it. */
bool schema_fits(struct json_object *root, struct json_object *schema, struct json_object *value,
                 struct buf *why);

#endif
