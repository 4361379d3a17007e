/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of sources and of the field map, for config_table.c.
 */
#ifndef HEARBACK_COMMON_CONFIG_TABLE_FIELDS_H
#define HEARBACK_COMMON_CONFIG_TABLE_FIELDS_H

#include "common/config_table.h"

#define CONFIG_SOURCE_ROWS 12
#define CONFIG_FIELD_ROWS  21

extern const struct config_row config_source_rows[CONFIG_SOURCE_ROWS];
extern const struct config_row config_field_rows[CONFIG_FIELD_ROWS];

#endif
