/* SPDX-License-Identifier: Apache-2.0
 *
 * Response bodies that misbehave: cut in half, or without an end. The body is
 * copied, so the answer it comes from may go.
 */
#ifndef HEARBACK_TESTS_SANDBOX_STREAM_H
#define HEARBACK_TESTS_SANDBOX_STREAM_H

#include "tests/sandbox/sandbox.h"

#include <microhttpd.h>

/* NULL when libmicrohttpd has no memory. The hit's kind is truncate or endless. */
struct MHD_Response *stream_response(struct sandbox *sandbox, const struct hit *hit, span body);

#endif
