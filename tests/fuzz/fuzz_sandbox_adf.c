/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes adf_check and adf_plain (tests/sandbox/jira_adf*.c), which decide
 * whether our documents are right, on any JSON: a document that is refused is
 * refused with a reason, and every other can be shown as text.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/sandbox/jira_adf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCOPED_JSON doc = jsonx_parse(span_of(data, size));
    struct adf_reason reason;
    if (doc == NULL) {
        return 0;
    }
    enum adf_verdict verdict = adf_check(doc, &reason);
    CHECK((verdict == ADF_VALID) == (reason.text[0] == 0));
    if (verdict == ADF_VALID) {
        struct buf plain;
        buf_init(&plain, 4u << 20);
        adf_plain(doc, &plain);
        fuzz_touch(buf_span(&plain));
        buf_close(&plain);
    }
    return 0;
}
