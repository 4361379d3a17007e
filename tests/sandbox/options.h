/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of hearback-sandbox.
 */
#ifndef HEARBACK_TESTS_SANDBOX_OPTIONS_H
#define HEARBACK_TESTS_SANDBOX_OPTIONS_H

#include "tests/sandbox/vendor.h"

extern const char options_usage[];

/* ERR_CONFIG with what is wrong. The texts stay those of argv. */
MUST_USE struct err options_parse(struct options *options, int argc, char **argv);

#endif
