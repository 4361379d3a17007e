/* SPDX-License-Identifier: Apache-2.0
 *
 * Every vendor the sandbox plays, by hand: grep finds them here. The name is
 * the first path segment of its base URL and what faults call it.
 */
#include "tests/sandbox/vendor.h"

const struct vendor *const vendors[VENDOR_COUNT] = {
    &vendor_jira,
};
